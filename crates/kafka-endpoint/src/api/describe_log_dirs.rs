//! DescribeLogDirs (35): the app's journal, as the one log directory.
//!
//! A live query stores nothing of its own: the main topic has the journal's bytes, the others none. Not here, on
//! purpose: where the journal lies on the server, and how much room its disk has, which are no app's business.

use kafka_protocol::{
    messages::{
        DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName,
        describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic},
    },
    protocol::StrBytes,
};

use crate::{session::Session, topics::Topic};

/// What stands for a path.
const LOG_DIR: &str = "journal";

pub(super) fn handle(session: &Session, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let topics: Vec<DescribeLogDirsTopic> = match request.topics {
        None => session.all_topics().iter().map(|topic| describe(session, topic, None)).collect(),
        Some(wanted) => {
            let found = wanted.into_iter().filter_map(|wanted| {
                let topic = super::topic_by_name(session, &wanted.topic).ok()?;
                Some(describe(session, &topic, Some(&wanted.partitions)))
            });
            found.filter(|topic| !topic.partitions.is_empty()).collect()
        }
    };
    let directory =
        DescribeLogDirsResult::default().with_log_dir(StrBytes::from_static_str(LOG_DIR)).with_topics(topics);
    DescribeLogDirsResponse::default().with_results(vec![directory])
}

/// As Kafka, partitions that are not there are left out.
fn describe(session: &Session, topic: &Topic, wanted: Option<&[i32]>) -> DescribeLogDirsTopic {
    let is_main = topic.id() == session.topics.main().id();
    let bytes = if is_main { i64::try_from(session.app.stats().journal_bytes).unwrap_or(i64::MAX) } else { 0 };
    let is_wanted = |index: &i32| wanted.is_none_or(|wanted| wanted.contains(index));
    let partition = |index| DescribeLogDirsPartition::default().with_partition_index(index).with_partition_size(bytes);
    let partitions = (0..i32::from(topic.partitions())).filter(is_wanted).map(partition);
    DescribeLogDirsTopic::default()
        .with_name(TopicName(topic.name().to_owned().into()))
        .with_partitions(partitions.collect())
}
