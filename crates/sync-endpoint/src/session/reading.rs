//! What a session reads for the machine's questions.
//!
//! Invariants: one question is read at a time; what a session that has everything is told comes
//! from its seat, and no event is read twice for it.
//! Not here: reading (`changes`, `snapshot_pages`, `live`).

use store::{SnapshotError, TxnId};
use sync_protocol::{ByeCode, ChangesPage, DigestReply, ItemKind, ResyncReason, SessionState, SnapshotPage, SubId};

use super::{Session, retry_after_ms};
use crate::{
    changes::{self, ChangesError, Page},
    digests::Digesting,
    limits::{READ_TURN, RETRY_WRITES_AFTER_MS},
    live::Taken,
    page::{ChangesPlace, Holds},
    scans,
    snapshot_pages::{self, SnapshotPageError},
};

/// What was read for a question.
pub(super) enum Answer {
    Changes { request: u64, after: TxnId, page: Result<changes::Page, ChangesError> },
    Snapshot { request: u64, sub: SubId, page: Result<snapshot_pages::Page, SnapshotPageError> },
}

impl Session {
    pub(super) fn read_changes(&mut self, request: u64, after: sync_protocol::TxnId, bytes_max: u64) {
        if !self.look_at_caller() {
            return;
        }
        let after = TxnId(after.0);
        if let Some(taken) = self.take(after) {
            return self.answer_taken(request, after, taken);
        }
        let Some(known) = &self.known else { return };
        let offset = self.place_at(after).map(|place| place.next_offset);
        let subs = self.subs.values().cloned().collect();
        let may_begin_again = self.changes_place.is_none() && self.machine.state() != SessionState::Live;
        let holds = self.holds(after);
        let question = changes::Question { subs, after, offset, bytes_max, holds, may_begin_again, turn: READ_TURN };
        let (shared, app) = (self.shared.clone(), known.app.clone());
        self.reading = Some(tokio::spawn(async move {
            Answer::Changes { request, after, page: scans::read(&shared, &app, question).await }
        }));
    }

    /// What the session sees of what happened since it asked before, if it is told that, or is from now on.
    fn take(&mut self, after: TxnId) -> Option<Taken> {
        let from = self.place_at(after)?.next_offset;
        let is_live = self.machine.state() == SessionState::Live;
        if !is_live || !self.subs.keys().all(|sub| self.machine.is_whole(*sub)) {
            self.seat = None;
            return None;
        }
        if self.seat.is_none() {
            let subs = self.subs.values().cloned().collect();
            self.seat = self.known.as_ref()?.feed.sit_down(self.place.session, subs, from);
        }
        let taken = self.seat.as_ref()?.take();
        if taken.is_none() {
            self.seat = None;
        }
        taken
    }

    fn answer_taken(&mut self, request: u64, after: TxnId, taken: Taken) {
        let holds = self.holds(after);
        match Page::of_taken(&taken, after, &holds, None).transpose() {
            Some(page) => self.answer_changes(request, after, page),
            None => {
                let Some(known) = &self.known else { return };
                let app = known.app.clone();
                let page = move || -> Result<Page, ChangesError> {
                    let page = Page::of_taken(&taken, after, &holds, Some(&app.snapshot()?))?;
                    Ok(page.expect("there is a snapshot"))
                };
                self.read(move || Answer::Changes { request, after, page: page() });
            }
        }
    }

    /// Where the session goes on, if that is after this transaction.
    fn place_at(&self, after: TxnId) -> Option<ChangesPlace> {
        self.changes_place.filter(|place| place.through == after)
    }

    fn holds(&self, after: TxnId) -> Holds {
        Holds::of(&self.machine, self.subs.keys(), self.place_at(after))
    }

    pub(super) fn read_snapshot(&mut self, request: u64, sub: SubId, page: Option<Vec<u8>>, bytes_max: u64) {
        if !self.look_at_caller() {
            return;
        }
        let (Some(known), Some(subscribed)) = (&self.known, self.subs.get(&sub).cloned()) else { return };
        let (app, shared) = (known.app.clone(), self.shared.clone());
        self.read(move || {
            let page = snapshot_pages::read(
                &app,
                &subscribed.asked,
                &shared.hidden_places,
                page.as_deref(),
                bytes_max,
                READ_TURN,
            );
            Answer::Snapshot { request, sub, page }
        });
    }

    /// Reads on a blocking thread, in its turn. What was read for an older question is thrown away.
    fn read(&mut self, read: impl FnOnce() -> Answer + Send + 'static) {
        let shared = self.shared.clone();
        self.reading = Some(tokio::spawn(async move {
            let _turn = shared.reads.acquire().await.expect("it is never closed");
            tokio::task::spawn_blocking(read).await.expect("a read does not panic")
        }));
    }

    /// Makes digests, a turn at a time. What is asked meanwhile is made after them.
    pub(super) fn make_digests(&mut self, asked: Vec<SubId>) {
        self.digests_due.extend(asked);
        let (Some(known), None) = (&self.known, &self.digesting) else { return };
        let due = std::mem::take(&mut self.digests_due);
        let subs: Vec<_> = due.iter().filter_map(|sub| self.subs.get(sub).cloned()).collect();
        let (shared, app) = (self.shared.clone(), known.app.clone());
        self.digesting = Some(tokio::spawn(async move {
            let mut digesting: Option<Digesting> = None;
            loop {
                let _turn = shared.reads.acquire().await.expect("it is never closed");
                let (app, subs) = (app.clone(), subs.clone());
                let step = move || {
                    let mut it = digesting.map_or_else(|| Digesting::of(&app, subs), Ok)?;
                    let reply = it.go_on()?;
                    Ok((it, reply))
                };
                let made = tokio::task::spawn_blocking(step).await.expect("a digest does not panic");
                match made {
                    Ok((_, Some(reply))) => return Ok(reply),
                    Ok((it, None)) => digesting = Some(it),
                    Err(error) => return Err::<DigestReply, SnapshotError>(error),
                }
            }
        }));
    }

    pub(super) fn answer_digests(&mut self, made: Result<DigestReply, SnapshotError>) {
        match made {
            Ok(reply) => self.machine.handle_digest(reply),
            Err(error) => return self.fail(&error),
        }
        if !self.digests_due.is_empty() {
            self.make_digests(Vec::new());
        }
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Changes { request, after, page } => self.answer_changes(request, after, page),
            Answer::Snapshot { request, sub, page } => match page {
                Ok(snapshot_pages::Page { items, next, at }) => {
                    self.shared.metrics.snapshot_documents.inc_by(items.len() as u64);
                    let at = sync_protocol::TxnId(at.0);
                    self.machine.handle_snapshot(SnapshotPage { request, items, next, at });
                }
                Err(error @ SnapshotPageError::Place) => {
                    self.machine.refuse(ByeCode::Protocol, format!("subscription {}: {error}", sub.0), None);
                }
                Err(error) => self.fail(&error),
            },
        }
    }

    fn answer_changes(&mut self, request: u64, after: TxnId, page: Result<changes::Page, ChangesError>) {
        match page {
            Ok(changes::Page { items, through, caught_up, next_offset, debts }) => {
                self.changes_place = Some(ChangesPlace { through, next_offset, debts });
                self.shared.metrics.looks.inc();
                let deltas = items.iter().filter(|item| item.kind == ItemKind::Delta).count();
                self.shared.metrics.changes.inc_by(items.len() as u64);
                self.shared.metrics.deltas.inc_by(deltas as u64);
                self.note(|peer| peer.read(through, !items.is_empty()));
                let through = sync_protocol::TxnId(through.0);
                self.machine.handle_changes(ChangesPage { request, items, through, caught_up });
            }
            Err(error @ (ChangesError::Trimmed | ChangesError::MoreThanThereIs)) => {
                let Some(known) = &self.known else { return };
                tracing::info!(session = self.place.session, after = after.0, "a peer begins again: {error}");
                (self.changes_place, self.seat) = (None, None);
                self.shared.metrics.resyncs.inc();
                let newest = sync_protocol::TxnId(known.app.newest_txn().0);
                self.machine.resync_all(newest, ResyncReason::Trimmed, error.to_string());
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &dyn std::fmt::Display) {
        tracing::warn!(session = self.place.session, %error, "nothing can be read for a peer");
        let retry_after_ms = Some(retry_after_ms(RETRY_WRITES_AFTER_MS));
        self.machine.refuse(ByeCode::Busy, "the server cannot read".to_owned(), retry_after_ms);
    }
}
