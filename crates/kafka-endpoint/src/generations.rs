//! What is noted durably of consumer groups: the last generation (or epoch) of each, with its members, so that after
//! a restart they are told from those who were put out before (Kafka keeps the same in `__consumer_offsets`).
//!
//! Invariant: a generation is noted before its leader learns of it, so that nobody commits in one that is not noted.
//! Not here: what a note is good for (`groups`).

use std::sync::Arc;

use store::GroupGeneration;
use topics::TopicRegistry;

use crate::{
    consumer_groups::Noted,
    coordinator::Coordinator,
    groups::{GroupKey, JoinAnswer},
    noted_name::{NAME_BYTES, noted_name},
    offsets_expiry,
    session::Session,
};

/// The generation that is noted of the group, if it names the member.
pub(crate) fn of_member(session: &Session, group: &str, member_id: &str) -> Option<i32> {
    let noted = session.app.group_generation(group)?;
    let name = noted_name(member_id);
    let is_member = noted.members.as_bytes().chunks(NAME_BYTES).any(|member| member == name.as_bytes());
    is_member.then_some(noted.number)
}

/// The number of the generation that is noted of the group; 0 if there is none.
pub(crate) fn last(session: &Session, group: &str) -> i32 {
    session.app.group_generation(group).map_or(0, |noted| noted.number)
}

/// What is noted of the group.
pub(crate) fn noted(session: &Session, group: &str) -> Option<Noted> {
    let noted = session.app.group_generation(group)?;
    let members = noted.members.as_bytes().chunks(NAME_BYTES);
    let members = members.filter_map(|name| Some(std::str::from_utf8(name).ok()?.to_owned())).collect();
    Some(Noted { epoch: noted.number, members })
}

/// Notes the generation that a member is about to be told of, if it is the leader, or a static member that was
/// restarted and has a new id.
pub(crate) async fn note(session: &Session, key: &GroupKey, answer: &JoinAnswer, is_static: bool) {
    if answer.error.is_none() && (answer.leader == answer.member_id || answer.leader.is_empty() || is_static) {
        note_roster(session, key).await;
    }
}

/// Notes the group as it is now.
pub(crate) async fn note_roster(session: &Session, key: &GroupKey) {
    let Some((number, ids)) = session.server.coordinator.roster(key) else { return };
    let members = ids.iter().map(|id| noted_name(id)).collect();
    let generation = GroupGeneration { number, members };
    if session.app.group_generation(&key.group).as_ref() == Some(&generation) {
        return;
    }
    if let Err(error) = session.app.note_group_generation(&key.group, Some(generation)).await {
        let (app, group) = (&key.app, &key.group);
        tracing::warn!(%app, %group, %error, "a consumer group's generation is not noted: after a restart its members begin anew");
    }
}

/// Forgets what was noted of groups that have lost their last member, and notes that they were used until now.
pub(crate) async fn forget(
    coordinator: Arc<Coordinator>,
    topics: Arc<TopicRegistry>,
    now_ms: u64,
    groups: Vec<GroupKey>,
) {
    for key in groups {
        let Ok(topics) = topics.app(&key.app).await else { continue };
        let app = topics.app();
        if !app.committed_offsets(&key.group).is_empty() {
            offsets_expiry::note_used(app, &key.group, now_ms).await;
        }
        if app.group_generation(&key.group).is_none() || coordinator.is_in_use(&key) {
            continue;
        }
        if let Err(error) = app.note_group_generation(&key.group, None).await {
            let (app, group) = (&key.app, &key.group);
            tracing::warn!(%app, %group, %error, "the generation of a consumer group without members stays noted");
        }
    }
}

/// Forgets what was noted of groups that nobody has come back to, in the apps that are open: of another nobody can
/// have.
pub(crate) async fn forget_unused(coordinator: Arc<Coordinator>, topics: Arc<TopicRegistry>, now_ms: u64) {
    let keys = topics.all_opened().into_iter().flat_map(|topics| {
        let app: Arc<str> = topics.app().name().as_str().into();
        let groups = topics.app().groups_with_generation().into_iter();
        groups.map(move |group| GroupKey { app: app.clone(), group: group.into() })
    });
    let unused = keys.filter(|key| !coordinator.is_in_use(key)).collect();
    forget(coordinator.clone(), topics.clone(), now_ms, unused).await;
}
