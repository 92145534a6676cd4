//! Which event is sent next: a state machine that has time and chance passed in.
//!
//! Invariants: of a document one event is under way at most, the oldest one. What has a place here is
//! bounded ([`PENDING_MAX`], [`PENDING_BYTES_MAX`]); beyond it nothing more is read. An offset leaves the
//! position only when its event is delivered or set aside.
//! Not here: sending, files, clocks.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    event::Event,
    gate::Gate,
    lane::{Lane, LanePosition},
    outcome::Outcome,
    pace::Pace,
};
use crate::limits::{CALLS_MAX, PENDING_BYTES_MAX, PENDING_MAX, SKIPPED_MAX};

/// Where a webhook stands, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Progress {
    pub(crate) partitions: Vec<LanePosition>,
    pub(crate) failing: Vec<Failing>,
    /// By key, how many events of a document were set aside since the last one that was delivered.
    pub(crate) skipped: BTreeMap<String, u64>,
}

impl Progress {
    /// Of a sink that begins at these offsets.
    pub(crate) fn at(next_offsets: &[u64]) -> Self {
        let partition = |read_to: &u64| LanePosition { read_to: *read_to, ..LanePosition::default() };
        Self { partitions: next_offsets.iter().map(partition).collect(), ..Self::default() }
    }
}

/// An event that failed, and will be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Failing {
    pub(crate) partition: u16,
    pub(crate) offset: u64,
    pub(crate) since_ms: u64,
    pub(crate) refusals: u32,
}

/// A partition and a key.
type DocumentKey = (u16, Arc<str>);

/// The events of a document that wait, the oldest first.
#[derive(Debug, Default)]
struct Document {
    events: VecDeque<Arc<Event>>,
    /// Of the oldest event: when it failed first, how often it did, and how often it was refused.
    since_ms: Option<u64>,
    tries: u32,
    refusals: u32,
    /// Its place in `ready`; `None` while its event is under way.
    turn: Option<(u64, u64)>,
    /// It waits since the receiver was away, and needs not once it is back.
    may_hurry: bool,
}

/// An event that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) event: Arc<Event>,
    /// Events of its document that were set aside since the last one that was delivered.
    pub(crate) skipped: u64,
    key: DocumentKey,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Delivered,
    /// It is tried again.
    Later,
    /// It is not tried again.
    SetAside {
        reason: String,
    },
    /// Nothing is sent any more.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    pace: Pace,
    lanes: Vec<Lane>,
    documents: HashMap<DocumentKey, Document>,
    /// By when they may be tried, and then in order.
    ready: BTreeMap<(u64, u64), DocumentKey>,
    turns: u64,
    under_way: usize,
    pending: usize,
    pending_bytes: usize,
    gate: Gate,
    /// What failed in the run before, until it comes.
    known_failing: BTreeMap<(u16, u64), Failing>,
    skipped: BTreeMap<String, u64>,
    /// Why nothing was delivered since the last time that something was.
    failure: Option<String>,
}

impl Schedule {
    pub(crate) fn at(progress: Progress, pace: Pace) -> Self {
        let Progress { partitions, failing, skipped } = progress;
        let count = partitions.len();
        let known = failing.into_iter().filter(|it| usize::from(it.partition) < count);
        Self {
            pace,
            documents: HashMap::new(),
            ready: BTreeMap::new(),
            turns: 0,
            under_way: 0,
            pending: 0,
            pending_bytes: 0,
            gate: Gate::default(),
            known_failing: known.map(|it| ((it.partition, it.offset), it)).collect(),
            lanes: partitions.into_iter().map(Lane::at).collect(),
            skipped,
            failure: None,
        }
    }

    /// Whether more is to be read.
    pub(crate) fn has_room(&self) -> bool {
        self.pending < PENDING_MAX && self.pending_bytes < PENDING_BYTES_MAX
    }

    /// What was read of a partition, up to `next_offset`.
    pub(crate) fn take(&mut self, partition: u16, events: Vec<Event>, next_offset: u64, now_ms: u64) {
        for event in events {
            if self.lanes[usize::from(partition)].take(&event) {
                self.queue(event, now_ms);
            }
        }
        self.lanes[usize::from(partition)].passed(next_offset);
    }

    /// Sends an event once more that was set aside.
    pub(crate) fn replay(&mut self, event: Event, now_ms: u64) {
        if usize::from(event.partition) < self.lanes.len() {
            self.queue(event, now_ms);
        }
    }

    fn queue(&mut self, event: Event, now_ms: u64) {
        self.pending += 1;
        self.pending_bytes += event.bytes();
        let partition = usize::from(event.partition);
        self.lanes[partition].backlog.push_back(event);
        self.admit(partition, now_ms);
    }

    /// Gives a place to what has its turn in the partition.
    fn admit(&mut self, partition: usize, now_ms: u64) {
        let lane = &mut self.lanes[partition];
        while lane.backlog.front().is_some_and(|event| lane.admits(event)) {
            let Some(event) = lane.backlog.pop_front() else { break };
            lane.admitted += 1;
            lane.has_barrier = event.is_barrier();
            let key: DocumentKey = (event.partition, event.key.as_str().into());
            let document = self.documents.entry(key.clone()).or_default();
            document.events.push_back(Arc::new(event));
            if document.events.len() == 1 {
                Self::begin(&mut self.known_failing, document);
                self.turns += 1;
                document.turn = Some((now_ms, self.turns));
                self.ready.insert((now_ms, self.turns), key);
            }
        }
    }

    /// The document's oldest event is another one.
    fn begin(known: &mut BTreeMap<(u16, u64), Failing>, document: &mut Document) {
        let Some(event) = document.events.front() else { return };
        let known = event.replayed.map_or_else(|| known.remove(&(event.partition, event.offset)), |_| None);
        document.tries = 0;
        document.since_ms = known.map(|it| it.since_ms);
        document.refusals = known.map_or(0, |it| it.refusals);
    }

    /// What is to be sent now, if anything is.
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<Call> {
        if self.wake_ms()? > now_ms {
            return None;
        }
        let (_, key) = self.ready.pop_first()?;
        let document = self.documents.get_mut(&key)?;
        document.turn = None;
        let event = document.events.front()?.clone();
        self.gate.called();
        self.under_way += 1;
        let skipped = if event.replayed.is_some() { None } else { self.skipped.get(&event.key) };
        Some(Call { skipped: skipped.copied().unwrap_or(0), event, key })
    }

    /// When something is to be sent, as far as it is known; `None`: not before a call ends, or more is
    /// read.
    pub(crate) fn wake_ms(&self) -> Option<u64> {
        if self.under_way >= CALLS_MAX {
            return None;
        }
        let opens_ms = self.gate.opens_ms(self.under_way)?;
        self.ready.first_key_value().map(|((ready_ms, _), _)| opens_ms.max(*ready_ms))
    }

    /// What became of a call.
    pub(crate) fn settle(&mut self, call: &Call, outcome: Outcome, now_ms: u64, chance: f64) -> Settled {
        self.under_way -= 1;
        match outcome {
            Outcome::Delivered => {
                self.failure = None;
                self.answered(now_ms);
                self.note_delivered(call);
                self.close(&call.key, now_ms);
                Settled::Delivered
            }
            Outcome::Refused { reason } => {
                self.answered(now_ms);
                self.retry_or_give_up(call, reason, (true, 0), now_ms, chance)
            }
            Outcome::Failed { reason, retry_after } => {
                let retry_after_ms = retry_after.map_or(0, |wait| wait.as_millis() as u64);
                self.gate.failed(now_ms, retry_after_ms, &self.pace, chance);
                self.retry_or_give_up(call, reason, (false, retry_after_ms), now_ms, chance)
            }
            Outcome::Gone => {
                self.wait(&call.key, now_ms, 0);
                Settled::Gone
            }
        }
    }

    fn retry_or_give_up(
        &mut self,
        call: &Call,
        reason: String,
        (is_refusal, retry_after_ms): (bool, u64),
        now_ms: u64,
        chance: f64,
    ) -> Settled {
        self.failure = Some(reason.clone());
        let Some(document) = self.documents.get_mut(&call.key) else { return Settled::Later };
        let since_ms = *document.since_ms.get_or_insert(now_ms);
        document.tries = document.tries.saturating_add(1);
        document.refusals += u32::from(is_refusal);
        let is_too_old = now_ms.saturating_sub(since_ms) >= self.pace.give_up.as_millis() as u64;
        if is_too_old || document.refusals >= self.pace.refusals_max {
            self.note_skipped(&call.event);
            self.close(&call.key, now_ms);
            return Settled::SetAside { reason };
        }
        document.may_hurry = !is_refusal && retry_after_ms == 0;
        let wait_ms = self.pace.backoff_ms(document.tries, chance).max(retry_after_ms);
        self.wait(&call.key, now_ms, wait_ms);
        Settled::Later
    }

    fn wait(&mut self, key: &DocumentKey, now_ms: u64, wait_ms: u64) {
        self.turns += 1;
        let turn = (now_ms + wait_ms, self.turns);
        if let Some(document) = self.documents.get_mut(key) {
            document.turn = Some(turn);
            self.ready.insert(turn, key.clone());
        }
    }

    /// The receiver is there: if it was not, whoever waited for that does so no more.
    fn answered(&mut self, now_ms: u64) {
        if !self.gate.answered() {
            return;
        }
        for (key, document) in &mut self.documents {
            let Some(turn) = document.turn.filter(|turn| document.may_hurry && turn.0 > now_ms) else { continue };
            self.ready.remove(&turn);
            document.turn = Some((now_ms, turn.1));
            self.ready.insert((now_ms, turn.1), key.clone());
        }
    }

    fn note_delivered(&mut self, call: &Call) {
        let key = &call.event.key;
        if call.event.replayed.is_none() {
            self.skipped.remove(key);
        } else if let Some(skipped) = self.skipped.get_mut(key) {
            *skipped -= 1;
            if *skipped == 0 {
                self.skipped.remove(key);
            }
        }
    }

    fn note_skipped(&mut self, event: &Event) {
        // One that is replayed in vain was counted when it was set aside.
        let has_place = self.skipped.contains_key(&event.key) || self.skipped.len() < SKIPPED_MAX;
        if event.replayed.is_none() && has_place {
            *self.skipped.entry(event.key.clone()).or_default() += 1;
        }
    }

    /// The document's oldest event is done with.
    fn close(&mut self, key: &DocumentKey, now_ms: u64) {
        let Some(document) = self.documents.get_mut(key) else { return };
        let Some(event) = document.events.pop_front() else { return };
        let partition = usize::from(event.partition);
        self.pending -= 1;
        self.pending_bytes -= event.bytes();
        let lane = &mut self.lanes[partition];
        lane.admitted -= 1;
        lane.has_barrier &= !event.is_barrier();
        if event.replayed.is_none() {
            lane.close(event.offset);
        }
        if document.events.is_empty() {
            self.documents.remove(key);
        } else {
            Self::begin(&mut self.known_failing, document);
            self.wait(key, now_ms, 0);
        }
        self.admit(partition, now_ms);
    }

    /// Where it stands, as it is to be kept.
    pub(crate) fn progress(&self) -> Progress {
        let failing = self.documents.values().filter_map(|document| {
            let event = document.events.front().filter(|event| event.replayed.is_none())?;
            let (partition, offset, refusals) = (event.partition, event.offset, document.refusals);
            Some(Failing { partition, offset, since_ms: document.since_ms?, refusals })
        });
        let partitions: Vec<_> = self.lanes.iter().map(Lane::position).collect();
        let is_pending = |it: &&Failing| partitions[usize::from(it.partition)].pending.contains(&it.offset);
        let known = self.known_failing.values().filter(is_pending).copied();
        Progress { failing: failing.chain(known).collect(), skipped: self.skipped.clone(), partitions }
    }

    /// Of each partition, the first offset that is not delivered.
    pub(crate) fn lows(&self) -> Vec<u64> {
        self.lanes.iter().map(Lane::low).collect()
    }

    /// How many events behind those are.
    pub(crate) fn delivered_beyond(&self) -> u64 {
        self.lanes.iter().map(Lane::delivered_beyond).sum()
    }

    /// Why nothing gets through, and when it is tried again; `None` if something does, or nothing is to.
    pub(crate) fn waits(&self) -> Option<(&str, Option<u64>)> {
        let reason = self.failure.as_deref().filter(|_| self.pending > 0)?;
        Some((reason, self.wake_ms()))
    }
}

#[cfg(test)]
mod tests;
