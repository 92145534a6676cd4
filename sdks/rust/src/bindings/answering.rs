//! Who is answered, once.
//!
//! Invariant: there is one answer; what is dropped without any is answered with
//! [`Code::Closed`](peer_calls::Code::Closed).

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use peer_calls::{Answer, CallError};

type Give = Box<dyn FnOnce(Result<Answer, CallError>) + Send>;

/// Whoever holds it answers.
pub(super) struct Answering {
    give: Option<Give>,
    or_else: fn() -> CallError,
}

impl Answering {
    pub(super) fn new(give: impl FnOnce(Result<Answer, CallError>) + Send + 'static) -> Self {
        Self { give: Some(Box::new(give)), or_else: super::closed }
    }

    /// With another error if it is dropped.
    pub(super) fn or_else(mut self, or_else: fn() -> CallError) -> Self {
        self.or_else = or_else;
        self
    }

    pub(super) fn answer(mut self, result: Result<Answer, CallError>) {
        if let Some(give) = self.give.take() {
            give(result);
        }
    }

    /// Two, of which the first to answer does. Dropping the second answers nothing.
    pub(super) fn either(mut self) -> (Self, Second) {
        let give = Arc::new(Mutex::new(self.give.take()));
        let second = Second(give.clone());
        let first = move |result| Second(give).answer(result);
        (Self::new(first).or_else(self.or_else), second)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(give) = self.give.take() {
            give(Err((self.or_else)()));
        }
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

/// One who may answer first.
pub(super) struct Second(Arc<Mutex<Option<Give>>>);

impl Second {
    pub(super) fn answer(self, result: Result<Answer, CallError>) {
        let give = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(give) = give {
            give(result);
        }
    }
}
