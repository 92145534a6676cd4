//! What a session gets: a position among the changes, and snapshots that are under way.
//!
//! Invariants: one question is open at a time, and only while there is credit; at most one message
//! with documents waits for credit; changes and pages take turns. The position moves when changes are
//! sent, and the peer knows it before it gets a part of a transaction.

use std::collections::{BTreeSet, VecDeque};

use super::ServerOutput;
use crate::frame::{Codec, encode_frame};
use crate::limits::{CREDIT_BYTES_MIN, FRAME_BYTES_AIM};
use crate::message::{Changes, Item, Message, Rest, Snapshot, SnapshotItem, SubId, TxnId};
use crate::window::Window;

/// An answer to [`ServerOutput::WantChanges`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangesPage {
    /// Of the question.
    pub request: u64,
    /// What the session's subscriptions see of the transactions, whole ones; of one that is too
    /// large for a message its next part.
    pub items: Vec<Item>,
    /// Where the session is with these; the same as before for a part.
    pub through: TxnId,
    /// Whether nothing newer is there.
    pub caught_up: bool,
}

/// An answer to [`ServerOutput::WantSnapshot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotPage {
    /// Of the question.
    pub request: u64,
    /// The next documents, by id.
    pub items: Vec<SnapshotItem>,
    /// Where to go on; none if this is the last page.
    pub next: Option<Vec<u8>>,
    /// As of which transaction they were read; not before the session's position.
    pub at: TxnId,
}

#[derive(Debug, Default)]
pub(super) struct Feed {
    position: TxnId,
    told: TxnId,
    subs: BTreeSet<SubId>,
    /// Subscriptions whose snapshot is under way, with where it goes on.
    snapshots: VecDeque<(SubId, Option<Vec<u8>>)>,
    credit: Window,
    /// Messages under way, by their bytes.
    unapplied: VecDeque<u64>,
    unapplied_from: u64,
    request: u64,
    asked: Option<Asked>,
    /// At most a message with documents, and one before it that tells the position.
    waiting: VecDeque<(Vec<u8>, u64)>,
    may_have_changes: bool,
    is_changes_turn: bool,
    is_caught_up: bool,
    is_position_due: bool,
    /// A part of a transaction was told last.
    is_in_part: bool,
    is_ended: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Changes,
    Snapshot(SubId),
}

impl Feed {
    /// The session begins where the peer's cursor is.
    pub(super) fn begin_at(&mut self, position: TxnId) {
        self.position = position;
        self.told = position;
        self.may_have_changes = true;
    }

    /// The session begins elsewhere. The peer is told at once: a snapshot that is cut can only go on
    /// from a cursor that is not before its pages.
    pub(super) fn begin_anew_at(&mut self, position: TxnId) {
        self.begin_at(position);
        self.is_position_due = true;
    }

    pub(super) fn subs_count(&self) -> usize {
        self.subs.len()
    }

    pub(super) fn has(&self, sub: SubId) -> bool {
        self.subs.contains(&sub)
    }

    /// Whether no page of its snapshot is due.
    pub(super) fn is_whole(&self, sub: SubId) -> bool {
        self.has(sub) && !self.snapshots.iter().any(|(it, _)| *it == sub)
    }

    /// A subscription of which the peer has everything up to the position.
    pub(super) fn add(&mut self, sub: SubId) {
        self.subs.insert(sub);
    }

    /// A subscription gets its snapshot, from `page` on.
    pub(super) fn begin(&mut self, sub: SubId, page: Option<Vec<u8>>) {
        self.remove(sub);
        self.subs.insert(sub);
        self.snapshots.push_back((sub, page));
        self.is_caught_up = false;
        self.may_have_changes = true;
    }

    /// All subscriptions get their snapshots, and changes from `position` on.
    pub(super) fn begin_all(&mut self, position: TxnId) {
        self.begin_anew_at(position);
        self.is_in_part = false;
        self.asked = None;
        for sub in self.subs.clone() {
            self.begin(sub, None);
        }
    }

    pub(super) fn remove(&mut self, sub: SubId) {
        self.subs.remove(&sub);
        self.snapshots.retain(|(it, _)| *it != sub);
        if self.asked == Some(Asked::Snapshot(sub)) {
            self.asked = None;
        }
    }

    /// Nothing is asked for any more.
    pub(super) fn end(&mut self) {
        *self = Self { is_ended: true, ..Self::default() };
    }

    pub(super) fn changes_available(&mut self) {
        self.may_have_changes = true;
    }

    /// The peer's cursor is told even if nothing of what happened concerned it.
    pub(super) fn tell_position(&mut self) {
        self.is_position_due = self.told < self.position;
    }

    /// Whether everything up to this transaction was sent that concerns the session.
    pub(super) fn has_sent(&self, txn: TxnId) -> bool {
        self.position >= txn && self.waiting.is_empty() && !self.is_in_part
    }

    pub(super) fn is_caught_up(&self) -> bool {
        self.is_caught_up
    }

    pub(super) fn take_changes(&mut self, page: ChangesPage, codec: Codec) {
        if self.asked != Some(Asked::Changes) || page.request != self.request {
            return;
        }
        self.asked = None;
        let is_part = page.through <= self.position && !page.items.is_empty();
        if is_part && self.told < self.position {
            // A part of a transaction is known by that the position does not move.
            self.tell_changes(Vec::new(), self.is_caught_up, codec);
        }
        let ends_part = self.is_in_part && page.through > self.position;
        self.position = self.position.max(page.through);
        self.may_have_changes |= !page.caught_up;
        let caught_up = page.caught_up && self.snapshots.is_empty();
        if page.items.is_empty() && !ends_part && (!caught_up || self.is_caught_up) {
            return; // nothing to tell: the position goes with what comes next, or a ping
        }
        self.is_in_part = is_part;
        self.tell_changes(page.items, caught_up, codec);
    }

    fn tell_changes(&mut self, items: Vec<Item>, caught_up: bool, codec: Codec) {
        self.is_caught_up |= caught_up;
        self.is_position_due = false;
        self.told = self.position;
        let changes = Changes { items, through: self.position, caught_up, rest: Rest::default() };
        self.waiting.push_back(encode_frame(&Message::Changes(changes), codec));
    }

    pub(super) fn take_snapshot(&mut self, page: SnapshotPage, codec: Codec) {
        let Some(Asked::Snapshot(sub)) = self.asked else { return };
        if page.request != self.request {
            return;
        }
        self.asked = None;
        self.snapshots.retain(|(it, _)| *it != sub);
        let done = page.next.is_none();
        if done {
            self.may_have_changes = true; // they say that the peer is caught up
        } else {
            self.snapshots.push_front((sub, page.next.clone()));
        }
        let SnapshotPage { items, next: page, at, .. } = page;
        let snapshot = Snapshot { sub, items, page, at, done, rest: Rest::default() };
        self.waiting.push_back(encode_frame(&Message::Snapshot(snapshot), codec));
    }

    /// The peer stored `bytes` of this session; an error if it never got them.
    pub(super) fn applied(&mut self, bytes: u64) -> Result<(), String> {
        while self.unapplied_from < bytes {
            let Some(message) = self.unapplied.pop_front() else {
                return Err(format!("{bytes} bytes are applied, {} were sent", self.unapplied_from));
            };
            self.unapplied_from += message;
            self.credit.give_back(message);
        }
        if self.unapplied_from == bytes { Ok(()) } else { Err("a part of a message is applied".to_owned()) }
    }

    /// The next message or question.
    pub(super) fn poll(&mut self) -> Option<ServerOutput> {
        if self.is_ended {
            return None;
        }
        if let Some((frame, bytes)) = self.waiting.pop_front() {
            if self.credit.take(bytes) {
                self.unapplied.push_back(bytes);
                return Some(ServerOutput::Send(frame));
            }
            self.waiting.push_front((frame, bytes));
            return None;
        }
        if self.is_position_due && self.asked.is_none() {
            self.tell_changes(Vec::new(), self.is_caught_up, Codec::Plain);
            return self.poll();
        }
        let is_worth_it = self.credit.is_empty() || self.credit.bytes_left() >= CREDIT_BYTES_MIN;
        if self.asked.is_some() || !self.credit.has_room() || !is_worth_it {
            return None;
        }
        self.ask()
    }

    fn ask(&mut self) -> Option<ServerOutput> {
        let is_snapshot_due = !self.snapshots.is_empty();
        let is_changes = self.may_have_changes && (self.is_changes_turn || !is_snapshot_due);
        if !is_changes && !is_snapshot_due {
            return None;
        }
        self.request += 1;
        self.is_changes_turn = !is_changes;
        let request = self.request;
        let bytes_max = self.credit.bytes_left().min(FRAME_BYTES_AIM as u64);
        if is_changes {
            self.asked = Some(Asked::Changes);
            self.may_have_changes = false;
            return Some(ServerOutput::WantChanges { request, after: self.position, bytes_max });
        }
        let (sub, page) = self.snapshots.front()?.clone();
        self.asked = Some(Asked::Snapshot(sub));
        Some(ServerOutput::WantSnapshot { request, sub, page, bytes_max })
    }
}
