//! Sync with the server: on and off, subscriptions, and what became of local writes.

use std::{sync::Arc, time::Duration};

use peer_core::SubscriptionRequest;
use serde::Serialize;
use sync_protocol::{PeerState, Seq, SubId};

use crate::{Error, headwater::Shared, json, waiters::reasons};

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
        self.shared.mailbox.call(|core| {
            if core.endpoint.is_none() {
                return Err(Error::NoServer);
            }
            core.is_sync_wanted = true;
            core.peer.start_sync(core.clock.now());
            Ok(())
        })
    }

    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.shared.mailbox.call(|core| {
            core.is_sync_wanted = false;
            core.peer.stop_sync();
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
        let state = self.shared.mailbox.call(|core| Ok(core.peer.sync_state()))?;
        Ok(match state {
            PeerState::Stopped => State::Stopped,
            PeerState::Connecting | PeerState::Greeted => State::Connecting,
            PeerState::CatchingUp => State::CatchingUp,
            PeerState::Live => State::Live,
            PeerState::Backoff { .. } => State::Waiting,
            PeerState::NeedsAuth => State::NeedsToken,
            PeerState::Refused => State::Refused,
        })
    }

    /// A newer token.
    ///
    /// # Errors
    /// The peer is closed.
    pub fn authenticate(&self, token: &str) -> Result<(), Error> {
        let token = token.to_owned();
        self.shared.mailbox.call(move |core| {
            core.peer.authenticate(core.clock.now(), token);
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
        let waiting = self.shared.mailbox.call(move |core| core.waiters.for_one(&core.peer, Seq(sequence)))?;
        waiting.wait(timeout)
    }

    /// Waits until the server has said of everything that is pending now whether it takes it: the
    /// newest transaction that it made of writes from here, if one is known. What it refused is in
    /// [`Sync::rejected`].
    ///
    /// # Errors
    /// Nothing came within `timeout`.
    pub fn flushed(&self, timeout: Duration) -> Result<Option<u64>, Error> {
        self.shared.mailbox.call(|core| core.waiters.for_all(&core.peer))?.wait(timeout)
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
        let each = rejected.into_iter().map(|it| {
            let documents = it.done.operations.iter();
            let documents = documents.map(|it| (it.collection.as_str().to_owned(), (&it.id).into())).collect();
            Rejected { sequence: it.seq.0, why: reasons(&it.faults), documents }
        });
        Ok(each.collect())
    }

    /// A refused write was seen to, and need not be kept.
    ///
    /// # Errors
    /// The store.
    pub fn forget_rejected(&self, sequence: u64) -> Result<(), Error> {
        self.shared.mailbox.call(move |core| Ok(core.peer.forget_rejected(Seq(sequence))?))
    }
}

impl Subscription {
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
