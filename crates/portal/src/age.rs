//! How far behind a consumer group is in time: the age of the event that it gets next; 0 where there is none.
//!
//! Not here: lag in offsets (`lag`), and keeping either over time (`lag_history`).

use kafka_wire::record_batch::decode_records;
use topics::{AppTopics, Partition, PartitionLag};

use crate::{
    failure::Failure,
    feed::{batches_of, unreadable},
    lag::GroupLag,
};

/// The age of each partition's next event, in ms, in the order of the group's partitions: of the `looked_at` that are farthest behind, and `None` of
/// the others. One read each.
pub(crate) async fn of_group(
    topics: &AppTopics,
    group: &GroupLag,
    now_ms: u64,
    looked_at: usize,
) -> Result<Vec<Option<u64>>, Failure> {
    let mut ages: Vec<_> = group.partitions.iter().map(|it| (it.lag == 0).then_some(0)).collect();
    let mut order: Vec<usize> = (0..ages.len()).filter(|&at| ages[at].is_none()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(group.partitions[at].lag));
    for at in order.into_iter().take(looked_at) {
        let written_ms = written_ms(topics, &group.partitions[at]).await?;
        ages[at] = written_ms.map(|written_ms| now_ms.saturating_sub(written_ms));
    }
    Ok(ages)
}

/// The greatest of them.
pub(crate) fn oldest(ages: &[Option<u64>]) -> u64 {
    ages.iter().flatten().copied().max().unwrap_or_default()
}

async fn written_ms(topics: &AppTopics, lag: &PartitionLag) -> Result<Option<u64>, Failure> {
    if lag.gap_ahead {
        // It is at least as old as the newest that was trimmed.
        return Ok(Some(topics.app().events().trimmed_to_ms()));
    }
    let partition = topics.by_name(&lag.topic).and_then(|topic| topic.partition(lag.partition));
    let Some(partition) = partition else { return Ok(None) };
    first_written_ms(&partition, lag.committed).await
}

/// When the first event at or behind an offset was written.
async fn first_written_ms(partition: &Partition, offset: u64) -> Result<Option<u64>, Failure> {
    let pieces = partition.read(offset, 1, partition.rebuild()).await?;
    for batch in batches_of(&pieces) {
        let records = decode_records(&batch).map_err(unreadable)?;
        if let Some(record) = records.iter().find(|record| record.offset as u64 >= offset) {
            return Ok(Some(record.timestamp_ms.max(0) as u64));
        }
    }
    Ok(None)
}
