//! Local writes: a transaction is committed to the store, and is pending from then on.

use document::{CollectionName, DocumentId, FieldType, Map, Path, UpdateCommand};
use sync_protocol::Seq;

use super::Peer;
use crate::transaction::{Begin, Drafted};
use crate::{Now, Transaction, Which, WriteError, limits};

/// A local transaction that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its number; none if there was nothing to do.
    pub seq: Option<Seq>,
    /// The documents that it wrote.
    pub ids: Vec<DocumentId>,
}

impl Peer {
    /// Merges `value` into a document, or makes a new one. `value` has no `_id`.
    ///
    /// # Errors
    /// What [`WriteError`] names; nothing was written.
    pub fn upsert(
        &mut self,
        now: Now,
        collection: &CollectionName,
        id: Option<DocumentId>,
        value: Map,
        types: Vec<(Path, FieldType)>,
    ) -> Result<(DocumentId, Written), WriteError> {
        self.transaction(now, None, |transaction| transaction.upsert(collection, id, value, types))
    }

    /// Runs commands on documents, in one transaction.
    ///
    /// # Errors
    /// As [`Peer::upsert`].
    pub fn update(
        &mut self,
        now: Now,
        collection: &CollectionName,
        which: &Which,
        commands: &[UpdateCommand],
    ) -> Result<Written, WriteError> {
        let update = |it: &mut Transaction<'_>| it.update(collection, which, commands);
        Ok(self.transaction(now, None, update)?.1)
    }

    /// Removes documents, in one transaction.
    ///
    /// # Errors
    /// As [`Peer::upsert`].
    pub fn remove(&mut self, now: Now, collection: &CollectionName, which: &Which) -> Result<Written, WriteError> {
        Ok(self.transaction(now, None, |it| it.remove(collection, which))?.1)
    }

    /// Everything that `write` does is committed together, or nothing if it fails.
    ///
    /// # Errors
    /// What `write` says, and as [`Peer::upsert`].
    pub fn transaction<T, E: From<WriteError>>(
        &mut self,
        now: Now,
        traceparent: Option<String>,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<(T, Written), E> {
        let begin = Begin {
            stamp_ms: self.stamp_ms(now),
            wall_ms: now.wall_ms,
            strict: self.options.strict,
            random: self.random.clone(),
            traceparent,
        };
        let mut transaction = Transaction::new(&*self.store, &self.pending, self.work(), begin);
        let result = write(&mut transaction)?;
        let Drafted { mut work, ids, pending, views, random } = transaction.finish()?;
        let Some(pending) = pending else {
            self.random = random;
            return Ok((result, Written { seq: None, ids }));
        };
        let bytes = self.pending.bytes().saturating_add(pending.push_bytes() as u64);
        if self.pending.len() >= limits::PENDING_TRANSACTIONS_MAX || bytes > limits::PENDING_BYTES_MAX {
            return Err(WriteError::PendingFull.into());
        }
        let seq = self.next_seq(&mut work);
        for (operation, view) in pending.operations.iter().zip(views) {
            let touched = work.touch(&operation.collection, &operation.id).map_err(WriteError::from)?;
            touched.pending.insert(seq);
            touched.view = Some(view);
            if let Some(synced) = &mut touched.synced {
                synced.held = false; // who writes it wants it
            }
        }
        work.put_pending(seq, pending);
        let done = work.finish().map_err(WriteError::from)?;
        self.commit(done).map_err(WriteError::from)?;
        self.random = random;
        self.machine.pushes_available(Seq(seq));
        Ok((result, Written { seq: Some(Seq(seq)), ids }))
    }
}
