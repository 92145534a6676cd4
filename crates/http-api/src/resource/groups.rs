//! `/admin/v1/apps/{app}/groups`: consumer groups, who is in them, and how far behind they are.

use axum::{extract::State, http::StatusCode, response::Response};
use operations::{AppGroups, GroupLag, GroupMember, Target};
use topics::{AppTopics, LagTimes, PartitionLag};
use wire::admin::{
    GroupDeletedReply, GroupDescriptionReply, GroupMemberReply, GroupMoveReply, GroupPartitionReply, GroupReply,
    GroupReset, GroupResetReply, GroupsReply, ResetTo,
};

use crate::{
    call::AdminCall,
    failure::Failure,
    limits::GROUPS_LISTED_MAX,
    reply,
    state::{self, Shared},
};

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

/// 200 and what changed, or would: with `dryRun` nothing does. 409 while the group has members.
pub(crate) async fn reset(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let group = call.param("group");
    let GroupReset { topic, to, dry_run } = GroupReset::parse(call.body())?;
    let app = topics.app().name().as_str();
    let not_found = || Failure::TopicNotFound { app: app.to_owned(), topic: topic.clone() };
    let found = topics.by_name(&topic).ok_or_else(not_found)?;
    let moves = state.operations.plan_reset(&topics, group, &found, target(to)).await?;
    if !dry_run {
        state.operations.run_reset(topics.app(), group, &topic, &moves).await?;
    }
    let shown = |it: operations::Move| GroupMoveReply { partition: it.partition, old: it.old, new: it.new };
    let partitions = moves.into_iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &GroupResetReply { group: group.to_owned(), topic, dry_run, partitions }))
}

/// 200 and how much was forgotten. 409 while the group has members.
pub(crate) async fn delete(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let deleted = call.param("group").to_owned();
    let offsets = state.operations.delete_group(topics.app(), &deleted).await?;
    Ok(reply::json_of(StatusCode::OK, &GroupDeletedReply { deleted, offsets }))
}

fn target(to: ResetTo) -> Target {
    match to {
        ResetTo::Earliest => Target::Earliest,
        ResetTo::Latest => Target::Latest,
        ResetTo::Nowhere => Target::Nowhere,
        ResetTo::Offset(offset) => Target::Offset(offset),
        ResetTo::TimeMs(time_ms) => Target::TimeMs(time_ms),
    }
}

fn listed(state: &state::State, topics: &AppTopics) -> GroupsReply {
    let groups = state.operations.groups(topics);
    let (first, left_out) = groups.first(GROUPS_LISTED_MAX);
    let shown = |group: GroupLag| {
        let partitions = group.partitions.into_iter().map(|lag| partition(&groups, lag)).collect();
        summary(group.name, group.state, group.members, partitions)
    };
    GroupsReply { groups: first.into_iter().map(shown).collect(), left_out }
}

fn described(state: &state::State, topics: &AppTopics, name: String) -> Result<GroupDescriptionReply, Failure> {
    let groups = state.operations.groups(topics);
    let Some((group, present)) = groups.one(&name) else {
        return Err(Failure::GroupNotFound { app: topics.app().name().as_str().to_owned(), group: name });
    };
    let partitions = group.partitions.into_iter().map(|lag| partition(&groups, lag)).collect();
    let members = present.into_iter().flat_map(|group| group.members);
    let shown =
        |member: GroupMember| GroupMemberReply { member_id: member.id, client_id: member.client_id, host: member.host };
    let GroupLag { name: group, state, .. } = group;
    Ok(GroupDescriptionReply { group, state, members: members.map(shown).collect(), partitions })
}

/// A partition as the API shows it.
fn partition(groups: &AppGroups<'_>, lag: PartitionLag) -> GroupPartitionReply {
    let LagTimes { lag_ms, gap_in_ms } = groups.times(&lag);
    let PartitionLag { topic, partition, committed, high_watermark, lag, gap_ahead, restore_ahead } = lag;
    let seconds = |ms: u64| ms as f64 / 1000.0;
    GroupPartitionReply {
        topic,
        partition,
        committed,
        high_watermark,
        lag,
        lag_seconds: lag_ms.map(seconds),
        gap_ahead,
        restore_ahead,
        seconds_until_gap: gap_in_ms.map(seconds),
    }
}

/// A group over all its partitions.
fn summary(group: String, state: String, members: usize, partitions: Vec<GroupPartitionReply>) -> GroupReply {
    let lag_seconds = partitions.iter().map(|partition| partition.lag_seconds);
    GroupReply {
        group,
        state,
        members,
        lag: partitions.iter().map(|partition| partition.lag).sum(),
        lag_seconds: lag_seconds.reduce(|a, b| Some(a?.max(b?))).flatten(),
        gap_ahead: partitions.iter().any(|partition| partition.gap_ahead),
        restore_ahead: partitions.iter().any(|partition| partition.restore_ahead),
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
                restore_ahead: false,
                seconds_until_gap,
            };
            let partitions = times.iter().enumerate().map(partition);
            let group = summary("g".into(), "Empty".into(), 0, partitions.collect());
            (group.lag, group.lag_seconds, group.gap_ahead, group.seconds_until_gap)
        };
        assert_eq!(of(&[]), (0, None, false, None));
        assert_eq!(of(&[(Some(1.0), None)]), (2, Some(1.0), false, None));
        assert_eq!(of(&[(Some(1.0), Some(9.0)), (Some(4.5), Some(7.0))]), (4, Some(4.5), true, Some(7.0)));
        assert_eq!(of(&[(Some(1.0), Some(9.0)), (None, None)]), (4, None, true, Some(9.0)));
    }
}
