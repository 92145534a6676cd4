//! Messages as bytes: JSON, or CBOR where the caller speaks it.

use document::{Map, Value, write_json_string};
use minicbor::Encoder;
use query::dql::Row;

use crate::answer::{Answer, Part};
use crate::{CallError, Code, cbor};

/// How a message is written; an answer has the format of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// UTF-8 text.
    Json,
    /// RFC 8949.
    Cbor,
}

/// The kind of a map in the upper bits of its first byte.
const CBOR_MAP: u8 = 5;

impl Format {
    /// Of bytes that may be a message; JSON if they can be neither.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(first) if first >> 5 == CBOR_MAP => Self::Cbor,
            _ => Self::Json,
        }
    }
}

/// The fields of a message.
pub(crate) fn decode(bytes: &[u8]) -> Result<Map, CallError> {
    let value = match Format::of(bytes) {
        Format::Json => Value::from_json(bytes).map_err(|error| error.to_string()),
        Format::Cbor => cbor::decode(bytes),
    };
    match value {
        Ok(Value::Map(map)) => Ok(map),
        Ok(other) => Err(CallError::invalid(format!("a message is an object, not {}", other.kind_name()))),
        Err(why) => Err(CallError::invalid(format!("the message cannot be read: {why}"))),
    }
}

/// What is sent back.
pub fn encode(format: Format, answer: &Answer) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    match format {
        Format::Json => {
            separated(b"{}", answer.parts.iter(), &mut out, |(name, part), out| {
                write_json_string(name, out);
                out.push(b':');
                write_json_part(part, out);
            });
        }
        Format::Cbor => {
            let mut encoder = Encoder::new(&mut out);
            cbor::map_of(answer.parts.len(), &mut encoder);
            for (name, part) in &answer.parts {
                cbor::text(name, &mut encoder);
                write_cbor_part(part, &mut encoder);
            }
        }
    }
    out
}

/// The same for an error.
pub fn encode_error(format: Format, error: &CallError) -> Vec<u8> {
    let fields = [("code", error.code.name()), ("message", &error.message)];
    let fields = fields.map(|(name, text)| (name.to_owned(), Value::String(text.to_owned())));
    encode(format, &Answer::new().with("error", Value::Map(Map::from_fields(fields.into()))))
}

/// How the bytes of an error begin; nothing else does, since no answer has a part of that name.
const ERRORS: [&[u8]; 2] = [br#"{"error":{"code":""#, b"\xa1\x65error\xa2\x64code"];

/// The code of the error that these bytes are, which were written here; none if they are an answer.
pub fn code_of(written: &[u8]) -> Option<Code> {
    if !ERRORS.iter().any(|begin| written.starts_with(begin)) {
        return None;
    }
    let mut fields = decode(written).ok()?;
    let Some(Value::Map(mut error)) = fields.remove("error") else { return None };
    let Some(Value::String(name)) = error.remove("code") else { return None };
    Code::ALL.into_iter().find(|code| code.name() == name)
}

/// What came of a call, as bytes.
pub fn encode_result(format: Format, result: &Result<Answer, CallError>) -> Vec<u8> {
    match result {
        Ok(answer) => encode(format, answer),
        Err(error) => encode_error(format, error),
    }
}

fn separated<T>(around: &[u8; 2], items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    out.push(around[0]);
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(around[1]);
}

fn write_json_part(part: &Part, out: &mut Vec<u8>) {
    match part {
        Part::Value(value) => value.write_json(out),
        Part::Rows(rows) => separated(b"[]", rows.iter(), out, Row::write_json),
        Part::Row(Some(row)) => row.write_json(out),
        Part::Row(None) => Value::Null.write_json(out),
    }
}

fn write_cbor_part(part: &Part, out: &mut Encoder<&mut Vec<u8>>) {
    match part {
        Part::Value(value) => cbor::write(value, out),
        Part::Rows(rows) => {
            cbor::array(rows.len(), out);
            rows.iter().for_each(|row| write_cbor_row(row, out));
        }
        Part::Row(Some(row)) => write_cbor_row(row, out),
        Part::Row(None) => cbor::write(&Value::Null, out),
    }
}

fn write_cbor_row(row: &Row, out: &mut Encoder<&mut Vec<u8>>) {
    cbor::map_of(row.fields.len(), out);
    for (name, value) in &row.fields {
        cbor::text(name, out);
        cbor::write(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_error_is_seen_in_its_bytes() {
        for format in [Format::Json, Format::Cbor] {
            for code in Code::ALL {
                assert_eq!(code_of(&encode_error(format, &CallError::new(code, "why"))), Some(code));
            }
            let like_one = Value::Map(Map::from_fields(vec![("code".to_owned(), Value::String("closed".to_owned()))]));
            let like_one = Map::from_fields(vec![("error".to_owned(), like_one)]);
            assert_eq!(code_of(&encode(format, &Answer::new().with("value", Value::Map(like_one)))), None);
            assert_eq!(code_of(&encode(format, &Answer::new())), None);
        }
    }
}
