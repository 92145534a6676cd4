//! The messages: one CBOR array each, `[number, field, …]`.
//!
//! Invariants: a field never changes its place or meaning, and numbers are never given anew; a later
//! version only adds fields at the end, which are kept and written back ([`Rest`]), and numbers,
//! which are read as [`Unknown`].
//! Not here: the codec byte before a message (`frame`), who may say what when (`peer`, `server`).

mod code;
mod field;
mod record;

pub use code::{ByeCode, ItemKind, Language, NackCode, ResyncReason};
pub use record::Rest;

use document::{CollectionName, DocumentId, SiteId};

use self::field::Field;
use self::record::{Record, messages, record};
use crate::cbor::{DecodeError, Reader, Writer};

/// A transaction of the server; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TxnId(pub u64);

/// A peer's own transaction, from 1; 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seq(pub u64);

/// A subscription of a peer; the peer gives the number, and never gives one anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SubId(pub u64);

record! {
    /// Up to where a peer has everything.
    Cursor {
        /// The life of the server's data that `txn` belongs to.
        incarnation: [u8; 16],
        /// The last transaction that the peer stored.
        txn: TxnId,
    }
}

record! {
    /// What a peer wants to have, and how far it has come.
    Subscription {
        /// Its number.
        sub: SubId,
        /// The collection that it is about.
        collection: CollectionName,
        /// Of `query`.
        language: Language,
        /// A condition of the legacy language, or a whole `SELECT * FROM … [WHERE …]`.
        query: String,
        /// The query's arguments: a JSON object.
        args: String,
        /// The permission hash under which its snapshot was begun; none while nothing of it is
        /// stored.
        hash: Option<u64>,
        /// Where its snapshot goes on; none before the first page and after the last.
        page: Option<Vec<u8>>,
    }
}

record! {
    /// The first message of a peer.
    Hello {
        /// [`crate::limits::PROTOCOL_VERSION`].
        proto: u64,
        /// The peer's site.
        site: SiteId,
        /// Random, new each time the peer's store is opened: two of one site show a copied store.
        instance: [u8; 16],
        /// A token or key, where the server wants one.
        token: Option<String>,
        /// The peer's wall clock.
        wall_ms: u64,
        /// Which program this is, for people.
        sdk: String,
        /// The codecs that it reads, beside plain.
        codecs: Vec<u64>,
        /// None if it has nothing.
        cursor: Option<Cursor>,
        /// All its subscriptions.
        subs: Vec<Subscription>,
        /// The greatest sequence number that it ever gave.
        last_seq: Seq,
        /// Up to which all its sequence numbers have a verdict that it stored.
        settled: Seq,
    }
    later {
        /// Which of its transactions the server can have taken.
        lineage: Option<Lineage>,
        /// A site that its pending transactions still bear: nothing is pushed before the welcome says
        /// which of them were taken.
        former: Option<SiteId>,
    }
}

record! {
    /// Sequence numbers, the first and the last with those between them.
    SeqRange {
        /// The first.
        first: Seq,
        /// The last.
        last: Seq,
    }
}

impl SeqRange {
    fn has(&self, seq: Seq) -> bool {
        self.first <= seq && seq <= self.last
    }
}

record! {
    /// Which transactions of a site its peer knows: a site whose last one is another is used by two.
    Lineage {
        /// The greatest one that the server took, as far as the peer was told.
        acked: Seq,
        /// Those that have no verdict, ascending.
        pending: Vec<SeqRange>,
    }
}

impl Lineage {
    /// Whether the last one that was taken is one of them, or was heard of.
    pub fn knows(&self, last: Seq) -> bool {
        last <= self.acked || self.pending.iter().any(|range| range.has(last))
    }
}

record! {
    /// What is known of a site that a peer had before.
    FormerSite {
        /// The greatest of its transactions that was taken; 0 if none was.
        seq: Seq,
        /// Which ones before this were taken is not known any more.
        known_from: Seq,
        /// Those below `seq` that were not taken, ascending.
        missing: Vec<SeqRange>,
    }
}

impl FormerSite {
    /// Whether a transaction was taken; `None` if that is not known any more.
    pub fn has_taken(&self, seq: Seq) -> Option<bool> {
        if seq > self.seq {
            return Some(false);
        }
        if seq < self.known_from {
            return None;
        }
        Some(!self.missing.iter().any(|range| range.has(seq)))
    }
}

record! {
    /// The answer to a hello.
    Welcome {
        /// A number of this session, for logs.
        session: u64,
        /// The life of the server's data.
        incarnation: [u8; 16],
        /// The newest transaction.
        newest: TxnId,
        /// Removals before this transaction may be forgotten.
        floor: TxnId,
        /// Up to this transaction the life before is this one's too; 0 if there was none.
        fork: TxnId,
        /// The greatest sequence number of this site that has a verdict.
        site_seq: Seq,
        /// The server's wall clock.
        wall_ms: u64,
        /// Names what the peer may read and write.
        permission: u64,
        /// How long the token is good for.
        expires_ms: Option<u64>,
        /// How many bytes may be pushed and not yet answered.
        push_window: u64,
        /// The largest frame that is taken.
        frame_bytes_max: u64,
        /// The codecs that the server reads, beside plain.
        codecs: Vec<u64>,
    }
    later {
        /// What is known of the former site that the hello named; none if it is not the peer's.
        former: Option<FormerSite>,
    }
}

record! {
    /// A newer token, in a session.
    Auth {
        /// It.
        token: String,
    }
}

record! {
    /// What the peer may do from now on: the answer to `auth`, or the server's own news.
    Granted {
        /// As in the welcome.
        permission: u64,
        /// As in the welcome.
        expires_ms: Option<u64>,
    }
}

record! {
    /// A new subscription, or one begun again.
    Sub {
        /// It.
        subscription: Subscription,
    }
}

record! {
    /// A subscription ends.
    Unsub {
        /// Which.
        sub: SubId,
    }
}

record! {
    /// A document of a snapshot.
    SnapshotItem {
        /// Its id, in the subscription's collection.
        id: DocumentId,
        /// The whole document as `document` encodes it.
        state: Vec<u8>,
    }
}

record! {
    /// A page of the documents that a subscription has.
    Snapshot {
        /// Which subscription.
        sub: SubId,
        /// The documents, by id.
        items: Vec<SnapshotItem>,
        /// What a `sub` says to go on after this page; none on the last.
        page: Option<Vec<u8>>,
        /// The transaction as of which the documents were read.
        at: TxnId,
        /// Whether this is the last page: what the peer has of the subscription, and no page named,
        /// is no longer in it.
        done: bool,
    }
}

record! {
    /// A document that a transaction changed.
    Item {
        /// Its collection.
        collection: CollectionName,
        /// Its id.
        id: DocumentId,
        /// What `bytes` is.
        kind: ItemKind,
        /// The document or the part of it as `document` encodes it; none when it leaves.
        bytes: Option<Vec<u8>>,
        /// Those subscriptions that have the document now; none: the same as before.
        subs: Option<Vec<SubId>>,
    }
}

record! {
    /// What happened, in the server's order.
    Changes {
        /// Changed documents, in the order of their transactions.
        items: Vec<Item>,
        /// Up to which transaction the peer has everything with these. The same as before if they
        /// are a part of a transaction that is too large for one message.
        through: TxnId,
        /// Whether nothing newer is there, and no snapshot is due.
        caught_up: bool,
    }
}

record! {
    /// What a peer has stored: credit to send more, and how far behind it is.
    Applied {
        /// Its cursor.
        through: TxnId,
        /// How many bytes of snapshots and changes of this session it has stored, by the length of
        /// their messages before compression.
        bytes: u64,
    }
}

record! {
    /// A document that a peer changed.
    PushOperation {
        /// Its collection.
        collection: CollectionName,
        /// Its id.
        id: DocumentId,
        /// [`ItemKind::Delta`] or [`ItemKind::Removed`].
        kind: ItemKind,
        /// The transaction at which the peer last had the document, or its removal, from the server;
        /// 0 if it saw neither ever.
        base: TxnId,
        /// What the peer wrote, or the removed document, as `document` encodes it.
        delta: Vec<u8>,
    }
}

record! {
    /// One transaction of a peer, taken whole or refused whole.
    Push {
        /// Its sequence number; greater than that of the push before.
        seq: Seq,
        /// What it changed.
        operations: Vec<PushOperation>,
        /// W3C Trace Context, where the write carried one.
        traceparent: Option<String>,
    }
    later {
        /// Earlier transactions whose additions to counters are in it: it is taken only if they were.
        needs: Vec<Seq>,
    }
}

record! {
    /// Several transactions of a peer, each as if it came alone.
    Pushes {
        /// Which, in their order.
        pushes: Vec<Push>,
    }
}

record! {
    /// A push that was taken.
    Taken {
        /// Which.
        seq: Seq,
        /// The transaction that it became; 0 if it was taken earlier and its transaction is not
        /// known any more.
        txn: TxnId,
    }
}

record! {
    /// Pushes that are durable at the server.
    Ack {
        /// Which, in their order.
        taken: Vec<Taken>,
    }
}

record! {
    /// Why an operation was refused.
    Fault {
        /// Its place in the push, from 0.
        operation: u64,
        /// Why.
        code: NackCode,
        /// The same for people.
        message: String,
    }
}

record! {
    /// A push that was refused, and left nothing behind.
    Nack {
        /// Which.
        seq: Seq,
        /// Every operation that failed.
        faults: Vec<Fault>,
        /// The transaction as of which this was decided.
        at: TxnId,
    }
}

record! {
    /// What the peer has is not to be relied on; it begins again.
    Resync {
        /// Which subscription; none: all.
        sub: Option<SubId>,
        /// Why.
        reason: ResyncReason,
        /// The same for people.
        message: String,
    }
}

record! {
    /// A question for digests, to find out whether both sides have the same.
    Digest {
        /// Of which subscriptions.
        subs: Vec<SubId>,
    }
}

record! {
    /// What one side has of a subscription.
    DigestEntry {
        /// Which.
        sub: SubId,
        /// How many documents.
        count: u64,
        /// SHA-256 over their ids and states, sorted by id.
        hash: Vec<u8>,
    }
}

record! {
    /// The answer to a digest.
    DigestReply {
        /// As of which transaction.
        at: TxnId,
        /// By subscription.
        entries: Vec<DigestEntry>,
    }
}

record! {
    /// The last message of either side.
    Bye {
        /// Why.
        code: ByeCode,
        /// The same for people.
        message: String,
        /// How long the peer should stay away.
        retry_after_ms: Option<u64>,
    }
}

/// A message of a number that this version does not know. It is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Its number.
    pub number: u64,
    /// Its fields.
    pub rest: Rest,
}

messages! {
    1 Hello "hello",
    2 Welcome "welcome",
    3 Auth "auth",
    4 Sub "sub",
    5 Snapshot "snapshot",
    6 Changes "changes",
    7 Applied "applied",
    8 Push "push",
    9 Ack "ack",
    10 Nack "nack",
    11 Resync "resync",
    12 Digest "digest",
    13 Bye "bye",
    14 Granted "granted",
    15 Unsub "unsub",
    16 DigestReply "digest_reply",
    17 Pushes "pushes",
}

impl Item {
    /// What is wrong with it beyond its shape.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match (self.kind, &self.bytes) {
            (ItemKind::Leave, Some(_)) => Some("an item that leaves brings bytes"),
            (ItemKind::Delta | ItemKind::State | ItemKind::Removed, None) => Some("an item brings no bytes"),
            _ => None,
        }
    }
}

impl Push {
    /// The bytes of its message, if it goes alone: by these windows are counted.
    pub(crate) fn message_bytes(&self) -> u64 {
        let mut out = Writer::after(Vec::new());
        Field::write(self, &mut out);
        out.finish().len() as u64 + 1 // the number of the message
    }

    /// What is wrong with it beyond its shape.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let is_of_push = |it: &PushOperation| matches!(it.kind, ItemKind::Delta | ItemKind::Removed);
        if self.seq.0 == 0 {
            Some("a push with the sequence number 0")
        } else if self.operations.is_empty() {
            Some("a push without operations")
        } else if !self.operations.iter().all(is_of_push) {
            Some("an operation that is neither a delta nor a removal")
        } else {
            None
        }
    }
}
