//! What [`crate::verify_with`] shows of an app to whoever notes something of live queries: to be
//! read, and held against the events.

use kafka_wire::record_batch::Record;

use crate::{
    definition::{Definition, DefinitionKind},
    engine::Engine,
    journal::{Journal, records::for_each_record},
    replay::ReplayError,
    snapshot::SnapshotError,
    views::{Leaves, ViewEntry, ViewId},
};

/// An app whose journal and documents are whole. Nothing of it changes.
#[derive(Debug)]
pub struct Examined<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) journal: &'a Journal,
    /// Frames that the documents have: what is noted is of no others.
    pub(crate) applied_frames: u64,
}

impl Examined<'_> {
    /// The definitions of a kind.
    pub fn definitions(&self, kind: DefinitionKind) -> Result<Vec<Definition>, SnapshotError> {
        let all = self.engine.definitions()?;
        Ok(all.into_iter().filter(|one| one.kind == kind).collect())
    }

    /// The offset of the oldest event that is kept.
    pub fn log_start(&self) -> u64 {
        self.journal.start().first_offset
    }

    /// What is known of each view.
    pub fn view_heads(&self) -> Result<Vec<(ViewId, Vec<u8>)>, SnapshotError> {
        Ok(self.engine.view_heads()?)
    }

    /// As [`crate::App::view_mark`].
    pub fn view_mark(&self, view: ViewId, offset: u64) -> Result<Option<Vec<u64>>, SnapshotError> {
        Ok(self.engine.view_mark(view, offset)?)
    }

    /// As [`crate::App::view_counts`].
    pub fn view_counts(
        &self,
        view: ViewId,
        partition: u16,
        span: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, SnapshotError> {
        Ok(self.engine.view_counts(view, partition, span)?.map(|(span, counts)| (span, counts.to_vec())))
    }

    /// As [`crate::App::leaves_of`].
    pub fn leaves_of(&self, document: &[u8]) -> Result<Leaves, SnapshotError> {
        Ok(self.engine.leaves_of(document)?)
    }

    /// The entries of a partition below the offset `to`, in order.
    pub fn view_entries(
        &self,
        view: ViewId,
        partition: u16,
        to: u64,
    ) -> impl Iterator<Item = Result<(u64, ViewEntry), SnapshotError>> + use<> {
        self.engine.snapshot().view_entries(view, partition, 0, to).map(|entry| Ok(entry?))
    }

    /// The documents that stand where the last-change index says, below the oldest event that is
    /// kept: the offset of the last event, the documents key, and the document.
    pub fn for_each_trimmed(&self, mut each: impl FnMut(u64, &[u8], &document::Document)) -> Result<(), SnapshotError> {
        let (snapshot, log_start) = (self.engine.snapshot(), self.log_start());
        for entry in snapshot.last_changes(0) {
            let (offset, key) = entry?;
            if offset >= log_start {
                break;
            }
            if let Some(stored) = snapshot.document(&key)?.filter(|stored| stored.last_event == Some(offset)) {
                each(offset, &key, &stored.document);
            }
        }
        Ok(())
    }

    /// Every event that is kept and that the documents have, in order.
    pub fn for_each_event(&self, mut each: impl FnMut(&Record<'_>)) -> Result<(), SnapshotError> {
        let failed = |error: ReplayError| SnapshotError { message: error.to_string() };
        let applied_frames = self.applied_frames;
        let read = self.journal.for_each_frame(0, |segment, at, header, frame| {
            if header.frame_number >= applied_frames {
                return Ok(());
            }
            for_each_record(&frame[header.batches()], |record| {
                each(record);
                Ok(())
            })
            .map_err(|error| ReplayError::from(segment.damaged(at, error)))
        });
        read.map_err(failed)
    }
}
