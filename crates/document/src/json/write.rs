//! Canonical JSON, straight into a buffer. Hot: every event holds two documents written here.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{Map, Value};

impl Value {
    /// Appends canonical JSON: object fields sorted by UTF-8 bytes, no spaces, floats shortest with
    /// `.0` kept, `/` and non-ASCII not escaped. Equal values are equal bytes
    /// (docs/reference/events.md, "Values").
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => write_number(number, out),
            Value::Uint(number) => write_number(number, out),
            Value::Float(number) => write_number(number, out),
            Value::String(text) => write_json_string(text, out),
            Value::Array(elements) => write_array(elements, out),
            Value::Map(map) => map.write_json(out),
        }
    }
}

impl Map {
    /// As [`Value::write_json`].
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (name, value)) in self.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_json_string(name, out);
            out.push(b':');
            value.write_json(out);
        }
        out.push(b'}');
    }
}

/// Appends `text` as a JSON string with its quotes; escapes what RFC 8259 section 7 requires and
/// nothing else.
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| must_escape(byte)) {
        out.extend_from_slice(&rest[..at]);
        write_escaped(rest[at], out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether a byte of a string cannot stand for itself.
pub(crate) fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escaped(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0x0f)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// serde_json's integers are plain decimals; its floats the shortest text that reads back the same,
/// with a `.0` or an exponent.
fn write_number(number: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, number).expect("a number is written to memory");
}

fn write_array(elements: &[Value], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        element.write_json(out);
    }
    out.push(b']');
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Uint(number) => serializer.serialize_u64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::String(text) => serializer.serialize_str(text),
            Value::Array(elements) => serializer.collect_seq(elements),
            Value::Map(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            fields.serialize_entry(name, value)?;
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, json: &str) {
        let mut out = Vec::new();
        value.write_json(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), json);
        assert_eq!(serde_json::to_string(&value).unwrap(), json, "serde writes the same");
    }

    #[test]
    fn integers_are_exact_to_64_bits() {
        check(Value::Int(i64::MIN), "-9223372036854775808");
        check(Value::Uint(u64::MAX), "18446744073709551615");
    }

    #[test]
    fn floats_are_shortest_and_stay_floats() {
        check(Value::Float(1.0), "1.0");
        check(Value::Float(-0.0), "-0.0");
        check(Value::Float(0.1), "0.1");
        check(Value::Float(1e300), "1e+300");
        check(Value::Float(5e-324), "5e-324");
        check(Value::Float(9007199254740993.0), "9007199254740992.0");
    }

    #[test]
    fn strings_escape_what_json_requires_and_nothing_else() {
        check(
            Value::String("\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}é😀\u{2028}".into()),
            "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é😀\u{2028}\"",
        );
    }

    #[test]
    fn objects_are_sorted_and_without_spaces() {
        let map = Map::from_fields(vec![
            ("é".into(), Value::Array(vec![Value::Null, Value::Bool(true)])),
            ("z".into(), Value::Bool(false)),
        ]);
        check(Value::Map(map), r#"{"z":false,"é":[null,true]}"#);
    }
}
