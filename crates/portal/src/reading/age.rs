//! How far behind a consumer group is in time: the age of the event that it gets next; 0 where there is none.
//!
//! Not here: what is known of a place (`topics::GroupLags`), keeping it over time (`lag_history`).

use std::sync::Arc;

use operations::GroupLag;
use topics::{AppTopics, GroupLags, LagTimes};

use crate::{failure::Failure, limits::GAP_COUNTED_MAX};

/// How far behind each partition is, in the order of the group's partitions: of the `looked_at` that are farthest
/// behind, and `None` of the others. One read each.
pub(crate) async fn of_group(
    topics: &Arc<AppTopics>,
    group: &GroupLag,
    looked_at: usize,
) -> Result<Vec<Option<LagTimes>>, Failure> {
    let (topics, partitions) = (topics.clone(), group.partitions.clone());
    let look = move || {
        let lags = GroupLags::new(&topics);
        let mut times: Vec<_> = partitions.iter().map(|it| (it.lag == 0).then(|| lags.times(it))).collect();
        let mut order: Vec<usize> = (0..times.len()).filter(|&at| times[at].is_none()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(partitions[at].lag));
        for at in order.into_iter().take(looked_at) {
            times[at] = Some(lags.times(&partitions[at]));
        }
        times
    };
    Ok(tokio::task::spawn_blocking(look).await?)
}

/// How many documents stand for what was trimmed before the group read it; counting ends above
/// [`GAP_COUNTED_MAX`]. `None` if it has read all that was trimmed.
pub(crate) async fn documents_in_gap(topics: &AppTopics, group: &GroupLag) -> Result<Option<usize>, Failure> {
    let mut count = None;
    for place in group.partitions.iter().filter(|place| place.gap_ahead) {
        let partition = topics.by_name(&place.topic).and_then(|topic| topic.partition(place.partition));
        let Some(partition) = partition else { continue };
        let known = count.unwrap_or(0);
        count = Some(known + partition.documents_in_gap(place.committed, GAP_COUNTED_MAX + 1 - known).await?);
        if count > Some(GAP_COUNTED_MAX) {
            break;
        }
    }
    Ok(count)
}

/// The greatest of the ages, in ms.
pub(crate) fn oldest(times: &[Option<LagTimes>]) -> u64 {
    times.iter().flatten().filter_map(|times| times.lag_ms).max().unwrap_or_default()
}

/// In how many ms the first of them meets a gap.
pub(crate) fn gap_in_ms(times: &[Option<LagTimes>]) -> Option<u64> {
    times.iter().flatten().filter_map(|times| times.gap_in_ms).min()
}
