//! Queries of the legacy language.

use document::Path;
use peer_core::{Observed, SubscriptionRequest, Which};
use serde::Serialize;
use serde_json::Value;

use crate::{Change, Collection, Error, Observer, Subscription, Sync, Written, json};

/// Documents that match a condition. Nothing is looked for until one of the last calls.
#[derive(Debug, Clone)]
pub struct Find {
    collection: Collection,
    query: String,
    args: Value,
    sort: Vec<(String, bool)>,
    offset: usize,
    limit: Option<usize>,
}

impl Find {
    pub(crate) fn new(collection: Collection, query: &str) -> Self {
        Self { collection, query: query.to_owned(), args: Value::Null, sort: Vec::new(), offset: 0, limit: None }
    }

    /// What `$args.name` stands for in the condition: an object with the names.
    ///
    /// # Errors
    /// It cannot be JSON.
    pub fn args(mut self, args: impl Serialize) -> Result<Self, Error> {
        self.args = serde_json::to_value(args).map_err(|error| Error::Value { why: error.to_string() })?;
        Ok(self)
    }

    /// Sorts by what stands at `path`, after earlier ones; the smallest first.
    #[must_use]
    pub fn sort(mut self, path: &str) -> Self {
        self.sort.push((path.to_owned(), false));
        self
    }

    /// The same, the greatest first.
    #[must_use]
    pub fn sort_descending(mut self, path: &str) -> Self {
        self.sort.push((path.to_owned(), true));
        self
    }

    /// Leaves the first ones out.
    #[must_use]
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The documents, each with its `_id`.
    ///
    /// # Errors
    /// The condition or a path is none; the store.
    pub fn documents(&self) -> Result<Vec<Value>, Error> {
        let find = self.checked()?;
        let found = self.collection.shared().mailbox.call(move |core| Ok(core.peer.find(&find)?))?;
        let with_id = |found: peer_core::Found| {
            let mut fields = found.value;
            fields.insert("_id".to_owned(), found.id.to_value());
            json::from_value(&document::Value::Map(fields))
        };
        Ok(found.into_iter().map(with_id).collect())
    }

    /// Changes all that match, in one transaction; order, offset and limit do not count.
    ///
    /// # Errors
    /// The condition, or a change that cannot be made; nothing was written.
    pub fn update(&self, changes: impl IntoIterator<Item = Change>) -> Result<Written, Error> {
        self.collection.update_which(Which::Matching(self.checked()?.filter), changes)
    }

    /// Removes all that match, in one transaction; order, offset and limit do not count.
    ///
    /// # Errors
    /// The condition; the store. Nothing was written.
    pub fn remove(&self) -> Result<Written, Error> {
        self.collection.remove_which(Which::Matching(self.checked()?.filter))
    }

    /// As [`crate::Store::register_observer`].
    ///
    /// # Errors
    /// The condition or a path is none.
    pub fn observe(&self, callback: impl FnMut(Result<Vec<Value>, Error>) + Send + 'static) -> Result<Observer, Error> {
        self.collection.observe(Observed::Find(self.checked()?), callback)
    }

    /// Subscribes to all that match; order, offset and limit do not count.
    ///
    /// # Errors
    /// The condition is none.
    pub fn subscribe(&self) -> Result<Subscription, Error> {
        let request = SubscriptionRequest::legacy(self.collection.name(), &self.query, &json::map(&self.args)?)?;
        Sync::new(self.collection.shared().clone()).subscribe(request)
    }

    fn checked(&self) -> Result<peer_core::Find, Error> {
        let mut find = peer_core::Find::new(self.collection.name(), &self.query, &json::map(&self.args)?)?;
        for (path, is_descending) in &self.sort {
            find.sort.push((Path::parse(path)?, *is_descending));
        }
        find.offset = self.offset;
        find.limit = self.limit;
        Ok(find)
    }
}
