//! The documents of a peer: statements, observers, transactions, and the way to collections.

use std::sync::Arc;

use document::CollectionName;
use peer_core::{Observed, is_select};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Collection, Error, Executed, Observer, Results, Transaction, Written, clock::Clock, headwater::Shared, json,
    observer, promise::Promise, transaction,
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
