//! Definitions: live queries, indexes and sinks, as entries of the app's order.
//!
//! ```text
//! entry = version 1 | kind u8 | name text | tag u8: 0 forget, 1 set | origin u64 | body text (behind 1 only)
//! ```
//! Texts are a length u32 and bytes; numbers are little-endian.
//!
//! So a copy of the journal, a replay to some transaction and every node has them. What a secret
//! opens stands elsewhere: journals are copied into backups.
//! Not here: what a body means (whoever defines it gives it a version of its own).

use std::collections::BTreeMap;

use crate::{
    binary::{put_bytes, take, take_flag, take_text},
    position::TxnId,
};

const VERSION: u8 = 1;

/// What is defined. Stored: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DefinitionKind {
    /// A live query.
    LiveQuery = 1,
    /// An index of documents.
    Index = 2,
    /// A sink, without its secrets.
    Sink = 3,
}

impl DefinitionKind {
    pub(crate) fn from_tag(tag: u8) -> Option<Self> {
        [Self::LiveQuery, Self::Index, Self::Sink].into_iter().find(|kind| *kind as u8 == tag)
    }
}

/// A definition that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What it defines.
    pub kind: DefinitionKind,
    /// Its name, unique among those of its kind.
    pub name: String,
    /// What it says.
    pub body: String,
    /// The main feed's oldest event at the moment when it was first made: what was before it was
    /// trimmed.
    pub origin: u64,
    /// The newest transaction when it was made or changed last.
    pub txn_id: TxnId,
    /// When that was committed, ms since the epoch.
    pub commit_time_ms: u64,
}

/// One entry's effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DefinitionChange {
    Set(Definition),
    Forget { kind: DefinitionKind, name: String },
}

/// A definition as the journal has it: what it takes from its place in the order is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefinitionEntry {
    pub(crate) kind: DefinitionKind,
    pub(crate) name: String,
    /// Its origin and body; `None` forgets it.
    pub(crate) set: Option<(u64, String)>,
}

impl DefinitionEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.kind as u8);
        put_bytes(out, self.name.as_bytes());
        out.push(u8::from(self.set.is_some()));
        if let Some((origin, body)) = &self.set {
            out.extend_from_slice(&origin.to_le_bytes());
            put_bytes(out, body.as_bytes());
        }
    }

    /// `None` if the bytes are not what [`DefinitionEntry::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let [kind] = take(&mut rest)?;
        let kind = DefinitionKind::from_tag(kind)?;
        let name = take_text(&mut rest)?;
        let set = match take_flag(&mut rest)? {
            true => Some((u64::from_le_bytes(take(&mut rest)?), take_text(&mut rest)?)),
            false => None,
        };
        rest.is_empty().then_some(Self { kind, name, set })
    }

    /// What it does at its place in the order: behind `txn_id`, committed at `commit_time_ms`.
    pub(crate) fn at(&self, txn_id: TxnId, commit_time_ms: u64) -> DefinitionChange {
        let Self { kind, name, set } = self.clone();
        match set {
            Some((origin, body)) => {
                DefinitionChange::Set(Definition { kind, name, body, origin, txn_id, commit_time_ms })
            }
            None => DefinitionChange::Forget { kind, name },
        }
    }
}

/// Every definition that is in force.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Definitions(BTreeMap<(DefinitionKind, String), Definition>);

impl Definitions {
    pub(crate) fn of(all: Vec<Definition>) -> Self {
        Self(all.into_iter().map(|one| ((one.kind, one.name.clone()), one)).collect())
    }

    pub(crate) fn apply(&mut self, change: &DefinitionChange) {
        match change {
            DefinitionChange::Set(definition) => {
                self.0.insert((definition.kind, definition.name.clone()), definition.clone());
            }
            DefinitionChange::Forget { kind, name } => drop(self.0.remove(&(*kind, name.clone()))),
        }
    }

    pub(crate) fn get(&self, kind: DefinitionKind, name: &str) -> Option<&Definition> {
        self.0.get(&(kind, name.to_owned()))
    }

    /// Those of a kind, by name.
    pub(crate) fn of_kind(&self, kind: DefinitionKind) -> Vec<Definition> {
        self.0.values().filter(|one| one.kind == kind).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_and_every_cut_is_refused() {
        let set = |set| DefinitionEntry { kind: DefinitionKind::Sink, name: "warehouse".into(), set };
        for entry in [set(Some((7, "{}".into()))), set(None)] {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            assert_eq!(DefinitionEntry::decode(&bytes), Some(entry));
            assert!((0..bytes.len()).all(|cut| DefinitionEntry::decode(&bytes[..cut]).is_none()));
            bytes.push(0);
            assert_eq!(DefinitionEntry::decode(&bytes), None);
        }
    }
}
