//! The spaces of an app's documents, and what their values have in common.
//!
//! Not here: what the entries of each space mean (the modules beside this one).

use key_values::{Access, KeyValuesError, Space, SpaceOptions};

use crate::position::TxnId;

pub(crate) const DOCUMENTS: Space = Space(0);
pub(crate) const LAST_CHANGES: Space = Space(1);
pub(crate) const VIEWS: Space = Space(2);
pub(crate) const CONSUMER_OFFSETS: Space = Space(3);
pub(crate) const META: Space = Space(4);
pub(crate) const INDEXES: Space = Space(5);

/// How each is kept. Recovery after a kill looks up the space of every entry of the engine's log:
/// few spaces open faster.
pub(crate) const SPACES: &[SpaceOptions] = &[
    SpaceOptions { name: "documents", memtable_bytes: 32 << 20, access: Access::Large },
    SpaceOptions { name: "last_changes", memtable_bytes: 12 << 20, access: Access::ScansOnly },
    // Named before it held all that is noted of live queries.
    SpaceOptions { name: "departures", memtable_bytes: 16 << 20, access: Access::Small },
    SpaceOptions { name: "consumer_offsets", memtable_bytes: 4 << 20, access: Access::Small },
    SpaceOptions { name: "meta", memtable_bytes: 4 << 20, access: Access::Small },
    SpaceOptions { name: "indexes", memtable_bytes: 16 << 20, access: Access::ScansOnly },
];

/// First byte of every value.
pub(crate) const VALUE_VERSION: u8 = 1;

const FLOOR_VERSION: u8 = 2;

/// Why the documents cannot be read or written. A damaged value says which.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct EngineError(pub(crate) String);

impl From<KeyValuesError> for EngineError {
    fn from(KeyValuesError(message): KeyValuesError) -> Self {
        Self(message)
    }
}

/// A number that stands alone in [`META`].
pub(crate) fn encode_number(number: u64) -> Vec<u8> {
    let mut value = vec![VALUE_VERSION];
    value.extend_from_slice(&number.to_le_bytes());
    value
}

/// Reads what [`encode_number`] wrote.
pub(crate) fn decode_number(key: &[u8], value: &[u8]) -> Result<u64, EngineError> {
    match value {
        [VALUE_VERSION, rest @ ..] if rest.len() == 8 => Ok(u64::from_le_bytes(rest.try_into().expect("eight bytes"))),
        _ => Err(EngineError(format!("the number {} cannot be read", String::from_utf8_lossy(key)))),
    }
}

/// The tombstones' floor, and the transaction of the last of them ([`super::tombstones`]).
pub(crate) fn encode_floor((floor, txn_id): (u64, TxnId)) -> Vec<u8> {
    let mut value = vec![FLOOR_VERSION];
    value.extend_from_slice(&floor.to_le_bytes());
    value.extend_from_slice(&txn_id.0.to_le_bytes());
    value
}

/// Reads what [`encode_floor`] wrote, or a number alone.
pub(crate) fn decode_floor(key: &[u8], value: &[u8]) -> Result<(u64, TxnId), EngineError> {
    let Some((&FLOOR_VERSION, rest)) = value.split_first() else {
        return Ok((decode_number(key, value)?, TxnId(0)));
    };
    let (numbers, []) = rest.as_chunks::<8>() else {
        return Err(EngineError("the tombstone floor cannot be read".into()));
    };
    let &[floor, txn_id] = numbers else { return Err(EngineError("the tombstone floor cannot be read".into())) };
    Ok((u64::from_le_bytes(floor), TxnId(u64::from_le_bytes(txn_id))))
}
