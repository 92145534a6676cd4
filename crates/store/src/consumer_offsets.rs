//! Committed offsets of consumer groups: changes as the journal keeps them, and all of them in memory.
//!
//! ```text
//! | version 1 | group | count u32 | topic | partition u32 | tag u8: 0 forget, 1 set | offset i64, epoch i32, metadata | …
//! ```
//! Texts are a length u32 and bytes; numbers are little-endian. The engine keeps the present state, the journal the changes.
//! Not here: members and generations (`kafka-endpoint`); they live in memory and members rejoin.

use std::collections::BTreeMap;

use crate::CommittedOffset;

const VERSION: u8 = 1;

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
        put_text(out, &self.group);
        put_u32(out, self.offsets.len() as u32);
        for (topic, partition, offset) in &self.offsets {
            put_text(out, topic);
            put_u32(out, *partition as u32);
            out.push(u8::from(offset.is_some()));
            if let Some(offset) = offset {
                out.extend_from_slice(&offset.offset.to_le_bytes());
                put_u32(out, offset.leader_epoch as u32);
                put_text(out, &offset.metadata);
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
            let offset = match take::<1>(&mut rest)? {
                [0] => None,
                [1] => Some(CommittedOffset {
                    offset: i64::from_le_bytes(take(&mut rest)?),
                    leader_epoch: take_u32(&mut rest)? as i32,
                    metadata: take_text(&mut rest)?,
                }),
                _ => return None,
            };
            offsets.push((topic, partition, offset));
        }
        rest.is_empty().then_some(Self { group, offsets })
    }
}

fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u32(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_le_bytes)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = take_u32(rest)? as usize;
    let (text, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

/// Every group's offsets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ConsumerOffsets {
    groups: BTreeMap<String, BTreeMap<(String, i32), CommittedOffset>>,
}

impl ConsumerOffsets {
    pub(crate) fn apply(&mut self, change: &OffsetsChange) {
        let offsets = self.groups.entry(change.group.clone()).or_default();
        for (topic, partition, offset) in &change.offsets {
            let key = (topic.clone(), *partition);
            match offset {
                Some(offset) => drop(offsets.insert(key, offset.clone())),
                None => drop(offsets.remove(&key)),
            }
        }
        if offsets.is_empty() {
            self.groups.remove(&change.group);
        }
    }

    pub(crate) fn of_group(&self, group: &str) -> Vec<(String, i32, CommittedOffset)> {
        let offsets = self.groups.get(group).into_iter().flatten();
        offsets.map(|((topic, partition), offset)| (topic.clone(), *partition, offset.clone())).collect()
    }

    /// Whether `all` says the same of every offset that is here.
    pub(crate) fn is_part_of(&self, all: &Self) -> bool {
        self.groups.iter().all(|(group, offsets)| {
            let known = all.groups.get(group);
            offsets.iter().all(|(partition, offset)| known.and_then(|known| known.get(partition)) == Some(offset))
        })
    }

    pub(crate) fn groups(&self) -> Vec<String> {
        self.groups.keys().cloned().collect()
    }
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
        assert!(all.groups().is_empty());
    }
}
