//! A document field by field: where each stands, of which type it is, and who wrote it last.
//!
//! Invariant: what is listed is what a reader sees; what was removed is not in it.
//! Not here: values as one object (`view`).

use super::field::{Content, Field, Leaf, MapField};
use super::view::leaf_value;
use crate::{Document, Path, PathSegment, Stamp, Value};

/// What kind of field stands at a place (docs/reference/documents.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// One value, also an array or object; the last write wins.
    Register,
    /// A number that was set, and the sum of what each site added since.
    Counter,
    /// An object, merged field by field.
    Map,
    /// A token that stands for an attachment; the last write wins.
    Attachment,
}

/// One field of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldState {
    /// Where it stands.
    pub path: Path,
    /// What it is.
    pub kind: FieldType,
    /// What a reader sees; `None` for a map, whose fields follow it.
    pub value: Option<Value>,
    /// Its newest write; of a map, the newest of it or through it.
    pub stamp: Stamp,
}

impl FieldType {
    /// As `latestValuesAndTypes` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            FieldType::Register => "register",
            FieldType::Counter => "counter",
            FieldType::Map => "map",
            FieldType::Attachment => "attachment",
        }
    }

    pub(super) fn of(content: &Content) -> Option<Self> {
        match content {
            Content::Absent => None,
            Content::Register(_) => Some(FieldType::Register),
            Content::Counter(_) => Some(FieldType::Counter),
            Content::Attachment(_) => Some(FieldType::Attachment),
        }
    }
}

impl Document {
    /// Every field in the order of their names, maps before what is in them; none where the
    /// document does not exist.
    pub fn fields(&self) -> Vec<FieldState> {
        let mut fields = Vec::new();
        if let Field::Map(map) = &self.root {
            list(map, &mut Vec::new(), &mut fields);
        }
        fields
    }
}

fn list(map: &MapField, path: &mut Vec<PathSegment>, fields: &mut Vec<FieldState>) {
    for (name, field) in &map.children {
        path.push(PathSegment::Field(name.clone()));
        let at = |kind, value, stamp| FieldState { path: Path { segments: path.clone() }, kind, value, stamp };
        match field {
            Field::Map(map) => {
                fields.push(at(FieldType::Map, None, map.stamp));
                list(map, path, fields);
            }
            Field::Leaf(leaf) => {
                if let Some(kind) = FieldType::of(&leaf.content) {
                    fields.push(at(kind, leaf_value(&leaf.content), newest(leaf)));
                }
            }
        }
        path.pop();
    }
}

fn newest(leaf: &Leaf) -> Stamp {
    match &leaf.content {
        Content::Counter(counter) => leaf.cleared.max(counter.newest_total()),
        _ => leaf.cleared,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Document, FieldType, Map, Path, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules};

    fn map(json: &str) -> Map {
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        map
    }

    #[test]
    fn every_field_says_its_type_and_its_newest_write() {
        let at = |time| Stamp { time, site: SiteId(2) };
        let path = |text: &str| Path::parse(text).unwrap();
        let mut document = Document::new();
        document.upsert(
            &map(r#"{"a b":{"in":{},"x":[1]},"gone":1,"n":5}"#),
            &[(path("n"), FieldType::Counter)],
            at(1),
            WriteRules::NEWEST,
        );
        let commands = [UpdateCommand { path: path("n"), kind: UpdateKind::Increment(Value::Int(2)) }];
        document.update(&commands, at(2), WriteRules::NEWEST).unwrap();
        document.upsert(&map(r#"{"a b":{"x":null}}"#), &[], at(3), WriteRules::NEWEST);
        let listed: Vec<String> = document
            .fields()
            .iter()
            .map(|field| {
                let value = field.value.as_ref().map(|value| format!("{value:?}"));
                format!("{} {} {value:?} {}", field.path, field.kind.as_str(), field.stamp.time)
            })
            .collect();
        let expected = [
            "['a b'] map None 3",
            "['a b'].in map None 1",
            "['a b'].x register Some(\"Null\") 3",
            "gone register Some(\"Int(1)\") 1",
            "n counter Some(\"Int(7)\") 2",
        ];
        assert_eq!(listed, expected);
        document.remove(at(4));
        assert_eq!(document.fields(), []);
    }
}
