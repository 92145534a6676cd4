//! How much a topic carries.

use std::time::Duration;

use topics::{AppTopics, LiveQuery};

use super::samples::Samples;

/// What counts as now, for rates.
const RATE_SPAN: Duration = Duration::from_secs(60);

/// The high watermarks of all partitions: every event that was ever on the topic. `None` if there
/// is no such topic.
pub(crate) fn high_watermark(topics: &AppTopics, topic: &str) -> Option<u64> {
    let topic = topics.by_name(topic)?;
    let partitions = (0..topic.partitions()).filter_map(|index| topic.partition(index.into()));
    Some(partitions.map(|partition| partition.high_watermark()).sum())
}

/// Events a second, of the last minute; `None` while that is not known.
pub(crate) fn rate(samples: &Samples, app: &str, query: &LiveQuery, topic: &str) -> Option<f64> {
    let lately = samples.lately(app, RATE_SPAN)?;
    match query.name.as_str() {
        topics::MAIN => Some(lately.rate(lately.events)),
        _ => lately.topic_rate(topic),
    }
}
