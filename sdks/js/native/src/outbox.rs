//! What waits to be told to JavaScript: answers, and events of watches.
//!
//! Invariants: JavaScript is woken once for all that waits; of a watch of which not each event is
//! told, at most one waits; pushing never waits for JavaScript.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use napi::{
    bindgen_prelude::{Either, Function, Result, Status},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

/// It does not keep the process alive.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    wake: Wake,
}

#[derive(Default)]
struct Waiting {
    /// Numbers in their order, with the text unless it is in `newest`.
    order: VecDeque<(i64, Option<String>)>,
    /// The newest event of watches.
    newest: HashMap<i64, String>,
}

impl Outbox {
    pub(crate) fn new(wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = wake.build_threadsafe_function().weak::<true>().build()?;
        Ok(Self { waiting: Mutex::default(), wake })
    }

    pub(crate) fn push(&self, number: i64, text: String) {
        let mut waiting = self.lock();
        waiting.order.push_back((number, Some(text)));
        self.wake_if_first(waiting);
    }

    /// Takes the place of an earlier one with this number that waits.
    pub(crate) fn replace(&self, number: i64, text: String) {
        let mut waiting = self.lock();
        if waiting.newest.insert(number, text).is_none() {
            waiting.order.push_back((number, None));
            self.wake_if_first(waiting);
        }
    }

    pub(crate) fn forget(&self, number: i64) {
        let mut waiting = self.lock();
        if waiting.newest.remove(&number).is_some() {
            waiting.order.retain(|(it, _)| *it != number);
        }
    }

    pub(crate) fn drain(&self) -> Vec<Either<i64, String>> {
        let Waiting { order, mut newest } = std::mem::take(&mut *self.lock());
        let texts =
            order.into_iter().filter_map(|(number, text)| Some((number, text.or_else(|| newest.remove(&number))?)));
        texts.flat_map(|(number, text)| [Either::A(number), Either::B(text)]).collect()
    }

    fn wake_if_first(&self, waiting: MutexGuard<'_, Waiting>) {
        let is_first = waiting.order.len() == 1;
        drop(waiting);
        if is_first {
            // If it cannot be woken, JavaScript has ended, and nobody waits.
            let _ = self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
