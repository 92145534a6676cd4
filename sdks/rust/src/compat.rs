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
//! Not here: identities and `auth`; presence; attachments; the vendor's futures and streams.

use serde::Serialize;

pub use crate::{
    Config as DittoConfig, DocumentId, Error as DittoError, Executed as QueryResult, Observer as StoreObserver,
    Subscription as SyncSubscription, Sync,
};
use crate::{Find, Headwater};

/// A [`Headwater`].
#[derive(Debug, Clone)]
pub struct Ditto(Headwater);

/// A [`crate::Store`].
#[derive(Debug, Clone)]
pub struct Store(crate::Store);

/// A [`crate::Collection`].
#[derive(Debug, Clone)]
pub struct Collection(crate::Collection);

impl Ditto {
    /// [`Headwater::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open_sync(config: DittoConfig) -> Result<Self, DittoError> {
        Headwater::open(config).map(Self)
    }

    /// The documents.
    pub fn store(&self) -> Store {
        Store(self.0.store())
    }

    /// Subscriptions.
    pub fn sync(&self) -> Sync {
        self.0.sync()
    }

    /// [`Headwater::start_sync`].
    ///
    /// # Errors
    /// As there.
    pub fn start_sync(&self) -> Result<(), DittoError> {
        self.0.start_sync()
    }

    /// [`Headwater::stop_sync`].
    ///
    /// # Errors
    /// As there.
    pub fn stop_sync(&self) -> Result<(), DittoError> {
        self.0.stop_sync()
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

    /// [`crate::Store::execute`], which blocks.
    ///
    /// # Errors
    /// As there.
    pub fn execute(&self, query: &str, args: impl Serialize) -> Result<QueryResult, DittoError> {
        self.0.execute(query, args)
    }

    /// [`crate::Store::register_observer`]; a result that cannot be had is left out.
    ///
    /// # Errors
    /// As there.
    pub fn register_observer(
        &self,
        query: &str,
        args: impl Serialize,
        mut callback: impl FnMut(Vec<serde_json::Value>) + Send + 'static,
    ) -> Result<StoreObserver, DittoError> {
        let callback = move |result| {
            if let Ok(items) = result {
                callback(items);
            }
        };
        self.0.register_observer(query, args, callback)
    }
}

impl Collection {
    /// [`crate::Collection::upsert`]: the document's id.
    ///
    /// # Errors
    /// As there.
    pub fn upsert(&self, value: impl Serialize) -> Result<DocumentId, DittoError> {
        Ok(self.0.upsert(value)?.id().clone())
    }

    /// [`crate::Collection::find_by_id`].
    ///
    /// # Errors
    /// As there.
    pub fn find_by_id(&self, id: impl Into<DocumentId>) -> Result<Option<serde_json::Value>, DittoError> {
        self.0.find_by_id(id)
    }

    /// [`crate::Collection::find`].
    pub fn find(&self, query: &str) -> Find {
        self.0.find(query)
    }

    /// [`crate::Find`] of everything.
    pub fn find_all(&self) -> Find {
        self.0.find("true")
    }
}
