//! ListGroups (16): groups with members, and groups that have committed offsets.

use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::{
    messages::{GroupId, ListGroupsRequest, ListGroupsResponse, list_groups_response::ListedGroup},
    protocol::StrBytes,
};

use crate::{groups::GroupState, session::Session};

/// The only type of group served (KIP-848 calls it so); version 5 asks for types.
const CLASSIC: &str = "classic";

pub(super) fn handle(session: &Session, request: &ListGroupsRequest, version: i16) -> ListGroupsResponse {
    let is_wanted = |filter: &[StrBytes], what: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(what))
    };
    if !is_wanted(&request.types_filter, CLASSIC) {
        return ListGroupsResponse::default();
    }
    let empty = (GroupState::Empty, "consumer".to_owned());
    let stored = session.app.groups_with_offsets().into_iter().map(|name| (Arc::from(name), empty.clone()));
    let mut groups: BTreeMap<Arc<str>, (GroupState, String)> = stored.collect();
    for (name, state, protocol_type) in session.server.coordinator.list(&session.app_name) {
        groups.insert(name, (state, protocol_type));
    }
    let wanted = groups.into_iter().filter(|(_, (state, _))| is_wanted(&request.states_filter, state.as_str()));
    let entry = |(name, (state, protocol_type)): (Arc<str>, (GroupState, String))| {
        let entry = ListedGroup::default()
            .with_group_id(GroupId(name.to_string().into()))
            .with_protocol_type(protocol_type.into());
        let entry =
            if version >= 4 { entry.with_group_state(StrBytes::from_static_str(state.as_str())) } else { entry };
        if version >= 5 { entry.with_group_type(StrBytes::from_static_str(CLASSIC)) } else { entry }
    };
    ListGroupsResponse::default().with_groups(wanted.map(entry).collect())
}
