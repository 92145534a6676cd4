//! Values as CBOR (RFC 8949): what JSON can say, and nothing else.
//!
//! Invariants: a map's keys are text and its length is definite, and so is an array's; nothing nests
//! deeper than documents do; a length is believed as far as bytes are there.

use document::limits::DEPTH_MAX;
use document::{Map, Value};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// What is allocated at most for a length that is only announced.
const RESERVED_MAX: usize = 1_024;

/// Reads one value that is all of the bytes; why it is none.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, String> {
    let mut decoder = Decoder::new(bytes);
    let value = value(&mut decoder, 0)?;
    if decoder.position() < bytes.len() {
        return Err(format!("bytes after the end, at byte {}", decoder.position()));
    }
    Ok(value)
}

fn value(decoder: &mut Decoder<'_>, open: usize) -> Result<Value, String> {
    let at = decoder.position();
    let bad = |error: minicbor::decode::Error| format!("{error}, at byte {at}");
    if open > DEPTH_MAX {
        return Err(format!("arrays and objects nest deeper than {DEPTH_MAX}, at byte {at}"));
    }
    Ok(match decoder.datatype().map_err(bad)? {
        Type::Null => {
            decoder.null().map_err(bad)?;
            Value::Null
        }
        Type::Bool => Value::Bool(decoder.bool().map_err(bad)?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            let number = decoder.u64().map_err(bad)?;
            i64::try_from(number).map_or(Value::Uint(number), Value::Int)
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Value::Int(decoder.i64().map_err(bad)?),
        Type::F16 => finite(f64::from(decoder.f16().map_err(bad)?), at)?,
        Type::F32 => finite(f64::from(decoder.f32().map_err(bad)?), at)?,
        Type::F64 => finite(decoder.f64().map_err(bad)?, at)?,
        Type::String => Value::String(decoder.str().map_err(bad)?.to_owned()),
        Type::Array => {
            let length = definite(decoder.array().map_err(bad)?, at)?;
            let mut elements = Vec::with_capacity(length.min(RESERVED_MAX));
            for _ in 0..length {
                elements.push(value(decoder, open + 1)?);
            }
            Value::Array(elements)
        }
        Type::Map => {
            let length = definite(decoder.map().map_err(bad)?, at)?;
            let mut fields = Vec::with_capacity(length.min(RESERVED_MAX));
            for _ in 0..length {
                let name = decoder.str().map_err(|error| format!("a name is a text: {error}, at byte {at}"))?;
                fields.push((name.to_owned(), value(decoder, open + 1)?));
            }
            Value::Map(Map::from_fields(fields))
        }
        other => return Err(format!("{other} is no value of JSON, at byte {at}")),
    })
}

fn definite(length: Option<u64>, at: usize) -> Result<usize, String> {
    let length = length.ok_or_else(|| format!("a length that is not definite, at byte {at}"))?;
    usize::try_from(length).map_err(|_| format!("a length beyond memory, at byte {at}"))
}

fn finite(number: f64, at: usize) -> Result<Value, String> {
    if number.is_finite() { Ok(Value::Float(number)) } else { Err(format!("a number must be finite, at byte {at}")) }
}

/// Writes a value. Writing to memory cannot fail.
pub(crate) fn write(value: &Value, out: &mut Encoder<&mut Vec<u8>>) {
    let written = match value {
        Value::Null => out.null().map(drop),
        Value::Bool(it) => out.bool(*it).map(drop),
        Value::Int(it) => out.i64(*it).map(drop),
        Value::Uint(it) => out.u64(*it).map(drop),
        Value::Float(it) => out.f64(*it).map(drop),
        Value::String(it) => out.str(it).map(drop),
        Value::Array(elements) => {
            array(elements.len(), out);
            elements.iter().for_each(|element| write(element, out));
            Ok(())
        }
        Value::Map(map) => {
            map_of(map.len(), out);
            for (name, value) in map.iter() {
                text(name, out);
                write(value, out);
            }
            Ok(())
        }
    };
    written.expect(NEVER_FULL);
}

pub(crate) fn array(length: usize, out: &mut Encoder<&mut Vec<u8>>) {
    out.array(length as u64).expect(NEVER_FULL);
}

pub(crate) fn map_of(length: usize, out: &mut Encoder<&mut Vec<u8>>) {
    out.map(length as u64).expect(NEVER_FULL);
}

pub(crate) fn text(text: &str, out: &mut Encoder<&mut Vec<u8>>) {
    out.str(text).expect(NEVER_FULL);
}

const NEVER_FULL: &str = "a vector takes all that is written";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(value: Value, bytes: &[u8]) {
        let mut out = Vec::new();
        write(&value, &mut Encoder::new(&mut out));
        assert_eq!(out, bytes);
        assert_eq!(decode(bytes), Ok(value));
    }

    /// Appendix A of RFC 8949.
    #[test]
    fn values_are_written_as_the_rfc_writes_them() {
        check(Value::Int(1000), &[0x19, 0x03, 0xe8]);
        check(Value::Int(-1000), &[0x39, 0x03, 0xe7]);
        check(Value::Int(i64::MIN), &[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        check(Value::Uint(u64::MAX), &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        check(Value::Float(1.1), &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]);
        check(Value::String("ü".to_owned()), &[0x62, 0xc3, 0xbc]);
        check(Value::Array(vec![Value::Bool(true), Value::Null]), &[0x82, 0xf5, 0xf6]);
        check(Value::Map(Map::from_fields(vec![("a".to_owned(), Value::Int(1))])), &[0xa1, 0x61, b'a', 1]);
        assert_eq!(decode(&[0xf9, 0x3e, 0]), Ok(Value::Float(1.5)), "a short float");
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        #[track_caller]
        fn check(bytes: &[u8], why: &str) {
            assert_eq!(decode(bytes).unwrap_err(), why);
        }
        check(&[0xf9, 0x7e, 0], "a number must be finite, at byte 0");
        check(&[0x9f, 0xff], "indefinite array is no value of JSON, at byte 0");
        check(&[1, 1], "bytes after the end, at byte 1");
        for bytes in [
            &[0x41, 0][..],
            &[0xc0, 0x61, b'a'],
            &[0xa1, 1, 1],
            &[0x9b, 0xff, 0, 0, 0, 0, 0, 0, 0],
            &[0x62, 0xff, 0xff],
        ] {
            decode(bytes).unwrap_err();
        }
        let deep = [vec![0x81; DEPTH_MAX + 1], vec![0]].concat();
        assert!(decode(&deep).unwrap_err().contains("nest deeper"));
        // The most negative number of CBOR is below 64 bits with a sign.
        decode(&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_again(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = decode(&bytes) {
                let mut out = Vec::new();
                write(&value, &mut Encoder::new(&mut out));
                prop_assert_eq!(decode(&out), Ok(value));
            }
        }
    }
}
