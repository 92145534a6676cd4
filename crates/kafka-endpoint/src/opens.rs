//! Which topics and groups of its app a connection may see: all, or those of the live queries that its certificate was
//! issued for (docs/reference/access.md, "Kafka clients").
//!
//! Invariants: a certificate that was issued for live queries never opens the main feed, nor a live query that has no
//! permission: one that was made again under an old name without one is closed to it; what is not opened is answered
//! like another app's.
//! Not here: what a live query with a permission carries (`topics`), who is let in at all (`credentials`).

use kafka_protocol::ResponseError;
use topics::{AppTopics, Topic};
use uuid::Uuid;

use crate::topics as named;

/// What a certificate opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opens {
    /// All of its app.
    App,
    /// The topics of these live queries, and the groups that have their topics' names, or such a name and `.` and more.
    LiveQueries(Vec<String>),
}

impl Opens {
    pub(crate) fn of(live_queries: Option<Vec<String>>) -> Self {
        live_queries.map_or(Self::App, Self::LiveQueries)
    }

    pub(crate) fn all(&self, topics: &AppTopics) -> Vec<Topic> {
        let mut all = topics.all();
        all.retain(|topic| self.has(topic));
        all
    }

    pub(crate) fn by_name(&self, topics: &AppTopics, name: &str) -> Result<Topic, ResponseError> {
        match (named::by_name(topics, name), self) {
            (Ok(topic), _) if self.has(&topic) => Ok(topic),
            // Whether it is there is not told.
            (Ok(_) | Err(ResponseError::UnknownTopicOrPartition), Opens::LiveQueries(_)) => {
                Err(ResponseError::TopicAuthorizationFailed)
            }
            (found, _) => found,
        }
    }

    pub(crate) fn by_id(&self, topics: &AppTopics, id: Uuid) -> Result<Topic, ResponseError> {
        match named::by_id(topics, id) {
            Ok(topic) if !self.has(&topic) => Err(ResponseError::UnknownTopicId),
            found => found,
        }
    }

    fn has(&self, topic: &Topic) -> bool {
        let Opens::LiveQueries(names) = self else { return true };
        topic.restricted_live_query().is_some_and(|name| names.iter().any(|opened| opened == name))
    }

    /// GROUP_AUTHORIZATION_FAILED for what is not opened. `main` is the topic of the app's main feed.
    pub(crate) fn check_group(&self, main: &str, group: &str) -> Result<(), ResponseError> {
        let Opens::LiveQueries(names) = self else { return Ok(()) };
        let own = group.strip_prefix(main).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let live_query = own.split('.').next().unwrap_or_default();
        match names.iter().any(|opened| opened == live_query) {
            true => Ok(()),
            false => Err(ResponseError::GroupAuthorizationFailed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_those_of_the_live_queries() {
        let opens = Opens::of(Some(vec!["north".to_owned()]));
        let main = "user-consumable-shop";
        for (group, is_open) in [
            ("user-consumable-shop.north", true),
            ("user-consumable-shop.north.reports", true),
            ("user-consumable-shop.northern", false),
            ("user-consumable-shop", false),
            ("user-consumable-shop.", false),
            ("user-consumable-shopper.north", false),
            ("north", false),
            ("", false),
        ] {
            assert_eq!(opens.check_group(main, group).is_ok(), is_open, "{group}");
            assert!(Opens::App.check_group(main, group).is_ok(), "{group}");
        }
        assert!(Opens::of(Some(Vec::new())).check_group(main, main).is_err());
    }
}
