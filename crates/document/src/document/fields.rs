//! A document field by field: where each stands, of which type it is, and who wrote it last.
//!
//! Invariant: what is listed is what a reader sees; what was removed is not in it.
//! Not here: values as one object (`view`).

use super::field::{Content, Counter, Field, MapField};
use crate::{Document, Path, PathSegment, Stamp, Value};

/// What kind of field stands at a place (CONTRACT section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// The last write wins.
    Register,
    /// The sum of what each site added.
    Counter,
    /// An object, merged field by field.
    Map,
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
        }
    }
}

impl Document {
    /// Every field in the order of their names, maps before what is in them; none where the document does not exist.
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
            Field::Leaf(leaf) => match &leaf.content {
                Content::Absent => {}
                Content::Register(value) => fields.push(at(FieldType::Register, Some(value.clone()), leaf.cleared)),
                Content::Counter(counter) => {
                    let value = Some(counter.value().into_value());
                    fields.push(at(FieldType::Counter, value, newest(counter, leaf.cleared)));
                }
            },
        }
        path.pop();
    }
}

fn newest(counter: &Counter, epoch: Stamp) -> Stamp {
    counter.totals.iter().map(|(stamp, _)| *stamp).fold(epoch, Stamp::max)
}

#[cfg(test)]
mod tests {
    use crate::{Document, Map, Path, SiteId, Stamp, UpdateCommand, UpdateKind, Value};

    fn map(json: &str) -> Map {
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        map
    }

    #[test]
    fn every_field_says_its_type_and_its_newest_write() {
        let at = |time| Stamp { time, site: SiteId(1) };
        let path = |text: &str| Path::parse(text).unwrap();
        let mut document = Document::new();
        document.upsert(&map(r#"{"a b":{"in":{},"x":[1]},"gone":1,"n":5}"#), &[path("n")], at(1));
        let commands = [UpdateCommand { path: path("n"), kind: UpdateKind::Increment(Value::Int(2)) }];
        document.update(&commands, at(2)).unwrap();
        document.upsert(&map(r#"{"a b":{"x":null}}"#), &[], at(3));
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
