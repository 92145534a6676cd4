//! Sends batches, several at a time, and says what became of each.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use super::{batch::Batch, cutter::Ended, reader::Place};
use crate::store_client::{CallError, Patience, StoreClient};

/// How long a sender waits for a batch before it looks whether the import goes on.
const TICK: Duration = Duration::from_millis(100);

/// How the server begins to say so.
const BODY_TOO_LONG: &str = "the body is longer than";

/// What a sender tells, or the cutter.
#[derive(Debug)]
pub(super) enum Report {
    /// The batch is written, but for the documents that were left out of it.
    Written(Box<Batch>),
    /// The server did not take a document; the batch is sent without it.
    LeftOut(Refused),
    /// Of the cutter: a text is no document, and is passed over.
    Skipped(Refused),
    /// Of the cutter: nothing more comes.
    Ended(Ended),
    /// A sender has ended.
    Idle,
    /// It is sent again, for this reason.
    Again(String),
    /// It is not written, or nobody knows.
    Failed(Failure),
}

/// A document that the server does not take.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Why an import stops.
#[derive(Debug)]
pub(super) enum Failure {
    /// Of a document.
    Document(Refused),
    /// Of the call.
    Call(CallError),
    /// It could not be noted how far the import is.
    Noting(anyhow::Error),
}

/// What senders share.
pub(super) struct Senders<'a> {
    pub(super) client: &'a StoreClient,
    pub(super) run: &'a str,
    pub(super) skips_bad: bool,
    pub(super) retry_for: Duration,
    /// Set when the import fails: nothing is sent again.
    pub(super) stopping: AtomicBool,
    pub(super) batches: Mutex<Receiver<Batch>>,
}

impl Senders<'_> {
    /// Sends what comes, until nothing comes any more or the import fails.
    pub(super) fn run_one(&self, reports: &SyncSender<Report>) {
        while !self.stopping.load(Relaxed) {
            let next = self.batches.lock().expect("nobody panics with it").recv_timeout(TICK);
            // Whoever reads the reports outlives the senders.
            let _ = match next {
                Ok(batch) => reports.send(self.send(batch, reports)),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
        }
        let _ = reports.send(Report::Idle);
    }

    fn send(&self, mut batch: Batch, reports: &SyncSender<Report>) -> Report {
        let note = |error: &CallError| {
            let _ = reports.send(Report::Again(error.to_string()));
            !self.stopping.load(Relaxed)
        };
        let patience = Patience { at_most: self.retry_for, note: &note };
        loop {
            let id = batch.request_id(self.run);
            let error = match self.client.send_patiently("write", batch.body(), Some(&id), &patience) {
                Ok(_) => return Report::Written(Box::new(batch)),
                Err(error) => error,
            };
            let (command, refused) = match refused(&batch, &error) {
                Some(refused) => refused,
                None => return Report::Failed(Failure::Call(error)),
            };
            if !self.skips_bad {
                return Report::Failed(Failure::Document(refused));
            }
            batch.leave_out(command);
            let _ = reports.send(Report::LeftOut(refused));
            if batch.is_empty() {
                return Report::Written(Box::new(batch));
            }
        }
    }
}

/// Which document the server does not take, if it is that.
fn refused(batch: &Batch, error: &CallError) -> Option<(usize, Refused)> {
    let CallError::Refused { status: 400 | 413, message, .. } = error else { return None };
    let (command, message, in_body) = match message.strip_prefix("commands[").and_then(|rest| rest.split_once(']')) {
        // What all documents share is no document's fault.
        Some((_, rest)) if rest.starts_with(".collection") => return None,
        Some((command, rest)) => {
            let (message, in_body) = split_place(rest);
            (command.parse().ok()?, message, in_body)
        }
        None if batch.documents() == 1 && message.starts_with(BODY_TOO_LONG) => {
            let message = format!("{message}; a server takes it that has a larger --max-request-bytes");
            return Some((0, Refused { place: batch.place_of(0, None)?, message }));
        }
        None if batch.documents() == 1 => (0, message.as_str(), None),
        None => return None,
    };
    let place = batch.place_of(command, in_body)?;
    let message = message.trim_start_matches([':', '.', ' ']);
    let message = message.strip_prefix("value.").unwrap_or(message).to_owned();
    Some((command, Refused { place, message }))
}

/// A message, and the line and column of the body that it ends with.
fn split_place(message: &str) -> (&str, Option<(usize, usize)>) {
    let split = || {
        let (before, place) = message.rsplit_once(" at line ")?;
        let (line, column) = place.split_once(" column ")?;
        Some((before, (line.parse().ok()?, column.parse().ok()?)))
    };
    match split() {
        Some((before, place)) => (before, Some(place)),
        None => (message, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_body_is_split_off() {
        assert_eq!(split_place("x: too deep at line 1 column 20"), ("x: too deep", Some((1, 20))));
        assert_eq!(split_place("it is at line 1"), ("it is at line 1", None));
    }
}
