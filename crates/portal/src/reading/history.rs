//! The recent changes of one document: a bounded look back from its last event.
//!
//! The store knows where a document's last event is, but not the one before it: events are looked through backwards for its key.
//! Not here: showing them (`page::document`).

use std::{sync::Arc, time::Instant};

use kafka_wire::record_batch::decode_records;
use store::App;

use crate::{
    clip::Clipper,
    event_row::EventRow,
    failure::Failure,
    limits::{HISTORY_BYTES_MAX, HISTORY_CHANGES_MAX, HISTORY_EVENTS_MAX, HISTORY_TIME_MAX},
    reading::feed::{split, unreadable},
};

/// Events that are looked through at once.
const STEP: u64 = 256;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The newest first.
    pub(crate) rows: Vec<EventRow>,
    /// Events that were looked through.
    pub(crate) looked_at: u64,
    /// Whether there may be older changes than the last that is listed.
    pub(crate) may_be_older: bool,
}

impl History {
    /// Of the document whose events have `key`, back from `last_event`. Blocks on disk.
    pub(crate) fn of(
        app: &Arc<App>,
        key: &[u8],
        last_event: Option<u64>,
        clipper: &mut Clipper,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let (events, topic) = (app.events(), app.name().main_topic());
        let mut history = Self::default();
        let Some(last_event) = last_event else { return Ok(history) };
        let (mut end, mut bytes) = (last_event + 1, 0);
        while end > events.log_start() {
            let is_enough = history.rows.len() >= HISTORY_CHANGES_MAX || history.looked_at >= HISTORY_EVENTS_MAX;
            if is_enough || bytes >= HISTORY_BYTES_MAX || began.elapsed() > HISTORY_TIME_MAX {
                history.may_be_older = true;
                return Ok(history);
            }
            let from = end.saturating_sub(STEP).max(events.log_start());
            let mut rows = Vec::new();
            let mut next = from;
            while next < end {
                let batches = events.read_blocking(next, HISTORY_BYTES_MAX).map_err(unreadable)?;
                let before = next;
                for batch in batches.iter().flat_map(|piece| split(piece)) {
                    bytes += batch.len();
                    for record in decode_records(&batch).map_err(unreadable)? {
                        let offset = record.offset as u64;
                        if (next..end).contains(&offset) && record.key == Some(key) {
                            rows.push(EventRow::of(app.name().as_str(), &topic, 0, &record, clipper));
                        }
                        next = next.max(offset + 1);
                    }
                }
                if next == before {
                    break; // trimmed meanwhile
                }
            }
            history.looked_at += end - from;
            let is_first = rows.first().is_some_and(|row| row.op == "insert");
            history.rows.extend(rows.into_iter().rev());
            if is_first {
                break;
            }
            end = from;
        }
        history.may_be_older = history.rows.last().is_some_and(|row| row.op != "insert");
        if history.rows.len() > HISTORY_CHANGES_MAX {
            history.rows.truncate(HISTORY_CHANGES_MAX);
            history.may_be_older = true;
        }
        Ok(history)
    }
}
