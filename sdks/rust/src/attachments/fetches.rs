//! Fetches that nobody waits for: some threads fetch one file after another, and begin again until each is
//! here, will not come, or is not wanted any more.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Attachments, FetchError, Waiting};
use crate::{
    AttachmentToken, Error,
    limits::{FETCH_RETRY, FETCHES_MAX, FETCHES_WAITING_MAX},
    watch::Target,
};

/// Who waits for a thread.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Arc<Fetch>>,
    threads: usize,
}

/// A file that somebody wants, and what is to be told of it.
pub(crate) struct Fetch {
    pub(crate) token: AttachmentToken,
    target: Target,
    is_cancelled: AtomicBool,
    told: Mutex<Told>,
}

/// How far it has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// How many bytes are here.
    pub(crate) here: u64,
    /// Where the file is, or why it does not come.
    pub(crate) end: Option<Result<PathBuf, Error>>,
}

/// Whoever is told. Once it is dropped, the file is not wanted any more.
pub(crate) struct Interest {
    attachments: Arc<Attachments>,
    fetch: Arc<Fetch>,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Interest {
    /// What is to be told now.
    pub(crate) fn told(&self) -> Told {
        self.fetch.told().clone()
    }

    /// Begins. `None`: so many wait that no more is begun.
    pub(crate) fn begin(&self) -> Option<()> {
        let mut state = self.attachments.state();
        if state.queue.waiting.len() >= FETCHES_WAITING_MAX {
            return None;
        }
        state.queue.waiting.push_back(self.fetch.clone());
        if state.queue.threads < FETCHES_MAX {
            let attachments = self.attachments.clone();
            let run = move || attachments.run();
            let thread = thread::Builder::new().name("headwater-fetch".to_owned()).spawn(run);
            state.queue.threads += usize::from(thread.is_ok());
        }
        Some(())
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.fetch.is_cancelled.store(true, Relaxed);
        drop(self.attachments.state()); // nobody is between looking at it and waiting
        self.attachments.changed.notify_all();
    }
}

impl Fetch {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, end: Result<PathBuf, Error>) {
        let mut told = self.told();
        if end.is_ok() {
            told.here = self.token.len;
        }
        told.end = Some(end);
        drop(told);
        self.target.ring();
    }
}

impl Attachments {
    /// Somebody wants the file, and is rung when something is to be told.
    pub(crate) fn interest(self: &Arc<Self>, token: AttachmentToken, target: Target) -> Interest {
        let (is_cancelled, told) = (AtomicBool::new(false), Mutex::default());
        Interest { attachments: self.clone(), fetch: Arc::new(Fetch { token, target, is_cancelled, told }) }
    }

    /// A thread that fetches, until nobody waits.
    fn run(&self) {
        loop {
            let mut state = self.state();
            let next = state.queue.waiting.pop_front().filter(|_| !state.is_closed);
            let Some(fetch) = next else {
                state.queue.threads -= 1;
                return;
            };
            drop(state);
            self.until_here(&fetch);
        }
    }

    fn until_here(&self, fetch: &Fetch) {
        let [mut wait, longest] = FETCH_RETRY;
        loop {
            let mut progress = |here| {
                fetch.told().here = here;
                fetch.target.ring();
            };
            let mut waiting = Waiting { is_cancelled: &fetch.is_cancelled, progress: &mut progress };
            match self.fetch(&fetch.token, &mut waiting) {
                Ok(path) => return fetch.end(Ok(path)),
                Err(FetchError::Final(error)) => return fetch.end(Err(error)),
                Err(FetchError::Failed(_)) if self.rest(wait, &fetch.is_cancelled) => return,
                Err(FetchError::Failed(_)) => wait = (wait * 2).min(longest),
            }
        }
    }

    /// Waits. Whether it is over meanwhile.
    fn rest(&self, wait: Duration, is_cancelled: &AtomicBool) -> bool {
        let (until, mut state) = (Instant::now() + wait, self.state());
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_closed || is_cancelled.load(Relaxed) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
