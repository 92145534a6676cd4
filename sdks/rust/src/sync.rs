//! Sync with the server: on and off, subscriptions, and what became of local writes.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use document::{CollectionName, Map};
use futures_core::Stream;
use peer_core::{RejectedTransaction, SubscriptionRequest};
use serde::Serialize;
use sync_protocol::{PeerState, Seq, SubId};

use crate::{
    Error, Headwater, Login, Observer, Verdict,
    core::Core,
    headwater::Shared,
    json, login,
    promise::{Resolver, promise},
    watch::{Bell, Refusals, StateCell, Target, WatchId},
};

/// Sync of a peer.
#[derive(Debug, Clone)]
pub struct Sync {
    shared: Arc<Shared>,
}

/// Where sync stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It is not wanted.
    Stopped,
    /// The server is looked for, or greeted.
    Connecting,
    /// What happened meanwhile is coming.
    CatchingUp,
    /// Everything is here.
    Live,
    /// It waits before it tries again.
    Waiting,
    /// The server does not take the token: [`Sync::authenticate`] with another.
    NeedsToken,
    /// The server does not take this store or this version: start again once it may.
    Refused,
}

/// A write that the server refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rejected {
    /// The transaction's number.
    pub sequence: u64,
    /// What the server says of it.
    pub why: String,
    /// The documents that it would have written: collection and id.
    pub documents: Vec<(String, crate::DocumentId)>,
    /// What upserts in it would have written: collection, and the fields with `_id`. It is nowhere
    /// else any more.
    pub values: Vec<(String, serde_json::Value)>,
}

/// A subscription: it is stored and outlives the process. Dropping this does not end it.
#[derive(Debug, Clone)]
pub struct Subscription {
    shared: Arc<Shared>,
    sub: SubId,
}

impl Sync {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn start(&self) -> Result<(), Error> {
        self.shared.mailbox.call(Core::start_sync)
    }

    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.shared.mailbox.call(|core| {
            core.stop_sync();
            Ok(())
        })
    }

    /// Subscribes to a collection, or a part of it: `SELECT * FROM … [WHERE …]`. One that asks for
    /// the same as an earlier one is the same one.
    ///
    /// # Errors
    /// The statement is no such one.
    pub fn register_subscription(&self, statement: &str, args: impl Serialize) -> Result<Subscription, Error> {
        let request = SubscriptionRequest::dql(statement, &json::map(&args)?)?;
        self.subscribe(request)
    }

    pub(crate) fn subscribe(&self, request: SubscriptionRequest) -> Result<Subscription, Error> {
        let sub = self.shared.mailbox.call(move |core| Ok(core.peer.subscribe(request)?))?;
        Ok(Subscription { shared: self.shared.clone(), sub })
    }

    /// Where sync stands.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn state(&self) -> Result<State, Error> {
        self.shared.mailbox.call(|core| Ok(core.state()))
    }

    /// Where sync stands, now and whenever it stands elsewhere; what was passed meanwhile is left out.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn states(&self) -> Result<States, Error> {
        let (watch, bell) = (self.shared.watch(), Arc::new(Bell::default()));
        let (target, state) = (Target::Stream(bell.clone()), StateCell::default());
        self.place_states(watch, target, &state)?;
        Ok(States { shared: self.shared.clone(), watch, bell, state })
    }

    /// The same with a callback, which runs on the thread of callbacks.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn observe_state(&self, mut callback: impl FnMut(State) + Send + 'static) -> Result<Observer, Error> {
        let (watch, target) = self.shared.callback_target();
        let state = StateCell::default();
        let seen = state.clone();
        self.shared.callbacks.add(watch, Box::new(move || callback(seen.get())));
        let observer = Observer::new(self.shared.clone(), watch);
        self.place_states(watch, target, &state).inspect_err(|_| observer.cancel())?;
        Ok(observer)
    }

    fn place_states(&self, watch: WatchId, target: Target, state: &StateCell) -> Result<(), Error> {
        let state = state.clone();
        self.shared.mailbox.call(move |core| {
            core.watches.watch_states(watch, state, core.state(), target);
            Ok(())
        })
    }

    /// Calls `callback` with each write that the server refuses, from now on. It runs on the thread of
    /// callbacks. Those of before are in [`Sync::rejected`].
    ///
    /// # Errors
    /// The peer is closed.
    pub fn on_rejected(&self, mut callback: impl FnMut(Rejected) + Send + 'static) -> Result<Observer, Error> {
        let (watch, target) = self.shared.callback_target();
        let refusals = Refusals::default();
        let seen = refusals.clone();
        let run = move || {
            while let Some(rejected) = seen.next() {
                callback(Rejected::of(&rejected));
            }
        };
        self.shared.callbacks.add(watch, Box::new(run));
        let observer = Observer::new(self.shared.clone(), watch);
        let placed = self.shared.mailbox.call(move |core| {
            core.watches.watch_rejections(watch, refusals, target);
            Ok(())
        });
        placed.inspect_err(|_| observer.cancel())?;
        Ok(observer)
    }

    /// A newer token.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn authenticate(&self, token: &str) -> Result<(), Error> {
        let token = token.to_owned();
        self.shared.mailbox.call(move |core| {
            core.authenticate(token);
            Ok(())
        })
    }

    /// Logs in with what a provider gave: the server asks the app's login hook, and the token that it gives is used from
    /// now on. When that ends, [`crate::Config::login_source`] is asked for the next login. Waits for the server, some
    /// seconds at most.
    ///
    /// # Errors
    /// No server is named; the server refuses the login or does not answer; the peer is closed.
    pub fn login(&self, token: &str, provider: &str) -> Result<Login, Error> {
        let server = self.shared.mailbox.call(|core| Ok(core.server.clone()))?.ok_or(Error::NoServer)?;
        let login = login::log_in(&server, token, provider)?;
        self.authenticate(&login.access_token)?;
        Ok(login)
    }

    /// Has `callback` called where [`crate::Config::token_source`] would be asked, in the place of that: with how long the
    /// server takes the token yet, which is nothing where it takes none.
    pub(crate) fn on_token_wanted(
        &self,
        mut callback: impl FnMut(Headwater, Duration) + Send + 'static,
    ) -> Result<(), Error> {
        let (peer, remaining) = (Arc::downgrade(&self.shared), self.shared.token_remaining.clone());
        let ask = move || {
            // Who is asked does not hold the peer open.
            if let Some(shared) = peer.upgrade() {
                callback(Headwater::of(shared), remaining.get().unwrap_or_default());
            }
        };
        let callbacks = self.shared.callbacks.clone();
        callbacks.add(WatchId::TOKEN_SOURCE, Box::new(ask));
        self.shared.mailbox.call(move |core| {
            core.ask_for_tokens(Target::Callback(callbacks, WatchId::TOKEN_SOURCE));
            Ok(())
        })
    }

    /// Waits until the server has a write, by its [`crate::Written::sequence`]: the id of its
    /// transaction there, as in `X-DITTO-TXN-ID` and in the event. `None`: the server has it, but it
    /// is not known as what; or it never was.
    ///
    /// # Errors
    /// The server refused it; or nothing came within `timeout`.
    pub fn committed(&self, sequence: u64, timeout: Duration) -> Result<Option<u64>, Error> {
        self.when_committed(sequence).wait(timeout)
    }

    /// The same, as a future.
    pub fn when_committed(&self, sequence: u64) -> Verdict {
        self.verdict(move |core, verdict| core.waiters.for_one(&core.peer, Seq(sequence), verdict))
    }

    /// Waits until the server has said of everything that is pending now whether it takes it: the
    /// newest transaction that it made of writes from here, if one is known. What it refused is in
    /// [`Sync::rejected`].
    ///
    /// # Errors
    /// Nothing came within `timeout`.
    pub fn flushed(&self, timeout: Duration) -> Result<Option<u64>, Error> {
        self.when_flushed().wait(timeout)
    }

    /// The same, as a future.
    pub fn when_flushed(&self) -> Verdict {
        self.verdict(|core, verdict| core.waiters.for_all(&core.peer, verdict))
    }

    fn verdict(
        &self,
        wait: impl FnOnce(&mut Core, Resolver<Option<u64>>) -> Result<(), Error> + Send + 'static,
    ) -> Verdict {
        let (resolver, promise) = promise();
        drop(self.shared.mailbox.start(move |core| wait(core, resolver))); // the verdict is the answer
        Verdict::new(promise)
    }

    /// Why it does not sync, for people: what the connection failed with, or what the server said. None
    /// while it does, and before it was tried.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn last_error(&self) -> Result<Option<String>, Error> {
        self.shared.mailbox.call(|core| Ok(core.trouble.clone()))
    }

    /// How many local transactions the server has said nothing of.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn pending(&self) -> Result<usize, Error> {
        self.shared.mailbox.call(|core| Ok(core.peer.pending_len()))
    }

    /// The writes that the server refused, the oldest first, as far as they are kept.
    ///
    /// # Errors
    /// The store.
    pub fn rejected(&self) -> Result<Vec<Rejected>, Error> {
        let rejected = self.shared.mailbox.call(|core| Ok(core.peer.rejected()?))?;
        Ok(rejected.iter().map(Rejected::of).collect())
    }

    /// A refused write was seen to, and need not be kept.
    ///
    /// # Errors
    /// The store.
    pub fn forget_rejected(&self, sequence: u64) -> Result<(), Error> {
        self.shared.mailbox.call(move |core| Ok(core.peer.forget_rejected(Seq(sequence))?))
    }
}

/// Where sync stands: first where it does now, then whenever it stands elsewhere. Dropping it ends it;
/// it ends when the peer is closed.
#[derive(Debug)]
#[must_use = "a stream gives nothing unless it is polled"]
pub struct States {
    shared: Arc<Shared>,
    watch: WatchId,
    bell: Arc<Bell>,
    state: StateCell,
}

impl Stream for States {
    type Item = State;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        self.bell.poll(context).map(|due| due.map(|()| self.state.get()))
    }
}

impl Drop for States {
    fn drop(&mut self) {
        self.shared.unwatch(self.watch);
    }
}

impl From<PeerState> for State {
    fn from(state: PeerState) -> Self {
        match state {
            PeerState::Stopped => Self::Stopped,
            PeerState::Connecting | PeerState::Greeted => Self::Connecting,
            PeerState::CatchingUp => Self::CatchingUp,
            PeerState::Live => Self::Live,
            PeerState::Backoff { .. } => Self::Waiting,
            PeerState::NeedsAuth => Self::NeedsToken,
            PeerState::Refused => Self::Refused,
        }
    }
}

impl Rejected {
    /// As callers see it.
    pub(crate) fn of(it: &RejectedTransaction) -> Self {
        let value = |(collection, id, fields): (&CollectionName, _, &Map)| {
            (collection.as_str().to_owned(), json::from_document(id, fields.clone()))
        };
        Self {
            sequence: it.seq.0,
            why: it.why(),
            documents: it.documents().map(|(collection, id)| (collection.as_str().to_owned(), id.into())).collect(),
            values: it.values().map(value).collect(),
        }
    }
}

impl Subscription {
    /// Why the server does not take it, if it does not: the key may not read the collection, for one.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn refused(&self) -> Result<Option<String>, Error> {
        let sub = self.sub;
        self.shared.mailbox.call(move |core| {
            let mut all = core.peer.subscriptions();
            Ok(all.find(|(it, ..)| *it == sub).and_then(|(.., refused)| refused.map(str::to_owned)))
        })
    }

    /// Ends it. Its documents stay.
    ///
    /// # Errors
    /// The store.
    pub fn cancel(&self) -> Result<(), Error> {
        let sub = self.sub;
        self.shared.mailbox.call(move |core| Ok(core.peer.unsubscribe(sub)?))
    }

    /// Whether all its documents are here.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn is_complete(&self) -> Result<bool, Error> {
        let sub = self.sub;
        self.shared.mailbox.call(move |core| Ok(core.peer.is_complete(sub)))
    }
}
