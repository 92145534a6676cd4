//! JSON as the vectors' files have it: fields stay in the order in which somebody wrote them.
//!
//! Invariants: what is read and written again is the same text, if it was written by [`Json::to_text`].
//! Not here: what the fields mean.

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; `1` and `1.0` are two.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, its fields in the order of the text.
    Object(Vec<(String, Json)>),
}

/// Lines are broken where they would become longer.
const LINE_CHARACTERS_MAX: usize = 120;

impl Json {
    /// Reads a text.
    ///
    /// # Errors
    /// It is no JSON.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("it is no JSON")
    }

    /// A text value.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The field of an object, if it is one and has it.
    pub(crate) fn field(&self, name: &str) -> Option<&Json> {
        self.fields().iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The fields of an object; none if it is no object.
    pub(crate) fn fields(&self) -> &[(String, Json)] {
        match self {
            Self::Object(fields) => fields,
            _ => &[],
        }
    }

    /// The elements of a list; none if it is no list.
    pub(crate) fn elements(&self) -> &[Json] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }

    /// The string, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a natural one.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// A field that must be there and be a string.
    ///
    /// # Errors
    /// It is not, which the error says.
    pub(crate) fn text_of(&self, name: &str) -> Result<&str> {
        self.field(name).and_then(Json::as_text).with_context(|| format!("it has no text `{name}`"))
    }

    /// Puts a field at the end, or in the place of the one that has the name.
    pub(crate) fn put(&mut self, name: &str, value: Json) {
        let Self::Object(fields) = self else { return };
        match fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, old)) => *old = value,
            None => fields.push((name.to_owned(), value)),
        }
    }

    /// The same value of the crate `document`.
    ///
    /// # Errors
    /// A number beyond 64 bits.
    pub(crate) fn to_value(&self) -> Result<document::Value> {
        Ok(document::Value::from_json(self.to_line().as_bytes())?)
    }

    /// On one line, as it is compared.
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => quoted(text),
            Self::List(elements) => format!("[{}]", joined(elements.iter().map(Json::to_line))),
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{}: {}", quoted(name), value.to_line()));
                format!("{{{}}}", joined(fields))
            }
        }
    }

    /// For people: what fits into a line stands in one.
    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        self.write(0, 0, &mut out);
        out.push('\n');
        out
    }

    fn write(&self, indent: usize, used: usize, out: &mut String) {
        let line = self.to_line();
        let has_parts = !self.fields().is_empty() || !self.elements().is_empty();
        if !has_parts || (indent > 0 && indent + used + line.chars().count() < LINE_CHARACTERS_MAX) {
            out.push_str(&line);
            return;
        }
        let inner = indent + 2;
        let (open, close) = if matches!(self, Self::List(_)) { ('[', ']') } else { ('{', '}') };
        out.push(open);
        for (n, (label, value)) in self.parts().enumerate() {
            out.push_str(if n > 0 { ",\n" } else { "\n" });
            out.push_str(&" ".repeat(inner));
            out.push_str(&label);
            value.write(inner, label.chars().count(), out);
        }
        out.push('\n');
        out.push_str(&" ".repeat(indent));
        out.push(close);
    }

    /// What stands between the brackets, each with its name and a colon if it has one.
    fn parts(&self) -> impl Iterator<Item = (String, &Json)> {
        let fields = self.fields().iter().map(|(name, value)| (format!("{}: ", quoted(name)), value));
        fields.chain(self.elements().iter().map(|value| (String::new(), value)))
    }
}

/// A string of JSON, in ASCII: what looks alike, or like nothing, can be told apart.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).expect("a text is JSON");
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            out.push(character);
            continue;
        }
        let mut units = [0; 2];
        character.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
    }
    out
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// Bytes as the vectors write them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of [`hex`].
///
/// # Errors
/// It is none.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        bail!("`{text}` is no hex");
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).with_context(|| format!("`{text}` is no hex"));
    (0..text.len()).step_by(2).map(byte).collect()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Json;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_written_the_same() {
        let long = "x".repeat(80);
        let text = format!(
            "{{\"b\": [1, 1.0, -2, null], \"a\": {{\"long\": [\"{long}\", \"{long}\"]}}, \"\\u0001\\u00fc\\ud834\\udd1e\": true}}"
        );
        let json = Json::parse(&text).expect("it is JSON");
        assert_eq!(json.to_line(), text);
        assert_eq!(Json::parse(&json.to_text()).expect("it is JSON"), json);
        assert!(json.to_text().lines().all(|line| line.chars().count() <= LINE_CHARACTERS_MAX));
    }

    #[test]
    fn hex_comes_back() {
        assert_eq!(from_hex(&hex(&[0, 1, 0xfe])).expect("it is hex"), [0, 1, 0xfe]);
        assert!(from_hex("0").is_err() && from_hex("zz").is_err() && from_hex("üü").is_err());
    }
}
