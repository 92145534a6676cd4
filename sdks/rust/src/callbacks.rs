//! The thread that runs callbacks.
//!
//! Invariants: one callback runs at a time, and they take turns; one that was rung several times
//! before it ran runs once. After `cancel` has returned it does not run, unless it is itself who
//! cancels.
//! Not here: what a callback looks at when it runs (`watch`), when one is rung (`core`).

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use crate::watch::WatchId;

/// What is run.
pub(crate) type Callback = Box<dyn FnMut() + Send>;

#[derive(Default)]
pub(crate) struct Callbacks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    callbacks: BTreeMap<WatchId, Arc<Mutex<Callback>>>,
    due: BTreeSet<WatchId>,
    running: Option<WatchId>,
    thread: Option<ThreadId>,
    is_closed: bool,
}

impl Callbacks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, watch: WatchId, callback: Callback) {
        self.state().callbacks.insert(watch, Arc::new(Mutex::new(callback)));
    }

    /// It is to run.
    pub(crate) fn ring(&self, watch: WatchId) {
        self.state().due.insert(watch);
        self.changed.notify_all();
    }

    /// Forgets the callback, and waits for its end if it runs.
    pub(crate) fn cancel(&self, watch: WatchId) {
        let mut state = self.state();
        let callback = state.callbacks.remove(&watch);
        state.due.remove(&watch);
        if state.thread != Some(thread::current().id()) {
            while state.running == Some(watch) {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(state);
        drop(callback); // what it holds may want this lock
    }

    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    /// Until it is closed.
    pub(crate) fn run(&self) {
        self.state().thread = Some(thread::current().id());
        let mut last = None;
        while let Some((watch, callback)) = self.next(last) {
            last = Some(watch);
            let run = || callback.lock().unwrap_or_else(PoisonError::into_inner)();
            // One that panics has said so; the others go on.
            let _ = catch_unwind(AssertUnwindSafe(run));
            drop(callback);
            self.state().running = None;
            self.changed.notify_all();
        }
        let left = std::mem::take(&mut self.state().callbacks);
        drop(left);
    }

    /// Waits for one that is due; they take turns.
    fn next(&self, last: Option<WatchId>) -> Option<(WatchId, Arc<Mutex<Callback>>)> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            let after = last.map_or(Bound::Unbounded, Bound::Excluded);
            let next = state.due.range((after, Bound::Unbounded)).next().or_else(|| state.due.first()).copied();
            let Some(watch) = next else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.due.remove(&watch);
            if let Some(callback) = state.callbacks.get(&watch).cloned() {
                state.running = Some(watch);
                return Some((watch, callback));
            }
        }
    }
}
