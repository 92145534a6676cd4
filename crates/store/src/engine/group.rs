//! What a group came to, written at once: at commit, at replay and in `verify`.

use std::collections::HashMap;

use document::SiteId;
use rules::GroupResult;

use super::{handle::Engine, requests::RequestsKept, spaces::EngineError};
use crate::{
    consumer_offsets::OffsetsChange,
    definition::DefinitionChange,
    incarnation::Seam,
    position::Position,
    request::{Remembered, RequestKey},
    site::Site,
    tombstones::DroppedTombstones,
};

/// Everything that the entries of one frame come to.
#[derive(Debug)]
pub(crate) struct GroupWrites {
    /// Of the changesets.
    pub(crate) result: GroupResult,
    /// Behind the frame.
    pub(crate) position: Position,
    pub(crate) beside: BesideDocuments,
}

/// What a frame changes beside documents and events, each in the order of its entries.
#[derive(Debug, Default)]
pub(crate) struct BesideDocuments {
    pub(crate) offsets: Vec<OffsetsChange>,
    /// In the order of their transactions.
    pub(crate) requests: Vec<(RequestKey, Remembered)>,
    pub(crate) definitions: Vec<DefinitionChange>,
    /// As the last of their pushes left them.
    pub(crate) sites: HashMap<SiteId, Site>,
    /// Such a frame holds no changeset.
    pub(crate) tombstones: Option<DroppedTombstones>,
    /// Such a frame holds nothing else.
    pub(crate) seams: Vec<Seam>,
}

impl Engine {
    /// Writes it in one batch, with the position that it leads to.
    pub(crate) fn write_group(&self, group: &GroupWrites, kept: &mut RequestsKept) -> Result<(), EngineError> {
        let GroupWrites { result, position, beside } = group;
        let mut batch = self.batch(result.changed.len() + 1);
        let mut catalog = self.catalog.lock().expect("not poisoned");
        batch.define_indexes(self, &mut catalog, &beside.definitions);
        batch.put_entries(self, &mut catalog, &result.changed)?;
        batch.note_counted(&catalog, position);
        for (key, document) in &result.changed {
            batch.put_document(key, document);
        }
        for change in &beside.offsets {
            for (topic, partition, offset) in &change.offsets {
                batch.put_offset(&change.group, topic, *partition, offset.as_ref());
            }
        }
        beside.definitions.iter().for_each(|change| batch.put_definition(change));
        if let Some(dropped) = &beside.tombstones {
            batch.drop_tombstones(self, dropped)?;
        }
        beside.seams.iter().for_each(|seam| batch.put_seam(seam));
        beside.sites.iter().for_each(|(site, known)| batch.put_site(*site, known));
        batch.put_requests(&beside.requests, kept);
        batch.commit(position)
    }
}
