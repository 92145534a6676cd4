//! What is watched.

use std::sync::{Arc, Mutex, PoisonError};

use peer_calls::{Answer, CallError, Format, Watch, encode_result, rejected};

use super::{Inner, attachments::event, calls::state, too_many};
use crate::{
    Error,
    clock::Clock,
    headwater::Shared,
    watch::{Refusals, StateCell, WatchId},
};

impl Inner {
    /// Begins to watch; what is wrong with it only in the peer is told as an event.
    pub(super) fn watch(
        &self,
        watch: &Watch,
        format: Format,
        mut on_event: impl FnMut(&[u8]) + Send + 'static,
    ) -> Result<WatchId, CallError> {
        let observed =
            self.shared.readers.read(|reader| Ok::<_, Error>(watch.observed(reader, Clock::new().now())))??;
        let (number, target) = self.shared.callback_target();
        let mut tell = move |event: &Result<Answer, CallError>| on_event(&encode_result(format, event));
        let callbacks = &self.shared.callbacks;
        if let Some((observed, mut events)) = observed {
            let (readers, seen) = (self.shared.readers.clone(), observed.clone());
            let failure = Arc::new(Mutex::new(None));
            let (failed, told) = (failure.clone(), failure);
            callbacks.add(
                number,
                Box::new(move || {
                    let failure: Option<CallError> = told.lock().unwrap_or_else(PoisonError::into_inner).take();
                    match failure
                        .map_or_else(|| readers.read(|reader| reader.rows(&seen)).map_err(CallError::from), Err)
                    {
                        Err(error) if error.code == peer_calls::Code::Closed => {}
                        result => tell(&result.map(|rows| events.next(rows))),
                    }
                }),
            );
            let bell = target.clone();
            let placed = self
                .shared
                .mailbox
                .start(move |core| Ok(core.watches.observe(&mut core.peer, number, observed, target)?));
            placed.then(move |result| {
                if let Err(error) = result {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.into());
                    bell.ring();
                }
            });
            return Ok(number);
        }
        match watch {
            Watch::State => {
                let cell = StateCell::default();
                let seen = cell.clone();
                callbacks.add(number, Box::new(move || tell(&Ok(Answer::new().with("state", state(seen.get()))))));
                self.begin(move |core| core.watches.watch_states(number, cell, core.state(), target));
            }
            Watch::Rejected => {
                let refusals = Refusals::default();
                let seen = refusals.clone();
                let run = move || {
                    while let Some(it) = seen.next() {
                        tell(&Ok(Answer::new().with("rejected", rejected(&it))));
                    }
                };
                callbacks.add(number, Box::new(run));
                self.begin(move |core| core.watches.watch_rejections(number, refusals, target));
            }
            Watch::Token => {
                let remaining = self.shared.token_remaining.clone();
                let event = move || match remaining.get() {
                    Some(it) => {
                        Answer::new().with_number("remaining_ms", it.as_millis().try_into().unwrap_or(u64::MAX))
                    }
                    None => Answer::new(),
                };
                callbacks.add(number, Box::new(move || tell(&Ok(event()))));
                self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            }
            Watch::Attachment { token } => {
                let interest = Arc::new(self.interest(token, target)?);
                let seen = interest.clone();
                let mut is_over = false;
                let run = move || {
                    if let (false, told) = (is_over, seen.told()) {
                        is_over = told.end.is_some();
                        event(told).iter().for_each(&mut tell);
                    }
                };
                callbacks.add(number, Box::new(run));
                if interest.begin().is_none() {
                    callbacks.cancel(number);
                    return Err(too_many());
                }
            }
            Watch::Select { .. } | Watch::Find { .. } => unreachable!("they are observed"),
        }
        Ok(number)
    }

    fn begin(&self, place: impl FnOnce(&mut crate::core::Core) + Send + 'static) {
        let placed = self.shared.mailbox.start(move |core| {
            place(core);
            Ok(())
        });
        drop(placed); // unless the peer is closed
    }
}

/// Whoever watches for it is to send a newer token.
pub(super) fn want_token(watches: &Mutex<Vec<WatchId>>, shared: Option<&Shared>) {
    let Some(shared) = shared else { return };
    for watch in watches.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        shared.callbacks.ring(*watch);
    }
}
