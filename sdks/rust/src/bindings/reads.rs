//! Reads that nobody is to wait for: on a thread of their own, which begins with the first of them.
//!
//! Invariant: at most [`WAITING_MAX`] wait; more are refused.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use peer_calls::{CallError, Code, Read};

use super::{Answering, Inner, too_many};
use crate::{Error, clock::Clock, headwater::Shared, limits::WAITING_MAX};

#[derive(Debug, Default)]
pub(super) struct Reads(Mutex<State>);

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
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::New = *state {
            match spawn(&inner.shared) {
                Ok(sender) => *state = State::Open(sender),
                Err(error) => {
                    let error = CallError::new(Code::Internal, format!("no thread to read: {error}"));
                    return answering.answer(Err(error));
                }
            }
        }
        let State::Open(sender) = &*state else { return }; // dropped, it is answered too
        if let Err(TrySendError::Full((_, answering))) = sender.try_send((read, answering)) {
            answering.answer(Err(too_many()));
        }
    }

    /// Whoever waits is answered by what is read, or that the peer is closed.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }
}

/// The thread ends once nobody can send any more; it holds nothing that holds the peer open.
fn spawn(shared: &Arc<Shared>) -> std::io::Result<SyncSender<(Read, Answering)>> {
    let (sender, receiver) = sync_channel::<(Read, Answering)>(WAITING_MAX);
    let readers = shared.readers.clone();
    let run = move || {
        for (read, answering) in receiver {
            let result = readers.read(|reader| Ok::<_, Error>(read.run(reader, Clock::new().now())));
            answering.answer(result.unwrap_or_else(|error| Err(error.into())));
        }
    };
    thread::Builder::new().name("headwater-read".to_owned()).spawn(run)?;
    Ok(sender)
}
