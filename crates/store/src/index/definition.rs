//! What an index is of: a collection, and the places in its documents by which it is sorted.
//!
//! ```text
//! {"version":1,"collection":"people","keys":[{"path":"address.city"},{"path":"age","descending":true}]}
//! ```
//! Version: an index that an older server cannot keep gets another one, so that it is refused and
//! not half understood.

use document::{CollectionName, Map, Path, PathSegment, Value};

use crate::limits::{INDEX_KEYS_MAX, INDEX_NAME_BYTES_MAX};

const VERSION: i64 = 1;

/// What an index is of. Displays as `name on collection (a, b desc)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Its name, unique in its collection: 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// Whose documents.
    pub collection: CollectionName,
    /// By what they are sorted; the first weighs most. 1 to 8, no place twice.
    pub keys: Vec<IndexKey>,
}

/// One place by which an index is sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexKey {
    /// The field; no part of `_id`, and no element of an array.
    pub path: Path,
    /// Greatest first.
    pub descending: bool,
}

/// Why there can be no such index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IndexDefinitionError {
    /// What is wrong with what is asked for.
    pub message: String,
}

impl IndexDefinition {
    /// Checks what is asked for.
    ///
    /// # Errors
    /// The first thing that is wrong: the name, a collection of the system's, how many keys there
    /// are, one that comes twice, one that is `_id`, in it, or an element of an array.
    pub fn new(name: &str, collection: CollectionName, keys: Vec<IndexKey>) -> Result<Self, IndexDefinitionError> {
        let error = |message: String| Err(IndexDefinitionError { message });
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > INDEX_NAME_BYTES_MAX || !name.bytes().all(is_plain) {
            return error(format!(
                "an index's name is 1 to {INDEX_NAME_BYTES_MAX} of A-Z, a-z, 0-9, _ and -, not {name:?}"
            ));
        }
        if collection.is_system() {
            return error(format!("the collection {} is the system's own", collection.as_str()));
        }
        if keys.is_empty() || keys.len() > INDEX_KEYS_MAX {
            return error(format!("an index has 1 to {INDEX_KEYS_MAX} keys, not {}", keys.len()));
        }
        for (n, IndexKey { path, .. }) in keys.iter().enumerate() {
            if path.segments.first() == Some(&PathSegment::Field("_id".into())) {
                return error("documents are sorted by _id already: an index of it is not needed".into());
            }
            if path.segments.iter().any(|segment| matches!(segment, PathSegment::Index(_))) {
                return error(format!("{path} is an element of an array, which cannot be a key of an index"));
            }
            if keys[..n].iter().any(|earlier| earlier.path == *path) {
                return error(format!("{path} comes twice in the keys"));
            }
        }
        Ok(Self { name: name.to_owned(), collection, keys })
    }

    /// The name of its definition: unique in the app.
    pub(crate) fn definition_name(&self) -> String {
        definition_name(self.collection.as_str(), &self.name)
    }

    /// What the journal has of it.
    pub(crate) fn to_body(&self) -> String {
        let keys = self.keys.iter().map(|key| {
            let mut fields = vec![("path".to_owned(), Value::String(key.path.to_string()))];
            if key.descending {
                fields.push(("descending".to_owned(), Value::Bool(true)));
            }
            Value::Map(Map::from_fields(fields))
        });
        let fields = vec![
            ("version".to_owned(), Value::Int(VERSION)),
            ("collection".to_owned(), Value::String(self.collection.as_str().to_owned())),
            ("keys".to_owned(), Value::Array(keys.collect())),
        ];
        let mut json = Vec::new();
        Value::Map(Map::from_fields(fields)).write_json(&mut json);
        String::from_utf8(json).expect("JSON is UTF-8")
    }

    /// Reads what [`IndexDefinition::to_body`] wrote under [`IndexDefinition::definition_name`].
    ///
    /// # Errors
    /// A newer version, or what is none.
    pub(crate) fn of_definition(definition_name: &str, body: &str) -> Result<Self, IndexDefinitionError> {
        let damaged = || IndexDefinitionError { message: format!("the index {definition_name:?} cannot be read") };
        let Ok(Value::Map(body)) = Value::from_json(body.as_bytes()) else { return Err(damaged()) };
        match body.field("version") {
            Some(Value::Int(VERSION)) => {}
            Some(Value::Int(version)) => {
                let message =
                    format!("the index {definition_name:?} has version {version}; this server knows up to {VERSION}");
                return Err(IndexDefinitionError { message });
            }
            _ => return Err(damaged()),
        }
        let Some(Value::String(collection)) = body.field("collection") else { return Err(damaged()) };
        let Some(Value::Array(keys)) = body.field("keys") else { return Err(damaged()) };
        let key = |value: &Value| {
            let Value::Map(key) = value else { return None };
            let Some(Value::String(path)) = key.field("path") else { return None };
            let descending = key.field("descending") == Some(&Value::Bool(true));
            Some(IndexKey { path: Path::parse(path).ok()?, descending })
        };
        let keys = keys.iter().map(key).collect::<Option<_>>().ok_or_else(damaged)?;
        let collection = CollectionName::new(collection).map_err(|_| damaged())?;
        let name = definition_name.split('.').next().unwrap_or_default();
        Self::new(name, collection, keys)
    }
}

/// A name has no point: the first one ends it.
pub(crate) fn definition_name(collection: &str, name: &str) -> String {
    format!("{name}.{collection}")
}

impl std::fmt::Display for IndexDefinition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {} (", self.name, self.collection.as_str())?;
        for (n, key) in self.keys.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let direction = if key.descending { " desc" } else { "" };
            write!(f, "{comma}{}{direction}", key.path)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str, keys: &[(&str, bool)]) -> Result<IndexDefinition, IndexDefinitionError> {
        let key =
            |(path, descending): &(&str, bool)| IndexKey { path: Path::parse(path).unwrap(), descending: *descending };
        IndexDefinition::new(name, CollectionName::new("people").unwrap(), keys.iter().map(key).collect())
    }

    #[test]
    fn a_definition_reads_back() {
        let index = definition("by-age", &[("address['home.city']", false), ("age", true)]).unwrap();
        assert_eq!(index.to_string(), "by-age on people (address['home.city'], age desc)");
        assert_eq!(IndexDefinition::of_definition(&index.definition_name(), &index.to_body()), Ok(index.clone()));
        let newer = index.to_body().replace(r#""version":1"#, r#""version":2"#);
        let error = IndexDefinition::of_definition(&index.definition_name(), &newer).unwrap_err();
        assert!(error.message.contains("version 2"), "{error}");
    }

    #[test]
    fn what_can_be_no_index_is_told() {
        let error = |name: &str, keys: &[(&str, bool)]| definition(name, keys).unwrap_err().message;
        assert!(error("", &[("a", false)]).contains("name"));
        assert!(error("a.b", &[("a", false)]).contains("name"));
        assert!(error("a", &[]).contains("1 to 8 keys"));
        assert!(error("a", &[("a", false), ("a", true)]).contains("twice"));
        assert!(error("a", &[("_id.x", false)]).contains("_id"));
        assert!(error("a", &[("a[0]", false)]).contains("array"));
    }
}
