//! How far behind a consumer group is in time: the age of the event that it gets next; 0 where there is none.
//!
//! Not here: what is known of a place (`topics::GroupLags`), keeping it over time (`lag_history`).

use std::sync::Arc;

use operations::GroupLag;
use topics::{AppTopics, GroupLags, LagTimes};

use crate::failure::Failure;

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

/// The greatest of the ages, in ms.
pub(crate) fn oldest(times: &[Option<LagTimes>]) -> u64 {
    times.iter().flatten().filter_map(|times| times.lag_ms).max().unwrap_or_default()
}

/// In how many ms the first of them meets a gap.
pub(crate) fn gap_in_ms(times: &[Option<LagTimes>]) -> Option<u64> {
    times.iter().flatten().filter_map(|times| times.gap_in_ms).min()
}
