//! Entries of indexes, and the counts that go with them: written, built, read.
//!
//! | space | key | value |
//! |---|---|---|
//! | `indexes` | index u32 BE, the key ([`crate::index`]) | nothing |
//!
//! Invariants: an index that is building has the entries of the documents up to the key that it is
//! built through, and of no others; one that is ready has those of all. Entries and counts are
//! written in the batch of the documents that they are of. Groups are written, and indexes are
//! built, by one thread, so neither sees the other half done.
//! Not here: what is known of each index (`catalog`), which keys a document has (`crate::index`),
//! who builds and when (`pipeline::committer`).

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
    time::{Duration, Instant},
};

use document::{Changeset, Document, Map, Operation};
use key_values::{Batch, Bytes};
use rules::ChangedDocument;

use super::{
    catalog::{
        COUNTED_KEY, Catalog, DOCUMENTS_PREFIX, IndexState, KeptIndex, ReadyIndexes, documents_key, field_names,
        index_key, unreadable,
    },
    documents::stored_parts,
    handle::{Engine, EngineBatch, EngineSnapshot, Entry},
    spaces::{DOCUMENTS, EngineError, INDEXES, META, decode_number, encode_number},
};
use crate::{
    definition::{DefinitionChange, DefinitionKind},
    index::{Component, IndexDefinition},
    position::Position,
};

/// Entries of a dropped index that go at once.
const DROPPED_AT_ONCE: usize = 4096;

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

impl Engine {
    /// Counts the documents where an older version wrote some of them, and has all indexes built
    /// anew. Before anything is written.
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

    /// Builds the next part of an index, or removes the next entries of one that was dropped, for
    /// about as long as is said. Durable with how far it came, or not at all. For the thread that
    /// writes groups.
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

    /// Entries of the index between these keys, which are without its number; each with where the
    /// id begins.
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
