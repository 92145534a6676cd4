//! One changeset while it is applied: the documents it touches, and how they are held.
//!
//! Only the document that an operation is at is held as such; of the others the state between two
//! operations is kept: as document and JSON while there is little of them, else encoded, so that a
//! large transaction holds each once.

use std::{borrow::Cow, collections::HashMap};

use document::{Document, DocumentDecodeError, Operation};

use crate::{Limits, Refusal, RulesVersion, conditions::Size, limits::HELD_BYTES_MAX, merged::Merged};

/// A document that a group changed.
#[derive(Debug)]
pub struct ChangedDocument {
    /// The offset of its last event before the group, if it had one.
    pub event_before: Option<u64>,
    /// Whether it was there before the group.
    pub existed_before: bool,
    /// Whether it is there now.
    pub exists: bool,
    /// The last transaction of the group that touched it.
    pub txn: u64,
    /// The offset of its last event, if it ever had one.
    pub event: Option<u64>,
    /// Its state.
    pub encoded: Box<[u8]>,
}

/// A document between two operations.
#[derive(Debug)]
pub(crate) enum Kept {
    Document(Box<Document>),
    Encoded(Box<[u8]>),
}

impl Kept {
    pub(crate) fn to_document(&self) -> Result<Document, DocumentDecodeError> {
        match self {
            Kept::Document(document) => Ok(Document::clone(document)),
            Kept::Encoded(encoded) => Document::decode(encoded),
        }
    }

    /// Shows the document.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Document) -> T) -> Result<T, DocumentDecodeError> {
        Ok(match self {
            Kept::Document(document) => look(document),
            Kept::Encoded(encoded) => look(&Document::decode(encoded)?),
        })
    }

    /// Appends its stored form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Kept::Document(document) => document.encode(out),
            Kept::Encoded(encoded) => out.extend_from_slice(encoded),
        }
    }

    fn into_document(self) -> Result<Document, DocumentDecodeError> {
        match self {
            Kept::Document(document) => Ok(*document),
            Kept::Encoded(encoded) => Document::decode(&encoded),
        }
    }

    pub(crate) fn into_encoded(self, scratch: &mut Vec<u8>) -> Box<[u8]> {
        match self {
            Kept::Document(document) => encode(&document, scratch),
            Kept::Encoded(encoded) => encoded,
        }
    }
}

fn encode(document: &Document, scratch: &mut Vec<u8>) -> Box<[u8]> {
    scratch.clear();
    document.encode(scratch);
    scratch.as_slice().into()
}

/// Room that JSON gets before anything is known of its size.
pub(crate) const CAPACITY_MIN: usize = 256;

/// JSON of a document, held while there is little of it.
#[derive(Debug, Clone)]
pub(crate) enum Json {
    /// The document is not there.
    Absent,
    Held(Vec<u8>),
    /// It is rendered again when it is needed.
    Dropped {
        bytes: usize,
    },
}

impl Json {
    /// About `capacity` bytes.
    pub(crate) fn of(document: &Document, operation: &Operation, capacity: usize) -> Self {
        if !document.exists() {
            return Json::Absent;
        }
        let mut json = Vec::with_capacity(capacity);
        document.write_json(operation.id.as_json(), &mut json);
        Json::Held(json)
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Json::Absent => 0,
            Json::Held(json) => json.len(),
            Json::Dropped { bytes } => *bytes,
        }
    }

    fn held_bytes(&self) -> usize {
        if let Json::Held(json) = self { json.len() } else { 0 }
    }

    /// Drops it if it would be too much with what is held; counts it in `held` otherwise.
    fn hold_within(self, held: &mut usize) -> Self {
        match self {
            Json::Held(json) if *held + json.len() > HELD_BYTES_MAX => Json::Dropped { bytes: json.len() },
            other => {
                *held += other.held_bytes();
                other
            }
        }
    }

    /// Only how large it is.
    pub(crate) fn into_dropped(self) -> Self {
        match self {
            Json::Held(json) => Json::Dropped { bytes: json.len() },
            other => other,
        }
    }

    /// The JSON; `document` gives the document where it must be rendered again.
    pub(crate) fn get<'j, E>(
        &'j self,
        operation: &Operation,
        document: impl FnOnce() -> Result<Document, E>,
    ) -> Result<Option<Cow<'j, [u8]>>, E> {
        Ok(match self {
            Json::Absent => None,
            Json::Held(json) => Some(Cow::Borrowed(json)),
            Json::Dropped { bytes } => {
                let mut json = Vec::with_capacity(*bytes);
                let document = document()?;
                document.exists().then(|| {
                    document.write_json(operation.id.as_json(), &mut json);
                    Cow::Owned(json)
                })
            }
        })
    }
}

/// A document while its transaction runs.
pub(crate) struct Touched {
    pub(crate) key: Vec<u8>,
    /// Index of the operation that names it first.
    pub(crate) operation: usize,
    /// Index of the first operation that was done on it.
    pub(crate) written: Option<usize>,
    /// It was written lately, so it may be written again soon: then it is kept as it is.
    pub(crate) is_hot: bool,
    pub(crate) txn_before: u64,
    pub(crate) event_before: Option<u64>,
    /// Before the group.
    pub(crate) existed_before: bool,
    pub(crate) event: Option<u64>,
    pub(crate) state: State,
    /// Known once it is named a second time.
    pub(crate) size: Option<Size>,
    /// What a peer wrote to it.
    pub(crate) merged: Option<Merged>,
}

pub(crate) enum State {
    /// As it is stored: no operation wrote to it.
    Unwritten,
    /// An operation is at it.
    Open { document: Document, before: Before },
    /// It was written.
    Written(Written),
}

/// JSON of the document before the transaction.
pub(crate) enum Before {
    /// Not rendered: nothing was written so far. The JSON of the last event, if that is at hand.
    Pending(Option<Json>),
    Rendered(Json),
}

/// A document that was written, between two operations.
pub(crate) struct Written {
    pub(crate) before: Json,
    pub(crate) after: Json,
    pub(crate) document: Kept,
}

impl Written {
    /// What it counts toward the transaction.
    fn bytes(&self) -> usize {
        self.before.bytes().max(self.after.bytes())
    }

    /// What it counts toward what is held.
    fn held_bytes(&self) -> usize {
        self.before.held_bytes() + self.after.held_bytes()
    }
}

/// The documents that one changeset touches.
#[derive(Default)]
pub(crate) struct Transaction {
    pub(crate) touched: Vec<Touched>,
    index: HashMap<Vec<u8>, usize>,
    /// The document that is [`State::Open`].
    pub(crate) open: Option<usize>,
    /// Written documents that are not open, and what they count.
    pub(crate) documents: usize,
    pub(crate) bytes: usize,
    /// JSON that is held; documents that are held as such come to about as much.
    held_bytes: usize,
    /// Whether documents are looked at again when the transaction ends.
    keeps_documents: bool,
}

impl Transaction {
    pub(crate) fn new(keeps_documents: bool) -> Self {
        Self { keeps_documents, ..Self::default() }
    }

    /// Where the document is, if an operation named it.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        // A single document, the common case, needs no index.
        if self.touched.len() <= 1 {
            return self.touched.first().filter(|only| only.key == key).map(|_| 0);
        }
        self.index.get(key).copied()
    }

    /// Whether the open document is the operation's.
    pub(crate) fn is_at(&self, operations: &[Operation], operation: &Operation) -> bool {
        let Some(at) = self.open else { return false };
        let open = &operations[self.touched[at].operation];
        open.id == operation.id && open.collection == operation.collection
    }

    pub(crate) fn add(&mut self, touched: Touched) -> usize {
        let at = self.touched.len();
        if at == 1 {
            self.index.insert(self.touched[0].key.clone(), 0);
        }
        if at >= 1 {
            self.index.insert(touched.key.clone(), at);
        }
        self.touched.push(touched);
        at
    }

    /// The documents in the order of their events: of the operations that were done on them, since
    /// a replay knows no others; by the first version of the rules of those that named them.
    pub(crate) fn into_ordered(mut self, version: RulesVersion) -> Vec<Touched> {
        if version > RulesVersion::AsAsked {
            self.touched.sort_by_key(|touched| touched.written);
        }
        self.touched
    }

    /// Takes out a document that was touched before and is closed; `None` if nothing was written to it.
    pub(crate) fn reopen(&mut self, at: usize) -> Result<Option<(Document, Before)>, DocumentDecodeError> {
        let State::Written(written) = std::mem::replace(&mut self.touched[at].state, State::Unwritten) else {
            return Ok(None);
        };
        self.documents -= 1;
        self.bytes -= written.bytes();
        self.held_bytes -= written.held_bytes();
        Ok(Some((written.document.into_document()?, Before::Rendered(written.before))))
    }

    /// Holds the open document as briefly as can be. Refuses what is larger than it may be.
    pub(crate) fn close(
        &mut self,
        operations: &[Operation],
        limits: &Limits,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Some(at) = self.open.take() else { return Ok(()) };
        let touched = &mut self.touched[at];
        let State::Open { document, before } = std::mem::replace(&mut touched.state, State::Unwritten) else {
            return Ok(());
        };
        let Before::Rendered(before) = before else { return Ok(()) };
        let operation = &operations[touched.operation];
        let after = Json::of(&document, operation, before.bytes().max(CAPACITY_MIN) + 64);
        let bytes = after.bytes();
        if bytes > limits.document_bytes {
            return Err(Refusal::DocumentTooLarge {
                collection: operation.collection.as_str().to_owned(),
                id: operation.id.as_json().to_owned(),
                bytes,
                bytes_max: limits.document_bytes,
            });
        }
        let before = before.hold_within(&mut self.held_bytes);
        let after = after.hold_within(&mut self.held_bytes);
        let is_kept = (touched.is_hot || self.keeps_documents) && !matches!(after, Json::Dropped { .. });
        let document = match is_kept {
            true => Kept::Document(Box::new(document)),
            false => Kept::Encoded(encode(&document, scratch)),
        };
        let written = Written { before, after, document };
        self.documents += 1;
        self.bytes += written.bytes();
        touched.state = State::Written(written);
        if self.documents > limits.transaction_documents || self.bytes > limits.transaction_bytes {
            return Err(Refusal::TransactionTooLarge {
                documents: self.documents,
                bytes: self.bytes,
                documents_max: limits.transaction_documents,
                bytes_max: limits.transaction_bytes,
            });
        }
        Ok(())
    }
}
