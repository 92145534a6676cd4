//! OffsetDelete (47, KIP-496): forgets a group's offsets of some partitions, unless a member is subscribed to their
//! topic.

use std::collections::BTreeSet;

use bytes::{Buf as _, Bytes};
use kafka_protocol::{
    ResponseError,
    messages::{
        OffsetDeleteRequest, OffsetDeleteResponse,
        offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic},
    },
};

use crate::{groups::GroupView, session::Session};

pub(super) async fn handle(session: &Session, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let group = request.group_id.to_string();
    let refused = |error: ResponseError| OffsetDeleteResponse::default().with_error_code(error.code());
    if let Err(error) = super::check_group(session, &group) {
        return refused(error);
    }
    let (coordinator, key) = (&session.server.coordinator, session.group(&group));
    if !coordinator.knows(&key) && !session.app.groups_with_offsets().contains(&group) {
        return refused(ResponseError::GroupIdNotFound);
    }
    let view = coordinator.describe(&key).filter(|view| !view.members.is_empty());
    // What members of the consumer protocol read is the server's to say: they count as subscribed to everything.
    let is_of_consumers = view.is_none() && coordinator.has_members(&key);
    let is_subscribed = |topic: &str| is_of_consumers || view.as_ref().is_some_and(|view| is_subscribed(view, topic));
    let mut deleted: Vec<(String, i32)> = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let topic = super::topic_by_name(session, &wanted.name);
        let subscribed = is_subscribed(&wanted.name);
        let partitions = wanted.partitions.iter().map(|wanted_partition| {
            let index = wanted_partition.partition_index;
            let outcome = topic.as_ref().map_err(|error| *error).and_then(|topic| {
                crate::topics::partition(topic, index)?;
                if subscribed { Err(ResponseError::GroupSubscribedToTopic) } else { Ok(()) }
            });
            // What is kept of a topic that has gone can be deleted too, whatever the answer.
            if matches!(outcome, Ok(()) | Err(ResponseError::UnknownTopicOrPartition)) && !subscribed {
                deleted.push((wanted.name.to_string(), index));
            }
            OffsetDeleteResponsePartition::default().with_partition_index(index).with_error_code(super::code(&outcome))
        });
        let partitions = partitions.collect();
        topics.push(OffsetDeleteResponseTopic::default().with_partitions(partitions).with_name(wanted.name));
    }
    if !deleted.is_empty()
        && let Err(error) = session.app.delete_offsets(&group, Some(deleted)).await
    {
        return refused(super::commit_error(session, &group, &error));
    }
    OffsetDeleteResponse::default().with_topics(topics)
}

/// Members whose subscription is not known, as while they agree on one, count as subscribed to everything.
fn is_subscribed(view: &GroupView, topic: &str) -> bool {
    view.members.iter().any(|member| topics_of(&member.metadata).is_none_or(|topics| topics.contains(topic)))
}

/// The topics in what a consumer joins with (Kafka's `ConsumerProtocolSubscription`): a version, a count, names. Read
/// here and not by the codec, which reserves what a count says.
fn topics_of(metadata: &Bytes) -> Option<BTreeSet<String>> {
    let mut rest = metadata.clone();
    let _version = rest.try_get_i16().ok()?;
    let count = rest.try_get_i32().ok()?;
    let mut topics = BTreeSet::new();
    for _ in 0..count {
        let len = usize::try_from(rest.try_get_i16().ok()?).ok()?;
        let name = (rest.len() >= len).then(|| rest.split_to(len))?;
        topics.insert(String::from_utf8(name.to_vec()).ok()?);
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_says_its_topics_or_nothing_is_known() {
        let known = Bytes::from_static(b"\0\x01\0\0\0\x02\0\x01a\0\x02bc\0\0\0\0");
        assert_eq!(topics_of(&known), Some(["a".to_owned(), "bc".to_owned()].into()));
        assert_eq!(topics_of(&Bytes::from_static(b"\0\x01\0\0\0\0")), Some(BTreeSet::new()));
        for odd in [&b""[..], b"\0\x01\x7f\xff\xff\xff", b"\0\x01\0\0\0\x01\0\x05ab", b"\0\x01\0\0\0\x01\xff\xff"] {
            assert_eq!(topics_of(&Bytes::copy_from_slice(odd)), None, "{odd:?}");
        }
    }
}
