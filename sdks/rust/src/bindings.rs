//! What the bindings of other languages are made of: a peer that is called by messages
//! (`sdks/calls.json`). No promise to programs in Rust.
//!
//! Invariants: each call has one answer, after the peer was closed too; each event and each answer
//! that comes later runs on the thread of callbacks, unless it is asked for directly; after
//! [`Binding::unsubscribe`] has returned there is no event, unless one of its events is who ends it;
//! nothing that is begun waits for the peer, only [`Binding::call`] and [`Binding::close`] do.
//! Not here: the messages (`peer-calls`), memory and pointers (`sdks/c`, `sdks/js/native`).

mod answering;
mod attachments;
mod calls;
mod errors;
mod events;
mod logins;
mod reads;
mod transactions;

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::{Duration, Instant},
};

use peer_calls::{Answer, Call, CallError, Code, Format, Opening, Watch, encode_error, encode_result};

use self::{answering::Answering, logins::Logins, reads::Reads, transactions::Transactions};
use crate::{Config, Headwater, headwater::Shared, watch::WatchId};

/// A peer that is open. Clones are the same one; it is closed with the last of them, or by
/// [`Binding::close`].
#[derive(Debug, Clone)]
pub struct Binding {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    transactions: Arc<Transactions>,
    reads: Reads,
    logins: Arc<Logins>,
    /// Who is told when a newer token is wanted.
    tokens: Arc<Mutex<Vec<WatchId>>>,
}

impl Binding {
    /// Opens a peer as the message says.
    ///
    /// # Errors
    /// The answer: why it is not open.
    pub fn open(config: &[u8]) -> Result<Self, Vec<u8>> {
        let opened = Opening::decode(config).and_then(Self::open_as);
        opened.map_err(|error| encode_error(Format::of(config), &error))
    }

    fn open_as(opening: Opening) -> Result<Self, CallError> {
        let dir = opening.dir.ok_or_else(|| CallError::new(Code::InvalidMessage, "the configuration needs \"dir\""))?;
        let mut config = Config::new(dir).strict(opening.strict).relaxed(opening.relaxed);
        config.server = opening.server;
        config.app = opening.app;
        config.token = opening.token;
        config.ca_certificates = opening.ca_certificates;
        config.sdk = opening.sdk;
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(std::sync::OnceLock::<std::sync::Weak<Shared>>::new());
        let (asked, peer) = (tokens.clone(), shared.clone());
        let config = config.token_source(move || {
            events::want_token(&asked, peer.get().and_then(std::sync::Weak::upgrade).as_deref());
            None // it comes by a call, if it comes
        });
        let opened = Headwater::open(config)?.into_shared();
        let _ = shared.set(Arc::downgrade(&opened));
        let (transactions, reads, logins) = Default::default();
        let inner = Inner { shared: opened, transactions, reads, logins, tokens };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Does what the message asks for, and waits until it is done and durable: the answer, or why
    /// there is none.
    pub fn call(&self, request: &[u8]) -> Vec<u8> {
        let result = Call::decode(request).and_then(|call| self.wait(call));
        encode_result(Format::of(request), &result)
    }

    fn wait(&self, call: Call) -> Result<Answer, CallError> {
        let call = match at_once(call) {
            Ok(answer) => return Ok(answer),
            Err(call) => call,
        };
        if let Call::Read(read) = &call {
            return self.inner.read(read);
        }
        let timeout = calls::timeout(&call);
        let (sender, answer) = mpsc::sync_channel(1);
        self.inner.start(call, Answering::new(move |result| drop(sender.send(result))));
        match timeout {
            Some(timeout) => answer.recv_timeout(timeout).unwrap_or_else(|_| Err(timed_out())),
            None => answer.recv().unwrap_or_else(|_| Err(closed())),
        }
    }

    /// The same without waiting: `answer` is called once, on the thread of callbacks, or in this one
    /// if the peer was closed.
    pub fn call_async(&self, request: &[u8], answer: impl FnOnce(&[u8]) + Send + 'static) {
        let (format, callbacks) = (Format::of(request), self.inner.shared.callbacks.clone());
        self.begin(request, move |result| callbacks.post(Box::new(move || answer(&encode_result(format, &result)))));
    }

    /// The same on whatever thread has the answer, that of the peer among them: for hosts with a queue
    /// of their own. `answer` may neither wait nor call.
    pub fn call_directly(&self, request: &[u8], answer: impl FnOnce(&[u8]) + Send + 'static) {
        let format = Format::of(request);
        self.begin(request, move |result| answer(&encode_result(format, &result)));
    }

    fn begin(&self, request: &[u8], post: impl FnOnce(Result<Answer, CallError>) + Send + 'static) {
        let call = match Call::decode(request) {
            Ok(call) => call,
            Err(error) => return post(Err(error)),
        };
        let call = match at_once(call) {
            Ok(answer) => return post(Ok(answer)),
            Err(call) => call,
        };
        let answering = Answering::new(post);
        if self.inner.is_full() {
            return answering.answer(Err(too_many()));
        }
        match call {
            Call::Read(read) => self.inner.reads.start(&self.inner, read, answering),
            call => {
                let answering = match calls::timeout(&call) {
                    Some(timeout) => self.with_timeout(answering, timeout),
                    None => answering,
                };
                self.inner.start(call, answering);
            }
        }
    }

    /// Answers with an error if there is no answer within the time.
    fn with_timeout(&self, answering: Answering, timeout: Duration) -> Answering {
        let Some(due) = Instant::now().checked_add(timeout) else { return answering };
        let (first, second) = answering.either();
        self.inner.shared.callbacks.at(due, Box::new(move || second.answer(Err(timed_out()))));
        first
    }

    /// Has `on_event` called with each event, on the thread of callbacks: the number of the watch.
    ///
    /// # Errors
    /// The answer: why it is not watched.
    pub fn subscribe(&self, request: &[u8], on_event: impl FnMut(&[u8]) + Send + 'static) -> Result<u64, Vec<u8>> {
        let format = Format::of(request);
        let watched = Watch::decode(request).and_then(|watch| match self.inner.is_full() {
            true => Err(too_many()),
            false => self.inner.watch(&watch, format, on_event),
        });
        watched.map(|watch| watch.0).map_err(|error| encode_error(format, &error))
    }

    /// Ends a watch: after this has returned there is no event, unless one of its events calls this.
    /// A number that is none does nothing.
    pub fn unsubscribe(&self, watch: u64) {
        let watch = WatchId(watch);
        if watch == WatchId::TOKEN_SOURCE {
            return; // it is the peer's own
        }
        self.inner.tokens.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| *it != watch);
        self.inner.shared.callbacks.cancel(watch);
        self.inner.shared.unwatch(watch);
    }

    /// Closes the peer, and waits until its files are closed, every call has its answer and every
    /// callback is dropped; in a callback the last two come after it. What is called from then on is
    /// [`Code::Closed`].
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    /// Whether so much waits for the thread of the peer that no more is begun.
    fn is_full(&self) -> bool {
        self.shared.mailbox.waiting() >= crate::limits::WAITING_MAX
    }

    fn close(&self) {
        self.reads.close();
        self.transactions.close();
        self.logins.close();
        self.shared.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// The answer where neither the peer nor its documents are needed, or else the call again.
fn at_once(call: Call) -> Result<Answer, Call> {
    match call {
        Call::Echo(value) => Ok(Answer::new().with("value", value)),
        Call::Info => {
            let version = document::Value::String(env!("CARGO_PKG_VERSION").to_owned());
            Ok(Answer::new().with_number("abi", peer_calls::ABI).with("version", version))
        }
        other => Err(other),
    }
}

fn closed() -> CallError {
    crate::Error::Closed.into()
}

fn timed_out() -> CallError {
    crate::Error::TimedOut.into()
}

fn too_many() -> CallError {
    CallError::new(Code::TooMany, format!("more than {} calls wait", crate::limits::WAITING_MAX))
}
