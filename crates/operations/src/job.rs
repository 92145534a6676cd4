//! A long job that the server does beside its work, such as a backup: how far it is, and what came
//! of the last one.
//!
//! Invariant: of one kind one runs at a time; one that panicked has ended.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// How one kind of job stands.
#[derive(Debug, Clone)]
pub struct JobState<R> {
    /// The one that runs.
    pub running: Option<Running>,
    /// The one that ended last; none since the server's start.
    pub last: Option<Ended<R>>,
    /// When the last one that was good ended, ms since the epoch; none since the server's start.
    pub succeeded_ms: Option<u64>,
    /// How many have failed since the server's start.
    pub failures: u64,
}

/// A job that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it is about: a folder, say.
    pub about: String,
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// Bytes that are done.
    pub done_bytes: u64,
    /// Bytes in all, as far as they are known.
    pub total_bytes: u64,
}

/// A job that ended.
#[derive(Debug, Clone)]
pub struct Ended<R> {
    /// What it was about.
    pub about: String,
    /// When it began, ms since the epoch.
    pub began_ms: u64,
    /// When it ended, ms since the epoch.
    pub ended_ms: u64,
    /// What came of it, or why it failed.
    pub result: Result<R, String>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Job<R> {
    state: Mutex<JobState<R>>,
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
    stop: AtomicBool,
}

/// The right to run one; whoever drops it without an end has failed.
#[derive(Debug)]
pub(crate) struct Turn<R> {
    job: Arc<Job<R>>,
    has_ended: bool,
}

impl<R> Default for Job<R> {
    fn default() -> Self {
        let state = JobState { running: None, last: None, succeeded_ms: None, failures: 0 };
        Self { state: state.into(), done_bytes: 0.into(), total_bytes: 0.into(), stop: false.into() }
    }
}

impl<R: Clone> Job<R> {
    pub(crate) fn state(&self) -> JobState<R> {
        let mut state = self.lock().clone();
        if let Some(running) = &mut state.running {
            running.done_bytes = self.done_bytes.load(Relaxed);
            running.total_bytes = self.total_bytes.load(Relaxed);
        }
        state
    }
}

impl<R> Job<R> {
    pub(crate) fn is_running(&self) -> bool {
        self.lock().running.is_some()
    }

    /// `None` while one runs, or once none may run any more.
    pub(crate) fn begin(self: &Arc<Self>, about: String, began_ms: u64) -> Option<Turn<R>> {
        let mut state = self.lock();
        if state.running.is_some() || self.is_stopped() {
            return None;
        }
        self.tell(0, 0);
        state.running = Some(Running { about, began_ms, done_bytes: 0, total_bytes: 0 });
        Some(Turn { job: self.clone(), has_ended: false })
    }

    /// How far it is.
    pub(crate) fn tell(&self, done_bytes: u64, total_bytes: u64) {
        self.done_bytes.store(done_bytes, Relaxed);
        self.total_bytes.store(total_bytes, Relaxed);
    }

    /// Has the one that runs end soon, and no other begin.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, JobState<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Turn<R> {
    pub(crate) fn job(&self) -> &Job<R> {
        &self.job
    }

    pub(crate) fn end(mut self, ended_ms: u64, result: Result<R, String>) {
        self.note(Some(ended_ms), result);
    }

    fn note(&mut self, ended_ms: Option<u64>, result: Result<R, String>) {
        self.has_ended = true;
        let mut state = self.job.lock();
        let Some(Running { about, began_ms, .. }) = state.running.take() else { return };
        let ended_ms = ended_ms.unwrap_or(began_ms);
        match &result {
            Ok(_) => state.succeeded_ms = Some(ended_ms),
            Err(_) => state.failures += 1,
        }
        state.last = Some(Ended { about, began_ms, ended_ms, result });
    }
}

impl<R> Drop for Turn<R> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.note(None, Err("it broke off; the server's log says why".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_one_that_panics_has_failed() {
        let job: Arc<Job<u8>> = Arc::default();
        let turn = job.begin("a".into(), 1).unwrap();
        assert!(job.begin("b".into(), 1).is_none());
        turn.job().tell(3, 4);
        assert_eq!(job.state().running.unwrap().done_bytes, 3);
        turn.end(2, Ok(7));
        drop(job.begin("c".into(), 5).unwrap());
        let state = job.state();
        assert!(state.running.is_none() && state.succeeded_ms == Some(2) && state.failures == 1);
        assert!(state.last.unwrap().result.is_err());
        job.stop();
        assert!(job.begin("d".into(), 6).is_none());
    }
}
