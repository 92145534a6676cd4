//! Logins: each waits for the network on a thread of its own.
//!
//! Invariants: at most [`LOGINS_MAX`] at a time; more are refused. When the peer is closed, those that wait are answered
//! so, and nobody waits for their threads: what the server still says is passed over.
//! Not here: the asking (`login`).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use document::Value;
use peer_calls::{Answer, CallError, Code};

use super::answering::{Answering, Second};
use crate::{
    Error, Login, callbacks::Callbacks, connection::Server, headwater::Shared, limits::LOGINS_MAX, login,
    mailbox::Mailbox,
};

#[derive(Default)]
pub(super) struct Logins(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    waiting: BTreeMap<u64, Second>,
    is_closed: bool,
}

/// A login that goes on. It holds nothing that holds the peer open.
struct Begun {
    number: u64,
    answering: Answering,
    logins: Arc<Logins>,
    mailbox: Mailbox,
    callbacks: Arc<Callbacks>,
}

impl Logins {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing waits here.
    pub(super) fn begin(self: &Arc<Self>, shared: &Shared, token: String, provider: String, answering: Answering) {
        let mut state = self.state();
        if state.waiting.len() >= LOGINS_MAX {
            drop(state);
            let why = format!("{LOGINS_MAX} logins wait for the server");
            return answering.answer(Err(CallError::new(Code::TooMany, why)));
        }
        if state.is_closed {
            drop(state);
            return; // dropped, it is answered too
        }
        let (answering, second) = answering.either();
        state.last += 1;
        let number = state.last;
        state.waiting.insert(number, second);
        drop(state);
        let (mailbox, callbacks) = (shared.mailbox.clone(), shared.callbacks.clone());
        let server = mailbox.start(|core| core.server.clone().ok_or(Error::NoServer));
        let begun = Begun { number, answering, logins: self.clone(), mailbox, callbacks };
        server.then(move |server| match server {
            Ok(server) => begun.ask_on_a_thread(server, token, provider),
            Err(error) => begun.end(Err(error.into())),
        });
    }

    /// Whoever waits is answered that the peer is closed.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for second in waiting.into_values() {
            second.answer(Err(super::closed()));
        }
    }
}

impl Begun {
    fn ask_on_a_thread(mut self, server: Server, token: String, provider: String) {
        self.answering = self.answering.or_else(no_thread);
        let (logins, number) = (self.logins.clone(), self.number);
        let ask = move || self.ask(&server, &token, &provider);
        if thread::Builder::new().name("headwater-login".to_owned()).spawn(ask).is_err() {
            logins.state().waiting.remove(&number); // it was dropped, and so answered
        }
    }

    fn ask(self, server: &Server, token: &str, provider: &str) {
        match login::log_in(server, token, provider) {
            Err(error) => self.end(Err(error.into())),
            Ok(Login { user_id, access_token, access_expiry }) => {
                let taken = self.mailbox.start(move |core| {
                    core.authenticate(access_token);
                    Ok(())
                });
                let answer = Answer::new().with("userId", Value::String(user_id));
                let answer = answer.with("expires", Value::String(access_expiry));
                taken.then(move |taken| self.end(taken.map(|()| answer).map_err(CallError::from)));
            }
        }
    }

    /// Unless the peer was closed meanwhile: that has answered.
    fn end(self, result: Result<Answer, CallError>) {
        let mut state = self.logins.state();
        if state.waiting.remove(&self.number).is_some() {
            let _poster = Callbacks::poster(&self.callbacks); // the thread of callbacks is there until this is posted
            drop(state);
            self.answering.answer(result);
        }
    }
}

fn no_thread() -> CallError {
    CallError::new(Code::Internal, "there is no thread to log in on")
}

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}
