//! A collection, and a document that is named by its id.

use std::sync::Arc;

use document::CollectionName;
use peer_core::{Observed, Which};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Change, DocumentId, Error, FieldType, Find, MutableDocument, Observer, Results, Subscription, Written,
    headwater::Shared,
    json, observer,
    transaction::{kinds, split_id},
};

/// A collection.
#[derive(Debug, Clone)]
pub struct Collection {
    shared: Arc<Shared>,
    name: CollectionName,
}

/// A document that is named by its id. Nothing is looked for until one of the last calls.
#[derive(Debug, Clone)]
pub struct ById {
    collection: Collection,
    id: DocumentId,
}

impl Collection {
    pub(crate) fn new(shared: Arc<Shared>, name: CollectionName) -> Self {
        Self { shared, name }
    }

    /// Merges an object into the document that its `_id` names, or makes a new one.
    ///
    /// # Errors
    /// It is no object or its `_id` none, or the store; nothing was written.
    pub fn upsert(&self, value: impl Serialize) -> Result<Written, Error> {
        self.upsert_typed(value, [])
    }

    /// The same, and says what kind of field stands at some paths.
    ///
    /// ```no_run
    /// # use headwater::{Collection, Error, FieldType};
    /// # fn example(cars: Collection) -> Result<(), Error> {
    /// cars.upsert_typed(serde_json::json!({"_id": "a", "mileage": 0}), [("mileage", FieldType::Counter)])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The same; or what stands there cannot be of that kind.
    pub fn upsert_typed<'f>(
        &self,
        value: impl Serialize,
        types: impl IntoIterator<Item = (&'f str, FieldType)>,
    ) -> Result<Written, Error> {
        let ((id, value), types, name) = (split_id(&value)?, kinds(types)?, self.name.clone());
        let upsert =
            self.shared.mailbox.call(move |core| Ok(core.peer.upsert(core.clock.now(), &name, id, value, types)?));
        let (id, written) = upsert?;
        Ok(Written::new(&self.shared, &[id], written.seq))
    }

    /// The document with its `_id`, if there is one.
    ///
    /// # Errors
    /// The id can be none; the store.
    pub fn find_by_id(&self, id: impl Into<DocumentId>) -> Result<Option<Value>, Error> {
        let id = id.into().checked()?;
        let fields = self.shared.readers.read(|reader| reader.find_by_id(&self.name, &id))?;
        Ok(fields.map(|fields| json::from_document(&id, fields)))
    }

    /// The document with this id, to be read, changed or observed.
    pub fn by_id(&self, id: impl Into<DocumentId>) -> ById {
        ById { collection: self.clone(), id: id.into() }
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
        Ok(!self.evict_which(Which::Id(id.into().checked()?))?.is_empty())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) fn update_which(
        &self,
        which: Which,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Written, Error> {
        let commands = changes.into_iter().map(|it| it.command()).collect::<Result<Vec<_>, _>>()?;
        let name = self.name.clone();
        let update =
            self.shared.mailbox.call(move |core| Ok(core.peer.update(core.clock.now(), &name, &which, &commands)?));
        update.map(|written| Written::new(&self.shared, &written.ids, written.seq))
    }

    pub(crate) fn update_found(
        &self,
        find: peer_core::Find,
        change: impl FnOnce(&mut [MutableDocument]) + Send + 'static,
    ) -> Result<Written, Error> {
        let name = self.name.clone();
        let update = move |tx: &mut crate::Transaction<'_, '_>| -> Result<(), Error> {
            tx.collection(name.as_str())?.update_found(&find, change)
        };
        Ok(crate::transaction::run(&self.shared, update)?.1)
    }

    pub(crate) fn remove_which(&self, which: Which) -> Result<Written, Error> {
        let name = self.name.clone();
        let written = self.shared.mailbox.call(move |core| Ok(core.peer.remove(core.clock.now(), &name, &which)?))?;
        Ok(Written::new(&self.shared, &written.ids, written.seq))
    }

    pub(crate) fn evict_which(&self, which: Which) -> Result<Vec<DocumentId>, Error> {
        let name = self.name.clone();
        let ids = self.shared.mailbox.call(move |core| Ok(core.peer.evict(&name, &which)?))?;
        Ok(ids.iter().map(DocumentId::from).collect())
    }

    pub(crate) fn observe(
        &self,
        observed: Observed,
        callback: impl FnMut(Result<Vec<Value>, Error>) + Send + 'static,
    ) -> Result<Observer, Error> {
        observer::call(&self.shared, observed, callback)
    }

    pub(crate) fn stream(&self, observed: Observed) -> Result<Results, Error> {
        observer::stream(&self.shared, observed)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl ById {
    /// The document with its `_id`, if there is one.
    ///
    /// # Errors
    /// The id can be none; the store.
    pub fn get(&self) -> Result<Option<Value>, Error> {
        self.collection.find_by_id(&self.id)
    }

    /// Has `change` look at the document and change it, in one transaction; it is not called if there
    /// is none. It runs on the thread of the peer, as [`crate::Store::transaction`].
    ///
    /// ```no_run
    /// # use headwater::{Collection, Error};
    /// # fn example(people: Collection) -> Result<(), Error> {
    /// people.by_id("susan").update(|doc| {
    ///     doc.at("age").set(32);
    ///     doc.at("visits").increment(1);
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A change that cannot be made; nothing was written.
    pub fn update(&self, change: impl FnOnce(&mut MutableDocument) + Send + 'static) -> Result<Written, Error> {
        let all = |documents: &mut [MutableDocument]| {
            if let [document, ..] = documents {
                change(document);
            }
        };
        self.collection.update_found(self.find()?.checked()?, all)
    }

    /// As [`Collection::remove`].
    ///
    /// # Errors
    /// As there.
    pub fn remove(&self) -> Result<Written, Error> {
        self.collection.remove(&self.id)
    }

    /// As [`Collection::evict`].
    ///
    /// # Errors
    /// As there.
    pub fn evict(&self) -> Result<bool, Error> {
        self.collection.evict(&self.id)
    }

    /// Subscribes to the document, as [`Find::subscribe`].
    ///
    /// # Errors
    /// The id can be none.
    pub fn subscribe(&self) -> Result<Subscription, Error> {
        self.find()?.subscribe()
    }

    /// The same document as what a query finds, to be observed, say.
    ///
    /// # Errors
    /// The id can be none.
    pub fn find(&self) -> Result<Find, Error> {
        self.id.checked()?;
        self.collection.find("_id == $args.id").args(json!({"id": self.id.value()}))
    }
}
