//! `/admin/v1/apps/{app}/groups`: consumer groups, who is in them, and how far behind they are.
//!
//! A group is known by its members, by what it has committed, or both.

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode, response::Response};
use topics::{AppTopics, GroupLags, LagTimes, PartitionLag};
use wire::admin::{GroupDescriptionReply, GroupMemberReply, GroupPartitionReply, GroupReply, GroupsReply};

use crate::{
    PresentGroup,
    call::AdminCall,
    failure::Failure,
    limits::GROUPS_LISTED_MAX,
    reply,
    state::{self, Shared},
};

/// What Kafka calls the state of a group without members.
const EMPTY: &str = "Empty";

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let listed = tokio::task::spawn_blocking(move || listed(&state, &topics)).await?;
    Ok(reply::json_of(StatusCode::OK, &listed))
}

pub(crate) async fn describe(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let group = call.param("group").to_owned();
    let described = tokio::task::spawn_blocking(move || described(&state, &topics, group)).await??;
    Ok(reply::json_of(StatusCode::OK, &described))
}

fn listed(state: &state::State, topics: &AppTopics) -> GroupsReply {
    let app = topics.app();
    let mut groups: BTreeMap<String, Option<PresentGroup>> =
        app.groups_with_offsets().into_iter().map(|name| (name, None)).collect();
    groups.extend(present(state, topics).into_iter().map(|group| (group.name.clone(), Some(group))));
    let lags = GroupLags::new(topics);
    let left_out = groups.len().saturating_sub(GROUPS_LISTED_MAX);
    let groups = groups.into_iter().take(GROUPS_LISTED_MAX).map(|(name, group)| {
        let partitions = lags.of(&name).into_iter().map(|lag| partition(&lags, lag)).collect();
        summary(name, group, partitions)
    });
    GroupsReply { groups: groups.collect(), left_out }
}

fn described(state: &state::State, topics: &AppTopics, name: String) -> Result<GroupDescriptionReply, Failure> {
    let present = present(state, topics).into_iter().find(|group| group.name == name);
    if present.is_none() && topics.app().committed_offsets(&name).is_empty() {
        return Err(Failure::GroupNotFound { app: topics.app().name().as_str().to_owned(), group: name });
    }
    let lags = GroupLags::new(topics);
    let partitions = lags.of(&name).into_iter().map(|lag| partition(&lags, lag)).collect();
    let (state, members) = present.map_or((EMPTY.to_owned(), Vec::new()), |group| (group.state, group.members));
    let shown = |member: crate::PresentMember| GroupMemberReply {
        member_id: member.id,
        client_id: member.client_id,
        host: member.host,
    };
    Ok(GroupDescriptionReply { group: name, state, members: members.into_iter().map(shown).collect(), partitions })
}

fn present(state: &state::State, topics: &AppTopics) -> Vec<PresentGroup> {
    let groups = state.groups.as_ref();
    groups.map(|groups| groups.of_app(topics.app().name().as_str())).unwrap_or_default()
}

/// A partition as the API shows it.
fn partition(lags: &GroupLags<'_>, lag: PartitionLag) -> GroupPartitionReply {
    let LagTimes { lag_ms, gap_in_ms } = lags.times(&lag);
    let PartitionLag { topic, partition, committed, high_watermark, lag, gap_ahead } = lag;
    let seconds = |ms: u64| ms as f64 / 1000.0;
    GroupPartitionReply {
        topic,
        partition,
        committed,
        high_watermark,
        lag,
        lag_seconds: lag_ms.map(seconds),
        gap_ahead,
        seconds_until_gap: gap_in_ms.map(seconds),
    }
}

/// A group over all its partitions.
fn summary(name: String, group: Option<PresentGroup>, partitions: Vec<GroupPartitionReply>) -> GroupReply {
    let lag_seconds = partitions.iter().map(|partition| partition.lag_seconds);
    GroupReply {
        group: name,
        state: group.as_ref().map_or(EMPTY.to_owned(), |group| group.state.clone()),
        members: group.map_or(0, |group| group.members.len()),
        lag: partitions.iter().map(|partition| partition.lag).sum(),
        lag_seconds: lag_seconds.reduce(|a, b| Some(a?.max(b?))).flatten(),
        gap_ahead: partitions.iter().any(|partition| partition.gap_ahead),
        seconds_until_gap: partitions.iter().filter_map(|partition| partition.seconds_until_gap).reduce(f64::min),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_as_late_as_its_latest_partition() {
        let of = |times: &[(Option<f64>, Option<f64>)]| {
            let partition = |(number, &(lag_seconds, seconds_until_gap))| GroupPartitionReply {
                topic: "t".to_owned(),
                partition: 0,
                committed: 1,
                high_watermark: 3,
                lag: 2,
                lag_seconds,
                gap_ahead: number == 1,
                seconds_until_gap,
            };
            let partitions = times.iter().enumerate().map(partition);
            let group = summary("g".into(), None, partitions.collect());
            (group.lag, group.lag_seconds, group.gap_ahead, group.seconds_until_gap)
        };
        assert_eq!(of(&[]), (0, None, false, None));
        assert_eq!(of(&[(Some(1.0), None)]), (2, Some(1.0), false, None));
        assert_eq!(of(&[(Some(1.0), Some(9.0)), (Some(4.5), Some(7.0))]), (4, Some(4.5), true, Some(7.0)));
        assert_eq!(of(&[(Some(1.0), Some(9.0)), (None, None)]), (4, None, true, Some(9.0)));
    }
}
