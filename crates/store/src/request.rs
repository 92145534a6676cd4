//! Requests that write, by the names their senders gave them: one that is repeated gets its first
//! answer, and writes nothing.
//!
//! ```text
//! journal entry = version 2 | caller text | id text | body (16 bytes) | given u8 | upserted, updated, deleted, error u32 each | reply u8: 0 none, 1 text
//!                 version 1: without the counts, since its changeset stands before it as it was asked for
//! remembered    = version 1 | body (16 bytes) | txnId u64 | commit time u64 | upserted, updated, deleted, error u32 each | reply u8: as above
//! ```
//! Texts are a length u32 and bytes; numbers are little-endian. The entry follows that of its
//! changeset. An id that the server made itself is in the journal, but nobody looks for it as long
//! as its writer gets an answer: only a replay, which comes when no answer could be given, puts it
//! with the others.
//!
//! Invariants: what is remembered is in the documents' batch of its transaction, so a document
//! shows the write if and only if its request is known; only what was committed is remembered.
//! Not here: in what order it goes (`sequencer`), how long it is kept (`engine::requests`).

use document::{Action, Changeset};
use rules::Outcome;

use crate::{
    binary::{put_bytes, put_u32, take, take_bytes, take_flag, take_text, take_u32},
    commit::Committed,
    limits::REMEMBERED_REPLY_BYTES_MAX,
    position::TxnId,
};

/// Of what is remembered.
const VERSION: u8 = 1;

/// Of a journal entry.
const ENTRY_VERSION: u8 = 2;
const ENTRY_VERSION_WITHOUT_COUNTS: u8 = 1;

/// A request that writes, as its sender names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose it is; equal ids of two callers are two requests.
    pub caller: String,
    /// What the caller calls it, or the server where the caller did not.
    pub id: String,
    /// A digest of its body: another one under the same id is another request.
    pub body: [u8; 16],
    /// Whether the caller named it, and may send it again.
    pub given: bool,
}

/// Makes the answer of a write, which is kept with it if it is no longer than
/// [`REMEMBERED_REPLY_BYTES_MAX`].
pub type RenderReply = Box<dyn FnOnce(&Committed) -> Vec<u8> + Send>;

/// What became of a write that may be a repetition.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// It is new, and committed.
    New(Committed),
    /// It was committed before: nothing was written now.
    Repeated(Remembered),
}

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The digest of its body.
    pub body: [u8; 16],
    /// Its transaction.
    pub txn_id: TxnId,
    /// When that was committed, ms since the epoch.
    pub commit_time_ms: u64,
    /// What it did.
    pub counts: Counts,
    /// Its answer, if that was short enough.
    pub reply: Option<Vec<u8>>,
}

/// What a transaction did, in operations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Upserts.
    pub upserted: u32,
    /// Updates that were done.
    pub updated: u32,
    /// Removes of what was there.
    pub deleted: u32,
    /// Updates that could not be done.
    pub error: u32,
}

impl Counts {
    pub(crate) fn of(changeset: &Changeset, outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for (operation, outcome) in changeset.operations.iter().zip(outcomes) {
            let count = match (outcome, &operation.action) {
                (Outcome::Skipped, _) => continue,
                (Outcome::Failed(_), _) => &mut counts.error,
                (
                    Outcome::Applied,
                    Action::Upsert { .. }
                    | Action::UpsertInitial { .. }
                    | Action::UpsertDifference { .. }
                    | Action::Merge { .. },
                ) => &mut counts.upserted,
                (Outcome::Applied, Action::Update(_) | Action::Computed { .. }) => &mut counts.updated,
                (Outcome::Applied, Action::Remove) => &mut counts.deleted,
            };
            *count += 1;
        }
        counts
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for count in [self.upserted, self.updated, self.deleted, self.error] {
            put_u32(out, count);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let [upserted, updated, deleted, error] = [take_u32(rest)?, take_u32(rest)?, take_u32(rest)?, take_u32(rest)?];
        Some(Self { upserted, updated, deleted, error })
    }
}

/// The name of a request in its app.
pub(crate) type RequestKey = (String, String);

impl Request {
    pub(crate) fn key(&self) -> RequestKey {
        (self.caller.clone(), self.id.clone())
    }
}

/// A request as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestEntry {
    pub(crate) request: Request,
    /// `None` in entries of version 1.
    pub(crate) counts: Option<Counts>,
    pub(crate) reply: Option<Vec<u8>>,
}

impl RequestEntry {
    pub(crate) fn new(request: Request, reply: Option<Vec<u8>>, counts: Counts) -> Self {
        let reply = reply.filter(|reply| reply.len() <= REMEMBERED_REPLY_BYTES_MAX);
        Self { request, counts: Some(counts), reply }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Request { caller, id, body, given } = &self.request;
        out.push(if self.counts.is_some() { ENTRY_VERSION } else { ENTRY_VERSION_WITHOUT_COUNTS });
        put_bytes(out, caller.as_bytes());
        put_bytes(out, id.as_bytes());
        out.extend_from_slice(body);
        out.push(u8::from(*given));
        if let Some(counts) = &self.counts {
            counts.encode(out);
        }
        put_reply(out, self.reply.as_deref());
    }

    /// `None` if the bytes are not what [`RequestEntry::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        let caller = take_text(&mut rest)?;
        let id = take_text(&mut rest)?;
        let body = take::<16>(&mut rest)?;
        let given = take_flag(&mut rest)?;
        let counts = match version {
            ENTRY_VERSION => Some(Counts::take(&mut rest)?),
            ENTRY_VERSION_WITHOUT_COUNTS => None,
            _ => return None,
        };
        let reply = take_reply(&mut rest)?;
        rest.is_empty().then_some(Self { request: Request { caller, id, body, given }, counts, reply })
    }

    /// What is remembered of it once it is committed.
    pub(crate) fn remembered(&self, txn_id: TxnId, commit_time_ms: u64) -> Remembered {
        let counts = self.counts.unwrap_or_default();
        Remembered { body: self.request.body, txn_id, commit_time_ms, counts, reply: self.reply.clone() }
    }
}

impl Remembered {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { body, txn_id, commit_time_ms, counts, reply } = self;
        let mut out = vec![VERSION];
        out.extend_from_slice(body);
        out.extend_from_slice(&txn_id.0.to_le_bytes());
        out.extend_from_slice(&commit_time_ms.to_le_bytes());
        counts.encode(&mut out);
        put_reply(&mut out, reply.as_deref());
        out
    }

    /// `None` if the bytes are not what [`Remembered::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let body = take::<16>(&mut rest)?;
        let txn_id = TxnId(u64::from_le_bytes(take(&mut rest)?));
        let commit_time_ms = u64::from_le_bytes(take(&mut rest)?);
        let counts = Counts::take(&mut rest)?;
        let reply = take_reply(&mut rest)?;
        rest.is_empty().then_some(Self { body, txn_id, commit_time_ms, counts, reply })
    }
}

fn put_reply(out: &mut Vec<u8>, reply: Option<&[u8]>) {
    out.push(u8::from(reply.is_some()));
    if let Some(reply) = reply {
        put_bytes(out, reply);
    }
}

/// `Some(None)`: there is none, as it should be.
fn take_reply(rest: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    if take_flag(rest)? { take_bytes(rest).map(|bytes| Some(bytes.to_vec())) } else { Some(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts { upserted: 1, updated: 2, deleted: 3, error: 4 };

    fn entry(reply: Option<&[u8]>) -> RequestEntry {
        let request = Request { caller: "till".into(), id: "r-1".into(), body: [7; 16], given: true };
        RequestEntry::new(request, reply.map(<[u8]>::to_vec), COUNTS)
    }

    #[test]
    fn entries_and_what_is_remembered_read_back_and_every_cut_is_refused() {
        for entry in [entry(None), entry(Some(b"{}"))] {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            assert_eq!(RequestEntry::decode(&bytes), Some(entry.clone()));
            assert!((0..bytes.len()).all(|cut| RequestEntry::decode(&bytes[..cut]).is_none()));
            let remembered = entry.remembered(TxnId(9), 10);
            assert_eq!(remembered.counts, COUNTS);
            let bytes = remembered.encode();
            assert_eq!(Remembered::decode(&bytes), Some(remembered));
            assert!((0..bytes.len()).all(|cut| Remembered::decode(&bytes[..cut]).is_none()));
        }
    }

    #[test]
    fn a_long_answer_is_not_kept() {
        let long = vec![b' '; REMEMBERED_REPLY_BYTES_MAX + 1];
        assert_eq!((entry(Some(&long)).reply, entry(Some(&long[1..])).reply.is_some()), (None, true));
    }
}
