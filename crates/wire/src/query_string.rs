//! What a `GET` asks in its query string, as the body that a `POST` would have
//! (docs/reference/http-api.md).
//!
//! Fields that hold text stand there as they are; all others are JSON. An id is JSON where it is an
//! integer, an object or in quotes, and text otherwise. Encoded as forms are (URL standard, section
//! 5.1).
//! Not here: which fields a call takes; the body says.

use document::{Map, Value};

use crate::RequestError;

const TEXTS: [&str; 7] = ["collection", "query", "serializedAs", "collectionName", "appId", "after", "user"];
const IDS: [&str; 2] = ["id", "documentId"];

/// The body that says the same as `query`, the part of a target after its `?`.
pub fn body_of(query: &str) -> Result<Vec<u8>, RequestError> {
    let mut fields = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = decode(name).ok_or_else(|| RequestError::at("", "the query string is not UTF-8"))?;
        let text = decode(value).ok_or_else(|| RequestError::at(&name, "is not UTF-8"))?;
        if fields.iter().any(|(known, _)| *known == name) {
            return Err(RequestError::at(&name, "is given more than once"));
        }
        let value = value_of(&name, text)?;
        fields.push((name, value));
    }
    let mut body = Vec::new();
    Map::from_fields(fields).write_json(&mut body);
    Ok(body)
}

fn value_of(name: &str, text: String) -> Result<Value, RequestError> {
    if TEXTS.contains(&name) {
        return Ok(Value::String(text));
    }
    match Value::from_json(text.as_bytes()) {
        Ok(value @ (Value::Int(_) | Value::Uint(_) | Value::String(_) | Value::Map(_))) if IDS.contains(&name) => {
            Ok(value)
        }
        _ if IDS.contains(&name) => Ok(Value::String(text)),
        Ok(value) => Ok(value),
        Err(error) => Err(RequestError::Json { place: name.to_owned(), error }),
    }
}

/// `None`: not UTF-8. A `%` that begins no encoded byte stands for itself.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => hex.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &str) {
        let body = body_of(query).map(|body| String::from_utf8(body).unwrap());
        assert_eq!(body.unwrap_or_else(|error| error.to_string()), expected, "{query}");
    }

    #[test]
    fn texts_stand_as_they_are_and_the_rest_is_json() {
        check("", "{}");
        check("collection=people&limit=2&&offset=0", r#"{"collection":"people","limit":2,"offset":0}"#);
        check("query=name+%3D%3D+%27a%2bb%27&args=%7B%22n%22:1%7D", r#"{"args":{"n":1},"query":"name == 'a+b'"}"#);
        check("query=100%", r#"{"query":"100%"}"#);
        check("sort=[{\"property\":\"a\"}]&describe=true", r#"{"describe":true,"sort":[{"property":"a"}]}"#);
        check("collection=42", r#"{"collection":"42"}"#);
    }

    #[test]
    fn ids_are_text_unless_they_are_json() {
        check("id=abc123", r#"{"id":"abc123"}"#);
        check("id=42", r#"{"id":42}"#);
        check("id=%2242%22", r#"{"id":"42"}"#);
        check("documentId={\"a\":1}", r#"{"documentId":{"a":1}}"#);
        check("id=true", r#"{"id":"true"}"#);
        check("id=1.5", r#"{"id":"1.5"}"#);
    }

    #[test]
    fn faults() {
        check("limit=1&limit=2", "limit: is given more than once");
        check("limit=many", "limit: cannot be read as JSON: expected value at line 1 column 1");
        check("query=%ff", "query: is not UTF-8");
    }
}
