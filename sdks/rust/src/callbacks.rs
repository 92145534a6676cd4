//! The thread that runs the callbacks of observers.
//!
//! Invariants: one callback runs at a time; each gets the result as of when it begins, so that what
//! changed meanwhile is told once. After `cancel` has returned it does not run, unless it is itself
//! who cancels.
//! Not here: which observers a change concerns (`peer-core`).

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use peer_core::ObserverId;
use serde_json::Value;

use crate::{Error, json, mailbox::Mailbox};

/// What is called with each result.
pub(crate) type Callback = Box<dyn FnMut(Result<Vec<Value>, Error>) + Send>;

#[derive(Default)]
pub(crate) struct Callbacks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    callbacks: BTreeMap<ObserverId, Arc<Mutex<Callback>>>,
    due: BTreeSet<ObserverId>,
    running: Option<ObserverId>,
    thread: Option<ThreadId>,
    is_closed: bool,
}

impl Callbacks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, observer: ObserverId, callback: Callback) {
        self.state().callbacks.insert(observer, Arc::new(Mutex::new(callback)));
    }

    /// The result may have changed.
    pub(crate) fn observed(&self, observer: ObserverId) {
        self.state().due.insert(observer);
        self.changed.notify_all();
    }

    /// Forgets the callback, and waits for its end if it runs.
    pub(crate) fn cancel(&self, observer: ObserverId) {
        let mut state = self.state();
        let callback = state.callbacks.remove(&observer);
        state.due.remove(&observer);
        if !self.is_own_thread(&state) {
            while state.running == Some(observer) {
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

    fn is_own_thread(&self, state: &State) -> bool {
        state.thread == Some(thread::current().id())
    }

    /// Until it is closed.
    pub(crate) fn run(&self, mailbox: &Mailbox) {
        self.state().thread = Some(thread::current().id());
        let mut last = None;
        while let Some((observer, callback)) = self.next(last) {
            last = Some(observer);
            let rows = mailbox.call(move |core| Ok(core.peer.observed(observer)?));
            if let Some(rows) = rows.transpose() {
                let rows = rows.map(|rows| rows.iter().map(json::from_row).collect());
                let run = || callback.lock().unwrap_or_else(PoisonError::into_inner)(rows);
                // One that panics has said so; the others go on.
                let _ = catch_unwind(AssertUnwindSafe(run));
            }
            drop(callback);
            self.state().running = None;
            self.changed.notify_all();
        }
        let left = std::mem::take(&mut self.state().callbacks);
        drop(left);
    }

    /// Waits for one that is due; they take turns.
    fn next(&self, last: Option<ObserverId>) -> Option<(ObserverId, Arc<Mutex<Callback>>)> {
        let mut state = self.state();
        loop {
            if state.is_closed {
                return None;
            }
            let after = last.map_or(Bound::Unbounded, Bound::Excluded);
            let next = state.due.range((after, Bound::Unbounded)).next().or_else(|| state.due.first()).copied();
            let Some(observer) = next else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.due.remove(&observer);
            if let Some(callback) = state.callbacks.get(&observer).cloned() {
                state.running = Some(observer);
                return Some((observer, callback));
            }
        }
    }
}
