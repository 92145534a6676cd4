//! Collections and documents of the legacy language, by the vendor's names.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{DittoError, DocumentId, LiveQueryEvent, SyncSubscription};
use crate::{ById, Find, MutableDocument, Observer};

/// A [`crate::Collection`].
#[derive(Debug, Clone)]
pub struct Collection(pub(super) crate::Collection);

/// A document that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxedDocument(Value);

/// A document in a closure that changes it.
#[derive(Debug)]
pub struct MutDocument<'d>(&'d mut MutableDocument);

/// An observer. It ends when this is dropped.
#[derive(Debug)]
pub struct LiveQuery(Observer);

/// A document that is named by its id.
#[derive(Debug, Clone)]
pub struct PendingIdOperation(ById);

/// Documents that match.
#[derive(Debug, Clone)]
pub struct PendingCursorOperation(Result<Find, DittoError>);

impl Collection {
    /// [`crate::Collection::upsert`]: the document's id.
    ///
    /// # Errors
    /// As there.
    pub fn upsert(&self, value: impl Serialize) -> Result<DocumentId, DittoError> {
        Ok(self.0.upsert(value)?.id().clone())
    }

    /// [`crate::Collection::by_id`].
    pub fn find_by_id(&self, id: impl Into<DocumentId>) -> PendingIdOperation {
        PendingIdOperation(self.0.by_id(id))
    }

    /// [`crate::Collection::find`].
    pub fn find(&self, query: &str) -> PendingCursorOperation {
        PendingCursorOperation(Ok(self.0.find(query)))
    }

    /// The same with what `$args.name` stands for.
    pub fn find_with_args(&self, query: &str, args: impl Serialize) -> PendingCursorOperation {
        PendingCursorOperation(self.0.find(query).args(args))
    }

    /// [`crate::Find`] of everything.
    pub fn find_all(&self) -> PendingCursorOperation {
        self.find("true")
    }
}

impl BoxedDocument {
    /// Its id.
    pub fn id(&self) -> DocumentId {
        self.0["_id"].clone().into()
    }

    /// Its fields, with its `_id`.
    pub fn value(&self) -> Value {
        self.0.clone()
    }

    /// What stands at a path of names, as in `address.city`.
    ///
    /// # Errors
    /// Nothing stands there, or it is none of that type.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DittoError> {
        let mut names = path.split('.');
        let found = names.try_fold(&self.0, |value, name| value.get(name)).cloned().unwrap_or(Value::Null);
        serde_json::from_value(found).map_err(|error| DittoError::Value { why: format!("{path}: {error}") })
    }
}

impl MutDocument<'_> {
    /// Its id.
    pub fn id(&self) -> DocumentId {
        self.0.id().clone()
    }

    /// What it was before.
    pub fn value(&self) -> Value {
        self.0.value().clone()
    }

    /// [`crate::Change::set`].
    ///
    /// # Errors
    /// It cannot be JSON.
    pub fn set(&mut self, path: &str, value: impl Serialize) -> Result<(), DittoError> {
        let value = serde_json::to_value(value).map_err(|error| DittoError::Value { why: error.to_string() })?;
        self.0.at(path).set(value);
        Ok(())
    }

    /// [`crate::Change::increment`].
    ///
    /// # Errors
    /// None; the vendor's says that there may be one.
    pub fn increment(&mut self, path: &str, by: f64) -> Result<(), DittoError> {
        self.0.at(path).increment(by);
        Ok(())
    }

    /// [`crate::Change::unset`].
    ///
    /// # Errors
    /// None; the vendor's says that there may be one.
    pub fn remove(&mut self, path: &str) -> Result<(), DittoError> {
        self.0.at(path).unset();
        Ok(())
    }
}

impl LiveQuery {
    /// Ends it.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl Drop for LiveQuery {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl PendingIdOperation {
    /// The document, if there is one.
    ///
    /// # Errors
    /// As [`ById::get`].
    pub fn exec(&self) -> Result<Option<BoxedDocument>, DittoError> {
        Ok(self.0.get()?.map(BoxedDocument))
    }

    /// [`ById::update`]; the closure gets `None` if there is no document.
    ///
    /// # Errors
    /// As there.
    pub fn update(&self, change: impl FnOnce(Option<&mut MutDocument<'_>>) + Send + 'static) -> Result<(), DittoError> {
        let change = |documents: &mut [MutableDocument]| match documents {
            [document, ..] => change(Some(&mut MutDocument(document))),
            [] => change(None),
        };
        self.0.find()?.update_with(change).map(drop)
    }

    /// [`ById::remove`]: whether it was there.
    ///
    /// # Errors
    /// As there.
    pub fn remove(&self) -> Result<bool, DittoError> {
        Ok(!self.0.remove()?.ids().is_empty())
    }

    /// [`ById::evict`].
    ///
    /// # Errors
    /// As there.
    pub fn evict(&self) -> Result<bool, DittoError> {
        self.0.evict()
    }

    /// [`ById::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(&self) -> Result<SyncSubscription, DittoError> {
        self.0.subscribe()
    }

    /// [`Find::observe_local`] of the one document.
    ///
    /// # Errors
    /// As there.
    pub fn observe_local(
        &self,
        mut callback: impl FnMut(Option<BoxedDocument>, LiveQueryEvent) + Send + 'static,
    ) -> Result<LiveQuery, DittoError> {
        let callback =
            move |documents: Vec<Value>, event| callback(documents.into_iter().next().map(BoxedDocument), event);
        self.0.find()?.observe_local(callback).map(LiveQuery)
    }
}

impl PendingCursorOperation {
    /// [`Find::sort`].
    #[must_use]
    pub fn sort(self, path: &str, is_descending: bool) -> Self {
        let sorted = |find: Find| if is_descending { find.sort_descending(path) } else { find.sort(path) };
        Self(self.0.map(sorted))
    }

    /// [`Find::limit`].
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self(self.0.map(|find| find.limit(limit)))
    }

    /// [`Find::offset`].
    #[must_use]
    pub fn offset(self, offset: usize) -> Self {
        Self(self.0.map(|find| find.offset(offset)))
    }

    /// [`Find::documents`].
    ///
    /// # Errors
    /// As there.
    pub fn exec(&self) -> Result<Vec<BoxedDocument>, DittoError> {
        Ok(self.find()?.documents()?.into_iter().map(BoxedDocument).collect())
    }

    /// [`Find::update_with`].
    ///
    /// # Errors
    /// As there.
    pub fn update(
        &self,
        change: impl FnOnce(&mut [MutDocument<'_>]) + Send + 'static,
    ) -> Result<Vec<DocumentId>, DittoError> {
        let change = |documents: &mut [MutableDocument]| {
            let mut documents: Vec<_> = documents.iter_mut().map(MutDocument).collect();
            change(&mut documents);
        };
        Ok(self.find()?.update_with(change)?.ids().to_vec())
    }

    /// [`Find::remove`]: the ids of those that were there.
    ///
    /// # Errors
    /// As there.
    pub fn remove(&self) -> Result<Vec<DocumentId>, DittoError> {
        Ok(self.find()?.remove()?.ids().to_vec())
    }

    /// [`Find::evict`].
    ///
    /// # Errors
    /// As there.
    pub fn evict(&self) -> Result<Vec<DocumentId>, DittoError> {
        self.find()?.evict()
    }

    /// [`Find::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(&self) -> Result<SyncSubscription, DittoError> {
        self.find()?.subscribe()
    }

    /// [`Find::observe_local`].
    ///
    /// # Errors
    /// As there.
    pub fn observe_local(
        &self,
        mut callback: impl FnMut(Vec<BoxedDocument>, LiveQueryEvent) + Send + 'static,
    ) -> Result<LiveQuery, DittoError> {
        let callback =
            move |documents: Vec<Value>, event| callback(documents.into_iter().map(BoxedDocument).collect(), event);
        self.find()?.observe_local(callback).map(LiveQuery)
    }

    fn find(&self) -> Result<&Find, DittoError> {
        self.0.as_ref().map_err(Clone::clone)
    }
}
