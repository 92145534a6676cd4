//! What is known of indexes, and how many documents each collection has: in memory, and how it is
//! kept.
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `index:`, index u32 BE | version 1, state u8, entries u64, definition name text, body text, the documents key that it is built through as bytes, the statistics of each key |
//! | `meta` | `last_index` | version 1, the last number that was given to an index |
//! | `meta` | `documents:`, collection | version 1, how many documents are there, without tombstones |
//! | `meta` | `counted` | version 1, the frame up to which all of this was written |
//!
//! States: 1 building, 2 ready, 3 dropped (its entries are being removed). Numbers in values are
//! little-endian, texts and bytes have a length u32 before them.
//!
//! A version of the server that knew nothing of this may have written documents: then `counted` is
//! not of the frame that the documents are at, and the next opening counts anew, and builds all
//! indexes anew.
//! Not here: the entries of indexes (`indexes`).

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use document::{Map, PathSegment};
use key_values::{Batch, Bytes, KeyValue};

use super::spaces::{EngineError, META, VALUE_VERSION, decode_number, encode_number};
use crate::{
    binary::{put_bytes, take, take_bytes, take_text},
    index::{Component, IndexDefinition, KeyStatistics, encode_key, skip_key},
};

const INDEX_PREFIX: &[u8] = b"index:";
pub(super) const DOCUMENTS_PREFIX: &[u8] = b"documents:";
const LAST_INDEX_KEY: &[u8] = b"last_index";
pub(super) const COUNTED_KEY: &[u8] = b"counted";

/// How far an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexState {
    /// Documents up to this key have entries.
    Building {
        through: Vec<u8>,
    },
    Ready,
    /// Its entries are being removed.
    Dropped,
}

/// What is known of an index.
#[derive(Debug, Clone)]
pub(crate) struct KeptIndex {
    pub(crate) number: u32,
    pub(crate) definition: Arc<IndexDefinition>,
    pub(crate) state: IndexState,
    /// How many it has.
    pub(crate) entries: u64,
    /// Of each key.
    pub(crate) statistics: Vec<KeyStatistics>,
}

/// An index that can be read.
#[derive(Debug, Clone)]
pub(crate) struct ReadyIndex {
    pub(crate) number: u32,
    pub(crate) definition: Arc<IndexDefinition>,
}

/// The indexes that can be read, by collection.
pub(crate) type ReadyIndexes = Arc<HashMap<String, Vec<ReadyIndex>>>;

/// Indexes and counts as the last group left them.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Documents by collection; `None` where an older version wrote some of them.
    pub(super) documents: Option<HashMap<String, u64>>,
    /// By collection, without those that were dropped.
    pub(super) indexes: BTreeMap<String, Vec<KeptIndex>>,
    pub(super) dropped: Vec<KeptIndex>,
    last_number: u32,
}

/// Of all collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) documents: u64,
    /// Indexes that can be read, and those that are being built.
    pub(crate) ready: u64,
    pub(crate) building: u64,
    pub(crate) entries: u64,
}

impl Catalog {
    /// What `store` has. Indexes whose state cannot be read are an error.
    pub(crate) fn read(
        applied_frames: u64,
        get: impl Fn(&[u8]) -> Result<Option<Bytes>, EngineError>,
        prefix: impl Fn(&[u8]) -> Box<dyn Iterator<Item = Result<KeyValue, EngineError>>>,
    ) -> Result<Self, EngineError> {
        let last_number = match get(LAST_INDEX_KEY)? {
            Some(value) => decode_number(LAST_INDEX_KEY, &value)?,
            None => 0,
        };
        let last_number = u32::try_from(last_number).map_err(|_| unreadable("last number of an index"))?;
        let mut catalog = Self { last_number, ..Self::default() };
        for entry in prefix(INDEX_PREFIX) {
            let (key, value) = entry?;
            let index = KeptIndex::decode(&key, &value)?;
            match index.state {
                IndexState::Dropped => catalog.dropped.push(index),
                _ => catalog.indexes.entry(index.definition.collection.as_str().to_owned()).or_default().push(index),
            }
        }
        let counted = get(COUNTED_KEY)?.map(|value| decode_number(COUNTED_KEY, &value)).transpose()?;
        if counted == Some(applied_frames) {
            let mut documents = HashMap::new();
            for entry in prefix(DOCUMENTS_PREFIX) {
                let (key, value) = entry?;
                let name = std::str::from_utf8(&key[DOCUMENTS_PREFIX.len()..]).map_err(|_| unreadable("count"))?;
                documents.insert(name.to_owned(), decode_number(&key, &value)?);
            }
            catalog.documents = Some(documents);
        } else {
            let stale = std::mem::take(&mut catalog.indexes).into_values().flatten();
            catalog.dropped.extend(stale.map(|index| KeptIndex { state: IndexState::Dropped, ..index }));
        }
        Ok(catalog)
    }

    /// Those that can be read.
    pub(crate) fn ready(&self) -> ReadyIndexes {
        let ready = self.indexes.iter().map(|(collection, indexes)| {
            let ready = indexes.iter().filter(|index| index.state == IndexState::Ready);
            let ready = ready.map(|index| ReadyIndex { number: index.number, definition: index.definition.clone() });
            (collection.clone(), ready.collect())
        });
        Arc::new(ready.collect())
    }

    /// All that are in force, by collection and then as they were made.
    pub(crate) fn in_force(&self) -> impl Iterator<Item = &KeptIndex> {
        self.indexes.values().flatten()
    }

    /// The documents of a collection; `None` if they were not counted.
    pub(crate) fn documents_in(&self, collection: &str) -> Option<u64> {
        let documents = self.documents.as_ref()?;
        Some(documents.get(collection).copied().unwrap_or(0))
    }

    /// The numbers of all of which there may be entries.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.in_force().chain(&self.dropped).map(|index| index.number).collect()
    }

    /// The documents by collection.
    pub(crate) fn collections(&self) -> HashMap<String, u64> {
        self.documents.clone().unwrap_or_default()
    }

    /// Makes the index that is so defined; one that this version cannot keep is defined, and not
    /// built: documents are found without it.
    pub(super) fn make(&mut self, name: &str, body: &str, batch: &mut Batch) {
        let definition = match IndexDefinition::of_definition(name, body) {
            Ok(definition) => Arc::new(definition),
            Err(error) => return tracing::warn!(%error, "an index is not kept"),
        };
        self.last_number += 1;
        batch.insert(META, LAST_INDEX_KEY, encode_number(self.last_number.into()));
        let statistics = vec![KeyStatistics::default(); definition.keys.len()];
        let collection = definition.collection.as_str().to_owned();
        let (number, state) = (self.last_number, IndexState::Building { through: Vec::new() });
        let index = KeptIndex { number, definition, state, entries: 0, statistics };
        index.put(batch);
        self.indexes.entry(collection).or_default().push(index);
    }

    /// What `/metrics` tells.
    pub(crate) fn totals(&self) -> Totals {
        let is_ready = |index: &&KeptIndex| index.state == IndexState::Ready;
        let ready = self.in_force().filter(is_ready).count() as u64;
        Totals {
            documents: self.documents.iter().flat_map(HashMap::values).sum(),
            ready,
            building: self.in_force().count() as u64 - ready,
            entries: self.in_force().map(|index| index.entries).sum(),
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.dropped.is_empty() || self.in_force().any(|index| matches!(index.state, IndexState::Building { .. }))
    }
}

impl KeptIndex {
    fn encode(&self) -> Vec<u8> {
        let (state, through) = match &self.state {
            IndexState::Building { through } => (1, &through[..]),
            IndexState::Ready => (2, &[][..]),
            IndexState::Dropped => (3, &[][..]),
        };
        let mut value = vec![VALUE_VERSION, state];
        value.extend_from_slice(&self.entries.to_le_bytes());
        put_bytes(&mut value, self.definition.definition_name().as_bytes());
        put_bytes(&mut value, self.definition.to_body().as_bytes());
        put_bytes(&mut value, through);
        self.statistics.iter().for_each(|statistics| statistics.encode(&mut value));
        value
    }

    pub(super) fn decode(key: &[u8], value: &[u8]) -> Result<Self, EngineError> {
        let decoded = || {
            let number = u32::from_be_bytes(key.strip_prefix(INDEX_PREFIX)?.try_into().ok()?);
            let (&VALUE_VERSION, mut rest) = value.split_first()? else { return None };
            let [state] = take(&mut rest)?;
            let entries = u64::from_le_bytes(take(&mut rest)?);
            let (name, body) = (take_text(&mut rest)?, take_text(&mut rest)?);
            let through = take_bytes(&mut rest)?.to_vec();
            let definition = Arc::new(IndexDefinition::of_definition(&name, &body).ok()?);
            let state = match state {
                1 => IndexState::Building { through },
                2 => IndexState::Ready,
                3 => IndexState::Dropped,
                _ => return None,
            };
            let statistics = definition.keys.iter().map(|_| KeyStatistics::decode(&mut rest)).collect::<Option<_>>()?;
            rest.is_empty().then_some(Self { number, definition, state, entries, statistics })
        };
        decoded().ok_or_else(|| unreadable(&format!("state of the index {key:02x?}")))
    }

    pub(super) fn put(&self, batch: &mut Batch) {
        batch.insert(META, index_key(self.number), self.encode());
    }

    /// Whether the document of that key has an entry.
    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        match &self.state {
            IndexState::Building { through } => key <= &through[..],
            IndexState::Ready => true,
            IndexState::Dropped => false,
        }
    }

    /// What the document's entry is made of.
    pub(crate) fn components(&self, fields: &Map) -> Vec<Component> {
        self.definition.keys.iter().map(|key| Component::of(key.path.lookup(fields))).collect()
    }

    /// The key in the space of all indexes.
    pub(crate) fn entry_key(&self, components: &[Component], id_json: &str) -> Vec<u8> {
        let mut key = Vec::with_capacity(32 + id_json.len());
        key.extend_from_slice(&self.number.to_be_bytes());
        let directions = self.definition.keys.iter().map(|key| key.descending);
        encode_key(components.iter().zip(directions), id_json, &mut key);
        key
    }

    pub(crate) fn count(&mut self, fields: &Map, components: &[Component], more: bool) {
        self.entries = if more { self.entries + 1 } else { self.entries.saturating_sub(1) };
        for ((key, component), statistics) in self.definition.keys.iter().zip(components).zip(&mut self.statistics) {
            statistics.count(key.path.lookup(fields), component.is_whole, more);
        }
    }

    /// Where the id begins in the key of an entry.
    pub(super) fn id_at(definition: &IndexDefinition, key: &[u8]) -> Option<usize> {
        let components = key.get(4..)?;
        Some(4 + skip_key(components, definition.keys.iter().map(|key| key.descending))?)
    }
}

/// The names of the fields that the keys of these indexes are in, sorted, each once.
pub(crate) fn field_names<'i>(indexes: impl Iterator<Item = &'i IndexDefinition>) -> Vec<String> {
    let keys = indexes.flat_map(|definition| &definition.keys);
    let mut names: Vec<String> = keys
        .filter_map(|key| match key.path.segments.first() {
            Some(PathSegment::Field(name)) => Some(name.clone()),
            _ => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

pub(super) fn index_key(number: u32) -> Vec<u8> {
    [INDEX_PREFIX, &number.to_be_bytes()].concat()
}

pub(super) fn documents_key(collection: &str) -> Vec<u8> {
    [DOCUMENTS_PREFIX, collection.as_bytes()].concat()
}

pub(super) fn unreadable(what: &str) -> EngineError {
    EngineError(format!("the {what} cannot be read"))
}
