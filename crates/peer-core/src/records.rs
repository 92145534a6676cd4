//! The records of a peer's store.
//!
//! Invariants: a record begins with its version; bits of flags and kinds are never given anew; what
//! is written is read back equal.

use document::{Changeset, CollectionName, Document, DocumentId, SiteId};
use sync_protocol::{
    Cursor, Fault, Item, ItemKind, Language, NackCode, Push, PushOperation, Rest, Seq, SubId, Subscription, TxnId,
};

use crate::PeerError;
use crate::stored::{RecordReader, put_bytes, put_number, put_option};

const VERSION: u8 = 1;

/// Of the peer's own record: since 2 it has `acked` and `former`.
const META_VERSION: u8 = 2;

type Read<T> = Result<T, PeerError>;

/// Who a peer is and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) site: SiteId,
    /// The greatest sequence number that was ever given.
    pub(crate) last_seq: u64,
    /// The greatest number that a subscription was ever given.
    pub(crate) last_sub: u64,
    /// The greatest number of a snapshot that was begun.
    pub(crate) last_generation: u64,
    /// Life of the server's data, and the last transaction of it that is stored.
    pub(crate) cursor: Option<([u8; 16], u64)>,
    /// The server's wall clock less this one's.
    pub(crate) clock_offset_ms: i64,
    /// The greatest time of a stamp that was given or seen.
    pub(crate) clock_last: u64,
    /// The greatest of its transactions that the server was heard to have taken; none if that was
    /// not noted yet.
    pub(crate) acked: Option<u64>,
    /// The site that pending transactions up to this number bear still: the server is to be asked
    /// which of them it took.
    pub(crate) former: Option<(SiteId, u64)>,
}

impl Meta {
    pub(crate) fn new(site: SiteId) -> Self {
        Self {
            site,
            last_seq: 0,
            last_sub: 0,
            last_generation: 0,
            cursor: None,
            clock_offset_ms: 0,
            clock_last: 0,
            acked: Some(0),
            former: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![META_VERSION];
        for number in [self.site.0, self.last_seq, self.last_sub, self.last_generation, self.clock_last] {
            put_number(number, &mut out);
        }
        out.extend_from_slice(&self.clock_offset_ms.to_be_bytes());
        put_option(self.cursor, &mut out, |(incarnation, txn), out| {
            out.extend_from_slice(&incarnation);
            put_number(txn, out);
        });
        put_option(self.acked, &mut out, put_number);
        put_option(self.former, &mut out, |(site, through), out| {
            put_number(site.0, out);
            put_number(through, out);
        });
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Read<Self> {
        let mut from = RecordReader::new(bytes, "the peer's own record");
        let version = from.version_up_to(META_VERSION)?;
        let mut numbers = [0; 5];
        for number in &mut numbers {
            *number = from.number()?;
        }
        let [site, last_seq, last_sub, last_generation, clock_last] = numbers;
        let offset = from.fixed(8)?.try_into().map_err(|_| from.damaged())?;
        let cursor = from.option(|from| Ok((from.instance()?, from.number()?)))?;
        let clock_offset_ms = i64::from_be_bytes(offset);
        let (mut acked, mut former) = (None, None);
        if version >= 2 {
            acked = from.option(RecordReader::number)?;
            former = from.option(|from| Ok((SiteId(from.number()?), from.number()?)))?;
        }
        let site = SiteId(site);
        Ok(Self { site, last_seq, last_sub, last_generation, cursor, clock_offset_ms, clock_last, acked, former })
    }

    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.cursor.map(|(incarnation, txn)| Cursor { incarnation, txn: TxnId(txn), rest: Rest::default() })
    }

    pub(crate) fn cursor_txn(&self) -> u64 {
        self.cursor.map_or(0, |(_, txn)| txn)
    }
}

/// A document as the server has it, as far as is known here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Synced {
    /// The transaction at which it, or its removal, was last had from the server.
    pub(crate) base: u64,
    /// What this site wrote there was taken at the latest by this transaction; 0 if `base` says so
    /// too. Not what was known: nothing is removed or brought back by it.
    pub(crate) taken_by: u64,
    /// It left all subscriptions: it is not seen and goes, but for what of it is pending or on its way.
    pub(crate) left: bool,
    /// It was evicted: nobody sees it. It stays for what the server says of it only in parts.
    pub(crate) held: bool,
    pub(crate) document: Document,
}

const LEFT: u8 = 1;
const HELD: u8 = 2;
const TAKEN_BY: u8 = 4;

/// Of a document that says by when it was taken; others are written in version 1.
const SYNCED_VERSION: u8 = 2;

impl Synced {
    /// Of a document that the server never told of.
    pub(crate) fn of_nothing() -> Self {
        Self { base: 0, taken_by: 0, left: false, held: false, document: Document::new() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let says_by = self.taken_by > self.base;
        let version = if says_by { SYNCED_VERSION } else { VERSION };
        let flags = u8::from(self.left) * LEFT + u8::from(self.held) * HELD + u8::from(says_by) * TAKEN_BY;
        let mut out = vec![version, flags];
        put_number(self.base, &mut out);
        if says_by {
            put_number(self.taken_by, &mut out);
        }
        self.document.encode(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Read<Self> {
        let (base, taken_by, flags, state) = Self::split(bytes)?;
        let (left, held) = (flags & LEFT != 0, flags & HELD != 0);
        Ok(Self { base, taken_by, left, held, document: decode_document(state)? })
    }

    /// The state of one that is seen.
    pub(crate) fn shown_state(bytes: &[u8]) -> Read<Option<&[u8]>> {
        let (_, _, flags, state) = Self::split(bytes)?;
        Ok((flags & (HELD | LEFT) == 0).then_some(state))
    }

    /// The state, seen or not.
    pub(crate) fn state(bytes: &[u8]) -> Read<&[u8]> {
        Ok(Self::split(bytes)?.3)
    }

    fn split(bytes: &[u8]) -> Read<(u64, u64, u8, &[u8])> {
        let mut from = RecordReader::new(bytes, "a document's record");
        from.version_up_to(SYNCED_VERSION)?;
        let flags = from.byte()?;
        let base = from.number()?;
        let by = if flags & TAKEN_BY != 0 { from.number()? } else { 0 };
        let taken_by = if by > base { by } else { 0 };
        Ok((base, taken_by, flags, from.rest()))
    }
}

pub(crate) fn decode_document(state: &[u8]) -> Read<Document> {
    Document::decode(state).map_err(|_| PeerError::Damaged { what: "a document" })
}

pub(crate) fn encode_document(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.encode(&mut out);
    out
}

/// One document of a pending transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PendingOperation {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    pub(crate) removes: bool,
    pub(crate) base: u64,
    pub(crate) delta: Vec<u8>,
}

/// A local transaction that has no verdict.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pending {
    pub(crate) traceparent: Option<String>,
    /// What is sent.
    pub(crate) operations: Vec<PendingOperation>,
    /// What was done, so that it can be done again under other stamps. Without conditions.
    pub(crate) done: Changeset,
}

const REMOVES: u8 = 1;

impl Pending {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_option(self.traceparent.as_deref(), &mut out, |text, out| put_bytes(text.as_bytes(), out));
        put_number(self.operations.len() as u64, &mut out);
        for operation in &self.operations {
            put_bytes(operation.collection.as_str().as_bytes(), &mut out);
            put_bytes(operation.id.as_json().as_bytes(), &mut out);
            out.push(u8::from(operation.removes) * REMOVES);
            put_number(operation.base, &mut out);
            put_bytes(&operation.delta, &mut out);
        }
        self.done.encode(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Read<Self> {
        let mut from = RecordReader::new(bytes, "a pending transaction");
        from.version(VERSION)?;
        let traceparent = from.option(|from| from.text().map(str::to_owned))?;
        let count = from.number()?;
        let mut operations = Vec::new();
        for _ in 0..count {
            operations.push(PendingOperation {
                collection: read_collection(&mut from)?,
                id: read_id(&mut from)?,
                removes: from.byte()? & REMOVES != 0,
                base: from.number()?,
                delta: from.bytes()?.to_vec(),
            });
        }
        let done = Changeset::decode(from.rest()).map_err(|_| from.damaged())?;
        Ok(Self { traceparent, operations, done })
    }

    /// The keys of its documents, without decoding the rest.
    pub(crate) fn document_keys(bytes: &[u8]) -> Read<Vec<Vec<u8>>> {
        let mut from = RecordReader::new(bytes, "a pending transaction");
        from.version(VERSION)?;
        from.option(RecordReader::bytes)?;
        let count = from.number()?;
        let mut keys = Vec::new();
        for _ in 0..count {
            let (collection, id) = (from.bytes()?, from.bytes()?);
            keys.push([collection, &[0], id].concat());
            from.byte()?;
            from.number()?;
            from.bytes()?;
        }
        Ok(keys)
    }

    pub(crate) fn push(&self, seq: u64) -> Push {
        let operation = |it: &PendingOperation| PushOperation {
            collection: it.collection.clone(),
            id: it.id.clone(),
            kind: if it.removes { ItemKind::Removed } else { ItemKind::Delta },
            base: TxnId(it.base),
            delta: it.delta.clone(),
            rest: Rest::default(),
        };
        Push {
            seq: Seq(seq),
            operations: self.operations.iter().map(operation).collect(),
            traceparent: self.traceparent.clone(),
            needs: Vec::new(),
            rest: Rest::default(),
        }
    }

    /// Its documents, if there is more than one.
    pub(crate) fn documents_together(&self) -> Vec<(CollectionName, DocumentId)> {
        let documents = self.operations.iter().map(|it| (it.collection.clone(), it.id.clone()));
        if self.operations.len() > 1 { documents.collect() } else { Vec::new() }
    }

    /// How large its push is, about.
    pub(crate) fn push_bytes(&self) -> usize {
        let bytes = |it: &PendingOperation| it.collection.as_str().len() + it.id.as_json().len() + it.delta.len() + 24;
        self.operations.iter().map(bytes).sum()
    }
}

/// A subscription, and the snapshot that it has or gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredSubscription {
    pub(crate) subscription: Subscription,
    /// Names the snapshot: documents that its pages name are noted with it.
    pub(crate) generation: u64,
    /// No snapshot of it was ever finished: what it names is asked for, evicted or not.
    pub(crate) is_new: bool,
    /// The transaction as of which its last page was read: it is complete once the cursor is there.
    pub(crate) read_at: u64,
    /// Why the server does not take it.
    pub(crate) refused: Option<String>,
}

impl StoredSubscription {
    /// Whether the peer has everything of it up to `cursor`.
    pub(crate) fn is_complete(&self, cursor: u64) -> bool {
        self.subscription.hash.is_some() && self.subscription.page.is_none() && self.read_at <= cursor
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let it = &self.subscription;
        let mut out = vec![VERSION];
        put_bytes(it.collection.as_str().as_bytes(), &mut out);
        out.push(match it.language {
            Language::Legacy => 0,
            Language::Dql => 1,
        });
        put_bytes(it.query.as_bytes(), &mut out);
        put_bytes(it.args.as_bytes(), &mut out);
        put_option(it.hash, &mut out, put_number);
        put_option(it.page.as_deref(), &mut out, put_bytes);
        put_number(self.generation, &mut out);
        out.push(u8::from(self.is_new));
        put_number(self.read_at, &mut out);
        put_option(self.refused.as_deref(), &mut out, |text, out| put_bytes(text.as_bytes(), out));
        out
    }

    pub(crate) fn decode(sub: u64, bytes: &[u8]) -> Read<Self> {
        let mut from = RecordReader::new(bytes, "a subscription");
        from.version(VERSION)?;
        let collection = read_collection(&mut from)?;
        let language = match from.byte()? {
            0 => Language::Legacy,
            1 => Language::Dql,
            _ => return Err(from.damaged()),
        };
        let subscription = Subscription {
            sub: SubId(sub),
            collection,
            language,
            query: from.text()?.to_owned(),
            args: from.text()?.to_owned(),
            hash: from.option(RecordReader::number)?,
            page: from.option(|from| from.bytes().map(<[u8]>::to_vec))?,
            rest: Rest::default(),
        };
        let generation = from.number()?;
        let is_new = from.byte()? != 0;
        let read_at = from.number()?;
        let refused = from.option(|from| from.text().map(str::to_owned))?;
        Ok(Self { subscription, generation, is_new, read_at, refused })
    }
}

/// What became of a transaction that was taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Committed {
    /// The server's transaction.
    pub(crate) txn: u64,
    /// Its documents, if there was more than one.
    pub(crate) documents: Vec<(CollectionName, DocumentId)>,
}

impl Committed {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.txn.to_be_bytes().to_vec();
        for (collection, id) in &self.documents {
            put_bytes(collection.as_str().as_bytes(), &mut out);
            put_bytes(id.as_json().as_bytes(), &mut out);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Read<Self> {
        let mut from = RecordReader::new(bytes, "a verdict");
        let txn = from.fixed(8)?.try_into().map_err(|_| from.damaged())?;
        let mut documents = Vec::new();
        while !from.is_empty() {
            documents.push((read_collection(&mut from)?, read_id(&mut from)?));
        }
        Ok(Self { txn: u64::from_be_bytes(txn), documents })
    }
}

/// A transaction that was refused, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rejected {
    pub(crate) pending: Pending,
    pub(crate) faults: Vec<Fault>,
}

impl Rejected {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_number(self.faults.len() as u64, &mut out);
        for fault in &self.faults {
            put_number(fault.operation, &mut out);
            put_bytes(fault.code.as_str().as_bytes(), &mut out);
            put_bytes(fault.message.as_bytes(), &mut out);
        }
        out.extend_from_slice(&self.pending.encode());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Read<Self> {
        let mut from = RecordReader::new(bytes, "a rejected transaction");
        from.version(VERSION)?;
        let count = from.number()?;
        let mut faults = Vec::new();
        for _ in 0..count {
            let (operation, code) = (from.number()?, NackCode::from_word(from.text()?));
            faults.push(Fault { operation, code, message: from.text()?.to_owned(), rest: Rest::default() });
        }
        Ok(Self { faults, pending: Pending::decode(from.rest())? })
    }
}

pub(crate) fn encode_item(item: &Item) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_bytes(item.collection.as_str().as_bytes(), &mut out);
    put_bytes(item.id.as_json().as_bytes(), &mut out);
    out.push(match item.kind {
        ItemKind::Delta => 0,
        ItemKind::State => 1,
        ItemKind::Leave => 2,
        ItemKind::Removed => 3,
    });
    put_option(item.bytes.as_deref(), &mut out, put_bytes);
    put_option(item.subs.as_deref(), &mut out, |subs, out| {
        put_number(subs.len() as u64, out);
        subs.iter().for_each(|sub| put_number(sub.0, out));
    });
    out
}

pub(crate) fn decode_item(bytes: &[u8]) -> Read<Item> {
    let mut from = RecordReader::new(bytes, "a part of a transaction");
    from.version(VERSION)?;
    let (collection, id) = (read_collection(&mut from)?, read_id(&mut from)?);
    let kind = match from.byte()? {
        0 => ItemKind::Delta,
        1 => ItemKind::State,
        2 => ItemKind::Leave,
        3 => ItemKind::Removed,
        _ => return Err(from.damaged()),
    };
    let bytes = from.option(|from| from.bytes().map(<[u8]>::to_vec))?;
    let subs = from.option(|from| {
        let count = from.number()?;
        (0..count).map(|_| from.number().map(SubId)).collect::<Read<Vec<_>>>()
    })?;
    Ok(Item { collection, id, kind, bytes, subs, rest: Rest::default() })
}

fn read_collection(from: &mut RecordReader<'_>) -> Read<CollectionName> {
    CollectionName::new(from.text()?).map_err(|_| from.damaged())
}

fn read_id(from: &mut RecordReader<'_>) -> Read<DocumentId> {
    DocumentId::from_json(from.text()?).map_err(|_| from.damaged())
}

#[cfg(test)]
mod mutations;

#[cfg(test)]
mod tests {
    use document::{Action, Condition, Map, Operation, Origin};

    use super::*;

    fn pending() -> Pending {
        let (collection, id) = (CollectionName::new("c").unwrap(), DocumentId::from_json("7").unwrap());
        let action = Action::upsert(Map::new());
        let operation =
            Operation { collection: collection.clone(), id: id.clone(), condition: Condition::Always, action };
        Pending {
            traceparent: Some("00-1".to_owned()),
            operations: vec![PendingOperation { collection, id, removes: true, base: 300, delta: vec![1, 2] }],
            done: Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() },
        }
    }

    #[test]
    fn records_are_read_back() {
        let mut meta = Meta::new(SiteId(77));
        meta.cursor = Some(([4; 16], 1_000));
        meta.clock_offset_ms = -5;
        meta.former = Some((SiteId(78), 400));
        assert_eq!(Meta::decode(&meta.encode()).unwrap(), meta);
        assert_eq!(Pending::decode(&pending().encode()).unwrap(), pending());
        assert_eq!(Pending::document_keys(&pending().encode()).unwrap(), [b"c\x007".to_vec()]);
        let fault = Fault { operation: 1, code: NackCode::Denied, message: "no".to_owned(), rest: Rest::default() };
        let rejected = Rejected { pending: pending(), faults: vec![fault] };
        assert_eq!(Rejected::decode(&rejected.encode()).unwrap(), rejected);
        let document = || (CollectionName::new("c").unwrap(), DocumentId::from_json("7").unwrap());
        for documents in [vec![], vec![document(), document()]] {
            let committed = Committed { txn: 1 << 40, documents };
            assert_eq!(Committed::decode(&committed.encode()).unwrap(), committed);
        }
        let synced = Synced { base: 9, taken_by: 0, left: false, held: true, document: Document::new() };
        assert_eq!(Synced::decode(&synced.encode()).unwrap(), synced);
        assert_eq!(Synced::shown_state(&synced.encode()).unwrap(), None);
        assert_eq!(synced.encode()[..3], [1, HELD, 9]);
        let taken = Synced { taken_by: 300, ..synced };
        assert_eq!(Synced::decode(&taken.encode()).unwrap(), taken);
        assert_eq!(taken.encode()[..5], [2, HELD | TAKEN_BY, 9, 0xac, 2]);
    }

    #[test]
    fn the_first_format_of_the_peers_own_record_is_read() {
        let mut meta = Meta { acked: None, ..Meta::new(SiteId(77)) };
        meta.last_seq = 300;
        let mut bytes = meta.encode();
        bytes.truncate(bytes.len() - 2);
        bytes[0] = 1;
        assert_eq!(Meta::decode(&bytes).unwrap(), meta);
    }

    #[test]
    fn a_newer_record_is_refused() {
        let mut bytes = Meta::new(SiteId(77)).encode();
        bytes[0] = 3;
        assert!(matches!(Meta::decode(&bytes), Err(PeerError::NewerFormat { version: 3, .. })));
        assert!(matches!(Pending::decode(&[1]), Err(PeerError::Damaged { .. })));
    }
}
