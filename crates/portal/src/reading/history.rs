//! The changes of one document: a bounded look back from its last event, or from where the last look
//! ended.
//!
//! The store knows where a document's last event is, but not the one before it: events are looked
//! through backwards for its key. Invariant: a look says where it ended, so that one look after the
//! other reaches everything that is kept.
//! Not here: showing them (`page::document`).

use std::{sync::Arc, time::Duration, time::Instant};

use kafka_wire::record_batch::{Record, decode_records};
use store::{App, EventLog};

use crate::{
    failure::Failure,
    limits::{HISTORY_BYTES_MAX, HISTORY_CHANGES_MAX, HISTORY_TIME_MAX, SEARCH_TIME_MAX},
    reading::catch::{header, split, unreadable},
};

/// Events that are looked through at once.
const STEP: u64 = 1024;

/// What one read asks for, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// How long a look may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    time_max: Duration,
    bytes_max: usize,
}

/// For a page that shows other things too.
pub(crate) const GLANCE: Effort = Effort { time_max: HISTORY_TIME_MAX, bytes_max: HISTORY_BYTES_MAX };

/// For somebody who asked for more.
pub(crate) const SEARCH: Effort = Effort { time_max: SEARCH_TIME_MAX, bytes_max: usize::MAX };

/// What was found.
#[derive(Debug)]
pub(crate) struct History<R> {
    /// What its events were taken for, the newest first.
    pub(crate) changes: Vec<R>,
    /// Events that were looked through.
    pub(crate) looked_at: u64,
    /// Below it older changes may lie; `None` where nothing is kept there.
    pub(crate) before: Option<u64>,
    /// Whether the oldest that was found is where the document came to be. It may have been there
    /// before, and removed.
    pub(crate) begins: bool,
}

/// An event of the document.
struct Change<R> {
    offset: u64,
    is_insert: bool,
    kept: R,
}

impl<R> History<R> {
    /// Of the document whose events have `key`, of those below `end`; `take` makes of each record
    /// what is kept of it. Blocks on disk.
    pub(crate) fn of(
        app: &Arc<App>,
        key: &[u8],
        end: Option<u64>,
        effort: Effort,
        mut take: impl FnMut(&Record<'_>) -> R,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let events = app.events();
        let mut history = Self { changes: Vec::new(), looked_at: 0, before: None, begins: false };
        let Some(mut end) = end.map(|end| end.min(events.high_watermark())) else { return Ok(history) };
        let mut bytes = 0;
        while end > events.log_start() && !history.begins {
            let is_spent = bytes >= effort.bytes_max || (began.elapsed() > effort.time_max && history.looked_at > 0);
            if history.changes.len() >= HISTORY_CHANGES_MAX || is_spent {
                break;
            }
            end = events.before_seams(end);
            let from = end.saturating_sub(STEP).max(events.log_start());
            let found = changes_between(events, key, from, end, &mut bytes, &mut take)?;
            history.looked_at += end - from;
            end = from;
            for change in found.into_iter().rev() {
                if history.changes.len() == HISTORY_CHANGES_MAX {
                    break;
                }
                history.begins = change.is_insert;
                history.changes.push(change.kept);
                if history.changes.len() == HISTORY_CHANGES_MAX || history.begins {
                    end = change.offset;
                    break;
                }
            }
        }
        history.before = (end > events.log_start()).then_some(end);
        Ok(history)
    }
}

/// Those of the document, the oldest first.
fn changes_between<R>(
    events: &EventLog,
    key: &[u8],
    from: u64,
    end: u64,
    bytes: &mut usize,
    take: &mut impl FnMut(&Record<'_>) -> R,
) -> Result<Vec<Change<R>>, Failure> {
    let mut changes = Vec::new();
    let mut next = from;
    while next < end {
        let pieces = events.read_blocking(next, READ_BYTES).map_err(unreadable)?;
        let before = next;
        for batch in pieces.iter().flat_map(|piece| split(piece)) {
            *bytes += batch.len();
            for record in decode_records(&batch).map_err(unreadable)? {
                let offset = record.offset as u64;
                if (next..end).contains(&offset) && record.key == Some(key) {
                    let is_insert = header(&record, "op") == Some(b"insert");
                    changes.push(Change { offset, is_insert, kept: take(&record) });
                }
                next = next.max(offset + 1);
            }
            if next >= end {
                break;
            }
        }
        if next == before {
            break; // trimmed meanwhile
        }
    }
    Ok(changes)
}
