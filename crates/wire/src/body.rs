//! A request's body as a value, before its shape is looked at.

use std::{collections::BTreeSet, fmt};

use document::{JsonError, Value};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::RequestError;

/// What some editors and programs write before UTF-8 text; not part of the JSON.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much of a place is shown, in characters.
const PLACE_CHARS_MAX: usize = 100;

/// Reads a body; a fault says at which field.
pub(crate) fn read(body: &[u8]) -> Result<Value, RequestError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    Value::from_json(body).map_err(|error| RequestError::Json { place: place_of(body, &error), error })
}

/// The first name that the object in a body has twice; nothing deeper is looked at.
pub(crate) fn name_given_twice(body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice::<NameGivenTwice>(body).ok()?.0
}

struct NameGivenTwice(Option<String>);

impl<'de> Deserialize<'de> for NameGivenTwice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = NameGivenTwice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NameGivenTwice, A::Error> {
        let (mut names, mut twice) = (BTreeSet::new(), None);
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if !names.insert(name.clone()) {
                twice.get_or_insert(name);
            }
        }
        Ok(NameGivenTwice(twice))
    }
}

/// An array or object that is open.
enum Open {
    /// With the name of the field that is being read.
    Object(Option<String>),
    /// With the index of the element that is being read.
    Array(usize),
}

/// The JSON path of what is being read where the error is.
fn place_of(body: &[u8], error: &JsonError) -> String {
    let before = before(body, error);
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&byte) = before.get(at) {
        let end = if byte == b'"' { string_end(before, at) } else { at + 1 };
        match (byte, open.last_mut()) {
            (b'{', _) => open.push(Open::Object(None)),
            (b'[', _) => open.push(Open::Array(0)),
            (b'}' | b']', _) => drop(open.pop()),
            (b',', Some(Open::Array(index))) => *index += 1,
            (b',', Some(Open::Object(name))) => *name = None,
            (b'"', Some(Open::Object(name @ None))) => *name = serde_json::from_slice(&before[at..end]).ok(),
            _ => {}
        }
        at = end;
    }
    shown(&open)
}

/// The body up to the byte that the reader did not take.
fn before<'b>(body: &'b [u8], error: &JsonError) -> &'b [u8] {
    let lines = body.split_inclusive(|&byte| byte == b'\n');
    let line_start: usize = lines.take(error.line.saturating_sub(1)).map(<[u8]>::len).sum();
    &body[..(line_start + error.column.saturating_sub(1)).min(body.len())]
}

fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

fn shown(open: &[Open]) -> String {
    let mut place = String::new();
    for level in open {
        match level {
            Open::Object(Some(name)) if place.is_empty() => place.push_str(name),
            Open::Object(Some(name)) => place.extend([".", name]),
            Open::Object(None) => {}
            Open::Array(index) => place.push_str(&format!("[{index}]")),
        }
    }
    match place.char_indices().nth(PLACE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &place[..end]),
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        assert_eq!(read(body.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn faults_name_the_field() {
        check(
            r#"{"commands":[{"id":1},{"id":99999999999999999999}]}"#,
            "commands[1].id: cannot be read as JSON: an integer beyond 64 bits at line 1 column 29",
        );
        check(
            "{\"commands\":[{\n\"value\": {\"a\\\"b\": 1, \"c\": nul}}]}",
            "commands[0].value.c: cannot be read as JSON: expected ident at line 2 column 30",
        );
        check(r#"{"a":{"b":1},"c":[1,2 3]}"#, "c[1]: cannot be read as JSON: expected `,` or `]` at line 1 column 23");
    }

    #[test]
    fn what_is_in_no_field_is_in_the_body() {
        check("", "the body cannot be read as JSON: EOF while parsing a value at line 1 column 0");
        check("{} {}", "the body cannot be read as JSON: trailing characters at line 1 column 4");
        check("[", "the body cannot be read as JSON: EOF while parsing a list at line 1 column 1");
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(read("\u{feff}1".as_bytes()), Ok(Value::Int(1)));
        check("\u{feff}\u{feff}1", "the body cannot be read as JSON: expected value at line 1 column 1");
    }

    #[test]
    fn a_long_place_is_cut() {
        let error = read(format!("{{\"{}\":", "x".repeat(1000)).as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}…: cannot", "x".repeat(100))), "{error}");
    }
}
