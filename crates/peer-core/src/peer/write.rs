//! Local writes: a transaction is committed to the store, and is pending from then on.

use document::{CollectionName, DocumentId, FieldType, Map, Path, StampClock, UpdateCommand};
use sync_protocol::Seq;

use super::Peer;
use crate::now::Random;
use crate::transaction::{Begin, Draft, Drafted};
use crate::work::Done;
use crate::{Now, Overtaken, Transaction, Which, WriteError, limits};

/// A local transaction that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its number; none if there was nothing to do.
    pub seq: Option<Seq>,
    /// The documents that it wrote.
    pub ids: Vec<DocumentId>,
}

/// A local transaction that is put aside between its steps: [`Peer::begin`], then [`Peer::within`]
/// as often as wanted, then [`Peer::commit_open`]. Dropping it ends it, and nothing of it was done.
pub struct OpenTransaction {
    draft: Draft,
    began_at: u64,
}

impl std::fmt::Debug for OpenTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenTransaction").finish_non_exhaustive()
    }
}

/// A transaction that is ready.
struct Finished {
    ids: Vec<DocumentId>,
    /// None if there is nothing to do.
    commit: Option<(Seq, Done)>,
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
        let mut draft = self.draft(now, traceparent, self.random.clone());
        let mut transaction = self.take_up(&mut draft);
        let result = write(&mut transaction)?;
        let finished = self.finish(transaction)?;
        let written = self.conclude(finished)?;
        self.random = draft.into_random();
        Ok((result, written))
    }

    /// Begins a transaction that is put aside and taken up again, where a host cannot wait for what
    /// comes next in it. Nothing may be committed meanwhile, of local writes, of subscriptions, or of
    /// what the server sends: the host has that wait.
    pub fn begin(&mut self, now: Now, traceparent: Option<String>) -> OpenTransaction {
        let random = self.random.fork();
        OpenTransaction { draft: self.draft(now, traceparent, random), began_at: self.commits }
    }

    /// Takes up a transaction that was put aside, for as long as `step` runs.
    ///
    /// # Errors
    /// Something else was committed: it can only be dropped.
    pub fn within<T>(
        &mut self,
        open: &mut OpenTransaction,
        step: impl FnOnce(&mut Transaction<'_>) -> T,
    ) -> Result<T, Overtaken> {
        if open.began_at != self.commits {
            return Err(Overtaken);
        }
        Ok(step(&mut self.take_up(&mut open.draft)))
    }

    /// Commits it.
    ///
    /// # Errors
    /// Something else was committed, or what [`WriteError`] names; nothing was written.
    pub fn commit_open(&mut self, mut open: OpenTransaction) -> Result<Written, WriteError> {
        if open.began_at != self.commits {
            return Err(Overtaken.into());
        }
        let finished = self.finish(self.take_up(&mut open.draft))?;
        self.conclude(finished)
    }

    fn draft(&self, now: Now, traceparent: Option<String>, random: Random) -> Draft {
        let clock = StampClock { site: self.meta.site, last: self.meta.clock_last };
        let (stamp_ms, strict) = (self.stamp_ms(now), self.options.strict);
        Draft::new(clock, Begin { stamp_ms, wall_ms: now.wall_ms, strict, random, traceparent })
    }

    fn take_up<'p>(&'p self, draft: &'p mut Draft) -> Transaction<'p> {
        Transaction::new(&*self.store, &self.pending, self.work(), draft)
    }

    fn finish(&self, transaction: Transaction<'_>) -> Result<Finished, WriteError> {
        let Drafted { mut work, ids, pending, views } = transaction.finish()?;
        let Some(pending) = pending else { return Ok(Finished { ids, commit: None }) };
        let bytes = self.pending.bytes().saturating_add(pending.push_bytes() as u64);
        if self.pending.len() >= limits::PENDING_TRANSACTIONS_MAX || bytes > limits::PENDING_BYTES_MAX {
            return Err(WriteError::PendingFull);
        }
        let seq = self.next_seq(&mut work);
        for (operation, view) in pending.operations.iter().zip(views) {
            let touched = work.touch(&operation.collection, &operation.id)?;
            touched.pending.insert(seq);
            touched.view = Some(view);
            if let Some(synced) = &mut touched.synced {
                synced.held = false; // who writes it wants it
            }
        }
        work.put_pending(seq, pending);
        Ok(Finished { ids, commit: Some((Seq(seq), work.finish()?)) })
    }

    fn conclude(&mut self, Finished { ids, commit }: Finished) -> Result<Written, WriteError> {
        let Some((seq, done)) = commit else { return Ok(Written { seq: None, ids }) };
        self.commit(done)?;
        self.machine.pushes_available(seq);
        Ok(Written { seq: Some(seq), ids })
    }
}
