//! Which journal the documents are of, and where it begins.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `journal` | version 1, the app's instance (16 bytes), three u64 LE: frame, txnId and offset that its journal begins with, u64 LE: the commit time before |

use super::{
    handle::{Engine, EngineSnapshot},
    spaces::{EngineError, META, VALUE_VERSION},
};
use crate::journal::segment::{SegmentEnd, SegmentHeader};

const JOURNAL_KEY: &[u8] = b"journal";

/// Which journal the documents are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalNote {
    /// The app's random number for life.
    pub(crate) instance: [u8; 16],
    /// Its first segment begins there: what was before was trimmed.
    pub(crate) start: SegmentEnd,
}

impl JournalNote {
    /// The note on a journal whose first segment has this header.
    pub(crate) fn of(first: &SegmentHeader) -> Self {
        Self { instance: first.instance, start: first.start() }
    }

    fn encode(&self) -> Vec<u8> {
        let SegmentEnd { next_frame, next_txn, next_offset, commit_time_ms } = self.start;
        let mut out = vec![VALUE_VERSION];
        out.extend_from_slice(&self.instance);
        for number in [next_frame, next_txn, next_offset, commit_time_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out
    }

    fn decode(value: &[u8]) -> Result<Self, EngineError> {
        let decoded = value.strip_prefix(&[VALUE_VERSION]).and_then(|rest| {
            let (instance, rest) = rest.split_first_chunk::<16>()?;
            let numbers: [[u8; 8]; 4] = rest.as_chunks().0.try_into().ok().filter(|_| rest.len() == 32)?;
            let [next_frame, next_txn, next_offset, commit_time_ms] = numbers.map(u64::from_le_bytes);
            let start = SegmentEnd { next_frame, next_txn, next_offset, commit_time_ms };
            Some(Self { instance: *instance, start })
        });
        decoded.ok_or_else(|| EngineError("the note on the journal cannot be read".into()))
    }
}

impl EngineSnapshot {
    /// The same as [`Engine::journal`], as it was.
    pub(crate) fn journal(&self) -> Result<Option<JournalNote>, EngineError> {
        self.get_meta(JOURNAL_KEY)?.map(|value| JournalNote::decode(&value)).transpose()
    }
}

impl Engine {
    /// Which journal the documents are of, and where it begins; `None` before that was noted the
    /// first time.
    pub(crate) fn journal(&self) -> Result<Option<JournalNote>, EngineError> {
        self.get(META, JOURNAL_KEY)?.map(|value| JournalNote::decode(&value)).transpose()
    }

    /// Notes that, durably.
    pub(crate) fn note_journal(&self, note: &JournalNote) -> Result<(), EngineError> {
        self.insert(META, JOURNAL_KEY, note.encode())?;
        self.persist()
    }
}
