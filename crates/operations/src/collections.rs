//! Whole collections of an app.
//!
//! Not here: which documents match something (`find`); the command line drops a collection through
//! the HTTP API, as any client could.

use std::{ops::Bound, sync::Arc};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin};
use store::{App, CommitError, Outcome, SnapshotError};
use tokio::task::JoinError;

use crate::{blocking::blocking, operations::Operations};

/// Documents that one transaction removes.
const REMOVED_AT_ONCE: usize = 1_000;
/// Bytes of stored documents that one transaction removes, unless one alone has more: each comes
/// whole into the event of its removal.
const BYTES_AT_ONCE: usize = 16 << 20;

/// What became of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedDocuments {
    /// How many documents were removed.
    pub removed: u64,
    /// Whether documents may be left: as many were removed as were asked for.
    pub has_more: bool,
}

/// Why documents are left. What was removed before is removed.
#[derive(Debug, thiserror::Error)]
pub enum DropCollectionError {
    /// They cannot be read.
    #[error("after {removed} documents were removed: {source}")]
    Read {
        /// How many were.
        removed: u64,
        /// Why not.
        source: SnapshotError,
    },
    /// Their removal cannot be committed.
    #[error("after {removed} documents were removed: {source}")]
    Commit {
        /// How many were.
        removed: u64,
        /// Why not.
        source: CommitError,
    },
    /// The work broke off.
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error(transparent)]
    Read(#[from] SnapshotError),
    #[error(transparent)]
    Panicked(#[from] JoinError),
}

impl Operations {
    /// Removes the documents of a collection, at most `documents_max`, each with its event, in
    /// transactions of up to a thousand: whoever consumes the app's topics learns of every one.
    /// Tombstones stay, as of any removed document, and so do the collection's indexes. What is
    /// written meanwhile may stay too. `origin` is who does it, for the events' headers.
    ///
    /// Takes about as long as it takes to write as many documents: a caller who answers somebody
    /// gives a small `documents_max` and calls again while there is more. Dropping the future ends
    /// it after the transaction that is under way.
    ///
    /// # Errors
    /// Each says how many documents were removed before.
    pub async fn drop_collection(
        &self,
        app: &Arc<App>,
        collection: &CollectionName,
        documents_max: u64,
        origin: &Origin,
    ) -> Result<DroppedDocuments, DropCollectionError> {
        let (mut removed, mut after) = (0, Bound::Unbounded);
        while removed < documents_max {
            let count_max = usize::try_from(documents_max - removed).unwrap_or(usize::MAX).min(REMOVED_AT_ONCE);
            let page = page(app, collection, after, count_max).await;
            let (ids, next) = page.map_err(|error| match error {
                PageError::Read(source) => DropCollectionError::Read { removed, source },
                PageError::Panicked(error) => DropCollectionError::Panicked(error),
            })?;
            if !ids.is_empty() {
                let committed = app.commit(removal(collection, ids, origin)).await;
                let committed = committed.map_err(|source| DropCollectionError::Commit { removed, source })?;
                removed += committed.outcomes.iter().filter(|outcome| **outcome == Outcome::Applied).count() as u64;
            }
            match next {
                Some(next) => after = Bound::Excluded(next),
                None => return Ok(DroppedDocuments { removed, has_more: false }),
            }
        }
        Ok(DroppedDocuments { removed, has_more: true })
    }
}

/// The next documents that are there, and the id that the page after them begins behind.
async fn page(
    app: &Arc<App>,
    collection: &CollectionName,
    after: Bound<String>,
    count_max: usize,
) -> Result<(Vec<DocumentId>, Option<String>), PageError> {
    let (app, collection) = (app.clone(), collection.clone());
    blocking(move || {
        let (mut ids, mut bytes) = (Vec::new(), 0);
        for found in app.snapshot()?.raw_documents(&collection, after, Bound::Unbounded) {
            let document = found?;
            if !document.exists()? {
                continue;
            }
            bytes += document.encoded()?.len();
            ids.push(document.id()?);
            if ids.len() >= count_max || bytes >= BYTES_AT_ONCE {
                return Ok::<_, SnapshotError>((ids, Some(document.id_json()?.to_owned())));
            }
        }
        Ok((ids, None))
    })
    .await
}

fn removal(collection: &CollectionName, ids: Vec<DocumentId>, origin: &Origin) -> Changeset {
    let remove =
        |id| Operation { collection: collection.clone(), id, condition: Condition::Exists, action: Action::Remove };
    Changeset { operations: ids.into_iter().map(remove).collect(), queries: Vec::new(), origin: origin.clone() }
}
