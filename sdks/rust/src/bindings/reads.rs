//! Reads that nobody is to wait for: on a thread of their own, which begins with the first of them.
//!
//! Invariants: at most [`WAITING_MAX`] wait; more are refused. When the peer is closed, those that
//! wait are answered so, and not read.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
    mpsc::{SyncSender, TrySendError, sync_channel},
};

use peer_calls::{CallError, Code, Read};

use super::{Answering, Inner, too_many};
use crate::{Error, callbacks::Callbacks, clock::Clock, headwater::Shared, limits::WAITING_MAX};

#[derive(Debug, Default)]
pub(super) struct Reads {
    state: Mutex<State>,
    is_closed: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    New,
    Open(SyncSender<(Read, Answering)>),
    Closed,
}

impl Reads {
    /// One document is read here: that takes less than the way to the other thread.
    pub(super) fn start(&self, inner: &Inner, read: Read, answering: Answering) {
        if let Read::ById(..) = read {
            return answering.answer(inner.read(&read));
        }
        let sender = match self.sender(&inner.shared) {
            Ok(Some(sender)) => sender,
            Ok(None) => return, // dropped, it is answered too
            Err(why) => return answering.answer(Err(CallError::new(Code::Internal, why))),
        };
        if let Err(TrySendError::Full((_, answering))) = sender.try_send((read, answering)) {
            answering.answer(Err(too_many()));
        }
    }

    /// None if it is closed.
    fn sender(&self, shared: &Arc<Shared>) -> Result<Option<SyncSender<(Read, Answering)>>, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::New = *state {
            *state = State::Open(self.spawn(shared).map_err(|why| format!("no thread to read: {why}"))?);
        }
        Ok(if let State::Open(sender) = &*state { Some(sender.clone()) } else { None })
    }

    /// The thread ends once nobody can send any more; it holds nothing that holds the peer open.
    fn spawn(&self, shared: &Arc<Shared>) -> Result<SyncSender<(Read, Answering)>, String> {
        let (sender, receiver) = sync_channel::<(Read, Answering)>(WAITING_MAX);
        let (readers, is_closed) = (shared.readers.clone(), self.is_closed.clone());
        let poster = Callbacks::poster(&shared.callbacks);
        let run = move || {
            let _poster = poster;
            for (read, answering) in receiver {
                if !is_closed.load(Relaxed) {
                    let result = readers.read(|reader| Ok::<_, Error>(read.run(reader, Clock::new().now())));
                    answering.answer(result.unwrap_or_else(|error| Err(error.into())));
                }
            }
        };
        shared.spawn("headwater-read", run)?;
        Ok(sender)
    }

    /// Whoever waits is answered that the peer is closed.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Relaxed);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }
}
