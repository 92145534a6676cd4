//! The documents of an app whose journal was trimmed, as a stream of entries.
//!
//! ```text
//! | space | key bytes | value bytes | key | value |   each part holds whole entries; numbers are little-endian
//! | u8    | u32       | u32         |     |       |
//! ```
//! A part ends after a key that says so itself ([`ends_part`]), or when it is full. So what did not
//! change between two points comes to the same parts, wherever something was put in before it.

use store::DocumentsEntry;

use crate::{
    error::Error,
    limits::PART_BYTES,
    manifest::Part,
    parts::{Ahead, Parts},
};

const HEAD_BYTES: usize = 9;

/// No part that is ended by a key has fewer bytes.
const PART_BYTES_MIN: usize = 256 << 10;

/// One key in so many ends a part.
const KEYS_BETWEEN_ENDS: u32 = 256;

/// Puts `entry` at the end of `part`; whether the part ends there.
pub(crate) fn append(part: &mut Vec<u8>, entry: &DocumentsEntry) -> bool {
    part.push(entry.space);
    for length in [entry.key.len(), entry.value.len()] {
        part.extend_from_slice(&u32::try_from(length).expect("no entry is so large").to_le_bytes());
    }
    part.extend_from_slice(&entry.key);
    part.extend_from_slice(&entry.value);
    part.len() >= PART_BYTES || (part.len() >= PART_BYTES_MIN && ends_part(&entry.key))
}

/// FNV-1a of the key: the same in every version, and of keys that differ in one letter another.
fn ends_part(key: &[u8]) -> bool {
    let hash = key.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 15)).is_multiple_of(KEYS_BETWEEN_ENDS)
}

/// The entries of these parts, in order; their bytes are the next ones of `ahead`.
pub(crate) fn read<'p>(
    parts: &'p Parts,
    of: &'p [Part],
    ahead: &'p mut Ahead,
    mut done: impl FnMut(u64) -> Result<(), Error> + 'p,
) -> impl Iterator<Item = Result<DocumentsEntry, Error>> + 'p {
    of.iter().flat_map(move |part| {
        let entries = ahead.next().and_then(|bytes| {
            done(part.1)?;
            decode(&bytes).ok_or_else(|| Error::damaged(&parts.path(part), "its entries cannot be read"))
        });
        match entries {
            Ok(entries) => entries.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        }
    })
}

fn decode(mut bytes: &[u8]) -> Option<Vec<DocumentsEntry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let length = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (key, rest) = rest.split_at_checked(length(1))?;
        let (value, rest) = rest.split_at_checked(length(5))?;
        entries.push(DocumentsEntry { space: head[0], key: key.into(), value: value.into() });
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_read_back_and_a_cut_is_noticed() {
        let entries: Vec<_> = [(0, "a", "1"), (0, "b", ""), (4, "", "x")]
            .map(|(space, key, value)| DocumentsEntry {
                space,
                key: key.as_bytes().into(),
                value: value.as_bytes().into(),
            })
            .into();
        let mut part = Vec::new();
        for entry in &entries {
            assert!(!append(&mut part, entry));
        }
        assert_eq!(decode(&part), Some(entries));
        for cut in 1..9 {
            assert_eq!(decode(&part[..part.len() - cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_change_changes_few_parts() {
        let cut = |changed: Option<u32>| {
            let (mut parts, mut part) = (Vec::new(), Vec::new());
            for n in 0..20_000_u32 {
                let value = if changed == Some(n) { vec![1; 130] } else { vec![0; 100] };
                let entry = DocumentsEntry { space: 0, key: format!("people\0{n:08}").into(), value: value.into() };
                if append(&mut part, &entry) {
                    parts.push(std::mem::take(&mut part));
                }
            }
            parts.push(part);
            parts
        };
        let (before, after) = (cut(None), cut(Some(7_000)));
        assert!(before.len() > 4, "{}", before.len());
        assert_eq!(after.iter().filter(|part| !before.contains(part)).count(), 1);
    }
}
