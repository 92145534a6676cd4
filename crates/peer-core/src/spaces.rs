//! The spaces of a peer's store and their keys.
//!
//! ```text
//! meta      "peer"                -> who it is, how far it has come (records::Meta)
//! synced    document              -> what the server has, as far as is known here (records::Synced)
//! view      document              -> state: with what is pending; only where something is
//! pending   seq                   -> a transaction that has no verdict (records::Pending)
//! subs      sub                   -> a subscription (records::StoredSubscription)
//! member    sub, document         -> the subscription's snapshot by which the server named it
//! rejected  seq                   -> a transaction that was refused (records::Rejected)
//! committed seq                   -> the transaction of the server that it became
//! tombstone txn, document         -> nothing: what was removed or left, and goes with the cursor
//! staged    number                -> a part of a transaction whose last part has not come
//! ```
//!
//! `seq`, `sub`, `txn` and `number` are 8 bytes, big-endian; `document` is collection, 0, id as
//! canonical JSON. Invariant: places and names never change.

use document::{CollectionName, DocumentId};
use key_values::{Access, Space, SpaceOptions};

use crate::PeerError;

pub(crate) const META: Space = Space(0);
pub(crate) const SYNCED: Space = Space(1);
pub(crate) const VIEW: Space = Space(2);
pub(crate) const PENDING: Space = Space(3);
pub(crate) const SUBS: Space = Space(4);
pub(crate) const MEMBER: Space = Space(5);
pub(crate) const REJECTED: Space = Space(6);
pub(crate) const COMMITTED: Space = Space(7);
pub(crate) const TOMBSTONE: Space = Space(8);
pub(crate) const STAGED: Space = Space(9);

pub(crate) const META_KEY: &[u8] = b"peer";

const fn space(name: &'static str, access: Access) -> SpaceOptions {
    SpaceOptions { name, memtable_bytes: 4 << 20, access }
}

/// The spaces that the store of a peer is opened with, in this order.
pub const SPACES: &[SpaceOptions] = &[
    space("meta", Access::Small),
    space("synced", Access::Large),
    space("view", Access::Large),
    space("pending", Access::Large),
    space("subs", Access::Small),
    space("member", Access::Small),
    space("rejected", Access::Large),
    space("committed", Access::Small),
    space("tombstone", Access::ScansOnly),
    space("staged", Access::ScansOnly),
];

/// What all documents of a collection begin with.
pub(crate) fn collection_prefix(collection: &str) -> Vec<u8> {
    let mut prefix = collection.as_bytes().to_vec();
    prefix.push(0); // names have no control characters
    prefix
}

pub(crate) fn document_key(collection: &CollectionName, id: &DocumentId) -> Vec<u8> {
    let mut key = collection_prefix(collection.as_str());
    key.extend_from_slice(id.as_json().as_bytes());
    key
}

pub(crate) fn split_document_key(key: &[u8]) -> Result<(CollectionName, DocumentId), PeerError> {
    let split = || {
        let at = key.iter().position(|byte| *byte == 0)?;
        let collection = CollectionName::new(std::str::from_utf8(&key[..at]).ok()?).ok()?;
        Some((collection, DocumentId::from_json(std::str::from_utf8(&key[at + 1..]).ok()?).ok()?))
    };
    split().ok_or(PeerError::Damaged { what: "a document's key" })
}

/// A number, and what stands after it.
pub(crate) fn numbered(number: u64, rest: &[u8]) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    key.extend_from_slice(rest);
    key
}

/// The number at the front, and the rest.
pub(crate) fn split_numbered(key: &[u8]) -> Result<(u64, &[u8]), PeerError> {
    let (number, rest) = key.split_first_chunk().ok_or(PeerError::Damaged { what: "a key" })?;
    Ok((u64::from_be_bytes(*number), rest))
}
