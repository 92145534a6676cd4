//! Live queries: what an app's topics carry.
//!
//! Not here: what a live query means (`topics`).

use std::sync::Arc;

use topics::{AppTopics, ChangeError, LiveQuery};
use wire::admin::{LiveQueryChange, NewLiveQuery};

use crate::operations::Operations;

impl Operations {
    /// Makes a live query; its topic has its history at once.
    pub async fn create_live_query(
        &self,
        topics: &Arc<AppTopics>,
        new: NewLiveQuery,
    ) -> Result<LiveQuery, ChangeError> {
        let NewLiveQuery { name, collection, query, query_language, partitions, on_gap, compression, permission } = new;
        let permission = permission.map(|document| document.read);
        let created_ms = self.clock.now_ms();
        let live_query = LiveQuery {
            name,
            collection,
            query,
            query_language,
            partitions,
            on_gap,
            compression,
            permission,
            created_ms,
        };
        topics.create(live_query.clone()).await?;
        Ok(live_query)
    }

    /// The app's live query of that name; the main feed is one too.
    pub fn live_query(&self, topics: &AppTopics, name: &str) -> Result<LiveQuery, ChangeError> {
        let found = topics.live_queries().into_iter().find(|known| known.name == name);
        found.ok_or_else(|| ChangeError::NotFound(name.to_owned()))
    }

    /// Sets what a gap gets, of the main feed too, and how it is compressed. Gives what came of it.
    pub async fn change_live_query(
        &self,
        topics: &Arc<AppTopics>,
        name: &str,
        change: LiveQueryChange,
    ) -> Result<LiveQuery, ChangeError> {
        let LiveQueryChange { on_gap, compression } = change;
        topics.change(name, topics::LiveQueryChange { on_gap, compression }).await?;
        self.live_query(topics, name)
    }

    /// Deletes the live query, its topic and what groups have committed on it.
    pub async fn delete_live_query(&self, topics: &Arc<AppTopics>, name: &str) -> Result<(), ChangeError> {
        topics.delete(name).await
    }
}
