//! Indexes of an app's documents.
//!
//! Not here: how they are built and kept (`store`), what they are used for (`find`).

use std::time::Duration;

use document::CollectionName;
use store::{App, CommitError, CreateIndexError, IndexDefinition, IndexDefinitionError, IndexKey, IndexStatus};
use wire::index::NewIndex;

use crate::operations::Operations;

/// Why an index was not made, found or dropped.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// There can be no such index.
    #[error(transparent)]
    Definition(#[from] IndexDefinitionError),
    /// It cannot be made.
    #[error(transparent)]
    Create(#[from] CreateIndexError),
    /// There is none.
    #[error("the collection {collection:?} has no index {name:?}")]
    NotFound {
        /// In this collection.
        collection: String,
        /// Of this name.
        name: String,
    },
    /// It could not be dropped.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Operations {
    /// Makes an index, and waits at most `wait` until it is built. Gives it as it is then; one that is
    /// there in the same words is given again.
    pub async fn create_index(&self, app: &App, new: NewIndex, wait: Duration) -> Result<IndexStatus, IndexError> {
        let NewIndex { name, collection, keys } = new;
        let keys = keys.into_iter().map(|key| IndexKey { path: key.property, descending: key.descending });
        let definition = IndexDefinition::new(&name, collection.clone(), keys.collect())?;
        app.create_index(&definition).await?;
        let made = app.index_when_ready(&collection, &name, wait).await;
        made.ok_or_else(|| IndexError::NotFound { collection: collection.as_str().to_owned(), name })
    }

    /// One index.
    pub fn index(&self, app: &App, collection: &str, name: &str) -> Result<IndexStatus, IndexError> {
        let not_found = || IndexError::NotFound { collection: collection.to_owned(), name: name.to_owned() };
        let found = CollectionName::new(collection).ok().and_then(|collection| app.index(&collection, name));
        found.ok_or_else(not_found)
    }

    /// Drops an index: no query uses it from here on.
    pub async fn drop_index(&self, app: &App, collection: &str, name: &str) -> Result<(), IndexError> {
        let index = self.index(app, collection, name)?;
        match app.drop_index(&index.definition.collection, name).await? {
            true => Ok(()),
            // Somebody else was faster.
            false => Err(IndexError::NotFound { collection: collection.to_owned(), name: name.to_owned() }),
        }
    }
}
