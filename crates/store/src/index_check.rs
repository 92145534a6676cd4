//! Whether indexes and counts are those of the documents that are beside them.
//!
//! Every entry that a document must have is looked for, and those that are there are counted: as
//! many as were looked for, and there is no other.

use std::collections::HashMap;

use document::Document;

use crate::{
    definition::DefinitionKind,
    differences::Differences,
    engine::{
        Engine, EngineError,
        catalog::{KeptIndex, field_names},
        indexes::collection_prefix,
        stored_parts,
    },
    index::KeyStatistics,
};

/// Looks at all of them; what is wrong goes into `findings`.
pub(crate) fn check(engine: &Engine, findings: &mut Vec<String>) -> Result<(), EngineError> {
    if engine.with_catalog(|catalog| catalog.documents_in("")).is_none() {
        return Ok(()); // an older version wrote documents: the next start counts, and builds indexes anew
    }
    check_counts(engine, findings)?;
    let indexes: Vec<KeptIndex> = engine.with_catalog(|catalog| catalog.in_force().cloned().collect());
    check_definitions(engine, &indexes, findings)?;
    for index in &indexes {
        check_index(engine, index, findings)?;
    }
    let known = engine.with_catalog(|catalog| catalog.numbers());
    for number in engine.numbers_with_entries()? {
        if !known.contains(&number) {
            findings.push(format!("there are entries of an index {number}, which is not known"));
        }
    }
    Ok(())
}

fn check_counts(engine: &Engine, findings: &mut Vec<String>) -> Result<(), EngineError> {
    let mut found: HashMap<String, u64> = engine.with_catalog(|catalog| catalog.collections());
    found.values_mut().for_each(|count| *count = 0);
    for entry in engine.snapshot().documents(&[]) {
        let (key, value) = entry?;
        if Document::decode_exists(stored_parts(&key, &value)?.encoded)? {
            let (collection, _) = rules::split_document_key(&key).unwrap_or_default();
            *found.entry(collection.to_owned()).or_default() += 1;
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort();
    for (collection, count) in found {
        let noted = engine.with_catalog(|catalog| catalog.documents_in(&collection)).unwrap_or(0);
        if noted != count {
            findings.push(format!("the collection {collection} has {count} documents, {noted} are noted"));
        }
    }
    Ok(())
}

fn check_definitions(engine: &Engine, indexes: &[KeptIndex], findings: &mut Vec<String>) -> Result<(), EngineError> {
    let definitions = engine.definitions()?;
    for index in indexes {
        let (name, body) = (index.definition.definition_name(), index.definition.to_body());
        let is_it = |kind, its_name: &str, its_body: &str| {
            kind == DefinitionKind::Index && its_name == name && its_body == body
        };
        if !definitions.iter().any(|one| is_it(one.kind, &one.name, &one.body)) {
            findings.push(format!("there is an index {}, which nothing defines", index.definition));
        }
    }
    for one in definitions.iter().filter(|one| one.kind == DefinitionKind::Index) {
        // What this version cannot keep is not built.
        let Ok(definition) = crate::index::IndexDefinition::of_definition(&one.name, &one.body) else { continue };
        if !indexes.iter().any(|index| *index.definition == definition) {
            findings.push(format!("the index {definition} is defined and not there"));
        }
    }
    Ok(())
}

fn check_index(engine: &Engine, index: &KeptIndex, findings: &mut Vec<String>) -> Result<(), EngineError> {
    let what = format!("entry in the index {} of", index.definition);
    let mut differences = Differences::new(&what, findings);
    let names = field_names(std::iter::once(&*index.definition));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Counted anew, as a build would.
    let mut counted = KeptIndex { entries: 0, ..index.clone() };
    counted.statistics.iter_mut().for_each(|statistics| *statistics = KeyStatistics::default());
    for entry in engine.snapshot().documents(&collection_prefix(index.definition.collection.as_str())) {
        let (key, value) = entry?;
        if !index.covers(&key) {
            continue;
        }
        let Some(fields) = Document::decode_fields(stored_parts(&key, &value)?.encoded, &names)? else { continue };
        let components = index.components(&fields);
        let (_, id) = rules::split_document_key(&key).unwrap_or_default();
        if !engine.has_index_entry(&index.entry_key(&components, id))? {
            differences.note(&key, "is missing");
        }
        counted.count(&fields, &components, true);
    }
    differences.finish();
    let entries = engine.count_index_entries(index.number)?;
    if entries != counted.entries {
        findings.push(format!(
            "the index {} has {entries} entries, its documents need {}",
            index.definition, counted.entries
        ));
    }
    if (counted.entries, &counted.statistics) != (index.entries, &index.statistics) {
        findings.push(format!("what is noted of the index {} is not what its documents say", index.definition));
    }
    Ok(())
}
