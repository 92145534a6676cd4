//! The vendor's names for the same things, so that a program changes its imports and how it opens:
//!
//! ```no_run
//! use headwater::compat::{Ditto, DittoConfig};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ditto = Ditto::open_sync(DittoConfig::new("till-7").server("http://localhost:8080"))?;
//! ditto.start_sync()?;
//! let id = ditto.store().collection("people")?.upsert(json!({"name": "Susan", "age": 31}))?;
//! println!("{id}");
//! # Ok(())
//! # }
//! ```
//!
//! A configuration names the folder where the vendor's names the app; [`Ditto::builder`] takes the
//! vendor's identities. Closures that change documents run on the peer's thread, so they are `Send`.
//!
//! When a token ends, and whenever the server does not take it, the expiration handler is called, and logs in again
//! ([`DittoAuthenticator::set_expiration_handler`]).
//!
//! Not here: other identities; presence; transports.

mod attachments;
mod documents;
mod identity;
mod queries;

use std::{sync::Arc, time::Duration};

use serde::Serialize;

pub use self::{
    attachments::{DittoAttachmentFetchEvent, DittoAttachmentFetcher},
    documents::{BoxedDocument, Collection, LiveQuery, MutDocument, PendingCursorOperation, PendingIdOperation},
    identity::{
        AppId, DittoAuthenticationEventHandler, DittoBuilder, Identity, OfflinePlayground, OnlinePlayground,
        OnlineWithAuthentication, PersistentRoot,
    },
    queries::{IntoQuery, QueryResult, QueryResultItem},
};
pub use crate::{
    Attachment as DittoAttachment, AttachmentToken as DittoAttachmentToken, Config as DittoConfig, DocumentId,
    Error as DittoError, LocalEvent as LiveQueryEvent, Login, Observer as StoreObserver,
    Subscription as SyncSubscription,
};
use crate::{Headwater, json};

/// A [`Headwater`].
#[derive(Debug, Clone)]
pub struct Ditto(Headwater);

/// A [`crate::Store`].
#[derive(Debug, Clone)]
pub struct Store(crate::Store);

/// A [`crate::Sync`].
#[derive(Debug, Clone)]
pub struct Sync(crate::Sync);

/// What logs users in.
#[derive(Debug, Clone)]
pub struct DittoAuthenticator(crate::Sync);

impl DittoAuthenticator {
    fn of(ditto: &Ditto) -> Self {
        Self(ditto.0.sync())
    }

    /// The provider of tokens for development: keys of the server.
    pub const DEVELOPMENT_PROVIDER: &str = "__playgroundProvider";

    /// [`crate::Sync::login`]; nobody is named where the token is a key of the server, by
    /// [`Self::DEVELOPMENT_PROVIDER`].
    ///
    /// # Errors
    /// As there.
    pub fn login(&self, token: &str, provider: &str) -> Result<Option<Login>, DittoError> {
        match provider {
            Self::DEVELOPMENT_PROVIDER => self.0.authenticate(token).map(|()| None),
            provider => self.0.login(token, provider).map(Some),
        }
    }

    /// Calls `handler` when the server does not take the token, or there is none, and a minute before it ends, with how
    /// long it counts yet: there is no refresh token. It runs on the thread of callbacks, and may log in there. If it does
    /// not, it is called again later. It takes the place of an earlier one, and of a [`DittoConfig::login_source`].
    ///
    /// # Errors
    /// The peer is closed.
    pub fn set_expiration_handler(
        &self,
        mut handler: impl FnMut(&Ditto, Duration) + Send + 'static,
    ) -> Result<(), DittoError> {
        self.0.on_token_wanted(move |peer, remaining| handler(&Ditto(peer), remaining))
    }

    /// Ends sync. What is here stays.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn logout(&self) -> Result<(), DittoError> {
        self.0.stop()
    }
}

/// A [`crate::Transaction`].
#[derive(Debug)]
pub struct WriteTransaction<'c, 't, 'p>(&'c mut crate::Transaction<'t, 'p>);

impl Ditto {
    /// [`Headwater::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open_sync(config: DittoConfig) -> Result<Self, DittoError> {
        Headwater::open(config).map(Self)
    }

    /// The same, as a future. It is done when it is made.
    ///
    /// # Errors
    /// As there.
    pub fn open(config: DittoConfig) -> impl Future<Output = Result<Self, DittoError>> {
        std::future::ready(Self::open_sync(config))
    }

    /// The older way to open.
    pub fn builder() -> DittoBuilder {
        DittoBuilder::default()
    }

    /// By which users log in; the vendor's may be none.
    pub fn auth(&self) -> Option<DittoAuthenticator> {
        Some(DittoAuthenticator::of(self))
    }

    /// The documents.
    pub fn store(&self) -> Store {
        Store(self.0.store())
    }

    /// Subscriptions.
    pub fn sync(&self) -> Sync {
        Sync(self.0.sync())
    }

    /// [`Headwater::start_sync`].
    ///
    /// # Errors
    /// As there.
    pub fn start_sync(&self) -> Result<(), DittoError> {
        self.0.start_sync()
    }

    /// [`Headwater::stop_sync`].
    pub fn stop_sync(&self) {
        let _ = self.0.stop_sync(); // a peer that is closed does not sync
    }

    /// [`Headwater::close`].
    pub fn close(&self) {
        self.0.close();
    }

    /// By its own names.
    pub fn headwater(&self) -> &Headwater {
        &self.0
    }
}

impl Store {
    /// [`crate::Store::collection`].
    ///
    /// # Errors
    /// As there.
    pub fn collection(&self, name: &str) -> Result<Collection, DittoError> {
        self.0.collection(name).map(Collection)
    }

    /// [`crate::Store::execute`], as a future of any runtime: `"SELECT …"`, or that and its arguments
    /// in a pair. It is begun at once, and done even if the future is dropped.
    ///
    /// # Errors
    /// As there.
    pub fn execute<Q: IntoQuery>(&self, query: Q) -> impl Future<Output = Result<QueryResult, DittoError>> + use<Q> {
        let store = self.0.clone();
        let (statement, args) = query.into_query();
        let begun = args.map(|args| store.start(&statement, args));
        async move { Ok(QueryResult::new(begun?.await?)) }
    }

    /// [`Store::execute`].
    ///
    /// # Errors
    /// As there.
    pub fn execute_v2<Q: IntoQuery>(&self, query: Q) -> impl Future<Output = Result<QueryResult, DittoError>> + use<Q> {
        self.execute(query)
    }

    /// [`crate::Store::register_observer`]; a result that cannot be had is left out.
    ///
    /// # Errors
    /// As there.
    pub fn register_observer(
        &self,
        query: impl IntoQuery,
        mut callback: impl FnMut(QueryResult) + Send + 'static,
    ) -> Result<Arc<StoreObserver>, DittoError> {
        let (statement, args) = query.into_query();
        let callback = move |result| {
            if let Ok(items) = result {
                callback(QueryResult::of_items(items));
            }
        };
        let args = json::from_value(document::Value::Map(args?));
        self.0.register_observer(&statement, args, callback).map(Arc::new)
    }

    /// [`Store::register_observer`].
    ///
    /// # Errors
    /// As there.
    pub fn register_observer_v2(
        &self,
        query: impl IntoQuery,
        callback: impl FnMut(QueryResult) + Send + 'static,
    ) -> Result<Arc<StoreObserver>, DittoError> {
        self.register_observer(query, callback)
    }

    /// [`crate::Store::transaction`].
    ///
    /// # Errors
    /// As there.
    pub fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(WriteTransaction<'_, '_, '_>) -> Result<T, DittoError> + Send + 'static,
    ) -> Result<T, DittoError> {
        Ok(self.0.transaction(|transaction| write(WriteTransaction(transaction)))?.0)
    }
}

impl<'t, 'p> WriteTransaction<'_, 't, 'p> {
    /// [`crate::Transaction::collection`].
    ///
    /// # Errors
    /// As there.
    pub fn collection(&mut self, name: &str) -> Result<crate::TransactionCollection<'_, 't, 'p>, DittoError> {
        self.0.collection(name)
    }
}

impl Sync {
    /// [`Headwater::start_sync`].
    ///
    /// # Errors
    /// As there.
    pub fn start(&self) -> Result<(), DittoError> {
        self.0.start()
    }

    /// [`Headwater::stop_sync`].
    pub fn stop(&self) {
        let _ = self.0.stop(); // a peer that is closed does not sync
    }

    /// [`crate::Sync::register_subscription`].
    ///
    /// # Errors
    /// As there.
    pub fn register_subscription(&self, query: impl IntoQuery) -> Result<Arc<SyncSubscription>, DittoError> {
        let (statement, args) = query.into_query();
        let args = json::from_value(document::Value::Map(args?));
        self.0.register_subscription(&statement, args).map(Arc::new)
    }

    /// [`Sync::register_subscription`].
    ///
    /// # Errors
    /// As there.
    pub fn register_subscription_v2(&self, query: impl IntoQuery) -> Result<Arc<SyncSubscription>, DittoError> {
        self.register_subscription(query)
    }
}

fn arguments(args: &impl Serialize) -> Result<document::Map, DittoError> {
    json::map(args)
}
