//! The recent changes of one document: a bounded look back from its last event.
//!
//! The store knows where a document's last event is, but not the one before it: events are looked through backwards for its key.
//! Not here: showing them (`page::document`).

use std::{sync::Arc, time::Instant};

use kafka_wire::record_batch::{Record, decode_records};
use store::App;

use crate::{
    failure::Failure,
    limits::{HISTORY_BYTES_MAX, HISTORY_CHANGES_MAX, HISTORY_EVENTS_MAX, HISTORY_TIME_MAX},
    reading::feed::{header, split, unreadable},
};

/// Events that are looked through at once.
const STEP: u64 = 256;

/// What was found.
#[derive(Debug)]
pub(crate) struct History<R> {
    /// What its events were taken for, the newest first.
    pub(crate) changes: Vec<R>,
    /// Events that were looked through.
    pub(crate) looked_at: u64,
    /// Whether there may be older changes than the last that is listed.
    pub(crate) may_be_older: bool,
}

impl<R> History<R> {
    /// Of the document whose events have `key`, back from `last_event`; `take` makes of each record
    /// what is kept of it. Blocks on disk.
    pub(crate) fn of(
        app: &Arc<App>,
        key: &[u8],
        last_event: Option<u64>,
        mut take: impl FnMut(&Record<'_>) -> R,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let events = app.events();
        let mut history = Self { changes: Vec::new(), looked_at: 0, may_be_older: false };
        let mut begins = false;
        let Some(last_event) = last_event else { return Ok(history) };
        let (mut end, mut bytes) = (last_event + 1, 0);
        while end > events.log_start() {
            let is_enough = history.changes.len() >= HISTORY_CHANGES_MAX || history.looked_at >= HISTORY_EVENTS_MAX;
            if is_enough || bytes >= HISTORY_BYTES_MAX || began.elapsed() > HISTORY_TIME_MAX {
                history.may_be_older = true;
                return Ok(history);
            }
            let from = end.saturating_sub(STEP).max(events.log_start());
            let mut changes = Vec::new();
            let mut first = None;
            let mut next = from;
            while next < end {
                let batches = events.read_blocking(next, HISTORY_BYTES_MAX).map_err(unreadable)?;
                let before = next;
                for batch in batches.iter().flat_map(|piece| split(piece)) {
                    bytes += batch.len();
                    for record in decode_records(&batch).map_err(unreadable)? {
                        let offset = record.offset as u64;
                        if (next..end).contains(&offset) && record.key == Some(key) {
                            first.get_or_insert(header(&record, "op") == Some(b"insert"));
                            changes.push(take(&record));
                        }
                        next = next.max(offset + 1);
                    }
                }
                if next == before {
                    break; // trimmed meanwhile
                }
            }
            history.looked_at += end - from;
            begins = first.unwrap_or(begins);
            history.changes.extend(changes.into_iter().rev());
            if begins {
                break;
            }
            end = from;
        }
        history.may_be_older = !begins && !history.changes.is_empty();
        if history.changes.len() > HISTORY_CHANGES_MAX {
            history.changes.truncate(HISTORY_CHANGES_MAX);
            history.may_be_older = true;
        }
        Ok(history)
    }
}
