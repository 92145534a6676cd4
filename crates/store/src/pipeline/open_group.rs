//! A group that still takes changes: they are applied one after the other, and each is written into
//! the frame.
//!
//! Invariant: what is not in the frame has left no trace in the group.
//! Not here: when a group is closed (`sequencer`), what a changeset does (crate `rules`).

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use document::{Changeset, Origin, SiteId};
use rules::{Applied, ApplyError, Documents as _, Given, Group, Limits, RulesVersion};

use super::{
    command::{Answer, CommitCommand, RequestToKeep},
    recent::RecentOverEngine,
};
use crate::{
    commit::{CommitError, Committed},
    consumer_offsets::OffsetsChange,
    definition::DefinitionEntry,
    engine::{BesideDocuments, Engine, EngineError},
    journal::frame::{EntryKind, FrameBuilder},
    limits::{GROUP_BYTES_MAX, GROUP_CHANGESETS_MAX, GROUP_STEPS_MAX, TRANSACTION_INDEX_ENTRIES_MAX},
    position::TxnId,
    push::{PushOutcome, PushRefusal},
    request::{Counts, Remembered, RequestEntry, RequestKey, Written},
    shared::Shared,
    site::{Site, Standing},
    tombstones::DroppedTombstones,
    write::Write,
};

/// Writers that wait for the group to be durable and visible, with what each is told then.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) commits: Vec<(Applied, Instant, Answer<Written>)>,
    /// Requests that were sent again: what they had come to.
    pub(crate) repeated: Vec<(Remembered, Answer<Written>)>,
    /// What peers pushed.
    pub(crate) pushes: Vec<(Vec<PushOutcome>, Instant, Answer<Vec<PushOutcome>>)>,
    pub(crate) changes: Vec<Answer<()>>,
    pub(crate) dropped: Vec<(u64, Answer<u64>)>,
}

impl Waiting {
    pub(crate) fn refuse(self, error: &CommitError) {
        self.commits.into_iter().for_each(|(_, _, answer)| drop(answer.send(Err(error.clone()))));
        // What they repeat is in an earlier group, which may come to the disk.
        let of_repeated = match error {
            CommitError::Unknown { .. } => error.clone(),
            refused => CommitError::Unknown { reason: refused.to_string() },
        };
        self.repeated.into_iter().for_each(|(_, answer)| drop(answer.send(Err(of_repeated.clone()))));
        self.pushes.into_iter().for_each(|(_, _, answer)| drop(answer.send(Err(error.clone()))));
        self.changes.into_iter().for_each(|answer| drop(answer.send(Err(error.clone()))));
        self.dropped.into_iter().for_each(|(_, answer)| drop(answer.send(Err(error.clone()))));
    }
}

/// What a group notes beside its documents and may be asked for by the next ones, before the
/// documents show it.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) requests: HashMap<RequestKey, Remembered>,
    pub(crate) sites: HashMap<SiteId, Site>,
}

impl Noted {
    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.sites.is_empty()
    }
}

/// What was noted by frames that may not be with the documents yet, by frame.
pub(crate) type EarlierNotes = VecDeque<(u64, Arc<Noted>)>;

/// A group that still takes changes.
pub(crate) struct OpenGroup<'a> {
    pub(crate) group: Group<'a, RecentOverEngine<'a>>,
    pub(crate) frame: FrameBuilder,
    pub(crate) waiting: Waiting,
    pub(crate) beside: BesideDocuments,
    /// What `beside` has of it, to be found.
    pub(crate) noted: Noted,
    /// The transaction of the last tombstone that was dropped.
    pub(crate) tombstone_floor: u64,
    commands: usize,
    commit_time_ms: u64,
    /// Why it takes no changesets, only what has no stamps, such as offsets of consumers: that is
    /// dated by the last good time.
    refused: Option<CommitError>,
    /// Of earlier groups that the documents may not show yet.
    earlier: &'a EarlierNotes,
    shared: &'a Shared,
}

impl<'a> OpenGroup<'a> {
    pub(crate) fn new(
        group: Group<'a, RecentOverEngine<'a>>,
        frame: FrameBuilder,
        commit_time_ms: u64,
        refused: Option<CommitError>,
        earlier: &'a EarlierNotes,
        tombstone_floor: u64,
        shared: &'a Shared,
    ) -> Self {
        Self {
            group,
            frame,
            waiting: Waiting::default(),
            beside: BesideDocuments::default(),
            noted: Noted::default(),
            tombstone_floor,
            commands: 0,
            commit_time_ms,
            refused,
            earlier,
            shared,
        }
    }

    /// Applies one transaction. It is answered at once if it is refused by itself.
    ///
    /// # Errors
    /// The documents cannot be read: the group is not to be used any further.
    pub(crate) fn commit(&mut self, command: CommitCommand, answer: Answer<Written>) -> Result<(), EngineError> {
        self.commands += 1;
        let CommitCommand { write: Write { changeset, filters, update, returning, .. }, request, queued_at } = command;
        let given = request.as_ref().map(|keep| &keep.request).filter(|request| request.given);
        if let Some(request) = given
            && let Some(remembered) = self.remembered(&request.key())?
        {
            if remembered.body == request.body {
                self.waiting.repeated.push((remembered, answer));
            } else {
                drop(answer.send(Err(CommitError::RequestReused { id: request.id.clone() })));
            }
            return Ok(());
        }
        if let Some(error) = &self.refused {
            drop(answer.send(Err(error.clone())));
            return Ok(());
        }
        let entries = self.shared.engine.index_entries_of(&changeset);
        if entries > TRANSACTION_INDEX_ENTRIES_MAX {
            let error = CommitError::TooManyIndexEntries { entries, entries_max: TRANSACTION_INDEX_ENTRIES_MAX };
            drop(answer.send(Err(error)));
            return Ok(());
        }
        let given =
            Given { filters: &filters, update: update.as_ref(), returning, tombstone_floor: self.tombstone_floor };
        match self.group.apply(&changeset, &given, &Limits::of(RulesVersion::NEWEST), self.commit_time_ms) {
            Ok(mut applied) => {
                if let Some(txn) = applied.txn {
                    self.frame.push_entry(EntryKind::Decided, |out| {
                        // All of a group are committed at the same time here.
                        out.push(0);
                        applied.encode_decided(&changeset, out);
                    });
                    if let Some(keep) = request {
                        self.keep(keep, &changeset, TxnId(txn), &mut applied);
                    }
                }
                self.waiting.commits.push((applied, queued_at, answer));
            }
            Err(ApplyError::Refused(refusal)) => drop(answer.send(Err(refusal.into()))),
            Err(ApplyError::Documents(error)) => {
                drop(answer.send(Err(CommitError::Halted { reason: error.to_string() })));
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is known of a request of this group, of one before, or of the documents.
    fn remembered(&self, key: &RequestKey) -> Result<Option<Remembered>, EngineError> {
        let found = self.all_noted().find_map(|noted| noted.requests.get(key));
        found.map_or_else(|| self.engine().remembered(key), |found| Ok(Some(found.clone())))
    }

    /// What is known of a site, in the same way.
    fn site(&self, site: SiteId) -> Result<Option<Site>, EngineError> {
        let found = self.all_noted().find_map(|noted| noted.sites.get(&site));
        found.map_or_else(|| self.engine().site(site), |found| Ok(Some(found.clone())))
    }

    /// The newest first.
    fn all_noted(&self) -> impl Iterator<Item = &Noted> {
        std::iter::once(&self.noted).chain(self.earlier.iter().rev().map(|(_, noted)| &**noted))
    }

    fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Writes the request beside its changeset and, if its caller may send it again, has it
    /// remembered.
    fn keep(&mut self, keep: RequestToKeep, changeset: &Changeset, txn_id: TxnId, applied: &mut Applied) {
        let reply = keep.render.map(|render| {
            let committed = Committed::of(applied, txn_id);
            let reply = render(&committed);
            (applied.outcomes, applied.returned) = (committed.outcomes, committed.returned);
            reply
        });
        let entry = RequestEntry::new(keep.request, reply, Counts::of(changeset, &applied.outcomes));
        self.frame.push_entry(EntryKind::Request, |out| entry.encode(out));
        if entry.request.given {
            let remembered = entry.remembered(txn_id, self.commit_time_ms);
            self.noted.requests.insert(entry.request.key(), remembered.clone());
            self.beside.requests.push((entry.request.key(), remembered));
        }
    }

    /// Applies what a peer pushed, each as a transaction. They are answered together.
    ///
    /// # Errors
    /// As [`OpenGroup::commit`].
    pub(crate) fn push(
        &mut self,
        pushes: Vec<Write>,
        queued_at: Instant,
        answer: Answer<Vec<PushOutcome>>,
    ) -> Result<(), EngineError> {
        self.commands += pushes.len();
        if let Some(error) = &self.refused {
            drop(answer.send(Err(error.clone())));
            return Ok(());
        }
        let mut outcomes = Vec::with_capacity(pushes.len());
        for Write { changeset, needs, .. } in pushes {
            match self.push_one(&changeset, &needs) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    drop(answer.send(Err(CommitError::Halted { reason: error.to_string() })));
                    return Err(error);
                }
            }
            if outcomes.last() == Some(&PushOutcome::SiteReused) {
                break;
            }
        }
        self.waiting.pushes.push((outcomes, queued_at, answer));
        Ok(())
    }

    fn push_one(&mut self, changeset: &Changeset, needs: &[u64]) -> Result<PushOutcome, EngineError> {
        let Origin { site: Some(site), pushed: Some(pushed), .. } = &changeset.origin else {
            unreachable!("it was looked at when it was sent")
        };
        let known = self.site(*site)?;
        match Site::standing(known.as_ref(), pushed) {
            Standing::New => {}
            Standing::Taken(txn_id) => return Ok(PushOutcome::Known(txn_id)),
            Standing::Reused => return Ok(PushOutcome::SiteReused),
        }
        let at = TxnId(self.group.next_txn() - 1);
        let is_missing = |seq: &&u64| !known.as_ref().is_some_and(|known| known.has_taken(**seq));
        if let Some(seq) = needs.iter().find(is_missing).copied() {
            return Ok(PushOutcome::Refused { reason: PushRefusal::Needs { seq }, at });
        }
        let entries = self.shared.engine.index_entries_of(changeset);
        if entries > TRANSACTION_INDEX_ENTRIES_MAX {
            let reason = PushRefusal::TooManyIndexEntries { entries, entries_max: TRANSACTION_INDEX_ENTRIES_MAX };
            return Ok(PushOutcome::Refused { reason, at });
        }
        let given = Given { tombstone_floor: self.tombstone_floor, ..Given::default() };
        let applied = match self.group.apply(changeset, &given, &Limits::of(RulesVersion::NEWEST), self.commit_time_ms)
        {
            Ok(applied) => applied,
            Err(ApplyError::Refused(refusal)) => {
                return Ok(PushOutcome::Refused { reason: refusal.into(), at });
            }
            Err(ApplyError::Documents(error)) => return Err(error),
        };
        let txn = applied.txn.expect("what a peer pushes writes at least one document");
        self.frame.push_entry(EntryKind::Decided, |out| {
            out.push(0); // committed with the group
            applied.encode_decided(changeset, out);
        });
        let known = Site::after(known, pushed, TxnId(txn));
        self.noted.sites.insert(*site, known.clone());
        self.beside.sites.insert(*site, known);
        Ok(PushOutcome::Taken(TxnId(txn)))
    }

    pub(crate) fn change_offsets(&mut self, change: OffsetsChange, answer: Answer<()>) {
        self.commands += 1;
        self.frame.push_entry(EntryKind::ConsumerOffsets, |out| change.encode(out));
        self.beside.offsets.push(change);
        self.waiting.changes.push(answer);
    }

    /// What is defined anew begins with the oldest event that is kept now; what is changed keeps
    /// its origin.
    pub(crate) fn define(&mut self, entries: Vec<DefinitionEntry>, answer: Answer<()>) {
        self.commands += 1;
        let log_start = self.shared.journal.start().first_offset;
        for mut entry in entries {
            if let Some((origin, _)) = &mut entry.set {
                let definitions = self.shared.definitions.read().expect("not poisoned");
                *origin = definitions.get(entry.kind, &entry.name).map_or(log_start, |known| known.origin);
            }
            self.frame.push_entry(EntryKind::Definition, |out| entry.encode(out));
            self.beside.definitions.push(entry.at(TxnId(self.group.next_txn() - 1), self.commit_time_ms));
        }
        self.waiting.changes.push(answer);
    }

    /// Drops those of the tombstones that still are their documents' last states. The group is full
    /// then: who comes later finds them gone.
    pub(crate) fn drop_tombstones(
        &mut self,
        dropped: DroppedTombstones,
        documents: &RecentOverEngine<'_>,
        answer: Answer<u64>,
    ) -> Result<(), EngineError> {
        debug_assert_eq!(self.commands, 0, "it is a group of its own");
        self.commands = GROUP_CHANGESETS_MAX;
        let mut last = Vec::with_capacity(dropped.tombstones.len());
        for (offset, key) in dropped.tombstones {
            if documents.is_tombstone_of(&key, offset)? {
                let txn = documents.stored(&key)?.map_or(0, |stored| stored.txn);
                self.tombstone_floor = self.tombstone_floor.max(txn);
                last.push((offset, key));
            }
        }
        // The floor is that of those that go.
        let dropped = DroppedTombstones::of(last);
        let count = dropped.tombstones.len() as u64;
        if count > 0 {
            self.frame.push_entry(EntryKind::DroppedTombstones, |out| dropped.encode(out));
            self.beside.tombstones = Some(dropped);
        }
        self.waiting.dropped.push((count, answer));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.commands == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        let bytes = self.frame.changes_bytes() + self.group.event_bytes();
        self.commands >= GROUP_CHANGESETS_MAX || bytes >= GROUP_BYTES_MAX || self.group.steps() >= GROUP_STEPS_MAX
    }
}
