//! What is noted of live queries' topics beside the documents: so that their offsets, and what
//! stands for events that were trimmed, outlive those events.
//!
//! Nothing of it is in the journal: it follows from the order, and is evaluated again from what was
//! noted last. Notes are written without a sync; a crash leaves a prefix of them, which
//! [`App::persist_notes`] makes durable.
//! Not here: what the head and the counts say (crate `topics`), when tombstones go (`tombstones`).

use std::{collections::HashMap, sync::Arc};

use key_values::Batch;

use crate::{
    app::App,
    engine::{StoredDocument, views},
    snapshot::{Snapshot, SnapshotError},
    views::{Leaves, ViewEntry, ViewFloor, ViewId},
};

/// Notes that are written in one batch.
#[derive(Debug, Default)]
pub struct ViewNotes {
    batch: Batch,
    leaves: Arc<HashMap<Vec<u8>, Leaves>>,
    len: usize,
}

impl ViewNotes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is known of the view.
    pub fn head(&mut self, view: ViewId, head: Vec<u8>) {
        self.len += 1;
        views::put_head(&mut self.batch, view, head);
    }

    /// What a span of the journal holds for a partition.
    pub fn counts(&mut self, view: ViewId, partition: u16, span: u64, counts: Vec<u8>) {
        self.len += 1;
        views::put_counts(&mut self.batch, view, partition, span, counts);
    }

    /// For each partition, how many events there are before the journal's `offset`.
    pub fn mark(&mut self, view: ViewId, offset: u64, counts: &[u64]) {
        self.len += 1;
        views::put_mark(&mut self.batch, view, offset, counts);
    }

    /// What stands at `offset` of a partition once its event is trimmed.
    pub fn entry(&mut self, view: ViewId, partition: u16, offset: u64, entry: &ViewEntry) {
        self.len += 1;
        views::put_entry(&mut self.batch, view, partition, offset, entry);
    }

    /// An entry that is not valid, and so will never be again.
    pub fn forget_entry(&mut self, view: ViewId, partition: u16, offset: u64) {
        self.len += 1;
        views::remove_entry(&mut self.batch, view, partition, offset);
    }

    /// Tombstones that the partition had shown were dropped below it.
    pub fn floor(&mut self, view: ViewId, partition: u16, floor: &ViewFloor) {
        self.len += 1;
        views::put_floor(&mut self.batch, view, partition, floor);
    }

    /// The last leaves of documents, by their documents keys. Of a view that is not among them what
    /// was noted stays.
    pub fn leaves(&mut self, leaves: Arc<HashMap<Vec<u8>, Leaves>>) {
        self.len += leaves.len();
        self.leaves = leaves;
    }
}

impl App {
    /// A number for a live query that is made. Waits for the disk.
    pub fn new_view(&self) -> Result<ViewId, SnapshotError> {
        Ok(self.shared.engine.new_view()?)
    }

    /// Writes the notes in one batch, not synced.
    pub fn note_views(&self, notes: ViewNotes) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.note_views(notes.batch, &notes.leaves)?)
    }

    /// Makes durable what was noted. Waits for the disk.
    pub fn persist_notes(&self) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.persist()?)
    }

    /// What is known of each view.
    pub fn view_heads(&self) -> Result<Vec<(ViewId, Vec<u8>)>, SnapshotError> {
        Ok(self.shared.engine.view_heads()?)
    }

    /// The first span at or behind `span` that holds something for the partition, and what.
    pub fn view_counts(
        &self,
        view: ViewId,
        partition: u16,
        span: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, SnapshotError> {
        let found = self.shared.engine.view_counts(view, partition, span)?;
        Ok(found.map(|(span, counts)| (span, counts.to_vec())))
    }

    /// What was noted as [`ViewNotes::mark`].
    pub fn view_mark(&self, view: ViewId, offset: u64) -> Result<Option<Vec<u64>>, SnapshotError> {
        Ok(self.shared.engine.view_mark(view, offset)?)
    }

    /// The document's last leaves, as they are noted, by its documents key.
    pub fn leaves_of(&self, document: &[u8]) -> Result<Leaves, SnapshotError> {
        Ok(self.shared.engine.leaves_of(document)?)
    }

    /// Below what tombstones were dropped that the partition had shown.
    pub fn view_floor(&self, view: ViewId, partition: u16) -> Result<Option<ViewFloor>, SnapshotError> {
        Ok(self.shared.engine.view_floor(view, partition)?)
    }

    /// Forgets a view but for its leaves, which a sweep takes out.
    pub fn forget_view(&self, view: ViewId) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.forget_view(view)?)
    }

    /// The last number that was given.
    pub fn last_view(&self) -> Result<ViewId, SnapshotError> {
        Ok(self.shared.engine.last_view()?)
    }

    /// Forgets what is noted of views up to `last` that are not among `known`, which are sorted: of
    /// some that were deleted. Reads all leaves.
    pub fn sweep_views(&self, known: &[ViewId], last: ViewId) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.sweep_views(known, last)?)
    }

    /// Forgets the marks below the journal's `offset`, and the counts of spans below `span`.
    pub fn forget_view_below(
        &self,
        view: ViewId,
        partitions: u16,
        offset: u64,
        span: u64,
    ) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.forget_view_below(view, partitions, offset, span)?)
    }

    /// The offset of the last event of a document, by its documents key.
    pub fn last_event(&self, document: &[u8]) -> Result<Option<u64>, SnapshotError> {
        Ok(self.shared.engine.last_event(document)?)
    }

    /// What an older version knew of the live query of that name, if that is still there.
    pub fn older_view(&self, name: &str) -> Result<Option<Vec<u8>>, SnapshotError> {
        Ok(self.shared.engine.older_view(name)?)
    }

    /// The documents that left it by an event that was trimmed, as such a version noted them: the
    /// event's offset and the documents key, in the order of the offsets.
    pub fn older_departures(&self, name: &str) -> Result<Vec<(u64, Vec<u8>)>, SnapshotError> {
        Ok(self.shared.engine.older_departures(name)?)
    }

    /// Forgets both.
    pub fn forget_older_view(&self, name: &str) -> Result<(), SnapshotError> {
        Ok(self.shared.engine.forget_older_view(name)?)
    }
}

impl Snapshot {
    /// What stands at the offsets from `from` to that before `to` of a partition.
    pub fn view_entries(
        &self,
        view: ViewId,
        partition: u16,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = Result<(u64, ViewEntry), SnapshotError>> + use<> {
        self.engine().view_entries(view, partition, from, to).map(|entry| Ok(entry?))
    }

    /// A document by its documents key, or its tombstone.
    pub fn stored(&self, document: &[u8]) -> Result<Option<StoredDocument>, SnapshotError> {
        Ok(self.engine().document(document)?)
    }
}
