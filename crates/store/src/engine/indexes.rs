//! Entries of indexes, what is known of each index, and how many documents each collection has.
//!
//! | space | key | value |
//! |---|---|---|
//! | `indexes` | index u32 BE, the key ([`crate::index`]) | nothing |
//! | `meta` | `index:`, index u32 BE | version 1, state u8, entries u64, definition name text, body text, the documents key that it is built through as bytes, the statistics of each key |
//! | `meta` | `last_index` | version 1, the last number that was given to an index |
//! | `meta` | `documents:`, collection | version 1, how many documents are there, without tombstones |
//! | `meta` | `counted` | version 1, the frame up to which all of this was written |
//!
//! States: 1 building, 2 ready, 3 dropped (its entries are being removed). Numbers in values are little-endian, texts and bytes have a
//! length u32 before them.
//!
//! A version of the server that knew nothing of this may have written documents: then `counted` is not of the frame that the documents
//! are at, and the next opening counts anew, and builds all indexes anew.
//!
//! Invariants: an index that is building has the entries of the documents up to the key that it is built through, and of no others; one
//! that is ready has those of all. Entries and counts are written in the batch of the documents that they are of. Groups are written, and
//! indexes are built, by one thread, so neither sees the other half done.
//! Not here: which keys a document has (`crate::index`), who builds and when (`pipeline::committer`).

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
    time::{Duration, Instant},
};

use document::{Changeset, Document, Map, Operation, PathSegment};
use key_values::{Batch, Bytes};
use rules::ChangedDocument;

use super::{
    documents::stored_parts,
    handle::{Engine, EngineBatch, EngineSnapshot, Entry},
    spaces::{DOCUMENTS, EngineError, INDEXES, META, VALUE_VERSION, decode_number, encode_number},
};
use crate::{
    binary::{put_bytes, take, take_bytes, take_text},
    definition::{DefinitionChange, DefinitionKind},
    index::{Component, IndexDefinition, KeyStatistics, encode_key, skip_key},
    position::Position,
};

const INDEX_PREFIX: &[u8] = b"index:";
const DOCUMENTS_PREFIX: &[u8] = b"documents:";
const LAST_INDEX_KEY: &[u8] = b"last_index";
const COUNTED_KEY: &[u8] = b"counted";

/// Entries of a dropped index that go at once.
const DROPPED_AT_ONCE: usize = 4096;

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
    documents: Option<HashMap<String, u64>>,
    /// By collection, without those that were dropped.
    indexes: BTreeMap<String, Vec<KeptIndex>>,
    dropped: Vec<KeptIndex>,
    last_number: u32,
}

/// What one step of building came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexStep {
    /// There is more to do.
    GoesOn,
    /// An index is ready, or gone.
    OneIsDone,
    /// Nothing is left to do.
    NothingToDo,
}

impl Catalog {
    /// What `store` has. Indexes whose state cannot be read are an error.
    pub(crate) fn read(
        applied_frames: u64,
        get: impl Fn(&[u8]) -> Result<Option<Bytes>, EngineError>,
        prefix: impl Fn(&[u8]) -> Box<dyn Iterator<Item = Entry>>,
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

    /// Makes the index that is so defined; one that this version cannot keep is defined, and not built: documents are found without it.
    fn make(&mut self, name: &str, body: &str, batch: &mut Batch) {
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

    fn has_work(&self) -> bool {
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

    fn decode(key: &[u8], value: &[u8]) -> Result<Self, EngineError> {
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

    fn put(&self, batch: &mut Batch) {
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
    fn id_at(definition: &IndexDefinition, key: &[u8]) -> Option<usize> {
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

impl Engine {
    /// Counts the documents where an older version wrote some of them, and has all indexes built anew. Before anything is written.
    pub(crate) fn count_documents(&self) -> Result<bool, EngineError> {
        let mut catalog = self.catalog.lock().expect("not poisoned");
        if catalog.documents.is_some() {
            return Ok(false);
        }
        let mut documents: HashMap<String, u64> = HashMap::new();
        let mut found = false;
        for entry in self.snapshot().documents(&[]) {
            let (key, value) = entry?;
            found = true;
            if Document::decode_exists(stored_parts(&key, &value)?.encoded)? {
                let collection = collection_of(&key)?;
                match documents.get_mut(collection) {
                    Some(count) => *count += 1,
                    None => drop(documents.insert(collection.to_owned(), 1)),
                }
            }
        }
        let mut batch = Batch::with_capacity(documents.len() + 1);
        for (collection, count) in &documents {
            batch.insert(META, documents_key(collection), encode_number(*count));
        }
        batch.insert(META, COUNTED_KEY, encode_number(self.position()?.map_or(0, |position| position.next_frame)));
        for entry in self.prefix(META, DOCUMENTS_PREFIX) {
            let (key, _) = entry?;
            let is_there = |name| documents.contains_key(name);
            if !std::str::from_utf8(&key[DOCUMENTS_PREFIX.len()..]).is_ok_and(is_there) {
                batch.remove(META, key);
            }
        }
        catalog.documents = Some(documents);
        catalog.dropped.iter().for_each(|index| index.put(&mut batch));
        for definition in self.definitions()?.into_iter().filter(|one| one.kind == DefinitionKind::Index) {
            catalog.make(&definition.name, &definition.body, &mut batch);
        }
        self.write(batch)?;
        Ok(found)
    }

    #[cfg(feature = "memory")]
    pub(crate) fn forget_counted(&self) {
        self.insert(META, COUNTED_KEY, encode_number(0)).expect("it can be written");
    }

    /// What is known of indexes and counts.
    pub(crate) fn with_catalog<T>(&self, look: impl FnOnce(&Catalog) -> T) -> T {
        look(&self.catalog.lock().expect("not poisoned"))
    }

    /// About how many entries of indexes the changeset may change.
    pub(crate) fn index_entries_of(&self, changeset: &Changeset) -> usize {
        let ready = self.ready_indexes();
        if ready.is_empty() {
            return 0;
        }
        let of = |operation: &Operation| ready.get(operation.collection.as_str()).map_or(0, Vec::len);
        changeset.operations.iter().map(of).sum()
    }

    /// The indexes that a snapshot that is taken after this has entries of, if it knows them.
    pub(crate) fn ready_indexes(&self) -> ReadyIndexes {
        self.ready_indexes.read().expect("not poisoned").clone()
    }

    /// Whether an index is being built, or its entries removed.
    pub(crate) fn has_index_work(&self) -> bool {
        self.with_catalog(Catalog::has_work)
    }

    /// Whether there is this entry, as [`KeptIndex::entry_key`] makes it.
    pub(crate) fn has_index_entry(&self, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.get(INDEXES, key)?.is_some())
    }

    /// How many entries there are of an index.
    pub(crate) fn count_index_entries(&self, number: u32) -> Result<u64, EngineError> {
        self.prefix(INDEXES, &number.to_be_bytes()).try_fold(0, |count, entry| entry.map(|_| count + 1))
    }

    /// The numbers of the indexes of which there are entries. Each takes one look-up.
    pub(crate) fn numbers_with_entries(&self) -> Result<Vec<u32>, EngineError> {
        let mut numbers = Vec::new();
        let mut from = Some(0_u32);
        while let Some(next) = from {
            let range = (Bound::Included(next.to_be_bytes().to_vec()), Bound::Unbounded);
            let Some(entry) = self.snapshot().range(INDEXES, range).next() else { break };
            let (key, _) = entry?;
            let number = key.first_chunk().map(|number| u32::from_be_bytes(*number));
            let number = number.ok_or_else(|| unreadable(&format!("entry {key:02x?} of an index")))?;
            numbers.push(number);
            from = number.checked_add(1);
        }
        Ok(numbers)
    }

    /// Builds the next part of an index, or removes the next entries of one that was dropped, for about as long as is said. Durable with
    /// how far it came, or not at all. For the thread that writes groups.
    pub(crate) fn index_step(&self, at_most: Duration) -> Result<IndexStep, EngineError> {
        let mut catalog = self.catalog.lock().expect("not poisoned");
        let mut batch = Batch::default();
        let is_done = if let Some(dropped) = catalog.dropped.first() {
            let number = dropped.number;
            let is_gone = self.remove_entries(number, &mut batch)?;
            if is_gone {
                batch.remove(META, index_key(number));
                catalog.dropped.remove(0);
            }
            is_gone
        } else {
            let is_building = |index: &&mut KeptIndex| matches!(index.state, IndexState::Building { .. });
            let Some(index) = catalog.indexes.values_mut().flatten().find(is_building) else {
                return Ok(IndexStep::NothingToDo);
            };
            self.build(index, at_most, &mut batch)?;
            index.put(&mut batch);
            index.state == IndexState::Ready
        };
        self.write(batch)?;
        self.publish(&catalog);
        Ok(match (is_done, catalog.has_work()) {
            (true, _) => IndexStep::OneIsDone,
            (false, true) => IndexStep::GoesOn,
            (false, false) => IndexStep::NothingToDo,
        })
    }

    fn publish(&self, catalog: &Catalog) {
        *self.ready_indexes.write().expect("not poisoned") = catalog.ready();
    }

    /// Whether these were the last.
    fn remove_entries(&self, number: u32, batch: &mut Batch) -> Result<bool, EngineError> {
        let mut count = 0;
        for entry in self.prefix(INDEXES, &number.to_be_bytes()).take(DROPPED_AT_ONCE) {
            batch.remove(INDEXES, entry?.0);
            count += 1;
        }
        Ok(count < DROPPED_AT_ONCE)
    }

    fn build(&self, index: &mut KeptIndex, at_most: Duration, batch: &mut Batch) -> Result<(), EngineError> {
        let began = Instant::now();
        let IndexState::Building { through } = &mut index.state else { return Ok(()) };
        let mut last = std::mem::take(through);
        let names = field_names(std::iter::once(&*index.definition));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let prefix = collection_prefix(index.definition.collection.as_str());
        let snapshot = self.snapshot();
        let entries: Box<dyn Iterator<Item = Entry>> = match last.is_empty() {
            true => Box::new(snapshot.documents(&prefix)),
            false => Box::new(snapshot.documents_after(&prefix, &last)),
        };
        for entry in entries {
            let (key, value) = entry?;
            if let Some(fields) = Document::decode_fields(stored_parts(&key, &value)?.encoded, &names)? {
                let components = index.components(&fields);
                batch.insert(INDEXES, index.entry_key(&components, id_of(&key)?), Vec::new());
                index.count(&fields, &components, true);
            }
            if began.elapsed() >= at_most {
                last = key.to_vec();
                index.state = IndexState::Building { through: last };
                return Ok(());
            }
        }
        index.state = IndexState::Ready;
        Ok(())
    }
}

impl<'a> EngineBatch<'a> {
    /// Makes and drops indexes. Before the documents of the group.
    pub(crate) fn define_indexes(&mut self, engine: &Engine, catalog: &mut Catalog, changes: &[DefinitionChange]) {
        let mut changed = false;
        for change in changes {
            let (kind, name) = match change {
                DefinitionChange::Set(definition) => (definition.kind, &definition.name),
                DefinitionChange::Forget { kind, name } => (*kind, name),
            };
            if kind != DefinitionKind::Index {
                continue;
            }
            changed = true;
            let is_there = |body: &str| {
                let is_it = |index: &KeptIndex| {
                    index.definition.definition_name() == *name && index.definition.to_body() == body
                };
                catalog.in_force().any(is_it)
            };
            if matches!(change, DefinitionChange::Set(definition) if is_there(&definition.body)) {
                continue;
            }
            let is_named = |index: &mut KeptIndex| index.definition.definition_name() == *name;
            let gone: Vec<_> = catalog.indexes.values_mut().flat_map(|all| all.extract_if(.., is_named)).collect();
            for index in gone {
                let index = KeptIndex { state: IndexState::Dropped, ..index };
                index.put(&mut self.batch);
                catalog.dropped.push(index);
            }
            if let DefinitionChange::Set(definition) = change {
                catalog.make(name, &definition.body, &mut self.batch);
            }
        }
        if changed {
            // A snapshot that is taken from here on may not have what was dropped.
            engine.publish(catalog);
        }
    }

    /// Counts documents, and writes the entries of those that changed.
    pub(crate) fn put_entries(
        &mut self,
        engine: &Engine,
        catalog: &mut Catalog,
        changed: &[(Vec<u8>, Arc<ChangedDocument>)],
    ) -> Result<(), EngineError> {
        let Catalog { documents, indexes, .. } = catalog;
        let mut names: HashMap<&str, Vec<String>> = HashMap::new();
        let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
        for (key, document) in changed {
            if !document.existed_before && !document.exists {
                continue;
            }
            let collection = collection_of(key)?;
            if document.existed_before != document.exists {
                *counted.entry(collection).or_default() += if document.exists { 1 } else { -1 };
            }
            let Some(indexes) = indexes.get_mut(collection).filter(|indexes| !indexes.is_empty()) else { continue };
            let names =
                names.entry(collection).or_insert_with(|| field_names(indexes.iter().map(|one| &*one.definition)));
            self.put_entries_of(engine, indexes, names, key, document)?;
        }
        for index in names.keys().filter_map(|collection| indexes.get(*collection)).flatten() {
            index.put(&mut self.batch);
        }
        let Some(documents) = documents else { return Ok(()) };
        for (collection, difference) in counted {
            let count = documents.entry(collection.to_owned()).or_default();
            *count = count.saturating_add_signed(difference);
            self.batch.insert(META, documents_key(collection), encode_number(*count));
        }
        Ok(())
    }

    /// Says that counts and indexes are those of that position.
    pub(crate) fn note_counted(&mut self, catalog: &Catalog, position: &Position) {
        if catalog.documents.is_some() {
            self.batch.insert(META, COUNTED_KEY, encode_number(position.next_frame));
        }
    }

    fn put_entries_of(
        &mut self,
        engine: &Engine,
        indexes: &mut [KeptIndex],
        names: &[String],
        key: &[u8],
        document: &ChangedDocument,
    ) -> Result<(), EngineError> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let old = if document.existed_before { engine.get(DOCUMENTS, key)? } else { None };
        let old = match &old {
            Some(value) => Document::decode_fields(stored_parts(key, value)?.encoded, &names)?,
            None => None,
        };
        let new = if document.exists { Document::decode_fields(&document.encoded, &names)? } else { None };
        let id = id_of(key)?;
        for index in indexes.iter_mut().filter(|index| index.covers(key)) {
            let old = old.as_ref().map(|fields| (fields, index.components(fields)));
            let new = new.as_ref().map(|fields| (fields, index.components(fields)));
            if let Some((fields, components)) = &old {
                index.count(fields, components, false);
            }
            if let Some((fields, components)) = &new {
                index.count(fields, components, true);
            }
            let entry = |side: &Option<(&Map, Vec<Component>)>| {
                side.as_ref().map(|(_, components)| index.entry_key(components, id))
            };
            let (old, new) = (entry(&old), entry(&new));
            if old == new {
                continue;
            }
            if let Some(old) = old {
                self.batch.remove(INDEXES, old);
            }
            if let Some(new) = new {
                self.batch.insert(INDEXES, new, Vec::new());
            }
        }
        Ok(())
    }
}

impl EngineSnapshot {
    /// What was known of the index; `None` if nothing was, or not all of it was built.
    pub(crate) fn ready_index(&self, number: u32) -> Result<Option<KeptIndex>, EngineError> {
        let key = index_key(number);
        let Some(value) = self.get_meta(&key)? else { return Ok(None) };
        let index = KeptIndex::decode(&key, &value)?;
        Ok((index.state == IndexState::Ready).then_some(index))
    }

    /// How many documents the collection has; `None` if they were not counted.
    pub(crate) fn documents_in(&self, collection: &str) -> Result<Option<u64>, EngineError> {
        let key = documents_key(collection);
        match self.get_meta(&key)? {
            Some(value) => Ok(Some(decode_number(&key, &value)?)),
            None => Ok(self.get_meta(COUNTED_KEY)?.map(|_| 0)),
        }
    }

    /// Entries of the index between these keys, which are without its number; each with where the id begins.
    pub(crate) fn index_entries(
        &self,
        number: u32,
        definition: &Arc<IndexDefinition>,
        start: &[u8],
        end: Option<&[u8]>,
        backwards: bool,
    ) -> impl Iterator<Item = Result<(Bytes, usize), EngineError>> + use<> {
        let prefix = number.to_be_bytes();
        let with = |bytes: &[u8]| [&prefix[..], bytes].concat();
        let end = match end {
            Some(end) => Bound::Excluded(with(end)),
            None => match number.checked_add(1) {
                Some(next) => Bound::Excluded(next.to_be_bytes().to_vec()),
                None => Bound::Unbounded,
            },
        };
        let range = (Bound::Included(with(start)), end);
        let is_empty = matches!((&range.0, &range.1), (Bound::Included(start), Bound::Excluded(end)) if start >= end);
        let entries = (!is_empty).then(|| match backwards {
            false => self.0.range(INDEXES, range),
            true => self.0.range_backwards(INDEXES, range),
        });
        let definition = definition.clone();
        entries.into_iter().flatten().map(move |entry| {
            let (key, _) = entry?;
            match KeptIndex::id_at(&definition, &key) {
                Some(at) => Ok((key, at)),
                None => Err(unreadable(&format!("entry {key:02x?} of the index {}", definition.name))),
            }
        })
    }
}

pub(crate) fn collection_prefix(collection: &str) -> Vec<u8> {
    let mut prefix = collection.as_bytes().to_vec();
    prefix.push(0);
    prefix
}

fn collection_of(key: &[u8]) -> Result<&str, EngineError> {
    Ok(rules::split_document_key(key).ok_or_else(|| no_document(key))?.0)
}

fn id_of(key: &[u8]) -> Result<&str, EngineError> {
    Ok(rules::split_document_key(key).ok_or_else(|| no_document(key))?.1)
}

fn no_document(key: &[u8]) -> EngineError {
    EngineError(format!("the key {key:02x?} is not a document's"))
}

fn index_key(number: u32) -> Vec<u8> {
    [INDEX_PREFIX, &number.to_be_bytes()].concat()
}

fn documents_key(collection: &str) -> Vec<u8> {
    [DOCUMENTS_PREFIX, collection.as_bytes()].concat()
}

fn unreadable(what: &str) -> EngineError {
    EngineError(format!("the {what} cannot be read"))
}
