//! Topics: what of an app's events a consumer sees, from which partition, and what it is told of
//! events that were trimmed.
//!
//! A topic is a view: it stores no events. The app's main topic carries every event, under the
//! journal's offsets; a live query's carries those whose document matches before or after, under
//! dense offsets of its own partitions (docs/reference/live-queries.md).
//!
//! Invariants: a topic's log start is 0 for ever and its high watermark the offset after its last
//! event; reading any offset between them gives the events that are left, and in the place of
//! trimmed ones exactly the documents they touched last.
//! Not here: Kafka requests (`kafka-endpoint`), who may ask (`http-api`), the journal (`store`).

mod app_topics;
mod compressed;
mod counts;
mod definition;
mod evaluator;
mod event_filter;
mod filter_index;
mod gap;
mod head;
mod lag;
mod layout;
mod leaves;
mod live_query;
mod matcher;
mod murmur2;
mod numbering;
mod older_view;
mod preparing;
mod progress;
mod reading;
mod registry;
mod tail;
mod topic;
mod trim;
mod verify;
mod view;
mod views;

pub mod limits;

pub use app_topics::{AppTopics, ChangeError, LiveQueryChange};
pub use event_filter::EventFilter;
pub use lag::{GroupLags, LagTimes, PartitionLag};
pub use layout::{TopicLayout, TopicShape};
pub use live_query::{Compression, GrantedQueries, LiveQuery, LiveQueryError, MAIN, OnGap, QueryLanguage, codec_of};
pub use murmur2::partition_of_key;
pub use numbering::Skipped;
pub use registry::TopicRegistry;
pub use tail::Tail;
pub use topic::{Partition, Rebuild, SETTLE_WAIT, Stop, Topic, TopicError, Unsettled};
pub use verify::verify;
