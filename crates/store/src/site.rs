//! Sites of peers: up to which of its own transactions each one's pushes were taken.
//!
//! ```text
//! value = version 2 | subject text | seq u64 | hash (16 bytes) | txnId u64 | known from u64
//!         | count u32 | (first missing seq u64, last missing seq u64) …
//! ```
//! Texts are a length u32 and bytes; numbers are little-endian. Version 1 named each missing number,
//! of the 64 before the last. What a push was stands in the origin of its changeset, so the journal
//! has all of it.
//!
//! A peer sends its transactions in their order, and sends again what it has no verdict of. One that
//! was refused leaves no trace, and a peer passes over many when its store is opened, so numbers may
//! be missing below the last one that was taken: those are remembered, as at most
//! [`SITE_MISSING_MAX`] ranges, and are no repetitions.
//!
//! Invariant: an entry is in the documents' batch of its transaction, so a document shows a push if
//! and only if its site says that it was taken.
//! Not here: what a push does (crate `rules`), in what order pushes go (`pipeline::open_group`).

use document::Pushed;

use crate::{
    binary::{put_bytes, put_u32, take, take_text, take_u32},
    limits::SITE_MISSING_MAX,
    position::TxnId,
};

const VERSION: u8 = 2;

/// Each number that is missing by itself.
const VERSION_1: u8 = 1;

/// Among how many numbers before the last one version 1 knew which are missing.
const KNOWN_IN_VERSION_1: u64 = 64;

/// What is known of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Who it belongs to: who pushed first.
    pub subject: String,
    /// The greatest number of its transactions that was taken.
    pub seq: u64,
    /// The digest of what was pushed under that number.
    pub hash: [u8; 16],
    /// What it became here.
    pub txn_id: TxnId,
    /// Of numbers below this one it is not known any more whether they were taken.
    pub known_from: u64,
    /// Numbers below it that were not taken: first and last of each range, ascending.
    pub missing: Vec<(u64, u64)>,
}

/// Whether a push is to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was not taken so far.
    New,
    /// It was, as this transaction; `None` if that is not known any more.
    Taken(Option<TxnId>),
    /// The site is somebody else's, or its store was copied.
    Reused,
}

impl Site {
    /// Where a push stands with what is known of its site.
    pub(crate) fn standing(known: Option<&Self>, pushed: &Pushed) -> Standing {
        let Some(known) = known else { return Standing::New };
        if known.subject != pushed.subject {
            Standing::Reused
        } else if pushed.seq == known.seq {
            let is_same = known.hash == pushed.hash;
            if is_same { Standing::Taken(Some(known.txn_id)) } else { Standing::Reused }
        } else if pushed.seq > known.seq || !known.has_taken(pushed.seq) {
            Standing::New
        } else {
            Standing::Taken(None)
        }
    }

    /// Whether the transaction was taken, as far as is known: what is not known any more was.
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        seq <= self.seq && !self.missing.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    /// What is known once the push became `txn_id`.
    pub(crate) fn after(known: Option<Self>, pushed: &Pushed, txn_id: TxnId) -> Self {
        let Pushed { seq, hash, subject } = pushed.clone();
        let mut site = match known {
            Some(known) if seq < known.seq => {
                let split = |(first, last): (u64, u64)| match (first..=last).contains(&seq) {
                    true => [(first, seq - 1), (seq + 1, last)],
                    false => [(first, last), (1, 0)],
                };
                let left = known.missing.iter().flat_map(|range| split(*range)).filter(|(first, last)| first <= last);
                let missing = left.collect();
                Self { missing, ..known }
            }
            known => {
                let last = known.as_ref().map_or(0, |known| known.seq);
                let (known_from, mut missing) =
                    known.map_or((0, Vec::new()), |known| (known.known_from, known.missing));
                missing.extend((last + 1 < seq).then(|| (last + 1, seq - 1)));
                Self { subject, seq, hash, txn_id, known_from, missing }
            }
        };
        let forgotten = site.missing.len().saturating_sub(SITE_MISSING_MAX);
        if let Some((_, last)) = site.missing.drain(..forgotten).next_back() {
            site.known_from = last + 1;
        }
        site
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { subject, seq, hash, txn_id, known_from, missing } = self;
        let mut out = vec![VERSION];
        put_bytes(&mut out, subject.as_bytes());
        out.extend_from_slice(&seq.to_le_bytes());
        out.extend_from_slice(hash);
        out.extend_from_slice(&txn_id.0.to_le_bytes());
        out.extend_from_slice(&known_from.to_le_bytes());
        put_u32(&mut out, missing.len() as u32);
        for number in missing.iter().flat_map(|(first, last)| [first, last]) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out
    }

    /// `None` if the bytes are not what [`Site::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version @ (&VERSION | &VERSION_1), mut rest) = bytes.split_first()? else { return None };
        let subject = take_text(&mut rest)?;
        let seq = u64::from_le_bytes(take(&mut rest)?);
        let hash = take(&mut rest)?;
        let txn_id = TxnId(u64::from_le_bytes(take(&mut rest)?));
        let known_from = match *version {
            VERSION_1 => seq.saturating_sub(KNOWN_IN_VERSION_1),
            _ => u64::from_le_bytes(take(&mut rest)?),
        };
        let count = take_u32(&mut rest)?;
        let mut missing = Vec::new();
        for _ in 0..count {
            let first = u64::from_le_bytes(take(&mut rest)?);
            let last = if *version == VERSION_1 { first } else { u64::from_le_bytes(take(&mut rest)?) };
            missing.push((first, last));
        }
        rest.is_empty().then_some(Self { subject, seq, hash, txn_id, known_from, missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(seq: u64) -> Pushed {
        Pushed { seq, hash: [seq.to_le_bytes()[0]; 16], subject: "till/1".into() }
    }

    fn after(seqs: &[u64]) -> Site {
        let fold = |known, (at, seq): (usize, &u64)| Some(Site::after(known, &push(*seq), TxnId(at as u64 + 100)));
        seqs.iter().enumerate().fold(None, fold).unwrap()
    }

    fn standing(site: &Site, seq: u64) -> Standing {
        Site::standing(Some(site), &push(seq))
    }

    #[test]
    fn what_was_taken_is_not_new() {
        let site = after(&[1, 2, 3]);
        assert_eq!(standing(&site, 3), Standing::Taken(Some(TxnId(102))));
        assert_eq!((standing(&site, 2), standing(&site, 4)), (Standing::Taken(None), Standing::New));
        assert_eq!(Site::standing(None, &push(1)), Standing::New);
    }

    #[test]
    fn what_was_refused_is_new_until_it_is_taken() {
        let site = after(&[1, 4]);
        assert_eq!([1, 2, 3].map(|seq| standing(&site, seq) == Standing::New), [false, true, true]);
        let site = after(&[1, 4, 2]);
        assert_eq!([1, 2, 3].map(|seq| standing(&site, seq) == Standing::New), [false, false, true]);
        assert_eq!((site.seq, site.txn_id), (4, TxnId(101)));
    }

    #[test]
    fn a_copy_and_a_stranger_are_told() {
        let site = after(&[1, 2]);
        let other = Pushed { hash: [9; 16], ..push(2) };
        assert_eq!(Site::standing(Some(&site), &other), Standing::Reused);
        let stranger = Pushed { subject: "bob/1".into(), ..push(3) };
        assert_eq!(Site::standing(Some(&site), &stranger), Standing::Reused);
    }

    #[test]
    fn what_is_passed_over_is_known_however_much_it_is() {
        let site = after(&[1, u64::MAX]);
        assert_eq!(site.missing, [(2, u64::MAX - 1)]);
        assert_eq!([2, 99, u64::MAX - 1].map(|seq| standing(&site, seq)), [Standing::New; 3]);
        let site = after(&[1, 10, 5, 2, 9]);
        assert_eq!(site.missing, [(3, 4), (6, 8)]);
    }

    #[test]
    fn what_is_missing_is_bounded_and_it_is_known_from_where() {
        let seqs: Vec<u64> = (1..=SITE_MISSING_MAX as u64 + 36).map(|n| 2 * n).collect();
        let site = after(&seqs);
        assert_eq!((site.missing.len(), site.known_from), (SITE_MISSING_MAX, 72));
        assert_eq!(site.missing[0], (73, 73));
        assert_eq!((standing(&site, 71), standing(&site, 73)), (Standing::Taken(None), Standing::New));
    }

    #[test]
    fn entries_read_back_and_every_cut_is_refused() {
        for site in [after(&[1]), after(&[7, 9])] {
            let bytes = site.encode();
            assert_eq!(Site::decode(&bytes).as_ref(), Some(&site));
            assert!((0..bytes.len()).all(|cut| Site::decode(&bytes[..cut]).is_none()));
        }
    }

    #[test]
    fn golden_bytes() {
        let site = |known_from, missing| {
            let subject = "a".into();
            Site { subject, seq: 5, hash: [7; 16], txn_id: TxnId(9), known_from, missing }
        };
        let mut expected = vec![2, 1, 0, 0, 0, b'a', 5, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([7; 16]);
        expected.extend([9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(site(2, vec![(3, 4)]).encode(), expected);
        let mut earlier = vec![1, 1, 0, 0, 0, b'a', 5, 0, 0, 0, 0, 0, 0, 0];
        earlier.extend([7; 16]);
        earlier.extend([9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Site::decode(&earlier), Some(site(0, vec![(4, 4)])));
    }
}
