//! One answer that somebody waits for: in a thread, or as a future of any runtime.
//!
//! Invariant: whoever waits is answered; what nobody will answer any more is [`Error::Closed`].

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::Error;

/// Who answers.
#[derive(Debug)]
pub(crate) struct Resolver<T>(Arc<Shared<T>>);

/// Who waits.
#[derive(Debug)]
pub(crate) struct Promise<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    answered: Condvar,
}

struct State<T> {
    answer: Option<Result<T, Error>>,
    waker: Option<Waker>,
    then: Option<Then<T>>,
}

/// What is done with the answer, on the thread that gives it.
type Then<T> = Box<dyn FnOnce(Result<T, Error>) + Send>;

impl<T> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("is_answered", &self.answer.is_some()).finish_non_exhaustive()
    }
}

pub(crate) fn promise<T>() -> (Resolver<T>, Promise<T>) {
    let state = Mutex::new(State { answer: None, waker: None, then: None });
    let shared = Arc::new(Shared { state, answered: Condvar::new() });
    (Resolver(shared.clone()), Promise(shared))
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, answer: Result<T, Error>) {
        let mut state = self.state();
        if let Some(then) = state.then.take() {
            drop(state);
            return then(answer);
        }
        let waker = state.waker.take();
        state.answer.get_or_insert(answer);
        drop(state);
        self.answered.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Resolver<T> {
    pub(crate) fn resolve(self, answer: Result<T, Error>) {
        self.0.answer(answer);
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.state().then.is_none()
    }
}

impl<T> Drop for Resolver<T> {
    fn drop(&mut self) {
        self.0.answer(Err(Error::Closed)); // unless there is an answer
    }
}

impl<T> Promise<T> {
    /// One that is answered already.
    pub(crate) fn answered(answer: Result<T, Error>) -> Self {
        let (resolver, promise) = promise();
        resolver.resolve(answer);
        promise
    }

    /// Has `then` called with the answer: now, or on the thread that gives it.
    #[cfg(feature = "bindings")]
    pub(crate) fn then(self, then: impl FnOnce(Result<T, Error>) + Send + 'static) {
        let mut state = self.0.state();
        match state.answer.take() {
            Some(answer) => {
                drop(state);
                then(answer);
            }
            None => state.then = Some(Box::new(then)),
        }
    }

    pub(crate) fn wait(self) -> Result<T, Error> {
        let mut state = self.0.state();
        loop {
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            state = self.0.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn wait_for(self, timeout: Duration) -> Result<T, Error> {
        let Some(until) = Instant::now().checked_add(timeout) else { return self.wait() };
        let mut state = self.0.state();
        loop {
            if let Some(answer) = state.answer.take() {
                return answer;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::TimedOut);
            }
            state = self.0.answered.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<T> Future for Promise<T> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state();
        match state.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
