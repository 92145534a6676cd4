//! Definitions ([`crate::definition`]).
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `definition:`, kind u8, name | version 1, origin u64 LE, txnId u64 LE, commit time u64 LE, the body |
//!
//! They have no space of their own, for the reason that requests have none.

use super::{
    handle::{Engine, EngineBatch},
    spaces::{EngineError, META, VALUE_VERSION},
};
use crate::{
    definition::{Definition, DefinitionChange, DefinitionKind},
    position::TxnId,
};

const PREFIX: &[u8] = b"definition:";

impl Engine {
    /// Every definition.
    pub(crate) fn definitions(&self) -> Result<Vec<Definition>, EngineError> {
        let read = |entry: Result<(key_values::Bytes, key_values::Bytes), EngineError>| {
            let (key, value) = entry?;
            decode(&key, &value).ok_or_else(|| EngineError(format!("the definition {key:02x?} cannot be read")))
        };
        self.prefix(META, PREFIX).map(read).collect()
    }
}

impl EngineBatch<'_> {
    /// Makes, replaces or forgets a definition.
    pub(crate) fn put_definition(&mut self, change: &DefinitionChange) {
        match change {
            DefinitionChange::Set(definition) => {
                let Definition { kind, name, body, origin, txn_id, commit_time_ms } = definition;
                let mut value = vec![VALUE_VERSION];
                for number in [*origin, txn_id.0, *commit_time_ms] {
                    value.extend_from_slice(&number.to_le_bytes());
                }
                value.extend_from_slice(body.as_bytes());
                self.batch.insert(META, key_of(*kind, name), value);
            }
            DefinitionChange::Forget { kind, name } => self.batch.remove(META, key_of(*kind, name)),
        }
    }
}

fn key_of(kind: DefinitionKind, name: &str) -> Vec<u8> {
    let mut key = PREFIX.to_vec();
    key.push(kind as u8);
    key.extend_from_slice(name.as_bytes());
    key
}

fn decode(key: &[u8], value: &[u8]) -> Option<Definition> {
    let (&kind, name) = key.strip_prefix(PREFIX)?.split_first()?;
    let [VALUE_VERSION, rest @ ..] = value else { return None };
    let (numbers, body) = rest.split_first_chunk::<24>()?;
    let number = |at: usize| u64::from_le_bytes(numbers[at..at + 8].try_into().expect("eight bytes"));
    let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
    Some(Definition {
        kind: DefinitionKind::from_tag(kind)?,
        name: text(name)?,
        body: text(body)?,
        origin: number(0),
        txn_id: TxnId(number(8)),
        commit_time_ms: number(16),
    })
}
