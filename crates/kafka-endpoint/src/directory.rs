//! Who is in which consumer group, for those who show it: the portal.
//!
//! Not here: committed offsets and lag (`store` has them), and groups without members that have only offsets.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::{messages::ConsumerProtocolAssignment, protocol::Decodable as _};

use crate::{
    consumer_groups::ConsumerMemberView,
    coordinator::Coordinator,
    groups::{GroupKey, MemberView},
};

/// A view of the coordinator's groups. Cheap to clone; asking it takes the coordinator's lock for a moment.
#[derive(Debug, Clone)]
pub struct GroupDirectory {
    coordinator: Arc<Coordinator>,
}

/// A group that has members, or had some lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its name.
    pub name: String,
    /// Kafka's name of its state, as `Stable`.
    pub state: &'static str,
    /// The assignor that its members agreed on; empty while they have not.
    pub protocol: String,
    /// Its members by id.
    pub members: Vec<AssignedMember>,
}

/// A member of a group, and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedMember {
    /// Its id.
    pub id: String,
    /// Its static name (KIP-345).
    pub instance_id: Option<String>,
    /// What its client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub client_host: String,
    /// Topic and partition of what it reads, sorted; none while the group rebalances.
    pub assigned: Vec<(String, i32)>,
}

impl GroupDirectory {
    pub(crate) fn new(coordinator: Arc<Coordinator>) -> Self {
        Self { coordinator }
    }

    /// The app's groups that have members or had some lately, sorted by name.
    pub fn of_app(&self, app: &str) -> Vec<GroupListing> {
        let app: Arc<str> = app.into();
        let key = |group: Arc<str>| GroupKey { app: app.clone(), group };
        let classic = self.coordinator.list(&app).into_iter().filter_map(|(name, ..)| self.listing(key(name)));
        let consumer = self.coordinator.list_consumer(&app).into_iter();
        let consumer = consumer.filter_map(|(name, _)| self.consumer_listing(key(name)));
        let mut all: Vec<GroupListing> = classic.chain(consumer).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Whether the app's group of that name has members at the moment.
    pub fn has_members(&self, app: &str, group: &str) -> bool {
        self.coordinator.has_members(&GroupKey { app: app.into(), group: group.into() })
    }

    fn consumer_listing(&self, key: GroupKey) -> Option<GroupListing> {
        let (view, layout) = self.coordinator.describe_consumer(&key)?;
        let member = |member: ConsumerMemberView| {
            let assigned = member.assigned.iter();
            let named = |(id, partition)| Some((layout.name(id)?.to_string(), partition));
            let mut assigned: Vec<(String, i32)> = assigned.filter_map(named).collect();
            assigned.sort();
            AssignedMember {
                id: member.id,
                instance_id: member.instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                assigned,
            }
        };
        Some(GroupListing {
            name: key.group.to_string(),
            state: view.state.as_str(),
            protocol: view.assignor.to_owned(),
            members: view.members.into_iter().map(member).collect(),
        })
    }

    fn listing(&self, key: GroupKey) -> Option<GroupListing> {
        let view = self.coordinator.describe(&key)?;
        Some(GroupListing {
            name: key.group.to_string(),
            state: view.state.as_str(),
            protocol: view.protocol,
            members: view.members.into_iter().map(member).collect(),
        })
    }
}

fn member(view: MemberView) -> AssignedMember {
    AssignedMember {
        id: view.id,
        instance_id: view.instance_id,
        client_id: view.client_id,
        client_host: view.client_host,
        assigned: assigned_partitions(view.assignment),
    }
}

/// What the leader assigned, as consumers write it (version, then topics with partitions); nothing if it is not that.
fn assigned_partitions(mut assignment: Bytes) -> Vec<(String, i32)> {
    let Some(version) = assignment.get(..2).map(|bytes| i16::from_be_bytes([bytes[0], bytes[1]])) else {
        return Vec::new();
    };
    // The coordinator took the bytes as they came: only their shape, checked first, says how much there is to decode.
    if !has_sound_shape(&assignment) {
        return Vec::new();
    }
    let _ = assignment.split_to(2);
    let Ok(decoded) = ConsumerProtocolAssignment::decode(&mut assignment, version.clamp(0, 3)) else {
        return Vec::new();
    };
    let topics = decoded.assigned_partitions.into_iter();
    let mut assigned: Vec<(String, i32)> = topics
        .flat_map(|topic| {
            let name = topic.topic.to_string();
            topic.partitions.into_iter().map(move |partition| (name.clone(), partition))
        })
        .collect();
    assigned.sort();
    assigned
}

/// Whether every length in `| version i16 | topics i32 | (name len i16 | name | partitions i32 | i32 …)… |` fits in
/// what is there.
fn has_sound_shape(assignment: &[u8]) -> bool {
    let mut rest = assignment.get(2..).unwrap_or_default();
    let mut take = |len: usize| -> Option<&[u8]> {
        let (taken, left) = rest.split_at_checked(len)?;
        rest = left;
        Some(taken)
    };
    let mut check = || -> Option<()> {
        let topics = length(take(4)?)?;
        for _ in 0..topics {
            let name = take(2)?;
            take(usize::try_from(i16::from_be_bytes([name[0], name[1]])).ok()?)?;
            let partitions = length(take(4)?)?;
            take(partitions.checked_mul(4)?)?;
        }
        Some(())
    };
    check().is_some()
}

fn length(bytes: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_be_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1, one topic `t` with these partitions, no user data.
    fn assignment(partitions: &[i32]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, 1, b't'];
        bytes.extend((partitions.len() as i32).to_be_bytes());
        bytes.extend(partitions.iter().flat_map(|partition| partition.to_be_bytes()));
        bytes.extend((-1_i32).to_be_bytes());
        bytes
    }

    #[test]
    fn an_assignment_is_read() {
        let assigned = assigned_partitions(assignment(&[2, 0]).into());
        assert_eq!(assigned, [("t".to_owned(), 0), ("t".to_owned(), 2)]);
    }

    #[test]
    fn what_is_no_assignment_is_none_and_costs_nothing() {
        let whole = assignment(&[2, 0]);
        for cut in 0..whole.len() - 4 {
            assert!(assigned_partitions(Bytes::copy_from_slice(&whole[..cut])).is_empty(), "{cut}");
        }
        for hostile in [&[0, 0, 0x7f, 0xff, 0xff, 0xff][..], &[0, 0, 0xff, 0xff, 0xff, 0xff], &[0xff; 40]] {
            assert!(assigned_partitions(Bytes::copy_from_slice(hostile)).is_empty());
        }
    }
}
