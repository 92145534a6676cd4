//! Which events a reader wants to see, by the same rules as a live query's.
//!
//! Not here: live queries themselves (`live_query`), and reading (`topic`).

use kafka_wire::record_batch::Record;
use query::Filter;

use crate::matcher::{Event, Matcher};

/// A collection and a filter over events, for a reader of a topic.
#[derive(Debug, Clone)]
pub struct EventFilter {
    matcher: Matcher,
}

impl EventFilter {
    /// Without `collection` events of all are wanted; without `filter`, those of all documents.
    pub fn new(collection: Option<String>, filter: Option<Filter>) -> Self {
        Self { matcher: Matcher { collection, filter, ..Matcher::everything() } }
    }

    /// Whether asking it takes little, whatever the event is.
    pub fn is_light(&self) -> bool {
        self.matcher.is_light()
    }

    /// Whether the document matches before the event or after it. An event that only names its document is wanted
    /// where its collection is.
    pub fn wants(&self, record: &Record<'_>) -> bool {
        self.matcher.carries(&Event::new(record))
    }
}
