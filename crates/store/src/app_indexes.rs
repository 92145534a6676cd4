//! Indexes of an app: made, looked at, dropped.

use std::time::Duration;

use document::CollectionName;

use crate::{
    app::App,
    commit::CommitError,
    definition::DefinitionKind,
    engine::catalog::{IndexState, KeptIndex},
    index::{IndexDefinition, definition_name},
    limits::INDEXES_MAX,
};

/// An index that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// What it is of.
    pub definition: IndexDefinition,
    /// Whether queries can use it; until then it is being built.
    pub is_ready: bool,
    /// Documents that have an entry.
    pub entries: u64,
    /// Documents of the collection.
    pub documents: u64,
}

/// Why an index was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateIndexError {
    /// Its name is taken in the collection.
    #[error("there is another index {other}; drop it, or choose another name")]
    NameTaken {
        /// By this one.
        other: Box<IndexDefinition>,
    },
    /// The collection has as many as it may have.
    #[error("the collection has {INDEXES_MAX} indexes, which is the most; drop one first")]
    TooMany,
    /// It could not be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl App {
    /// Makes an index, as an entry of the order; it is built from then on. Nothing happens if the
    /// same one is there.
    ///
    /// # Errors
    /// [`CreateIndexError`] says which; nothing was made, but for [`CommitError::Unknown`].
    pub async fn create_index(&self, definition: &IndexDefinition) -> Result<(), CreateIndexError> {
        let all = self.indexes();
        let of_collection = || all.iter().filter(|index| index.definition.collection == definition.collection);
        if let Some(named) = of_collection().find(|index| index.definition.name == definition.name) {
            return match named.definition == *definition {
                true => Ok(()),
                false => Err(CreateIndexError::NameTaken { other: Box::new(named.definition.clone()) }),
            };
        }
        if of_collection().count() >= INDEXES_MAX {
            return Err(CreateIndexError::TooMany);
        }
        Ok(self.define(DefinitionKind::Index, &definition.definition_name(), definition.to_body()).await?)
    }

    /// Drops an index: no query uses it any more when this returns; its entries go in the
    /// background. `false` if there was none.
    ///
    /// # Errors
    /// As [`App::forget_definition`].
    pub async fn drop_index(&self, collection: &CollectionName, name: &str) -> Result<bool, CommitError> {
        if self.index(collection, name).is_none() {
            return Ok(false);
        }
        self.forget_definition(DefinitionKind::Index, &definition_name(collection.as_str(), name)).await?;
        Ok(true)
    }

    /// The indexes in force, by collection, then in the order in which they were made.
    pub fn indexes(&self) -> Vec<IndexStatus> {
        self.shared.engine.with_catalog(|catalog| {
            let status = |index: &KeptIndex| IndexStatus {
                definition: (*index.definition).clone(),
                is_ready: index.state == IndexState::Ready,
                entries: index.entries,
                documents: catalog.documents_in(index.definition.collection.as_str()).unwrap_or(0),
            };
            catalog.in_force().map(status).collect()
        })
    }

    /// One of them.
    pub fn index(&self, collection: &CollectionName, name: &str) -> Option<IndexStatus> {
        let is_meant =
            |index: &IndexStatus| index.definition.collection == *collection && index.definition.name == name;
        self.indexes().into_iter().find(is_meant)
    }

    /// What is wrong with indexes and counts, as `verify` would find it; nothing may be written
    /// meanwhile.
    #[cfg(feature = "memory")]
    pub fn index_findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let checked = crate::index_check::check(&self.shared.engine, &mut findings);
        findings.extend(checked.err().map(|error| error.0));
        findings
    }

    /// Leaves indexes and counts as they were before the last frame.
    #[cfg(feature = "memory")]
    pub fn as_if_an_older_version_had_written_last(&self) {
        self.shared.engine.forget_counted();
    }

    /// Waits until the index is ready, at most `timeout`; gives it as it is then, `None` if it was
    /// dropped.
    pub async fn index_when_ready(
        &self,
        collection: &CollectionName,
        name: &str,
        timeout: Duration,
    ) -> Option<IndexStatus> {
        let mut changes = self.shared.index_changes.subscribe();
        let is_over = |_: &u64| self.index(collection, name).is_none_or(|index| index.is_ready);
        drop(tokio::time::timeout(timeout, changes.wait_for(is_over)).await);
        self.index(collection, name)
    }
}
