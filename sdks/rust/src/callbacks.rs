//! The thread that runs callbacks.
//!
//! Invariants: one callback runs at a time, and they take turns; one that was rung several times
//! before it ran runs once. After `cancel` has returned it does not run, unless it is itself who
//! cancels. What was posted runs, after the peer was closed too.
//! Not here: what a callback looks at when it runs (`watch`), when one is rung (`core`).

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::Instant,
};

use crate::watch::WatchId;

/// What is run.
pub(crate) type Callback = Box<dyn FnMut() + Send>;

/// What is run once.
pub(crate) type Once = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct Callbacks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    callbacks: BTreeMap<WatchId, Arc<Mutex<Callback>>>,
    due: BTreeSet<WatchId>,
    posted: VecDeque<Once>,
    /// What is run at a time, unless it is closed before.
    timed: BTreeMap<(Instant, u64), Once>,
    last_timed: u64,
    /// Who was called last, so that they take turns.
    last: Option<WatchId>,
    was_posted: bool,
    running: Option<WatchId>,
    thread: Option<ThreadId>,
    /// None of those that are rung runs any more.
    is_closed: bool,
    /// How many threads may post yet.
    posters: usize,
}

/// A thread that answers: it has not ended while this is there, however it ends.
pub(crate) struct Poster(Arc<Callbacks>);

impl Drop for Poster {
    fn drop(&mut self) {
        self.0.state().posters -= 1;
        self.0.changed.notify_all();
    }
}

enum Next {
    Watch(Arc<Mutex<Callback>>),
    Once(Once),
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
        let mut state = self.state();
        state.is_closed = true;
        let timed = std::mem::take(&mut state.timed);
        drop(state);
        drop(timed);
        self.changed.notify_all();
    }

    /// Until it is dropped what is posted runs on the thread of callbacks.
    pub(crate) fn poster(this: &Arc<Self>) -> Poster {
        this.state().posters += 1;
        Poster(this.clone())
    }

    /// It is run once; in this thread, if no poster is left.
    #[cfg_attr(not(feature = "bindings"), expect(dead_code, reason = "bindings alone are answered so"))]
    pub(crate) fn post(&self, once: Once) {
        let mut state = self.state();
        if state.posters == 0 {
            drop(state);
            return once();
        }
        state.posted.push_back(once);
        self.changed.notify_all();
    }

    /// It is run once, at that time, unless it is closed before.
    #[cfg_attr(not(feature = "bindings"), expect(dead_code, reason = "bindings alone are answered so"))]
    pub(crate) fn at(&self, due: Instant, once: Once) {
        let mut state = self.state();
        if !state.is_closed {
            state.last_timed += 1;
            let number = state.last_timed;
            state.timed.insert((due, number), once);
            self.changed.notify_all();
        }
    }

    /// Until it is closed and no poster is left.
    pub(crate) fn run(&self) {
        self.state().thread = Some(thread::current().id());
        while let Some(next) = self.next() {
            // One that panics has said so; the others go on.
            let _ = match next {
                Next::Watch(callback) => {
                    let run = || callback.lock().unwrap_or_else(PoisonError::into_inner)();
                    catch_unwind(AssertUnwindSafe(run))
                }
                Next::Once(once) => catch_unwind(AssertUnwindSafe(once)),
            };
            self.state().running = None;
            self.changed.notify_all();
        }
        let left = std::mem::take(&mut self.state().callbacks);
        drop(left);
    }

    /// Waits for one that is due; they take turns.
    fn next(&self) -> Option<Next> {
        let mut state = self.state();
        loop {
            let now = (!state.timed.is_empty()).then(Instant::now);
            while let Some(timed) = state.timed.first_entry().filter(|it| now.is_some_and(|now| it.key().0 <= now)) {
                let once = timed.remove();
                state.posted.push_back(once);
            }
            if let Some(next) = state.take() {
                return Some(next);
            }
            if state.is_closed && state.posters == 0 {
                return None;
            }
            let wait = state.timed.keys().next().map(|(due, _)| due.saturating_duration_since(Instant::now()));
            state = match wait {
                Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl State {
    fn take(&mut self) -> Option<Next> {
        let is_turn_of_watches = self.was_posted || self.posted.is_empty();
        if is_turn_of_watches && !self.is_closed {
            while let Some(watch) = self.next_watch() {
                self.due.remove(&watch);
                if let Some(callback) = self.callbacks.get(&watch).cloned() {
                    (self.running, self.last, self.was_posted) = (Some(watch), Some(watch), false);
                    return Some(Next::Watch(callback));
                }
            }
        }
        self.was_posted = true;
        self.posted.pop_front().map(Next::Once)
    }

    fn next_watch(&self) -> Option<WatchId> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        self.due.range((after, Bound::Unbounded)).next().or_else(|| self.due.first()).copied()
    }
}
