//! Values from JSON, without an intermediate tree.
//!
//! serde_json does the text; what it would take silently is refused here: nesting beyond
//! [`crate::limits::DEPTH_MAX`], and integers beyond 64 bits, which it turns into floats
//! (docs/reference/documents.md, "Values").

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::limits::DEPTH_MAX;
use crate::{Map, Value};

/// Why bytes are not a value: malformed JSON, a number beyond 64 bits or 1e308, a lone surrogate,
/// too deep.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct JsonError {
    /// What is wrong, in lower case.
    pub message: String,
    /// Where, from 1.
    pub line: usize,
    /// Where, from 1, in bytes of the line.
    pub column: usize,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let message = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text).to_owned();
        Self { message, line, column }
    }
}

impl Value {
    /// Reads one JSON text (RFC 8259). Of two equal names in an object the later counts. The
    /// literal `-0` reads as the float `-0.0`.
    pub fn from_json(json: &[u8]) -> Result<Value, JsonError> {
        let value: Value = serde_json::from_slice(json)?;
        match value.has_huge_integral_float().then(|| find_oversized_integer(json)).flatten() {
            Some((line, column)) => Err(JsonError { message: "an integer beyond 64 bits".into(), line, column }),
            None => Ok(value),
        }
    }

    /// Whether a float in it may have been an integer literal beyond 64 bits;
    /// [`find_oversized_integer`] then tells.
    pub fn has_huge_integral_float(&self) -> bool {
        match self {
            Value::Float(number) => number.abs() >= 9_223_372_036_854_775_808.0, // floats this large are all integral
            Value::Array(elements) => elements.iter().any(Value::has_huge_integral_float),
            Value::Map(map) => map.has_huge_integral_float(),
            _ => false,
        }
    }
}

impl Map {
    /// Reads those fields of one JSON object that are wanted, as [`Value::from_json`] reads them; the
    /// others are passed over.
    ///
    /// # Errors
    /// It is no object, malformed, or a wanted field is what [`Value::from_json`] refuses.
    pub fn wanted_from_json(json: &[u8], is_wanted: &dyn Fn(&str) -> bool) -> Result<Map, JsonError> {
        let mut text = serde_json::Deserializer::from_slice(json);
        let map = text.deserialize_map(WantedVisitor { is_wanted })?;
        text.end()?;
        match map.has_huge_integral_float().then(|| find_oversized_integer(json)).flatten() {
            Some((line, column)) => Err(JsonError { message: "an integer beyond 64 bits".into(), line, column }),
            None => Ok(map),
        }
    }

    /// As [`Value::has_huge_integral_float`].
    pub fn has_huge_integral_float(&self) -> bool {
        self.iter().any(|(_, value)| value.has_huge_integral_float())
    }
}

/// Finds the first integer literal in well-formed JSON that fits neither `i64` nor `u64`: its line
/// and column from 1, the column in bytes.
pub fn find_oversized_integer(json: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while at < json.len() {
        let end = match json[at] {
            b'"' => string_end(json, at),
            b'-' | b'0'..=b'9' => number_end(json, at),
            _ => at + 1,
        };
        if is_oversized_integer(&json[at..end]) {
            let before = &json[..at];
            let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
            let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
            return Some((line, at - line_start + 1));
        }
        at = end;
    }
    None
}

fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(json.len())
}

fn number_end(json: &[u8], start: usize) -> usize {
    let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    json[start..].iter().position(|byte| !in_number(byte)).map_or(json.len(), |length| start + length)
}

fn is_oversized_integer(token: &[u8]) -> bool {
    let Some(digits) = std::str::from_utf8(token).ok().filter(|text| is_integer_literal(text)) else { return false };
    digits.parse::<i64>().is_err() && digits.parse::<u64>().is_err()
}

fn is_integer_literal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ValueSeed { open: 0 }.deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapVisitor)
    }
}

/// Reads a value inside `open` arrays and objects.
struct ValueSeed {
    open: usize,
}

impl ValueSeed {
    fn enter<E: Error>(&self) -> Result<usize, E> {
        if self.open == DEPTH_MAX {
            return Err(E::custom(format_args!("arrays and objects nest deeper than {DEPTH_MAX}")));
        }
        Ok(self.open + 1)
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Uint(number), Value::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        if number.is_finite() { Ok(Value::Float(number)) } else { Err(E::custom("a number must be finite")) }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let open = self.enter()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(ValueSeed { open })? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let open = self.enter()?;
        read_fields(access, open).map(Value::Map)
    }
}

struct MapVisitor;

impl<'de> Visitor<'de> for MapVisitor {
    type Value = Map;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Map, A::Error> {
        read_fields(access, 1)
    }
}

/// Reads the fields of an object whose names are wanted.
#[derive(Clone, Copy)]
struct WantedVisitor<'f> {
    is_wanted: &'f dyn Fn(&str) -> bool,
}

impl<'de> Visitor<'de> for WantedVisitor<'_> {
    type Value = Map;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = access.next_key_seed(WantedName(self))? {
            match name {
                Some(name) => fields.push((name, access.next_value_seed(ValueSeed { open: 1 })?)),
                None => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Map::from_fields(fields))
    }
}

/// A field's name; `None` if it is not wanted.
struct WantedName<'f>(WantedVisitor<'f>);

impl<'de> DeserializeSeed<'de> for WantedName<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<String>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for WantedName<'_> {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<String>, E> {
        Ok((self.0.is_wanted)(name).then(|| name.to_owned()))
    }
}

fn read_fields<'de, A: MapAccess<'de>>(mut access: A, open: usize) -> Result<Map, A::Error> {
    let mut fields = Vec::new();
    while let Some(name) = access.next_key::<String>()? {
        fields.push((name, access.next_value_seed(ValueSeed { open })?));
    }
    Ok(Map::from_fields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Value) {
        assert_eq!(Value::from_json(json.as_bytes()), Ok(expected));
    }

    fn check_error(json: &str, expected: &str) {
        assert_eq!(Value::from_json(json.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn only_wanted_fields_are_read_and_as_ever() {
        let json = r#"{"a\u0062":1,"b":{"c":[1,"}\"",null]},"c":"x","b":2.5}"#;
        let Value::Map(all) = Value::from_json(json.as_bytes()).unwrap() else { panic!("an object") };
        for wanted in [&[][..], &["ab"], &["b"], &["ab", "b", "c"], &["d"]] {
            let read = Map::wanted_from_json(json.as_bytes(), &|name| wanted.contains(&name)).unwrap();
            let fields = all.iter().filter(|(name, _)| wanted.contains(name));
            let expected = Map::from_fields(fields.map(|(name, value)| (name.to_owned(), value.clone())).collect());
            assert_eq!(read, expected, "{wanted:?}");
        }
        for bad in ["[1]", "{", r#"{"a":1}x"#, r#"{"a":18446744073709551616}"#, "null"] {
            assert!(Map::wanted_from_json(bad.as_bytes(), &|_| true).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        check("-9223372036854775808", Value::Int(i64::MIN));
        check("9223372036854775807", Value::Int(i64::MAX));
        check("9223372036854775808", Value::Uint(9223372036854775808));
        check("1.0", Value::Float(1.0));
        check("1e3", Value::Float(1000.0));
        check("1e300", Value::Float(1e300));
        check("18446744073709551616.0", Value::Float(18446744073709551616.0));
        check("-0", Value::Float(-0.0));
    }

    #[test]
    fn numbers_beyond_64_bits_or_1e308_are_refused() {
        check_error("18446744073709551616", "an integer beyond 64 bits at line 1 column 1");
        check_error("-9223372036854775809", "an integer beyond 64 bits at line 1 column 1");
        check_error(
            "{\"a\":\"\\\\\\\"99999999999999999999\",\n \"b\":[1e20, 99999999999999999999]}",
            "an integer beyond 64 bits at line 2 column 13",
        );
        check_error("[1e309]", "number out of range at line 1 column 6");
    }

    #[test]
    fn of_equal_names_the_later_counts() {
        check(r#"{"a":1,"a":2}"#, Value::Map(Map::from_fields(vec![("a".into(), Value::Int(2))])));
    }

    #[test]
    fn bad_text_is_refused_where_it_is() {
        check_error(r#""\ud800""#, "unexpected end of hex escape at line 1 column 8");
        check_error(r#""\ud800x""#, "unexpected end of hex escape at line 1 column 8");
        check_error(r#""\udc00""#, "lone leading surrogate in hex escape at line 1 column 7");
        check_error("[1] 2", "trailing characters at line 1 column 5");
        check_error("", "EOF while parsing a value at line 1 column 0");
        check_error("[NaN]", "expected value at line 1 column 2");
        assert!(Value::from_json(b"\"\xff\"").is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(Value::from_json(nested(DEPTH_MAX).as_bytes()).unwrap().depth(), DEPTH_MAX);
        check_error(&nested(DEPTH_MAX + 1), "arrays and objects nest deeper than 64 at line 1 column 66");
        let object = format!("{{\"a\":{}}}", nested(DEPTH_MAX));
        assert!(serde_json::from_str::<Map>(&object).is_err());
        assert!(Value::from_json("[".repeat(1_000_000).as_bytes()).is_err());
    }
}
