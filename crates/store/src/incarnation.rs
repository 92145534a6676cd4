//! Which life of the data this is.
//!
//! Data that is restored from a backup, or otherwise begun anew from an older state, lives another
//! life from there on: what the first life wrote after that place is not in it. Whoever holds a
//! position (consumers, peers, sinks) compares incarnations, or the leader epoch that stands for
//! one in Kafka's protocol, and is told.
//!
//! The journal's segments say it ([`crate::journal`]); this is the one place that names it.
//!
//! Where a restored app's data goes on there is a [`Seam`]: txnIds and offsets are raised there above
//! everything that the life before may have given out. It is an entry of the journal, and is kept
//! with the documents for ever: whoever holds a position between may come back late.
//! ```text
//! seam = version 1 | before: id 16 bytes, leader epoch u32 | after: the same | last txn u64 | end offset u64
//!        | last commit ms u64 | first txn u64 | first offset u64 | restored ms u64
//! ```
//! Numbers are little-endian.
//! Not here: how far they are raised (`restore`).

use crate::{binary::take, position::TxnId};

const SEAM_VERSION: u8 = 1;

/// One life of an app's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation {
    /// A random number; the first life has the app's instance.
    pub id: [u8; 16],
    /// Kafka's leader epoch (KIP-101, KIP-320): 0 for the first life, greater for each that
    /// follows.
    pub leader_epoch: u32,
}

impl Incarnation {
    /// The first life of an app.
    pub(crate) fn first(instance: [u8; 16]) -> Self {
        Self { id: instance, leader_epoch: 0 }
    }
}

/// Where an incarnation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncarnationStart {
    /// Which.
    pub incarnation: Incarnation,
    /// The offset of its first event; of the oldest one that the journal knows, that of the oldest
    /// event.
    pub first_offset: u64,
    /// Its first transaction.
    pub first_txn: u64,
}

/// Where a restored app's data goes on: between what was restored and what is new, a range of txnIds
/// and offsets that the life before may have given out, and this one never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seam {
    /// The life that was restored.
    pub before: Incarnation,
    /// The one that goes on.
    pub after: Incarnation,
    /// The last transaction that was restored.
    pub last_txn: TxnId,
    /// Behind the last event of the main feed that was restored.
    pub end_offset: u64,
    /// When that transaction was committed, in ms since the epoch; 0 without one.
    pub last_commit_ms: u64,
    /// The first transaction of the new life.
    pub first_txn: u64,
    /// The offset of the main feed's first event of the new life.
    pub first_offset: u64,
    /// When it was restored, in ms since the epoch.
    pub restored_ms: u64,
}

impl Seam {
    /// The number that stands for the seam itself: above all that the life before may have given
    /// out, below the first transaction of the new one.
    pub fn txn(&self) -> TxnId {
        TxnId(self.first_txn - 1)
    }

    /// Whether that transaction was lost with the life before, if it ever was: what was restored
    /// does not have it, and nobody ever will.
    pub fn has_lost(&self, txn_id: TxnId) -> bool {
        self.last_txn < txn_id && txn_id < self.txn()
    }

    /// Offsets of the main feed that are skipped; as many as of every other partition.
    pub fn skipped_offsets(&self) -> u64 {
        self.first_offset - self.end_offset
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(SEAM_VERSION);
        for Incarnation { id, leader_epoch } in [self.before, self.after] {
            out.extend_from_slice(&id);
            out.extend_from_slice(&leader_epoch.to_le_bytes());
        }
        let Self { last_txn, end_offset, last_commit_ms, first_txn, first_offset, restored_ms, .. } = *self;
        for number in [last_txn.0, end_offset, last_commit_ms, first_txn, first_offset, restored_ms] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// `None` if the bytes are not what [`Seam::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&SEAM_VERSION, mut rest) = bytes.split_first()? else { return None };
        let incarnation = |rest: &mut &[u8]| {
            let id = take(rest)?;
            Some(Incarnation { id, leader_epoch: u32::from_le_bytes(take(rest)?) })
        };
        let (before, after) = (incarnation(&mut rest)?, incarnation(&mut rest)?);
        let mut number = || take(&mut rest).map(u64::from_le_bytes);
        let seam = Self {
            before,
            after,
            last_txn: TxnId(number()?),
            end_offset: number()?,
            last_commit_ms: number()?,
            first_txn: number()?,
            first_offset: number()?,
            restored_ms: number()?,
        };
        let grows = seam.last_txn < seam.txn() && seam.end_offset < seam.first_offset;
        (rest.is_empty() && seam.first_txn > 0 && grows).then_some(seam)
    }
}

/// The first offset at or behind `offset` that is not skipped by one of the seams, which are in
/// order.
pub(crate) fn behind_seams(seams: &[Seam], offset: u64) -> u64 {
    let inside = |offset: u64, seam: &Seam| (seam.end_offset..seam.first_offset).contains(&offset);
    seams.iter().fold(offset, |offset, seam| if inside(offset, seam) { seam.first_offset } else { offset })
}

/// The end of the events before `end`, which may be where a seam ends: that of the last that is
/// there, plus one.
pub(crate) fn before_seams(seams: &[Seam], end: u64) -> u64 {
    let inside = |end: u64, seam: &Seam| seam.end_offset < end && end <= seam.first_offset;
    seams.iter().rev().fold(end, |end, seam| if inside(end, seam) { seam.end_offset } else { end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seam(end_offset: u64, first_offset: u64) -> Seam {
        let incarnation = |n: u8| Incarnation { id: [n; 16], leader_epoch: n.into() };
        Seam {
            before: incarnation(1),
            after: incarnation(2),
            last_txn: TxnId(5),
            end_offset,
            last_commit_ms: 7,
            first_txn: 1_000_006,
            first_offset,
            restored_ms: 8,
        }
    }

    #[test]
    fn a_seam_reads_back_and_every_cut_of_it_is_refused() {
        let mut bytes = Vec::new();
        seam(9, 1_000_009).encode(&mut bytes);
        assert_eq!(Seam::decode(&bytes), Some(seam(9, 1_000_009)));
        assert!((0..bytes.len()).all(|cut| Seam::decode(&bytes[..cut]).is_none()));
    }

    #[test]
    fn what_lies_in_seams_is_passed_over_in_both_directions() {
        let seams = [seam(10, 110), seam(110, 210), seam(220, 320)];
        assert_eq!(
            [9, 10, 50, 110, 150, 210, 219, 220].map(|at| behind_seams(&seams, at)),
            [9, 210, 210, 210, 210, 210, 219, 320]
        );
        assert_eq!(
            [10, 11, 110, 210, 211, 320, 321].map(|end| before_seams(&seams, end)),
            [10, 10, 10, 10, 211, 220, 321]
        );
    }

    #[test]
    fn what_the_life_before_may_have_given_out_is_lost_and_the_seam_itself_is_not() {
        let seam = seam(9, 1_000_009);
        let is_lost = [5, 6, 1_000_004, 1_000_005, 1_000_006].map(|txn| seam.has_lost(TxnId(txn)));
        assert_eq!(is_lost, [false, true, true, false, false]);
    }
}
