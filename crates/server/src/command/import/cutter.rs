//! Cuts an input into batches, on a thread of its own: one that waits for its input holds up nobody
//! who has something to say.

use std::sync::mpsc::SyncSender;

use super::{
    batch::{Batch, Upserts},
    document::Document,
    reader::{Fault, Next, Position, ReadError, Reader},
    sender::{Refused, Report},
};

/// What cuts.
pub(super) struct Cutter {
    pub(super) reader: Reader,
    pub(super) upserts: Upserts,
    /// Where the `_id` of a document is taken from, if not from its `_id`.
    pub(super) id_field: Option<String>,
    pub(super) skips_bad: bool,
}

/// How an input ended, or why it was not read to its end.
#[derive(Debug)]
pub(super) struct Ended {
    /// Up to where it was read.
    pub(super) position: Position,
    /// How many texts up to there were skipped, before this run too.
    pub(super) skipped: u64,
    pub(super) why: Option<ReadError>,
}

impl Cutter {
    /// Sends what it cuts, from `batch` on, which is empty; then says how it ended.
    pub(super) fn run(mut self, batch: Batch, batches: SyncSender<Batch>, reports: &SyncSender<Report>) {
        let mut skipped = batch.skipped;
        let why = self.cut_all(batch, &mut skipped, &batches, reports).err();
        let ended = Ended { position: self.reader.position(), skipped, why };
        // Nobody listens any more if the import has failed.
        let _ = reports.send(Report::Ended(ended));
    }

    fn cut_all(
        &mut self,
        mut batch: Batch,
        skipped: &mut u64,
        batches: &SyncSender<Batch>,
        reports: &SyncSender<Report>,
    ) -> Result<(), ReadError> {
        loop {
            let fault = match self.reader.advance()? {
                Next::End => break,
                Next::Bad(fault) => fault,
                Next::Text(place) => match Document::read(self.reader.text(), place, self.id_field.as_deref()) {
                    Err(fault) => fault,
                    Ok(document) => {
                        if !batch.has_room(&self.upserts, document.text.len()) {
                            let next = Batch::new(batch.number + 1, batch.end, batch.skipped);
                            if batches.send(std::mem::replace(&mut batch, next).closed()).is_err() {
                                return Ok(()); // the import has failed
                            }
                        }
                        batch.push(&self.upserts, &document, place);
                        batch.end = self.reader.position();
                        continue;
                    }
                },
            };
            if !self.skips_bad {
                return Err(ReadError::Fault(fault));
            }
            let Fault { place, what } = fault;
            let _ = reports.send(Report::Skipped(Refused { place, message: what }));
            *skipped += 1;
            batch.skipped = *skipped;
            batch.end = self.reader.position();
        }
        if !batch.is_empty() {
            let _ = batches.send(batch.closed());
        }
        Ok(())
    }
}
