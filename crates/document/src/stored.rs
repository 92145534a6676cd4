//! Stored bytes that documents and changesets share: varints, texts, values.
//!
//! ```text
//! varint  = unsigned LEB128, shortest form, at most 64 bits
//! text    = length:varint  UTF-8 bytes
//! value   = tag:u8  payload
//!           1 null   2 false   3 true
//!           4 integer   zigzag:varint
//!           5 integer above i64::MAX   varint
//!           6 float     IEEE 754 binary64, little-endian, finite
//!           7 string    text
//!           8 array     count:varint  value…
//!           9 object    count:varint  (name:text  value)…   names ascending by bytes
//! ```
//!
//! Tags are never renumbered. Invariants: a value has one form; reading is bounded in depth, and
//! allocates in proportion to the bytes that are there, whatever a length says.

use crate::json::write_json_string;
use crate::limits::DEPTH_MAX;
use crate::{Map, Value};

const TAG_NULL: u8 = 1;
const TAG_FALSE: u8 = 2;
const TAG_TRUE: u8 = 3;
const TAG_INT: u8 = 4;
const TAG_UINT: u8 = 5;
const TAG_FLOAT: u8 = 6;
const TAG_STRING: u8 = 7;
const TAG_ARRAY: u8 = 8;
const TAG_OBJECT: u8 = 9;

/// Elements reserved before any was read; nested hostile counts then cost little.
const RESERVE_MAX: usize = 64;

pub(crate) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub(crate) fn put_value(value: &Value, out: &mut Vec<u8>) {
    put_tag(value, out);
    put_payload(value, out);
}

pub(crate) fn put_tag(value: &Value, out: &mut Vec<u8>) {
    out.push(match value {
        Value::Null => TAG_NULL,
        Value::Bool(false) => TAG_FALSE,
        Value::Bool(true) => TAG_TRUE,
        Value::Int(_) => TAG_INT,
        Value::Uint(_) => TAG_UINT,
        Value::Float(_) => TAG_FLOAT,
        Value::String(_) => TAG_STRING,
        Value::Array(_) => TAG_ARRAY,
        Value::Map(_) => TAG_OBJECT,
    });
}

pub(crate) fn put_payload(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Int(number) => put_varint(((number << 1) ^ (number >> 63)) as u64, out),
        Value::Uint(number) => put_varint(*number, out),
        Value::Float(number) => out.extend_from_slice(&number.to_le_bytes()),
        Value::String(text) => put_text(text, out),
        Value::Array(elements) => {
            put_varint(elements.len() as u64, out);
            elements.iter().for_each(|element| put_value(element, out));
        }
        Value::Map(map) => put_map(map, out),
    }
}

pub(crate) fn put_map(map: &Map, out: &mut Vec<u8>) {
    put_varint(map.len() as u64, out);
    for (name, value) in map.iter() {
        put_text(name, out);
        put_value(value, out);
    }
}

/// What is wrong with bytes, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Malformed {
    pub(crate) message: String,
    pub(crate) at: usize,
}

/// Reads stored bytes from the front.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn error(&self, message: impl Into<String>) -> Malformed {
        Malformed { message: message.into(), at: self.at }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.remaining() == 0 { Ok(()) } else { Err(self.error("trailing bytes")) }
    }

    /// Reads the version, one of `known`, ascending.
    pub(crate) fn version(&mut self, known: &[u8]) -> Result<u8, Malformed> {
        match self.bytes.first() {
            Some(version) if known.contains(version) => self.byte(),
            Some(version) => {
                let newest = known.last().copied().unwrap_or_default();
                Err(self.error(format!("format version {version} is unknown, this program knows {newest} and older")))
            }
            None => Err(self.error("no bytes at all")),
        }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.error("ends too early"))?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        if length > self.remaining() {
            return Err(self.error(format!("{length} bytes announced, {} left", self.remaining())));
        }
        let bytes = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(bytes)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        Ok(self.bytes(N)?.try_into().expect("just as many were read"))
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        let first = self.byte()?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.long_varint(u64::from(first & 0x7f)) }
    }

    fn long_varint(&mut self, mut number: u64) -> Result<u64, Malformed> {
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            match byte {
                0 => return Err(self.error("an integer is longer than it need be")),
                1..0x80 => return Ok(number),
                _ => {}
            }
        }
        Err(self.error("an integer exceeds 64 bits"))
    }

    /// How many elements follow, each at least `element_bytes` long.
    pub(crate) fn count(&mut self, element_bytes: usize) -> Result<usize, Malformed> {
        let count = self.varint()?;
        if count > (self.remaining() / element_bytes) as u64 {
            return Err(self.error(format!("{count} elements announced, {} bytes left", self.remaining())));
        }
        Ok(count as usize)
    }

    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.count(1)?;
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.error("a text is not UTF-8"))
    }

    /// Reads a value inside `open` arrays and objects.
    pub(crate) fn value(&mut self, open: usize) -> Result<Value, Malformed> {
        let tag = self.byte()?;
        self.payload(tag, open)
    }

    pub(crate) fn payload(&mut self, tag: u8, open: usize) -> Result<Value, Malformed> {
        Ok(match tag {
            TAG_NULL => Value::Null,
            TAG_FALSE => Value::Bool(false),
            TAG_TRUE => Value::Bool(true),
            TAG_INT => {
                let zigzag = self.varint()?;
                Value::Int((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
            }
            TAG_UINT => match self.varint()? {
                number if i64::try_from(number).is_err() => Value::Uint(number),
                _ => return Err(self.error("an integer is not in its shortest form")),
            },
            TAG_FLOAT => match f64::from_le_bytes(self.array()?) {
                number if number.is_finite() => Value::Float(number),
                _ => return Err(self.error("a float is not finite")),
            },
            TAG_STRING => Value::String(self.text()?.to_owned()),
            TAG_ARRAY => self.elements(open).map(Value::Array)?,
            TAG_OBJECT => self.map(open).map(Value::Map)?,
            other => return Err(self.error(format!("tag {other} is unknown"))),
        })
    }

    fn elements(&mut self, open: usize) -> Result<Vec<Value>, Malformed> {
        let open = self.enter(open)?;
        let count = self.count(1)?;
        let mut elements = Vec::with_capacity(count.min(RESERVE_MAX));
        for _ in 0..count {
            elements.push(self.value(open)?);
        }
        Ok(elements)
    }

    /// Reads an object's payload.
    pub(crate) fn map(&mut self, open: usize) -> Result<Map, Malformed> {
        self.named(open, 2, |reader, open| reader.value(open)).map(Map::from_fields)
    }

    /// Reads what has ascending names, each name and element at least `element_bytes` long
    /// together.
    pub(crate) fn named<T>(
        &mut self,
        open: usize,
        element_bytes: usize,
        mut read: impl FnMut(&mut Self, usize) -> Result<T, Malformed>,
    ) -> Result<Vec<(String, T)>, Malformed> {
        let open = self.enter(open)?;
        let count = self.count(element_bytes)?;
        let mut named: Vec<(String, T)> = Vec::with_capacity(count.min(RESERVE_MAX));
        for _ in 0..count {
            let name = self.text()?;
            if named.last().is_some_and(|(last, _)| last.as_str() >= name) {
                return Err(self.error("names are not in order"));
            }
            let element = read(self, open)?;
            named.push((name.to_owned(), element));
        }
        Ok(named)
    }

    /// Reads what [`Reader::payload`] reads, and appends its JSON.
    pub(crate) fn write_payload(&mut self, tag: u8, open: usize, out: &mut Vec<u8>) -> Result<(), Malformed> {
        match tag {
            TAG_STRING => write_json_string(self.text()?, out),
            TAG_ARRAY => {
                let open = self.enter(open)?;
                out.push(b'[');
                for n in 0..self.count(1)? {
                    if n > 0 {
                        out.push(b',');
                    }
                    let tag = self.byte()?;
                    self.write_payload(tag, open, out)?;
                }
                out.push(b']');
            }
            TAG_OBJECT => {
                let open = self.enter(open)?;
                out.push(b'{');
                let mut is_first = true;
                for _ in 0..self.count(2)? {
                    let name = self.text()?;
                    self.write_name(name, &mut is_first, out);
                    let tag = self.byte()?;
                    self.write_payload(tag, open, out)?;
                }
                out.push(b'}');
            }
            _ => self.payload(tag, open)?.write_json(out),
        }
        Ok(())
    }

    /// Appends the name of an object's field, with what stands around it.
    pub(crate) fn write_name(&self, name: &str, is_first: &mut bool, out: &mut Vec<u8>) {
        if !std::mem::take(is_first) {
            out.push(b',');
        }
        write_json_string(name, out);
        out.push(b':');
    }

    /// As [`Reader::text`], not looked at: for names to compare and texts to pass over.
    #[inline]
    pub(crate) fn text_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        self.bytes(length)
    }

    /// Passes over what [`Reader::value`] reads, without a look at more than its length takes.
    pub(crate) fn skip_value(&mut self, open: usize) -> Result<(), Malformed> {
        let tag = self.byte()?;
        self.skip_payload(tag, open)
    }

    /// As [`Reader::skip_value`], behind the tag.
    pub(crate) fn skip_payload(&mut self, tag: u8, open: usize) -> Result<(), Malformed> {
        match tag {
            TAG_NULL | TAG_FALSE | TAG_TRUE => Ok(()),
            TAG_INT | TAG_UINT => self.varint().map(drop),
            TAG_FLOAT => self.bytes(size_of::<f64>()).map(drop),
            TAG_STRING => self.text_bytes().map(drop),
            TAG_ARRAY => {
                let open = self.enter(open)?;
                (0..self.count(1)?).try_for_each(|_| self.skip_value(open))
            }
            TAG_OBJECT => self.skip_map(open),
            other => Err(self.error(format!("tag {other} is unknown"))),
        }
    }

    /// Passes over what [`Reader::map`] reads.
    pub(crate) fn skip_map(&mut self, open: usize) -> Result<(), Malformed> {
        self.skip_named(open, 2, Self::skip_value)
    }

    /// Passes over what [`Reader::named`] reads.
    pub(crate) fn skip_named(
        &mut self,
        open: usize,
        element_bytes: usize,
        skip: impl Fn(&mut Self, usize) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let open = self.enter(open)?;
        for _ in 0..self.count(element_bytes)? {
            self.text_bytes()?;
            skip(self, open)?;
        }
        Ok(())
    }

    pub(crate) fn enter(&self, open: usize) -> Result<usize, Malformed> {
        if open >= DEPTH_MAX {
            return Err(self.error(format!("arrays and objects nest deeper than {DEPTH_MAX}")));
        }
        Ok(open + 1)
    }

    fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_one_form() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(number, &mut out);
            assert_eq!(Reader::new(&out).varint(), Ok(number));
        }
        let refused = |bytes: &[u8]| Reader::new(bytes).varint().unwrap_err().message;
        assert_eq!(refused(&[0x80, 0x00]), "an integer is longer than it need be");
        assert_eq!(refused(&[0x80]), "ends too early");
        assert_eq!(
            refused(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            "an integer exceeds 64 bits"
        );
        assert_eq!(refused(&[0xff; 11]), "an integer exceeds 64 bits");
    }

    #[test]
    fn values_have_one_form() {
        let refused = |bytes: &[u8]| Reader::new(bytes).value(0).unwrap_err().message;
        assert_eq!(refused(&[TAG_UINT, 5]), "an integer is not in its shortest form");
        assert_eq!(refused(&[TAG_OBJECT, 2, 1, b'b', TAG_NULL, 1, b'a', TAG_NULL]), "names are not in order");
        assert_eq!(refused(&[TAG_OBJECT, 2, 1, b'a', TAG_NULL, 1, b'a', TAG_NULL]), "names are not in order");
        assert_eq!(refused(&[TAG_FLOAT, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f]), "a float is not finite");
        assert_eq!(refused(&[TAG_STRING, 1, 0xff]), "a text is not UTF-8");
        assert_eq!(refused(&[TAG_ARRAY, 0xff, 0xff, 0x03]), "65535 elements announced, 0 bytes left");
        assert_eq!(refused(&[0]), "tag 0 is unknown");
        assert_eq!(refused(&[TAG_ARRAY, 1].repeat(65)), "arrays and objects nest deeper than 64");
    }
}
