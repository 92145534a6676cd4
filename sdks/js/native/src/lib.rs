//! The native library of the npm package: messages in and out of a peer, as text.
//!
//! Invariants: nothing here waits in JavaScript's thread but [`Peer::open`], [`Peer::call_now`] and
//! [`Peer::subscribe`]; what comes from other threads waits in the outbox until it is drained; when
//! Node.js or a worker of it ends, the peers that it opened are closed.
//! Not here: what messages mean (`headwater::bindings`), promises and classes (`sdks/js/src`).

mod outbox;

use std::{
    sync::{Arc, Weak},
    thread,
};

use headwater_sdk::bindings::Binding;
use napi::bindgen_prelude::{Either, Env, Error, Function, Result};
use napi_derive::napi;

use self::outbox::Outbox;

/// A peer that is open.
#[napi]
pub struct Peer {
    binding: Arc<Binding>,
    outbox: Arc<Outbox>,
}

#[napi]
impl Peer {
    /// Opens a peer. `wake` is called when there is something to be drained.
    ///
    /// # Errors
    /// One whose reason is the answer.
    #[napi(factory)]
    pub fn open(env: Env, config: String, wake: Function<'_, (), ()>) -> Result<Self> {
        let binding = Binding::open(config.as_bytes()).map_err(|answer| Error::from_reason(text(&answer)))?;
        let binding = Arc::new(binding);
        env.add_env_cleanup_hook(Arc::downgrade(&binding), close)?;
        Ok(Self { binding, outbox: Arc::new(Outbox::new(wake)?) })
    }

    /// The answer to a request. Waits for it.
    #[napi]
    pub fn call_now(&self, request: String) -> String {
        text(&self.binding.call(request.as_bytes()))
    }

    /// Has a request answered: the answer comes with the number.
    #[napi]
    pub fn call(&self, number: i64, request: String) {
        let outbox = self.outbox.clone();
        self.binding.call_directly(request.as_bytes(), move |answer| outbox.push(number, text(answer)));
    }

    /// Has events told with the number: the watch, or the answer with an error. Unless each is told,
    /// the newest takes the place of one that waits.
    #[napi]
    pub fn subscribe(&self, number: i64, request: String, is_each_told: bool) -> Either<i64, String> {
        let outbox = self.outbox.clone();
        let tell = move |event: &[u8]| match is_each_told {
            true => outbox.push(number, text(event)),
            false => outbox.replace(number, text(event)),
        };
        match self.binding.subscribe(request.as_bytes(), tell) {
            Ok(watch) => Either::A(i64::try_from(watch).unwrap_or(i64::MAX)),
            Err(answer) => Either::B(text(&answer)),
        }
    }

    /// Ends a watch.
    #[napi]
    pub fn unsubscribe(&self, number: i64, watch: i64) {
        self.binding.unsubscribe(u64::try_from(watch).unwrap_or(u64::MAX));
        self.outbox.forget(number);
    }

    /// Closes the peer: once its files are closed, `{}` comes with the number.
    ///
    /// # Errors
    /// There can be no more threads.
    #[napi]
    pub fn close(&self, number: i64) -> Result<()> {
        let (binding, outbox) = (self.binding.clone(), self.outbox.clone());
        let closing = thread::Builder::new().name("headwater-close".to_owned()).spawn(move || {
            binding.close();
            outbox.push(number, "{}".to_owned());
        });
        closing.map(drop).map_err(|error| Error::from_reason(error.to_string()))
    }

    /// What has come: numbers and texts, in turn.
    #[napi]
    pub fn drain(&self) -> Vec<Either<i64, String>> {
        self.outbox.drain()
    }
}

/// Closes a peer that is open when Node.js, or the worker that opened it, ends.
fn close(binding: Weak<Binding>) {
    if let Some(binding) = binding.upgrade() {
        binding.close();
    }
}

/// Messages are JSON, which is UTF-8.
fn text(message: &[u8]) -> String {
    String::from_utf8_lossy(message).into_owned()
}
