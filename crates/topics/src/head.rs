//! The head of a live query's notes: what it is, and how far its topic was counted.
//!
//! ```text
//! head = version 2 | name text | created ms u64 | origin u64 | scanned to u64 | older to u64
//!        | seams n u64 | n times: skipped offsets u64, with those of the seams before
//!        | for each partition: seeds u64, total u64, older end u64, older count u64, n times: rank u64
//! ```
//! A text is a length u8 and bytes; numbers are little-endian. Where no restore was crossed it is
//! version 1, which has nothing of seams.

use crate::numbering::{Crossed, Numbering};

const VERSION: u8 = 1;
const VERSION_WITH_SEAMS: u8 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) created_ms: u64,
    /// Events below it are not on the topic.
    pub(crate) origin: u64,
    /// Events below it are counted.
    pub(crate) scanned_to: u64,
    pub(crate) partitions: Vec<PartitionHead>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PartitionHead {
    /// Documents that stand for what was gone when it was made.
    pub(crate) seeds: u64,
    /// Seeds and events.
    pub(crate) total: u64,
    pub(crate) numbering: Numbering,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let none = Numbering::default();
        let first = self.partitions.first().map_or(&none, |first| &first.numbering);
        let mut out = Vec::with_capacity(64 + 32 * self.partitions.len());
        out.push(if first.crossed.is_empty() { VERSION } else { VERSION_WITH_SEAMS });
        out.push(self.name.len() as u8);
        out.extend_from_slice(self.name.as_bytes());
        let mut put = |number: u64| out.extend_from_slice(&number.to_le_bytes());
        [self.created_ms, self.origin, self.scanned_to, first.older_to].into_iter().for_each(&mut put);
        if !first.crossed.is_empty() {
            put(first.crossed.len() as u64);
            first.crossed.iter().for_each(|crossed| put(crossed.skipped));
        }
        for PartitionHead { seeds, total, numbering } in &self.partitions {
            [*seeds, *total, numbering.older_end, numbering.older_count].into_iter().for_each(&mut put);
            numbering.crossed.iter().for_each(|crossed| put(crossed.rank));
        }
        out
    }

    /// `None` if the bytes are not what [`Head::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&version @ (VERSION | VERSION_WITH_SEAMS), rest) = bytes.split_first()? else { return None };
        let (&length, rest) = rest.split_first()?;
        let (name, rest) = rest.split_at_checked(length.into())?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_le_bytes(*number)).collect();
        let (&[created_ms, origin, scanned_to, older_to], rest) = numbers.split_first_chunk::<4>()?;
        let (skipped, rest) = match version {
            VERSION => (&[][..], rest),
            _ => {
                let (&seams, rest) = rest.split_first()?;
                rest.split_at_checked(usize::try_from(seams).ok().filter(|seams| *seams > 0)?)?
            }
        };
        let mut partitions = rest.chunks_exact(4 + skipped.len());
        let partition = |numbers: &[u64]| {
            let (&[seeds, total, older_end, older_count], ranks) = numbers.split_first_chunk::<4>()?;
            let crossed = ranks.iter().zip(skipped).map(|(&rank, &skipped)| Crossed { rank, skipped }).collect();
            let numbering = Numbering { older_to, older_end, older_count, crossed };
            Some(PartitionHead { seeds, total, numbering })
        };
        let heads = partitions.by_ref().map(partition).collect::<Option<Vec<_>>>()?;
        let is_whole = partitions.remainder().is_empty() && !heads.is_empty();
        is_whole.then_some(Self { name, created_ms, origin, scanned_to, partitions: heads })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_reads_back_and_every_cut_of_its_numbers_is_refused() {
        for seams in 0..3 {
            let mut numbering = Numbering { older_to: 9, older_end: 7, older_count: 2, ..Numbering::default() };
            (0..seams).for_each(|n| numbering.cross(10 + n, 1000));
            let partition = PartitionHead { seeds: 3, total: 5, numbering };
            let partitions = vec![partition; 2];
            let head = Head { name: "adults".into(), created_ms: 1, origin: 2, scanned_to: 3, partitions };
            let bytes = head.encode();
            assert_eq!(Head::decode(&bytes), Some(head));
            let is_refused = |cut: usize| Head::decode(&bytes[..cut]).is_none_or(|head| head.partitions.len() < 2);
            assert!((0..bytes.len()).all(is_refused));
        }
    }
}
