//! What a peer's host is to do, or may want to know.

use sync_protocol::{Fault, PeerState, Seq, SubId, TxnId};

use crate::{ObserverId, SubscriptionDigest};

/// One thing, in the order in which they are polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Open a connection, and say `connected` or `disconnected`.
    Connect,
    /// Send what was put out so far, then close. `disconnected` is not to be called for it.
    Disconnect,
    /// A frame.
    Send(Vec<u8>),
    /// Sync stands elsewhere.
    State(PeerState),
    /// Upload the file of this id, unless the server has it, until it is to be said that
    /// `attachment_is_uploaded` or `attachment_is_refused`: a pending transaction waits for it. It is asked
    /// for once with each connection.
    Upload {
        /// As in tokens.
        id: String,
    },
    /// A local transaction is durable at the server.
    Committed {
        /// Which.
        seq: Seq,
        /// As which transaction; none if the server took it earlier and does not know it any more.
        txn: Option<TxnId>,
    },
    /// A local transaction was refused, and set aside.
    Rejected {
        /// Which.
        seq: Seq,
        /// Its operations that failed.
        faults: Vec<Fault>,
    },
    /// A pending transaction was stamped anew and goes by another number from here on.
    Renumbered {
        /// What it was.
        from: Seq,
        /// What it is.
        to: Seq,
    },
    /// An observer's result may have changed: [`crate::Peer::observed`] gives it.
    Observed(ObserverId),
    /// A subscription's documents are all here.
    SubscriptionComplete(SubId),
    /// The server does not take a subscription: there is nothing of it.
    SubscriptionRefused {
        /// Which.
        sub: SubId,
        /// Why.
        message: String,
    },
    /// What this store and the server have of subscriptions: the answer to
    /// [`crate::Peer::ask_digest`]. What differs begins again by itself.
    Digest {
        /// As of which transaction.
        at: TxnId,
        /// Of each.
        subs: Vec<SubscriptionDigest>,
    },
    /// How long the token is good for.
    Granted {
        /// In milliseconds, from now.
        expires_ms: Option<u64>,
    },
    /// The store had a site that is somebody else's too, and has a new one.
    SiteRenewed,
}
