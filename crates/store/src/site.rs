//! Sites of peers: up to which of its own transactions each one's pushes were taken.
//!
//! ```text
//! value = version 1 | subject text | seq u64 | hash (16 bytes) | txnId u64 | count u32 | missing seq u64 …
//! ```
//! Texts are a length u32 and bytes; numbers are little-endian. What a push was stands in the origin
//! of its changeset, so the journal has all of it.
//!
//! A peer sends its transactions in their order, and sends again what it has no verdict of. One that
//! was refused leaves no trace, so numbers may be missing below the last one that was taken: those
//! are remembered, and are no repetitions. A peer has at most [`SITE_MISSING_MAX`] transactions
//! without a verdict, so older ones are not asked for again.
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

const VERSION: u8 = 1;

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
    /// Numbers below it that were not taken, ascending.
    missing: Vec<u64>,
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
        } else if pushed.seq > known.seq || known.missing.binary_search(&pushed.seq).is_ok() {
            Standing::New
        } else {
            Standing::Taken(None)
        }
    }

    /// What is known once the push became `txn_id`.
    pub(crate) fn after(known: Option<Self>, pushed: &Pushed, txn_id: TxnId) -> Self {
        let (last, mut missing) = known.as_ref().map_or((0, Vec::new()), |site| (site.seq, site.missing.clone()));
        if let Some(known) = known.filter(|known| pushed.seq < known.seq) {
            missing.retain(|seq| *seq != pushed.seq);
            return Self { missing, ..known };
        }
        let passed_over = (last + 1).max(pushed.seq.saturating_sub(SITE_MISSING_MAX as u64))..pushed.seq;
        missing.extend(passed_over);
        let forgotten = missing.len().saturating_sub(SITE_MISSING_MAX);
        missing.drain(..forgotten);
        let Pushed { seq, hash, subject } = pushed.clone();
        Self { subject, seq, hash, txn_id, missing }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { subject, seq, hash, txn_id, missing } = self;
        let mut out = vec![VERSION];
        put_bytes(&mut out, subject.as_bytes());
        out.extend_from_slice(&seq.to_le_bytes());
        out.extend_from_slice(hash);
        out.extend_from_slice(&txn_id.0.to_le_bytes());
        put_u32(&mut out, missing.len() as u32);
        missing.iter().for_each(|seq| out.extend_from_slice(&seq.to_le_bytes()));
        out
    }

    /// `None` if the bytes are not what [`Site::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let subject = take_text(&mut rest)?;
        let seq = u64::from_le_bytes(take(&mut rest)?);
        let hash = take(&mut rest)?;
        let txn_id = TxnId(u64::from_le_bytes(take(&mut rest)?));
        let count = take_u32(&mut rest)?;
        let mut missing = Vec::new();
        for _ in 0..count {
            missing.push(u64::from_le_bytes(take(&mut rest)?));
        }
        rest.is_empty().then_some(Self { subject, seq, hash, txn_id, missing })
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
    fn what_is_missing_is_bounded() {
        let site = after(&[1, u64::MAX]);
        assert_eq!(site.missing.len(), SITE_MISSING_MAX);
        assert_eq!(standing(&site, u64::MAX - 1), Standing::New);
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
        let site = Site { subject: "a".into(), seq: 5, hash: [7; 16], txn_id: TxnId(9), missing: vec![4] };
        let mut expected = vec![1, 1, 0, 0, 0, b'a', 5, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([7; 16]);
        expected.extend([9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(site.encode(), expected);
    }
}
