//! Committed offsets of consumer groups: changes as the journal keeps them, and all of them in
//! memory.
//!
//! ```text
//! | version 1 | group | count u32 | topic | partition u32 | tag u8: 0 forget, 1 set | offset i64, epoch i32, metadata | …
//! ```
//! Texts are a length u32 and bytes; numbers are little-endian. The engine keeps the present state,
//! the journal the changes.
//!
//! Two notes of a group are kept among its offsets, at a topic without a name. Partition 0 is its generation: the
//! offset is the generation's number, the metadata its members. Partition 1 is when it was last used: the offset is a
//! time in ms since the epoch, from which its offsets expire.
//! Not here: how groups come to a generation, what members' names look like, and which groups expire
//! (`kafka-endpoint`).

use std::collections::BTreeMap;

use crate::binary::{put_bytes, put_u32, take, take_flag, take_text, take_u32};

const VERSION: u8 = 1;

/// The topic of notes about a group. No topic has this name.
const NOTES: &str = "";

/// Where a group's generation is kept.
const GENERATION: (&str, i32) = (NOTES, 0);

/// Where it is kept when a group was last used.
const LAST_USED: (&str, i32) = (NOTES, 1);

/// What an offset takes up beside its texts, roughly.
const OFFSET_BYTES: usize = 128;

/// A consumer group's position in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The leader epoch the consumer saw, -1 if none.
    pub leader_epoch: i32,
    /// What the consumer stored beside it; at most 4096 bytes.
    pub metadata: String,
}

/// A generation of a consumer group: whoever was its member may still commit after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupGeneration {
    /// Its number.
    pub number: i32,
    /// Its members, as whoever noted it writes them.
    pub members: String,
}

/// The change that notes a group's generation; `None` forgets it.
pub(crate) fn generation_change(group: &str, generation: Option<GroupGeneration>) -> OffsetsChange {
    let as_offset = |generation: GroupGeneration| CommittedOffset {
        offset: generation.number.into(),
        leader_epoch: -1,
        metadata: generation.members,
    };
    let (topic, partition) = GENERATION;
    OffsetsChange { group: group.to_owned(), offsets: vec![(topic.to_owned(), partition, generation.map(as_offset))] }
}

/// The change that notes when a group was last used, in ms since the epoch.
pub(crate) fn last_used_change(group: &str, used_ms: u64) -> OffsetsChange {
    let offset = i64::try_from(used_ms).unwrap_or(i64::MAX);
    let noted = CommittedOffset { offset, leader_epoch: -1, metadata: String::new() };
    let (topic, partition) = LAST_USED;
    OffsetsChange { group: group.to_owned(), offsets: vec![(topic.to_owned(), partition, Some(noted))] }
}

/// Offsets that are set or, with `None`, forgotten; all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetsChange {
    pub(crate) group: String,
    /// (topic, partition, offset)
    pub(crate) offsets: Vec<(String, i32, Option<CommittedOffset>)>,
}

impl OffsetsChange {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_bytes(out, self.group.as_bytes());
        put_u32(out, self.offsets.len() as u32);
        for (topic, partition, offset) in &self.offsets {
            put_bytes(out, topic.as_bytes());
            put_u32(out, *partition as u32);
            out.push(u8::from(offset.is_some()));
            if let Some(offset) = offset {
                out.extend_from_slice(&offset.offset.to_le_bytes());
                put_u32(out, offset.leader_epoch as u32);
                put_bytes(out, offset.metadata.as_bytes());
            }
        }
    }

    /// `None` if the bytes are not what [`OffsetsChange::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let group = take_text(&mut rest)?;
        let count = take_u32(&mut rest)?;
        let mut offsets = Vec::new();
        for _ in 0..count {
            let topic = take_text(&mut rest)?;
            let partition = take_u32(&mut rest)? as i32;
            let offset = if take_flag(&mut rest)? {
                Some(CommittedOffset {
                    offset: i64::from_le_bytes(take(&mut rest)?),
                    leader_epoch: take_u32(&mut rest)? as i32,
                    metadata: take_text(&mut rest)?,
                })
            } else {
                None
            };
            offsets.push((topic, partition, offset));
        }
        rest.is_empty().then_some(Self { group, offsets })
    }
}

/// Every group's offsets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ConsumerOffsets {
    groups: BTreeMap<String, BTreeMap<(String, i32), CommittedOffset>>,
    /// What they take up, roughly.
    len_bytes: usize,
}

fn len_bytes(group: &str, topic: &str, offset: &CommittedOffset) -> usize {
    OFFSET_BYTES + group.len() + topic.len() + offset.metadata.len()
}

impl ConsumerOffsets {
    pub(crate) fn apply(&mut self, change: &OffsetsChange) {
        let offsets = self.groups.entry(change.group.clone()).or_default();
        for (topic, partition, offset) in &change.offsets {
            let key = (topic.clone(), *partition);
            let before = match offset {
                Some(offset) => offsets.insert(key, offset.clone()),
                None => offsets.remove(&key),
            };
            let bytes = |offset: &Option<CommittedOffset>| {
                offset.as_ref().map_or(0, |offset| len_bytes(&change.group, topic, offset))
            };
            self.len_bytes = self.len_bytes + bytes(offset) - bytes(&before);
        }
        if offsets.is_empty() {
            self.groups.remove(&change.group);
        }
    }

    /// What they take up, roughly; with `offsets` of `group` too: now, and then.
    pub(crate) fn len_bytes_with(&self, group: &str, offsets: &[(String, i32, CommittedOffset)]) -> (usize, usize) {
        let known = self.groups.get(group);
        let mut then = self.len_bytes;
        for (topic, partition, offset) in offsets {
            let before = known.and_then(|known| known.get(&(topic.clone(), *partition)));
            then += len_bytes(group, topic, offset);
            then -= before.map_or(0, |before| len_bytes(group, topic, before));
        }
        (self.len_bytes, then)
    }

    pub(crate) fn of_group(&self, group: &str) -> Vec<(String, i32, CommittedOffset)> {
        let offsets = self.groups.get(group).into_iter().flatten().filter(|(place, _)| !is_note(place));
        offsets.map(|((topic, partition), offset)| (topic.clone(), *partition, offset.clone())).collect()
    }

    /// The group's generation as it was last noted.
    pub(crate) fn generation(&self, group: &str) -> Option<GroupGeneration> {
        let (topic, partition) = GENERATION;
        let noted = self.groups.get(group)?.get(&(topic.to_owned(), partition))?;
        Some(GroupGeneration { number: i32::try_from(noted.offset).ok()?, members: noted.metadata.clone() })
    }

    /// When the group was last used, as it was last noted, in ms since the epoch.
    pub(crate) fn last_used_ms(&self, group: &str) -> Option<u64> {
        let (topic, partition) = LAST_USED;
        let noted = self.groups.get(group)?.get(&(topic.to_owned(), partition))?;
        u64::try_from(noted.offset).ok()
    }

    /// The groups of which more is kept than a generation, sorted.
    pub(crate) fn groups_that_may_expire(&self) -> Vec<String> {
        let places = |offsets: &BTreeMap<(String, i32), CommittedOffset>| offsets.len();
        let only_generation = |group: &str| usize::from(self.generation(group).is_some());
        let more = self.groups.iter().filter(|(group, offsets)| places(offsets) > only_generation(group));
        more.map(|(group, _)| group.clone()).collect()
    }

    /// Whether anything is kept of the group; and of how many groups something is.
    pub(crate) fn knows(&self, group: &str) -> (bool, usize) {
        (self.groups.contains_key(group), self.groups.len())
    }

    /// The change that forgets everything of the group but its generation.
    pub(crate) fn forget_change(&self, group: &str) -> OffsetsChange {
        let places = self.groups.get(group).into_iter().flat_map(BTreeMap::keys);
        let places = places.filter(|(topic, partition)| (topic.as_str(), *partition) != GENERATION);
        let offsets = places.map(|(topic, partition)| (topic.clone(), *partition, None)).collect();
        OffsetsChange { group: group.to_owned(), offsets }
    }

    /// The groups with a generation that was noted.
    pub(crate) fn groups_with_generation(&self) -> Vec<String> {
        let noted = self
            .groups
            .iter()
            .filter(|(_, offsets)| offsets.keys().any(|(topic, partition)| (topic.as_str(), *partition) == GENERATION));
        noted.map(|(group, _)| group.clone()).collect()
    }

    /// Whether `all` says the same of every offset that is here.
    pub(crate) fn is_part_of(&self, all: &Self) -> bool {
        self.groups.iter().all(|(group, offsets)| {
            let known = all.groups.get(group);
            offsets.iter().all(|(partition, offset)| known.and_then(|known| known.get(partition)) == Some(offset))
        })
    }

    /// The groups with offsets, sorted.
    pub(crate) fn groups(&self) -> Vec<String> {
        let with_offsets = self.groups.iter().filter(|(_, offsets)| offsets.keys().any(|place| !is_note(place)));
        with_offsets.map(|(group, _)| group.clone()).collect()
    }
}

fn is_note((topic, _): &(String, i32)) -> bool {
    topic == NOTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> OffsetsChange {
        let offset = CommittedOffset { offset: 42, leader_epoch: -1, metadata: "m".into() };
        OffsetsChange { group: "g".into(), offsets: vec![("t".into(), 0, Some(offset)), ("t".into(), 1, None)] }
    }

    #[test]
    fn a_change_reads_back_and_every_cut_is_refused() {
        let mut bytes = Vec::new();
        change().encode(&mut bytes);
        assert_eq!(OffsetsChange::decode(&bytes), Some(change()));
        for cut in 0..bytes.len() {
            assert_eq!(OffsetsChange::decode(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_group_without_offsets_is_gone() {
        let mut all = ConsumerOffsets::default();
        all.apply(&change());
        assert_eq!((all.groups().len(), all.of_group("g").len()), (1, 1));
        all.apply(&OffsetsChange { group: "g".into(), offsets: vec![("t".into(), 0, None)] });
        assert_eq!(all, ConsumerOffsets::default());
    }

    #[test]
    fn a_generation_is_no_offset() {
        let mut all = ConsumerOffsets::default();
        let generation = GroupGeneration { number: 7, members: "ab".into() };
        all.apply(&generation_change("g", Some(generation.clone())));
        assert_eq!((all.groups().len(), all.of_group("g").len()), (0, 0));
        assert_eq!((all.groups_with_generation(), all.generation("g")), (vec!["g".to_owned()], Some(generation)));
        all.apply(&change());
        assert_eq!((all.groups().len(), all.of_group("g").len()), (1, 1));
        all.apply(&generation_change("g", None));
        assert_eq!((all.groups().len(), all.generation("g")), (1, None));
    }

    #[test]
    fn when_a_group_was_used_is_no_offset_and_goes_with_its_offsets() {
        let mut all = ConsumerOffsets::default();
        all.apply(&last_used_change("g", 1_645_444_800_000));
        let generation = GroupGeneration { number: 7, members: "ab".into() };
        all.apply(&generation_change("g", Some(generation.clone())));
        assert_eq!((all.groups().len(), all.last_used_ms("g")), (0, Some(1_645_444_800_000)));
        assert_eq!((all.groups_that_may_expire(), all.knows("g")), (vec!["g".to_owned()], (true, 1)));
        all.apply(&change());
        assert_eq!((all.groups().len(), all.of_group("g").len()), (1, 1));
        all.apply(&all.forget_change("g"));
        assert_eq!((all.groups().len(), all.last_used_ms("g"), all.generation("g")), (0, None, Some(generation)));
        assert_eq!((all.groups_that_may_expire().len(), all.knows("nobody")), (0, (false, 1)));
        assert!(all.forget_change("nobody").offsets.is_empty());
    }

    #[test]
    fn what_offsets_take_up_is_known_before() {
        let mut all = ConsumerOffsets::default();
        all.apply(&change());
        let offset = CommittedOffset { offset: 43, leader_epoch: -1, metadata: "longer".into() };
        let offsets = [("t".into(), 0, offset.clone()), ("t".into(), 7, offset)];
        let (now, then) = all.len_bytes_with("g", &offsets);
        assert_eq!(now, all.len_bytes);
        let set = offsets.map(|(topic, partition, offset)| (topic, partition, Some(offset)));
        all.apply(&OffsetsChange { group: "g".into(), offsets: set.into() });
        assert_eq!(then, all.len_bytes);
        assert!(then > now);
    }
}
