//! What a session's host is to do.

use crate::message::{DigestReply, FormerSite, Hello, Push, Seq, SubId, Subscription, TxnId};

/// One thing to do, in the order in which they are polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerOutput {
    /// Look at the hello's token and site; say `authorised` or `refuse`. Nothing else of it may be
    /// believed before.
    Authorise(Box<Hello>),
    /// Look at a newer token; say `grant` or `refuse`.
    Reauthorise {
        /// It.
        token: String,
    },
    /// A frame.
    Send(Vec<u8>),
    /// A WebSocket ping.
    Ping,
    /// Send what was put out so far, then close.
    Close,
    /// The session has this subscription now: its documents are among the changes from here on. Say
    /// `resync` with `refused` if its query is not taken.
    Subscribed(Subscription),
    /// The session does not have it any more.
    Unsubscribed(SubId),
    /// Say `handle_changes` with the transactions after `after`, filtered by the session's
    /// subscriptions, once there are any or it is known that there are none; `resync_all` if they
    /// cannot be told any more.
    WantChanges {
        /// To be given back.
        request: u64,
        /// Where the session is.
        after: TxnId,
        /// About how many bytes.
        bytes_max: u64,
    },
    /// Say `handle_snapshot` with documents of the subscription after `page`, read no earlier than
    /// as of the session's position.
    WantSnapshot {
        /// To be given back.
        request: u64,
        /// Which subscription.
        sub: SubId,
        /// Where to go on; none: at its beginning.
        page: Option<Vec<u8>>,
        /// About how many bytes.
        bytes_max: u64,
    },
    /// Apply this after those before; say `applied`, `rejected`, or `refuse` with `site_reused`.
    /// Needed also after the connection is gone.
    Apply(Push),
    /// Up to here the peer has everything durably: its lag.
    Applied {
        /// Its cursor.
        through: TxnId,
    },
    /// Say `handle_digest`.
    WantDigest {
        /// Of these subscriptions.
        subs: Vec<SubId>,
    },
    /// The peer's digests.
    DigestReply(DigestReply),
    /// A message of a later version, which was ignored.
    Ignored {
        /// Its number.
        number: u64,
    },
}

/// What the host knows when a hello is taken; most of it stands in the welcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authorised {
    /// The life of the data.
    pub incarnation: [u8; 16],
    /// The newest transaction.
    pub newest: TxnId,
    /// Removals before this one may be forgotten.
    pub floor: TxnId,
    /// The oldest transaction after which changes can be told. A cursor before it begins again.
    pub window_start: TxnId,
    /// Up to which the life before is this one's too; 0 if there was none.
    pub fork: TxnId,
    /// The greatest sequence number of the site that has a verdict.
    pub site_seq: Seq,
    /// What is known of the former site that the hello names, if it is the same caller's.
    pub former: Option<FormerSite>,
    /// The wall clock.
    pub wall_ms: u64,
    /// Names what the peer may read and write.
    pub permission: u64,
    /// How long the token is good for.
    pub expires_ms: Option<u64>,
}
