//! What members of the classic protocol say inside JoinGroup and hear inside SyncGroup, as Kafka's consumers write it
//! (`ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`).
//!
//! ```text
//! subscription: | version i16 | topics [text] | user data bytes? | from 1: owned [text, [i32]] | from 2: generation i32 | from 3: rack text? |
//! assignment:   | version i16 | topics [text, [i32]] | user data bytes? |
//! ```
//!
//! Invariants: reading takes no more memory than the bytes that are there; what is too short is `None`.

use std::collections::BTreeSet;

use bytes::{BufMut as _, Bytes, BytesMut};
use topics::TopicLayout;

use super::Assignment;

/// The newest version of both; a newer one is read as this one.
const NEWEST: i16 = 3;

/// A member's subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) version: i16,
    pub(super) names: BTreeSet<String>,
    /// What it has; partitions of topics that there are.
    pub(super) owned: Assignment,
    pub(super) rack_id: Option<String>,
}

pub(super) fn read_subscription(bytes: &[u8], layout: &TopicLayout) -> Option<Subscription> {
    let mut reader = Reader(bytes);
    let version = reader.version()?;
    let names = (0..reader.count()?).map(|_| reader.text()).collect::<Option<_>>()?;
    reader.skip_bytes()?;
    let owned = if version >= 1 { reader.assignment(layout)? } else { Assignment::default() };
    if version >= 2 {
        reader.i32()?;
    }
    let rack_id = if version >= 3 { reader.nullable_text()? } else { None };
    Some(Subscription { version, names, owned, rack_id })
}

/// Partitions of topics that are not there (any more) are left out.
pub(super) fn read_assignment(bytes: &[u8], layout: &TopicLayout) -> Option<Assignment> {
    if bytes.is_empty() {
        return Some(Assignment::default());
    }
    let mut reader = Reader(bytes);
    reader.version()?;
    reader.assignment(layout)
}

/// In the version of the member's own subscription.
pub(super) fn write_assignment(assignment: &Assignment, version: i16, layout: &TopicLayout) -> Bytes {
    let topics: Vec<_> =
        assignment.topics().filter_map(|(id, partitions)| Some((layout.name(id)?, partitions))).collect();
    let mut out = BytesMut::new();
    out.put_i16(version);
    out.put_i32(i32::try_from(topics.len()).unwrap_or(i32::MAX));
    for (name, partitions) in topics {
        out.put_i16(i16::try_from(name.len()).unwrap_or(i16::MAX));
        out.put_slice(name.as_bytes());
        out.put_i32(i32::try_from(partitions.len()).unwrap_or(i32::MAX));
        partitions.iter().for_each(|partition| out.put_i32(*partition));
    }
    out.put_i32(-1); // no user data
    out.freeze()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn version(&mut self) -> Option<i16> {
        self.i16().filter(|version| *version >= 0).map(|version| version.min(NEWEST))
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.i32()?).ok()
    }

    fn text(&mut self) -> Option<String> {
        self.nullable_text()?
    }

    fn nullable_text(&mut self) -> Option<Option<String>> {
        match self.i16()? {
            -1 => Some(None),
            len => {
                let text = self.take(usize::try_from(len).ok()?)?;
                Some(Some(std::str::from_utf8(text).ok()?.to_owned()))
            }
        }
    }

    fn skip_bytes(&mut self) -> Option<()> {
        let len = self.i32()?;
        self.take(usize::try_from(len).unwrap_or(0)).map(drop)
    }

    fn assignment(&mut self, layout: &TopicLayout) -> Option<Assignment> {
        let mut assignment = Assignment::default();
        for _ in 0..self.count()? {
            let topic = self.text()?;
            let shape = layout.topic(&topic);
            for _ in 0..self.count()? {
                let partition = self.i32()?;
                if let Some(shape) = shape.filter(|shape| (0..i32::from(shape.partitions)).contains(&partition)) {
                    assignment.insert(shape.id, partition);
                }
            }
        }
        Some(assignment)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn assignments_round_trip_and_subscriptions_are_read_in_every_version() {
        let layout = TopicLayout::new([("t", Uuid::from_u128(1), 3)]);
        let assignment: Assignment = [(Uuid::from_u128(1), 0), (Uuid::from_u128(1), 2)].into_iter().collect();
        let bytes = write_assignment(&assignment, 1, &layout);
        assert_eq!(read_assignment(&bytes, &layout), Some(assignment.clone()));
        for version in 0..=3_u8 {
            let mut bytes = vec![0, version, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff];
            if version >= 1 {
                bytes.extend([0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2]);
            }
            bytes.extend([0, 0, 0, 9].iter().filter(|_| version >= 2));
            bytes.extend([0xff, 0xff].iter().filter(|_| version >= 3));
            let read = read_subscription(&bytes, &layout).unwrap();
            assert_eq!((read.version, read.names.len()), (i16::from(version), 1));
            assert_eq!(read.owned, if version >= 1 { assignment.clone() } else { Assignment::default() });
            for cut in 0..bytes.len() {
                assert_eq!(read_subscription(&bytes[..cut], &layout), None, "{version}, {cut} bytes");
            }
        }
        let hostile = [0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 0];
        assert_eq!((read_assignment(&hostile, &layout), read_subscription(&hostile, &layout)), (None, None));
    }
}
