//! Whether a text is a document, and which `_id` it has.
//!
//! Invariant: nothing of the document is decoded but the names of its outermost fields.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::reader::{Fault, Place};

/// What a batch needs to know of a document.
#[derive(Debug)]
pub(super) struct Document<'t> {
    /// The whole object.
    pub(super) text: &'t str,
    /// Its `_id`.
    pub(super) id: Id<'t>,
}

/// Where a document's `_id` is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Id<'t> {
    /// In the document.
    Inside,
    /// In another field of it.
    Field(&'t RawValue),
    /// Nowhere: one has to be made.
    Missing,
}

impl<'t> Document<'t> {
    /// `id_field` is the field that `_id` is taken from. The text begins at `place`.
    pub(super) fn read(text: &'t [u8], place: Place, id_field: Option<&str>) -> Result<Self, Fault> {
        let fault = |offset: usize, what: String| Err(Fault { place: place_in(text, offset, place), what });
        let text = match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(error) => return fault(error.valid_up_to(), "this is not UTF-8".to_owned()),
        };
        let mut json = serde_json::Deserializer::from_str(text);
        let read = json.deserialize_map(Fields { id_field }).and_then(|found| json.end().map(|()| found));
        match (read, id_field) {
            (Err(error), _) => {
                let is_object = text.starts_with('{');
                let offset = if is_object { offset_of(text.as_bytes(), error.line(), error.column()) } else { 0 };
                fault(offset, without_place(&error))
            }
            (Ok(Found { field: Some(field), .. }), Some(_)) => Ok(Self { text, id: Id::Field(field) }),
            (Ok(_), Some(name)) => fault(0, format!("the document has no field {name:?}, which its _id is taken from")),
            (Ok(Found { has_id: true, .. }), None) => Ok(Self { text, id: Id::Inside }),
            (Ok(_), None) => Ok(Self { text, id: Id::Missing }),
        }
    }
}

/// Where a byte of a text stands.
pub(super) fn place_in(text: &[u8], offset: usize, start: Place) -> Place {
    let before = &text[..offset.min(text.len())];
    match before.iter().rposition(|&byte| byte == b'\n') {
        None => Place { column: start.column + before.len() as u64, ..start },
        Some(last) => Place {
            line: start.line + before.iter().filter(|&&byte| byte == b'\n').count() as u64,
            column: (before.len() - last) as u64,
        },
    }
}

/// The byte that serde_json means by line and column, from 1; a column of 0 is the line's end before.
pub(super) fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    (before + column).saturating_sub(1).min(text.len())
}

/// The message without " at line 1 column 2", which is not the input's.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}

struct Fields<'f> {
    id_field: Option<&'f str>,
}

#[derive(Default)]
struct Found<'t> {
    has_id: bool,
    field: Option<&'t RawValue>,
}

impl<'t> Visitor<'t> for Fields<'_> {
    type Value = Found<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document, which is an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Found<'t>, A::Error> {
        let mut found = Found::default();
        while let Some(name) = map.next_key_seed(Name { id_field: self.id_field })? {
            match name {
                Known::Field => found.field = Some(map.next_value()?),
                Known::Id => {
                    found.has_id = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Known::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Which field a name is of.
enum Known {
    Id,
    Field,
    Other,
}

struct Name<'f> {
    id_field: Option<&'f str>,
}

impl<'t> DeserializeSeed<'t> for Name<'_> {
    type Value = Known;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Known, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Known;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Known, E> {
        Ok(match name {
            name if Some(name) == self.id_field => Known::Field,
            "_id" => Known::Id,
            _ => Known::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, id_field: Option<&str>) -> String {
        match Document::read(text.as_bytes(), Place { line: 3, column: 5 }, id_field) {
            Ok(Document { id: Id::Field(raw), .. }) => format!("field {raw}"),
            Ok(Document { id, .. }) => format!("{id:?}"),
            Err(Fault { place, what }) => format!("{}:{} {what}", place.line, place.column),
        }
    }

    #[test]
    fn ids() {
        assert_eq!(read(r#"{"a":{"_id":1}}"#, None), "Missing");
        assert_eq!(read(r#"{"a":1,"_id":2}"#, None), "Inside");
        assert_eq!(read(r#"{"\u005fid":2}"#, None), "Inside");
        assert_eq!(read(r#"{"_id":2,"nr": 18446744073709551615 }"#, Some("nr")), "field 18446744073709551615");
        assert_eq!(read("{}", Some("nr")), r#"3:5 the document has no field "nr", which its _id is taken from"#);
    }

    #[test]
    fn faults_have_their_place_in_the_input() {
        assert_eq!(read(r#"{"a":1,}"#, None), "3:12 trailing comma");
        assert_eq!(read("{\"a\":\n x}", None), "4:2 expected value");
        assert_eq!(read("[1]", None), "3:5 invalid type: sequence, expected a document, which is an object");
        assert!(read("{} {}", None).starts_with("3:8 trailing characters"));
        let not_utf8 = Document::read(b"{\"a\":\"\xff\"}", Place { line: 1, column: 1 }, None).unwrap_err();
        assert_eq!(not_utf8.place, Place { line: 1, column: 7 });
    }
}
