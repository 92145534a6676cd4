//! Reading at the edges: offsets by every special timestamp, fetches of replicas, leader epochs.

use kafka_protocol::messages::{
    BrokerId, FetchRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
    fetch_request::{FetchPartition, FetchTopic, ReplicaState},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
};

use super::{
    both::{Both, Difference, topic},
    support::TOPIC,
};

pub(super) const MEANT: &[Difference] = &[];

pub(super) async fn ask(both: &mut Both) {
    offsets(both).await;
    fetches(both).await;
    epochs(both).await;
}

async fn offsets(both: &mut Both) {
    for version in [1, 2, 4, 6, 7, 8, 9, 10, 11] {
        for timestamp in [0, -1, -2, -3, -4, -5, -6, -7, i64::MAX] {
            let at = |index| ListOffsetsPartition::default().with_partition_index(index).with_timestamp(timestamp);
            for (name, index) in [(TOPIC, 0), (TOPIC, 9), ("nonsense", 0)] {
                let of = ListOffsetsTopic::default().with_name(topic(name)).with_partitions(vec![at(index)]);
                let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![of]);
                both.ask(&format!("ListOffsets of {timestamp}"), request, version).await;
            }
        }
    }
    let at = |epoch| ListOffsetsPartition::default().with_timestamp(-1).with_current_leader_epoch(epoch);
    for epoch in [0, 1, 5] {
        let of = ListOffsetsTopic::default().with_name(topic(TOPIC)).with_partitions(vec![at(epoch)]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![of]);
        both.ask("ListOffsets in an epoch", request, 7).await;
    }
    for replica in [1, 2, -2] {
        let of = ListOffsetsTopic::default().with_name(topic(TOPIC)).with_partitions(vec![at(-1)]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(replica)).with_topics(vec![of]);
        both.ask(&format!("ListOffsets as replica {replica}"), request, 7).await;
    }
}

fn fetch(partition: FetchPartition) -> FetchRequest {
    let partition = partition.with_partition_max_bytes(1 << 20);
    let of = FetchTopic::default().with_topic(topic(TOPIC)).with_partitions(vec![partition]);
    FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![of])
}

async fn fetches(both: &mut Both) {
    for replica in [-1, 0, 1, 2, -2] {
        let request = fetch(FetchPartition::default().with_fetch_offset(1)).with_replica_id(BrokerId(replica));
        both.ask(&format!("Fetch as replica {replica}"), request, 11).await;
        let state = ReplicaState::default().with_replica_id(BrokerId(replica));
        let request = fetch(FetchPartition::default().with_fetch_offset(1)).with_topics(Vec::new());
        both.ask(&format!("Fetch as replica {replica}"), request.with_replica_state(state), 15).await;
    }
    for (current, last) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (-1, 1), (0, 0), (0, 5), (5, 0)] {
        for offset in [0, 1] {
            let partition = FetchPartition::default().with_fetch_offset(offset).with_current_leader_epoch(current);
            let request = fetch(partition.with_last_fetched_epoch(last));
            both.ask(&format!("Fetch in epoch {current} behind {last}"), request, 12).await;
        }
    }
    for offset in [-1, 2, 99] {
        for last in [-1, 0] {
            let request = fetch(FetchPartition::default().with_fetch_offset(offset).with_last_fetched_epoch(last));
            both.ask("Fetch out of range", request, 12).await;
        }
    }
}

async fn epochs(both: &mut Both) {
    for (current, epoch) in [(-1, 0), (-1, 1), (0, 0), (1, 0), (-1, -1)] {
        for replica in [-1, 1, -2] {
            let of = |index| {
                let partition = OffsetForLeaderPartition::default().with_partition(index);
                partition.with_current_leader_epoch(current).with_leader_epoch(epoch)
            };
            let wanted = OffsetForLeaderTopic::default().with_topic(topic(TOPIC)).with_partitions(vec![of(0), of(9)]);
            let nonsense = OffsetForLeaderTopic::default().with_topic(topic("nonsense")).with_partitions(vec![of(0)]);
            let request = OffsetForLeaderEpochRequest::default().with_topics(vec![wanted, nonsense]);
            both.ask("OffsetForLeaderEpoch", request.with_replica_id(BrokerId(replica)), 4).await;
        }
    }
}
