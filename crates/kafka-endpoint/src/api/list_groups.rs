//! ListGroups (16): groups with members, and groups that have committed offsets.

use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::{
    messages::{GroupId, ListGroupsRequest, ListGroupsResponse, list_groups_response::ListedGroup},
    protocol::StrBytes,
};

use crate::{consumer_groups::CONSUMER, groups::GroupState, session::Session};

/// The types of groups (KIP-848), as version 5 says and asks for them.
const CLASSIC_TYPE: &str = "classic";
const CONSUMER_TYPE: &str = "consumer";

/// A group: name of its state, protocol type, type.
type Listed = (&'static str, String, &'static str);

pub(super) fn handle(session: &Session, request: &ListGroupsRequest, version: i16) -> ListGroupsResponse {
    let is_wanted = |filter: &[StrBytes], what: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(what))
    };
    // Of a group that has only offsets nobody knows which type it had.
    let empty: Listed = (GroupState::Empty.as_str(), CONSUMER.to_owned(), CLASSIC_TYPE);
    let stored = session.app.groups_with_offsets().into_iter().map(|name| (Arc::from(name), empty.clone()));
    let mut groups: BTreeMap<Arc<str>, Listed> = stored.collect();
    let coordinator = &session.server.coordinator;
    for (name, state, protocol_type) in coordinator.list(&session.app_name) {
        groups.insert(name, (state.as_str(), protocol_type, CLASSIC_TYPE));
    }
    for (name, state) in coordinator.list_consumer(&session.app_name) {
        groups.insert(name, (state.as_str(), CONSUMER.to_owned(), CONSUMER_TYPE));
    }
    let wanted = groups.into_iter().filter(|(name, (state, _, group_type))| {
        session.check_group(name).is_ok()
            && is_wanted(&request.states_filter, state)
            && is_wanted(&request.types_filter, group_type)
    });
    let entry = |(name, (state, protocol_type, group_type)): (Arc<str>, Listed)| {
        let entry = ListedGroup::default()
            .with_group_id(GroupId(name.to_string().into()))
            .with_protocol_type(protocol_type.into());
        let entry = if version >= 4 { entry.with_group_state(StrBytes::from_static_str(state)) } else { entry };
        if version >= 5 { entry.with_group_type(StrBytes::from_static_str(group_type)) } else { entry }
    };
    ListGroupsResponse::default().with_groups(wanted.map(entry).collect())
}
