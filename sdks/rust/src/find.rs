//! Queries of the legacy language.

use document::Path;
use peer_core::{Observed, SubscriptionRequest, Which};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Change, Collection, DocumentId, Error, LocalEvent, MutableDocument, Observer, Results, Subscription, Sync, Written,
    json,
};

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
        let found = self.collection.shared().readers.read(|reader| reader.find(&find))?;
        Ok(found.into_iter().map(|it| json::from_document(&it.id, it.value)).collect())
    }

    /// Has `change` look at the documents, in their order, and change them, in one transaction. It runs
    /// on the thread of the peer, as [`crate::Store::transaction`].
    ///
    /// # Errors
    /// The condition, or a change that cannot be made; nothing was written.
    pub fn update_with(&self, change: impl FnOnce(&mut [MutableDocument]) + Send + 'static) -> Result<Written, Error> {
        self.collection.update_found(self.checked()?, change)
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

    /// Takes all that match out of this store alone; order, offset and limit do not count. The ids of
    /// those that were there.
    ///
    /// # Errors
    /// The condition; the store.
    pub fn evict(&self) -> Result<Vec<DocumentId>, Error> {
        self.collection.evict_which(Which::Matching(self.checked()?.filter))
    }

    /// As [`crate::Store::register_observer`].
    ///
    /// # Errors
    /// The condition or a path is none.
    pub fn observe(&self, callback: impl FnMut(Result<Vec<Value>, Error>) + Send + 'static) -> Result<Observer, Error> {
        self.collection.observe(Observed::Find(self.checked()?), callback)
    }

    /// As [`crate::Store::observe`].
    ///
    /// # Errors
    /// The condition or a path is none.
    pub fn stream(&self) -> Result<Results, Error> {
        self.collection.stream(Observed::Find(self.checked()?))
    }

    /// Calls `callback` with the documents now, and again with what is different whenever they change.
    /// A result that cannot be had is left out.
    ///
    /// # Errors
    /// The condition or a path is none.
    pub fn observe_local(
        &self,
        mut callback: impl FnMut(Vec<Value>, LocalEvent) + Send + 'static,
    ) -> Result<Observer, Error> {
        let mut before: Option<Vec<Value>> = None;
        self.observe(move |result| {
            let Ok(documents) = result else { return };
            let event = match before.take() {
                Some(before) => LocalEvent::between(before, &documents),
                None => LocalEvent::initial(),
            };
            before = Some(documents.clone());
            callback(documents, event);
        })
    }

    /// Subscribes to all that match; order, offset and limit do not count.
    ///
    /// # Errors
    /// The condition is none.
    pub fn subscribe(&self) -> Result<Subscription, Error> {
        let request = SubscriptionRequest::legacy(self.collection.name(), &self.query, &json::map(&self.args)?)?;
        Sync::new(self.collection.shared().clone()).subscribe(request)
    }

    pub(crate) fn checked(&self) -> Result<peer_core::Find, Error> {
        let mut find = peer_core::Find::new(self.collection.name(), &self.query, &json::map(&self.args)?)?;
        for (path, is_descending) in &self.sort {
            find.sort.push((Path::parse(path)?, *is_descending));
        }
        find.offset = self.offset;
        find.limit = self.limit;
        Ok(find)
    }
}
