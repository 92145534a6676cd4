//! Who is told when something changed: a callback, or a stream that is polled again.
//!
//! Invariants: what changed several times before somebody looked is told once; the first look is due
//! at once; what was ended is told nothing.
//! Not here: the thread of callbacks (`callbacks`), what observers see (`peer-core`).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use peer_core::{Observed, ObserverId, Peer, QueryError, RejectedTransaction};

use crate::{State, callbacks::Callbacks, limits::REJECTED_WAITING_MAX};

/// One who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchId(pub(crate) u64);

impl WatchId {
    /// The program's source of tokens: nobody can end it.
    pub(crate) const TOKEN_SOURCE: Self = Self(0);
    pub(crate) const FIRST: Self = Self(1);
}

/// How one is told.
#[derive(Clone)]
pub(crate) enum Target {
    Callback(Arc<Callbacks>, WatchId),
    Stream(Arc<Bell>),
}

impl Target {
    pub(crate) fn ring(&self) {
        match self {
            Self::Callback(callbacks, watch) => callbacks.ring(*watch),
            Self::Stream(bell) => bell.ring(),
        }
    }
}

/// Wakes the task that polls a stream.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<BellState>);

#[derive(Debug, Default)]
struct BellState {
    is_due: bool,
    is_over: bool,
    waker: Option<Waker>,
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, BellState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        let mut state = self.state();
        state.is_due = true;
        wake(state);
    }

    fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        wake(state);
    }

    /// Whether to look; `None` at the end.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Option<()>> {
        let mut state = self.state();
        if state.is_over {
            return Poll::Ready(None);
        }
        if std::mem::take(&mut state.is_due) {
            return Poll::Ready(Some(()));
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

fn wake(mut state: MutexGuard<'_, BellState>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Refused writes that one has not seen yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<VecDeque<RejectedTransaction>>>);

impl Refusals {
    fn push(&self, rejected: &[RejectedTransaction]) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(rejected.iter().cloned());
        let too_many = waiting.len().saturating_sub(REJECTED_WAITING_MAX);
        waiting.drain(..too_many);
    }

    pub(crate) fn next(&self) -> Option<RejectedTransaction> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Where sync stands, as one is to be told.
#[derive(Debug, Clone)]
pub(crate) struct StateCell(Arc<Mutex<State>>);

impl Default for StateCell {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State::Stopped)))
    }
}

impl StateCell {
    pub(crate) fn get(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// All who are told, on the thread of the peer.
#[derive(Default)]
pub(crate) struct Watches {
    observers: BTreeMap<WatchId, (Observed, Target)>,
    by_observer: BTreeMap<ObserverId, WatchId>,
    states: BTreeMap<WatchId, (StateCell, Target)>,
    rejections: BTreeMap<WatchId, (Refusals, Target)>,
    state: Option<State>,
}

impl Watches {
    pub(crate) fn observe(
        &mut self,
        peer: &mut Peer,
        watch: WatchId,
        observed: Observed,
        target: Target,
    ) -> Result<(), QueryError> {
        let observer = peer.observe(observed.clone())?;
        self.by_observer.insert(observer, watch);
        self.observers.insert(watch, (observed, target));
        Ok(())
    }

    /// The peer was opened again.
    pub(crate) fn observe_again(&mut self, peer: &mut Peer) {
        self.by_observer.clear();
        for (watch, (observed, _)) in &self.observers {
            if let Ok(observer) = peer.observe(observed.clone()) {
                self.by_observer.insert(observer, *watch);
            }
        }
    }

    pub(crate) fn watch_states(&mut self, watch: WatchId, cell: StateCell, state: State, target: Target) {
        cell.put(state);
        target.ring();
        self.states.insert(watch, (cell, target));
    }

    pub(crate) fn watch_rejections(&mut self, watch: WatchId, refusals: Refusals, target: Target) {
        self.rejections.insert(watch, (refusals, target));
    }

    pub(crate) fn wants_rejections(&self) -> bool {
        !self.rejections.is_empty()
    }

    pub(crate) fn cancel(&mut self, peer: &mut Peer, watch: WatchId) {
        self.observers.remove(&watch);
        self.states.remove(&watch);
        self.rejections.remove(&watch);
        for (observer, _) in self.by_observer.extract_if(.., |_, it| *it == watch) {
            peer.cancel_observer(observer);
        }
    }

    pub(crate) fn observed(&self, observer: ObserverId) {
        if let Some((_, target)) = self.by_observer.get(&observer).and_then(|watch| self.observers.get(watch)) {
            target.ring();
        }
    }

    pub(crate) fn state_is(&mut self, state: State) {
        if self.state.replace(state) != Some(state) {
            for (cell, target) in self.states.values() {
                cell.put(state);
                target.ring();
            }
        }
    }

    pub(crate) fn rejected(&self, rejected: &[RejectedTransaction]) {
        for (refusals, target) in self.rejections.values() {
            refusals.push(rejected);
            target.ring();
        }
    }

    /// Streams end.
    pub(crate) fn end(&mut self) {
        let observers = self.observers.values().map(|(_, target)| target);
        for target in observers.chain(self.states.values().map(|(_, target)| target)) {
            if let Target::Stream(bell) = target {
                bell.end();
            }
        }
    }
}
