//! What a sink does, as its task says it and others read it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use wire::admin::SinkState;

use crate::limits::LOOK_EVERY;

/// Shared between a sink's task and who shows it.
#[derive(Debug)]
pub(crate) struct Status {
    doing: Mutex<Doing>,
    /// What every partition of the topic was delivered to: the offset that is next; empty while that
    /// is not known.
    next_offsets: Mutex<Vec<u64>>,
    events: AtomicU64,
    errors: AtomicU64,
    /// Events at or behind `next_offsets` that are delivered all the same.
    delivered_beyond: AtomicU64,
    set_aside: AtomicU64,
    /// What `events` was at each look in the last minute, the oldest first.
    looks: Mutex<VecDeque<u64>>,
    /// Since when the oldest event is there that is not delivered, in ms; [`UNKNOWN`] if that is not known.
    lag_ms: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

/// What it does, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Doing {
    pub(crate) state: SinkState,
    pub(crate) reason: Option<String>,
    /// When it tries again, if it waits.
    pub(crate) next_try_ms: Option<u64>,
}

impl Default for Status {
    fn default() -> Self {
        let reason = Some("it starts".to_owned());
        Self {
            doing: Mutex::new(Doing { state: SinkState::Waiting, reason, next_try_ms: None }),
            next_offsets: Mutex::default(),
            events: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            delivered_beyond: AtomicU64::new(0),
            set_aside: AtomicU64::new(0),
            looks: Mutex::default(),
            lag_ms: AtomicU64::new(UNKNOWN),
        }
    }
}

impl Status {
    /// It delivers, or has delivered everything.
    pub(crate) fn running(&self) {
        self.set(Doing { state: SinkState::Running, reason: None, next_try_ms: None });
    }

    /// It tries again at `next_try_ms`, ms since the epoch.
    pub(crate) fn waiting(&self, reason: impl Into<String>, next_try_ms: Option<u64>) {
        self.set(Doing { state: SinkState::Waiting, reason: Some(reason.into()), next_try_ms });
    }

    /// Somebody has to change something.
    pub(crate) fn failed(&self, reason: impl Into<String>) {
        self.set(Doing { state: SinkState::Failed, reason: Some(reason.into()), next_try_ms: None });
    }

    /// It was told to stop, or stopped itself as its target asked.
    pub(crate) fn paused(&self, reason: Option<String>) {
        self.set(Doing { state: SinkState::Paused, reason, next_try_ms: None });
    }

    fn set(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    pub(crate) fn doing(&self) -> Doing {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So many events more were delivered, and what comes next is at `next_offsets`, one a partition.
    pub(crate) fn delivered(&self, events: u64, next_offsets: Vec<u64>) {
        self.events.fetch_add(events, Relaxed);
        *self.next_offsets.lock().unwrap_or_else(PoisonError::into_inner) = next_offsets;
    }

    /// So many events at or behind the next offsets are delivered all the same.
    pub(crate) fn delivered_beyond_are(&self, count: u64) {
        self.delivered_beyond.store(count, Relaxed);
    }

    pub(crate) fn delivered_beyond(&self) -> u64 {
        self.delivered_beyond.load(Relaxed)
    }

    /// A try failed.
    pub(crate) fn erred(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// So many events are set aside.
    pub(crate) fn set_aside_are(&self, count: u64) {
        self.set_aside.store(count, Relaxed);
    }

    /// Notes how many events were delivered, for the rate; to be called every [`LOOK_EVERY`].
    pub(crate) fn look(&self) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() as u64 >= 60 / LOOK_EVERY.as_secs() {
            looks.pop_front();
        }
        looks.push_back(self.events.load(Relaxed));
    }

    /// Events that were delivered in the last minute.
    pub(crate) fn events_last_minute(&self) -> u64 {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        self.events.load(Relaxed) - looks.front().copied().unwrap_or(0)
    }

    /// How far behind it is in time.
    pub(crate) fn set_lag_ms(&self, lag_ms: Option<u64>) {
        self.lag_ms.store(lag_ms.unwrap_or(UNKNOWN), Relaxed);
    }

    pub(crate) fn lag_ms(&self) -> Option<u64> {
        Some(self.lag_ms.load(Relaxed)).filter(|known| *known != UNKNOWN)
    }

    pub(crate) fn next_offsets(&self) -> Vec<u64> {
        self.next_offsets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Events delivered, tries failed, events set aside.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        (self.events.load(Relaxed), self.errors.load(Relaxed), self.set_aside.load(Relaxed))
    }
}
