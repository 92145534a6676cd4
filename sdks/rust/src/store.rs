//! The documents of a peer: statements, observers, transactions, attachments, and the way to collections.

use std::sync::{Arc, atomic::AtomicBool};

use document::CollectionName;
use peer_core::{Observed, is_select};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Attachment, AttachmentToken, Collection, Error, Executed, Observer, Results, Transaction, Written,
    attachments::{FetchError, Waiting},
    clock::Clock,
    headwater::Shared,
    json, observer,
    promise::Promise,
    transaction,
};

/// The documents of a peer.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A collection; it is there once it has a document.
    ///
    /// # Errors
    /// The name can be none.
    pub fn collection(&self, name: &str) -> Result<Collection, Error> {
        Ok(Collection::new(self.shared.clone(), CollectionName::new(name)?))
    }

    /// Runs a statement of DQL: SELECT, INSERT, UPDATE, DELETE or EVICT. `args` is an object, or
    /// `()`.
    ///
    /// # Errors
    /// What is wrong with it; nothing was written.
    pub fn execute(&self, statement: &str, args: impl Serialize) -> Result<Executed, Error> {
        self.start(statement, json::map(&args)?).wait()
    }

    /// Runs a statement without holding its thread up, for futures.
    pub(crate) fn start(&self, statement: &str, args: document::Map) -> Promise<Executed> {
        let (statement, shared) = (statement.to_owned(), self.shared.clone());
        if is_select(&statement) {
            let now = Clock::new().now(); // a SELECT asks for the wall clock at most
            let rows = shared.readers.read(|reader| reader.select(now, &statement, &args));
            let written = Written::new(&shared, &[], None);
            let items = rows.map(|rows| rows.into_iter().map(json::from_row).collect());
            return Promise::answered(items.map(|items| Executed { items, written }));
        }
        let mailbox = self.shared.mailbox.clone();
        mailbox.start(move |core| {
            let executed = core.peer.execute(core.clock.now(), &statement, &args)?;
            let written = Written::new(&shared, &executed.mutated_ids, executed.seq);
            Ok(Executed { items: executed.rows.into_iter().map(json::from_row).collect(), written })
        })
    }

    /// Everything that `write` does is one transaction, here and at the server: all of it or, if it
    /// fails, nothing. It runs on the thread of the peer: while it runs nothing else is written or
    /// synced, and the calls of other handles that would wait for the peer are
    /// [`Error::InTransaction`].
    ///
    /// ```no_run
    /// # use headwater::{Change, Error, Store};
    /// # fn example(store: Store) -> Result<(), Error> {
    /// store.transaction(|tx| -> Result<_, Error> {
    ///     tx.collection("orders")?.upsert(serde_json::json!({"_id": 7, "what": "tea"}))?;
    ///     tx.collection("stock")?.update("tea", [Change::increment("left", -1)])
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `write` says; or the store, and then nothing was written.
    ///
    /// # Panics
    /// `write` does; then nothing was written.
    pub fn transaction<T, E>(
        &self,
        write: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, E> + Send + 'static,
    ) -> Result<(T, Written), E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        transaction::run(&self.shared, write)
    }

    /// Takes a copy of a file, or of bytes, to be referred to from documents; nothing of it is sent before
    /// a document has its token. `metadata` goes into the token. The copy is durable when this returns.
    ///
    /// ```no_run
    /// # use headwater::{Error, FieldType, Store};
    /// # fn example(store: Store) -> Result<(), Box<dyn std::error::Error>> {
    /// let photo = store.new_attachment(std::fs::File::open("susan.jpg")?, [("type", "image/jpeg")])?;
    /// let susan = serde_json::json!({"_id": "susan", "photo": photo.token()});
    /// store.collection("people")?.upsert_typed(susan, [("photo", FieldType::Attachment)])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The source cannot be read, or the disk not be written; the peer is closed.
    pub fn new_attachment<N: Into<String>, V: Into<String>>(
        &self,
        mut source: impl std::io::Read,
        metadata: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Attachment, Error> {
        let metadata = metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let folder = &self.shared.attachments.folder;
        let on_disk = |error: std::io::Error| Error::AttachmentFile { why: error.to_string() };
        let (id, len) = folder.take(&mut source).map_err(on_disk)?;
        let kept = id.clone();
        self.shared.mailbox.call(move |core| {
            core.peer.attachment_is_kept(kept);
            Ok(())
        })?;
        let path = folder.find(&id).ok_or_else(|| on_disk(std::io::ErrorKind::NotFound.into()))?;
        Ok(Attachment::new(AttachmentToken { id, len, metadata }, path))
    }

    /// The file that a token in a document names: at once if it is here, else from the server, from where an
    /// earlier fetch of it broke off. Waits for it. `progress` is told how many bytes of it are here.
    ///
    /// # Errors
    /// The server has none of that id, or not for this user; it does not answer, or no more of it comes;
    /// the disk; the peer is closed.
    pub fn fetch_attachment(
        &self,
        token: &AttachmentToken,
        mut progress: impl FnMut(u64),
    ) -> Result<Attachment, Error> {
        let mut waiting = Waiting { is_cancelled: &AtomicBool::new(false), progress: &mut progress };
        match self.shared.attachments.fetch(token, &mut waiting) {
            Ok(path) => Ok(Attachment::new(token.clone(), path)),
            Err(FetchError::Final(error)) => Err(error),
            Err(FetchError::Failed(why)) => Err(Error::AttachmentFetch { why }),
        }
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
        observer::call(&self.shared, self.observable(statement, &args)?, callback)
    }

    /// The same as a stream.
    ///
    /// # Errors
    /// It is no SELECT of documents.
    pub fn observe(&self, statement: &str, args: impl Serialize) -> Result<Results, Error> {
        observer::stream(&self.shared, self.observable(statement, &args)?)
    }

    fn observable(&self, statement: &str, args: &impl Serialize) -> Result<Observed, Error> {
        let (now, args) = (Clock::new().now(), json::map(args)?);
        self.shared.readers.read(|reader| reader.observable(now, statement, &args))
    }
}
