//! Writes that are committed together, or not at all.
//!
//! Invariants: a transaction runs on the thread of the peer, so nothing comes between its calls, and
//! nobody else writes or syncs while it runs; if it fails or panics, nothing of it was done.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use document::{CollectionName, Path};
use peer_core::{Which, WriteError};
use serde::Serialize;
use serde_json::Value;

use crate::{Change, DocumentId, Error, FieldType, MutableDocument, Written, headwater::Shared, json};

/// A transaction in the making. Its reads see what it has written.
pub struct Transaction<'t, 'p> {
    inner: &'t mut peer_core::Transaction<'p>,
}

/// A collection in a transaction.
#[derive(Debug)]
pub struct TransactionCollection<'c, 't, 'p> {
    transaction: &'c mut Transaction<'t, 'p>,
    name: CollectionName,
}

/// What went wrong: of the caller, or of the peer.
struct Failed<E>(E);

impl<E: From<Error>> From<WriteError> for Failed<E> {
    fn from(error: WriteError) -> Self {
        Self(Error::from(error).into())
    }
}

/// Runs `write` on the peer's thread.
pub(crate) fn run<T, E>(
    shared: &Arc<Shared>,
    write: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, E> + Send + 'static,
) -> Result<(T, Written), E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let done = shared.mailbox.call(move |core| {
        let now = core.clock.now();
        let peer = &mut *core.peer;
        let result = catch_unwind(AssertUnwindSafe(|| {
            peer.transaction(now, None, |inner| write(&mut Transaction { inner }).map_err(Failed))
        }));
        Ok(result)
    });
    match done? {
        Ok(Ok((value, written))) => Ok((value, Written::new(shared, &written.ids, written.seq))),
        Ok(Err(Failed(error))) => Err(error),
        Err(panic) => resume_unwind(panic),
    }
}

impl<'t, 'p> Transaction<'t, 'p> {
    /// A collection.
    ///
    /// # Errors
    /// The name can be none.
    pub fn collection(&mut self, name: &str) -> Result<TransactionCollection<'_, 't, 'p>, Error> {
        Ok(TransactionCollection { transaction: self, name: CollectionName::new(name)? })
    }

    /// Runs a statement of DQL: the rows of a SELECT, or what RETURNING says.
    ///
    /// # Errors
    /// What is wrong with it. Documents before the one that failed are written, unless the transaction
    /// ends with the error.
    pub fn execute(&mut self, statement: &str, args: impl Serialize) -> Result<Vec<Value>, Error> {
        let executed = self.inner.execute(statement, &json::map(&args)?)?;
        Ok(executed.rows.into_iter().map(json::from_row).collect())
    }
}

impl TransactionCollection<'_, '_, '_> {
    /// As [`crate::Collection::upsert`].
    ///
    /// # Errors
    /// As there.
    pub fn upsert(&mut self, value: impl Serialize) -> Result<DocumentId, Error> {
        self.upsert_typed(value, [])
    }

    /// As [`crate::Collection::upsert_typed`].
    ///
    /// # Errors
    /// As there.
    pub fn upsert_typed<'f>(
        &mut self,
        value: impl Serialize,
        types: impl IntoIterator<Item = (&'f str, FieldType)>,
    ) -> Result<DocumentId, Error> {
        let (id, value) = split_id(&value)?;
        let id = self.transaction.inner.upsert(&self.name, id, value, kinds(types)?)?;
        Ok((&id).into())
    }

    /// As [`crate::Collection::find_by_id`].
    ///
    /// # Errors
    /// As there.
    pub fn find_by_id(&self, id: impl Into<DocumentId>) -> Result<Option<Value>, Error> {
        let id = id.into().checked()?;
        let fields = self.transaction.inner.find_by_id(&self.name, &id)?;
        Ok(fields.map(|fields| json::from_document(&id, fields)))
    }

    /// The documents that match a condition of the legacy language, with arguments.
    ///
    /// # Errors
    /// As [`crate::Find::documents`].
    pub fn find(&self, query: &str, args: impl Serialize) -> Result<Vec<Value>, Error> {
        let find = peer_core::Find::new(self.name.as_str(), query, &json::map(&args)?)?;
        let found = self.transaction.inner.find(&find)?;
        Ok(found.into_iter().map(|it| json::from_document(&it.id, it.value)).collect())
    }

    /// As [`crate::Collection::update`]: whether the document is there.
    ///
    /// # Errors
    /// As there.
    pub fn update(
        &mut self,
        id: impl Into<DocumentId>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<bool, Error> {
        let commands = changes.into_iter().map(|it| it.command()).collect::<Result<Vec<_>, _>>()?;
        let which = Which::Id(id.into().checked()?);
        Ok(!self.transaction.inner.update(&self.name, &which, &commands)?.is_empty())
    }

    /// As [`crate::Collection::remove`]: whether the document was there.
    ///
    /// # Errors
    /// As there.
    pub fn remove(&mut self, id: impl Into<DocumentId>) -> Result<bool, Error> {
        let which = Which::Id(id.into().checked()?);
        Ok(!self.transaction.inner.remove(&self.name, &which)?.is_empty())
    }

    /// Has `change` look at documents and change them.
    pub(crate) fn update_found(
        &mut self,
        find: &peer_core::Find,
        change: impl FnOnce(&mut [MutableDocument]),
    ) -> Result<(), Error> {
        let found = self.transaction.inner.find(find)?;
        let mut documents: Vec<_> = found.into_iter().map(|it| MutableDocument::new(&it.id, it.value)).collect();
        change(&mut documents);
        for document in documents.into_iter().filter(|it| !it.changes.is_empty()) {
            let id = document.id().clone();
            self.update(id, document.changes)?;
        }
        Ok(())
    }
}

/// An object, and the `_id` in it.
pub(crate) fn split_id(value: &impl Serialize) -> Result<(Option<document::DocumentId>, document::Map), Error> {
    let mut value = json::map(value)?;
    let id = value.remove("_id").map(|id| document::DocumentId::from_value(&id)).transpose()?;
    Ok((id, value))
}

pub(crate) fn kinds<'f>(
    types: impl IntoIterator<Item = (&'f str, FieldType)>,
) -> Result<Vec<(Path, document::FieldType)>, Error> {
    types.into_iter().map(|(path, kind)| Ok((Path::parse(path)?, kind.kind()))).collect()
}

impl fmt::Debug for Transaction<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
