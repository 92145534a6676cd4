//! What a peer's host is to do.

use super::PeerState;
use crate::message::{
    DigestReply, Fault, FormerSite, Item, NackCode, Rest, ResyncReason, Seq, SnapshotItem, SubId, TxnId,
};

/// One thing to do, in the order in which they are polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerOutput {
    /// Open a connection, and say `connected` or `disconnected`.
    Connect,
    /// Send what was put out so far, then close. `disconnected` is not to be called for it.
    Disconnect,
    /// A frame.
    Send(Vec<u8>),
    /// Say `handle_pending` with the transactions after `after` that are pending.
    WantPending {
        /// To be given back.
        request: u64,
        /// The last one that was sent.
        after: Seq,
        /// About how many bytes.
        bytes_max: u64,
        /// How many transactions.
        count_max: usize,
    },
    /// Store these with the cursor in one local transaction, then say `stored`. Where `through` does
    /// not move, they are a part of a transaction: no observer is shown it before the last part.
    ApplyChanges {
        /// For `stored`.
        delivery: u64,
        /// In the order of their transactions.
        items: Vec<Item>,
        /// The cursor with them.
        through: TxnId,
        /// The cursor's incarnation.
        incarnation: [u8; 16],
        /// Whether the peer has everything now.
        caught_up: bool,
    },
    /// Store these documents, and how far the subscription is, in one local transaction, then say
    /// `stored`. At `done`, what it has and no page named is evicted.
    ApplySnapshot {
        /// For `stored`.
        delivery: u64,
        /// Which subscription.
        sub: SubId,
        /// Its next documents by id.
        items: Vec<SnapshotItem>,
        /// Where it goes on after a cut; to be kept in the subscription.
        page: Option<Vec<u8>>,
        /// The permission hash to be kept in the subscription.
        hash: u64,
        /// As of which transaction.
        at: TxnId,
        /// Whether this is the last page.
        done: bool,
    },
    /// These are durable at the server, and no longer pending. Each comes once a connection; without
    /// a transaction where the server took it earlier and does not know it any more.
    Acked(Vec<(Seq, Option<TxnId>)>),
    /// This one is refused: no longer pending, set aside, reported.
    Rejected {
        /// Which.
        seq: Seq,
        /// Its operations that failed.
        faults: Vec<Fault>,
        /// As of which transaction of the server.
        at: TxnId,
    },
    /// Snapshots follow from the beginning: the subscription's hash and page are none again, and which
    /// documents its pages name is noted anew. To be stored in its place among the deliveries. Nothing
    /// is thrown away before `done`. With [`ResyncReason::Refused`] no snapshot follows.
    Resync {
        /// Which subscription; none: all.
        sub: Option<SubId>,
        /// Why.
        reason: ResyncReason,
        /// The same for people.
        message: String,
    },
    /// The server's data have a new life. What this site wrote beyond `site_seq` and was told to be
    /// taken is offered again, as new transactions.
    Restored {
        /// The new life.
        incarnation: [u8; 16],
        /// Up to this transaction the old life is the new one's too.
        fork: TxnId,
        /// The last of this site's transactions that the server has.
        site_seq: Seq,
    },
    /// The site is somebody else's too: take a new one, stamp what is pending anew, and say
    /// `renew_site`.
    SiteReused,
    /// What the server knows of the former site that pending transactions still bear; none if it is
    /// nobody's, or somebody else's. Settle those that it took, stamp the others anew, and say
    /// `former_settled`: nothing is pushed before.
    Former {
        /// It.
        former: Option<FormerSite>,
    },
    /// The server's wall clock less this one's, in milliseconds.
    ClockOffset(i64),
    /// What the peer may do.
    Granted {
        /// The permission hash, to be kept in every subscription that has a hash. None by a welcome: which
        /// subscriptions that changes is said by resyncs, and until they are here nobody knows.
        permission: Option<u64>,
        /// How long the token is good for.
        expires_ms: Option<u64>,
    },
    /// Say `handle_digest`.
    WantDigest {
        /// Of these subscriptions.
        subs: Vec<SubId>,
    },
    /// The server's digests.
    DigestReply(DigestReply),
    /// A message of a later version, which was ignored.
    Ignored {
        /// Its number.
        number: u64,
    },
    /// The machine stands elsewhere.
    State(PeerState),
}

impl PeerOutput {
    /// Whether it means nothing once the connection is gone.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Send(_) | Self::WantPending { .. } | Self::Disconnect | Self::WantDigest { .. })
    }

    pub(super) fn too_large(seq: Seq, bytes: u64) -> Self {
        let message = format!("the transaction is {bytes} bytes, more than the server takes");
        let fault = Fault { operation: 0, code: NackCode::TooLarge, message, rest: Rest::default() };
        Self::Rejected { seq, faults: vec![fault], at: TxnId(0) }
    }
}
