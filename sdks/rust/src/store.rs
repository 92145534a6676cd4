//! Documents: statements, and collections.

use std::{sync::Arc, time::Duration};

use document::{CollectionName, Path, UpdateCommand, UpdateKind};
use peer_core::{Observed, ObserverId, Which};
use serde::Serialize;
use serde_json::Value;
use sync_protocol::Seq;

use crate::{DocumentId, Error, Find, Sync, headwater::Shared, json};

/// The documents of a peer.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// A collection.
#[derive(Debug, Clone)]
pub struct Collection {
    shared: Arc<Shared>,
    name: CollectionName,
}

/// A write that is durable here. It is pushed while sync is on.
#[derive(Debug, Clone)]
pub struct Written {
    shared: Arc<Shared>,
    ids: Vec<DocumentId>,
    seq: Option<Seq>,
}

/// What a statement came to.
#[derive(Debug, Clone)]
pub struct Executed {
    items: Vec<Value>,
    written: Written,
}

/// An observer. Dropping this does not end it.
#[derive(Debug, Clone)]
pub struct Observer {
    shared: Arc<Shared>,
    observer: ObserverId,
}

/// A change of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    path: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Set(Value),
    Increment(Value),
    Unset,
}

impl Store {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// A collection; it is there once it has a document.
    ///
    /// # Errors
    /// The name can be none.
    pub fn collection(&self, name: &str) -> Result<Collection, Error> {
        Ok(Collection { shared: self.shared.clone(), name: CollectionName::new(name)? })
    }

    /// Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. `args` is an object, or
    /// `()`.
    ///
    /// # Errors
    /// What is wrong with it; nothing was written.
    pub fn execute(&self, statement: &str, args: impl Serialize) -> Result<Executed, Error> {
        let (statement, args) = (statement.to_owned(), json::map(&args)?);
        let executed =
            self.shared.mailbox.call(move |core| Ok(core.peer.execute(core.clock.now(), &statement, &args)?))?;
        let items = executed.rows.iter().map(json::from_row).collect();
        Ok(Executed { items, written: Written::new(&self.shared, &executed.mutated_ids, executed.seq) })
    }

    /// Calls `callback` with what a SELECT gives now, and again whenever that may be something else.
    ///
    /// It runs on the one thread of callbacks, and may call everything. While it holds this peer, that
    /// is closed by [`crate::Headwater::close`] alone.
    ///
    /// # Errors
    /// It is no SELECT of documents.
    pub fn register_observer(
        &self,
        statement: &str,
        args: impl Serialize,
        callback: impl FnMut(Result<Vec<Value>, Error>) + Send + 'static,
    ) -> Result<Observer, Error> {
        let (statement, args) = (statement.to_owned(), json::map(&args)?);
        let observer = self.shared.mailbox.call(move |core| {
            let observed = core.peer.observable(core.clock.now(), &statement, &args)?;
            let observer = core.peer.observe(observed)?;
            core.callbacks.add(observer, Box::new(callback));
            Ok(observer)
        })?;
        Ok(Observer { shared: self.shared.clone(), observer })
    }
}

impl Collection {
    /// Merges an object into the document that its `_id` names, or makes a new one.
    ///
    /// # Errors
    /// It is no object or its `_id` none, or the store; nothing was written.
    pub fn upsert(&self, value: impl Serialize) -> Result<Written, Error> {
        let mut value = json::map(&value)?;
        let id = value.remove("_id").map(|id| document::DocumentId::from_value(&id)).transpose()?;
        let name = self.name.clone();
        let (id, written) = self
            .shared
            .mailbox
            .call(move |core| Ok(core.peer.upsert(core.clock.now(), &name, id, value, vec![])?))?;
        Ok(Written::new(&self.shared, &[id], written.seq))
    }

    /// The document with its `_id`, if there is one.
    ///
    /// # Errors
    /// The id can be none; the store.
    pub fn find_by_id(&self, id: impl Into<DocumentId>) -> Result<Option<Value>, Error> {
        let (name, id) = (self.name.clone(), id.into().checked()?);
        let shown = id.to_value();
        let fields = self.shared.mailbox.call(move |core| Ok(core.peer.find_by_id(&name, &id)?))?;
        Ok(fields.map(|mut fields| {
            fields.insert("_id".to_owned(), shown);
            json::from_value(&document::Value::Map(fields))
        }))
    }

    /// The documents that match a condition of the legacy query language; `true` means all.
    pub fn find(&self, query: &str) -> Find {
        Find::new(self.clone(), query)
    }

    /// Changes a document, if it is there.
    ///
    /// # Errors
    /// A change that cannot be made; nothing was written.
    pub fn update(
        &self,
        id: impl Into<DocumentId>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Written, Error> {
        self.update_which(Which::Id(id.into().checked()?), changes)
    }

    /// Removes a document, if it is there, here and at the server.
    ///
    /// # Errors
    /// The id can be none; the store.
    pub fn remove(&self, id: impl Into<DocumentId>) -> Result<Written, Error> {
        self.remove_which(Which::Id(id.into().checked()?))
    }

    /// Takes a document out of this store alone: whether it was there.
    ///
    /// # Errors
    /// The id can be none; the store.
    pub fn evict(&self, id: impl Into<DocumentId>) -> Result<bool, Error> {
        let (name, which) = (self.name.clone(), Which::Id(id.into().checked()?));
        let ids = self.shared.mailbox.call(move |core| Ok(core.peer.evict(&name, &which)?))?;
        Ok(!ids.is_empty())
    }

    pub(crate) fn update_which(
        &self,
        which: Which,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Written, Error> {
        let commands = changes.into_iter().map(Change::command).collect::<Result<Vec<_>, _>>()?;
        let name = self.name.clone();
        let written = self
            .shared
            .mailbox
            .call(move |core| Ok(core.peer.update(core.clock.now(), &name, &which, &commands)?))?;
        Ok(Written::new(&self.shared, &written.ids, written.seq))
    }

    pub(crate) fn remove_which(&self, which: Which) -> Result<Written, Error> {
        let name = self.name.clone();
        let written = self.shared.mailbox.call(move |core| Ok(core.peer.remove(core.clock.now(), &name, &which)?))?;
        Ok(Written::new(&self.shared, &written.ids, written.seq))
    }

    pub(crate) fn observe(
        &self,
        observed: Observed,
        callback: impl FnMut(Result<Vec<Value>, Error>) + Send + 'static,
    ) -> Result<Observer, Error> {
        let observer = self.shared.mailbox.call(move |core| {
            let observer = core.peer.observe(observed)?;
            core.callbacks.add(observer, Box::new(callback));
            Ok(observer)
        })?;
        Ok(Observer { shared: self.shared.clone(), observer })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl Change {
    /// Replaces what stands at `path`.
    pub fn set(path: &str, value: impl Into<Value>) -> Self {
        Self { path: path.to_owned(), kind: Kind::Set(value.into()) }
    }

    /// Adds to the counter at `path`: increments of several peers all count.
    pub fn increment(path: &str, by: impl Into<Value>) -> Self {
        Self { path: path.to_owned(), kind: Kind::Increment(by.into()) }
    }

    /// Takes away what stands at `path`.
    pub fn unset(path: &str) -> Self {
        Self { path: path.to_owned(), kind: Kind::Unset }
    }

    fn command(self) -> Result<UpdateCommand, Error> {
        let path = Path::parse(&self.path)?;
        let number = |value: &Value| match json::value(value)? {
            value @ (document::Value::Int(_) | document::Value::Uint(_) | document::Value::Float(_)) => Ok(value),
            other => Err(Error::Value { why: format!("an increment is a number, not {}", other.kind_name()) }),
        };
        let kind = match &self.kind {
            Kind::Set(value) => UpdateKind::Set(json::value(value)?),
            Kind::Increment(by) => UpdateKind::Increment(number(by)?),
            Kind::Unset => UpdateKind::Unset,
        };
        Ok(UpdateCommand { path, kind })
    }
}

impl Written {
    fn new(shared: &Arc<Shared>, ids: &[document::DocumentId], seq: Option<Seq>) -> Self {
        Self { shared: shared.clone(), ids: ids.iter().map(DocumentId::from).collect(), seq }
    }

    /// The document's id: of an upsert there is always one.
    ///
    /// # Panics
    /// Nothing was written.
    pub fn id(&self) -> &DocumentId {
        self.ids.first().expect("something was written")
    }

    /// The documents that were written.
    pub fn ids(&self) -> &[DocumentId] {
        &self.ids
    }

    /// The number of its transaction here; none if there was nothing to do. Good for
    /// [`Sync::committed`] in this process.
    pub fn sequence(&self) -> Option<u64> {
        self.seq.map(|seq| seq.0)
    }

    /// Waits until the server has it, as [`Sync::committed`]. `None` if there was nothing to do.
    ///
    /// # Errors
    /// As [`Sync::committed`].
    pub fn committed(&self, timeout: Duration) -> Result<Option<u64>, Error> {
        let Some(seq) = self.seq else { return Ok(None) };
        Sync::new(self.shared.clone()).committed(seq.0, timeout)
    }
}

impl Executed {
    /// The rows of a SELECT, or what RETURNING says.
    pub fn items(&self) -> &[Value] {
        &self.items
    }

    /// The documents that were written or evicted.
    pub fn mutated_document_ids(&self) -> &[DocumentId] {
        self.written.ids()
    }

    /// What was written.
    pub fn written(&self) -> &Written {
        &self.written
    }
}

impl Observer {
    /// Ends it: after this has returned its callback does not run. A callback that ends its own
    /// observer runs to its end. Not to be called while holding a lock that the callback takes.
    pub fn cancel(&self) {
        let observer = self.observer;
        self.shared.callbacks.cancel(observer);
        // A peer that is closed has no observers.
        let _ = self.shared.mailbox.call(move |core| {
            core.peer.cancel_observer(observer);
            Ok(())
        });
    }
}
