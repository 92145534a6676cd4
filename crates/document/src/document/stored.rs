//! A document's stored form, version 2. Never renumber a tag; `tests/formats.rs` holds golden
//! bytes.
//!
//! ```text
//! document = version:u8 = 2
//!            sites:varint   site:u64 big-endian…                              ascending, not 0, not 2^64-1
//!            stamps:varint  (time since the one before:varint  site:varint)…  ascending, site = index into the sites
//!            field                                                           the root: absent or a map
//! field    = 0   absent      cleared:ref
//!          | 1-9 register    cleared:ref  payload            tag and payload of a value (`crate::stored`)
//!          | 16  counter     cleared:ref  counter
//!          | 17  map         cleared:ref  stamp:ref  fields
//!          | 18  attachment  cleared:ref  an object's payload
//!          | 19  map over a counter  cleared:ref  stamp:ref  counter  fields
//! counter  = start  totals:varint  (stamp:ref  value)…       ascending by site, values are numbers
//! start    = 0 none | value                                  a number
//! fields   = count:varint  (name:text  field)…               names ascending by bytes
//! ref      = varint: 0 never, n the n-th stamp of the table
//! ```
//!
//! A document that one write gave `age` 31 and `name` "Susan" is 43 bytes:
//!
//! ```text
//! 02  01 00000000000000a1  01 8380a0c993b9c7bf01 00  11 00 01 02  03 'age' 04 01 3e  04 'name' 07 01 05 'Susan'
//! ```
//!
//! Invariants: one document, one form. Sites and stamps are those in use; a field is canonical
//! (`field`). Decoding refuses anything else, so whatever was decoded merges lawfully. Version 1 is
//! read (`v1`), and written again as version 2.

mod read;
mod table;
mod v1;

use self::table::Table;
use super::counter::Counter;
use super::field::{Content, Field, Leaf};
use super::{Document, DocumentDecodeError};
use crate::stored::{Malformed, Reader, put_map, put_payload, put_tag, put_text, put_value, put_varint};
use crate::{Map, Value};

const VERSION_1: u8 = 1;
pub(crate) const VERSION: u8 = 2;

const TAG_ABSENT: u8 = 0;
const TAG_COUNTER: u8 = 16;
const TAG_MAP: u8 = 17;
const TAG_ATTACHMENT: u8 = 18;
const TAG_MAP_OVER_COUNTER: u8 = 19;

/// In the place of a start.
const TAG_NO_START: u8 = 0;

/// Elements reserved before any was read.
const RESERVE_MAX: usize = 64;

/// The shortest field: a tag and a ref.
const FIELD_BYTES_MIN: usize = 2;
/// The shortest total: a ref, a tag and a payload of one byte.
const TOTAL_BYTES_MIN: usize = 3;
/// The shortest child: an empty name and a field.
const CHILD_BYTES_MIN: usize = 1 + FIELD_BYTES_MIN;

impl Document {
    /// Appends the stored form; its first byte is the format's version. Equal documents are equal
    /// bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let table = Table::of(&self.root);
        out.push(VERSION);
        table.put(out);
        put_field(&table, &self.root, out);
    }

    /// Reads the whole of `bytes`; hostile lengths never allocate. What an older version wrote is
    /// read too.
    pub fn decode(bytes: &[u8]) -> Result<Self, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        let root = match reader.version(&[VERSION_1, VERSION])? {
            VERSION_1 => v1::read_root(&mut reader)?,
            _ => read::read_root(&mut reader)?,
        };
        Ok(Self { root })
    }

    /// What [`Document::value`] of the decoded bytes would give, without building the document: for
    /// scans. It looks less closely than [`Document::decode`] at what it skips.
    pub fn decode_value(bytes: &[u8]) -> Result<Option<Map>, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.version(&[VERSION_1, VERSION])? == VERSION_1 {
            return Ok(Self::decode(bytes)?.value());
        }
        table::skip(&mut reader)?;
        let value = read::read_value(&mut reader, 0)?;
        reader.end()?;
        match value {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map)),
            Some(_) => Err(reader.error("the root is no object").into()),
        }
    }
}

impl Document {
    /// As [`Document::decode_value`], of those fields of the root that are wanted: the others are
    /// passed over, which takes a fraction of the time. `wanted` are names, sorted by their bytes,
    /// each once. The result may hold more than was wanted, where an older version wrote the bytes.
    pub fn decode_fields(bytes: &[u8], wanted: &[&str]) -> Result<Option<Map>, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.version(&[VERSION_1, VERSION])? == VERSION_1 {
            return Ok(Self::decode(bytes)?.value());
        }
        table::skip(&mut reader)?;
        Ok(read::read_fields(&mut reader, wanted)?.map(Map::from_fields))
    }

    /// Appends the JSON of what [`Document::decode_value`] would give, without building it; whether
    /// the document is there. On an error, and where it is not, nothing that was appended counts.
    pub fn decode_json(bytes: &[u8], out: &mut Vec<u8>) -> Result<bool, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.version(&[VERSION_1, VERSION])? == VERSION_1 {
            let value = Self::decode(bytes)?.value();
            if let Some(value) = &value {
                value.write_json(out);
            }
            return Ok(value.is_some());
        }
        table::skip(&mut reader)?;
        let exists = match reader.byte()? {
            TAG_ABSENT => {
                reader.varint()?;
                false
            }
            tag @ (TAG_MAP | TAG_MAP_OVER_COUNTER) => {
                read::write_json(&mut reader, tag, 0, out)?;
                true
            }
            _ => return Err(reader.error("the root is no object").into()),
        };
        reader.end()?;
        Ok(exists)
    }

    /// Whether the document of these stored bytes is there ([`Document::exists`]), without building
    /// it.
    pub fn decode_exists(bytes: &[u8]) -> Result<bool, DocumentDecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.version(&[VERSION_1, VERSION])? == VERSION_1 {
            return Ok(Self::decode(bytes)?.exists());
        }
        table::skip(&mut reader)?;
        Ok(reader.byte()? != TAG_ABSENT)
    }
}

impl From<Malformed> for DocumentDecodeError {
    fn from(Malformed { message, at }: Malformed) -> Self {
        Self { message, at }
    }
}

fn put_field(table: &Table, field: &Field, out: &mut Vec<u8>) {
    match field {
        Field::Leaf(leaf) => put_leaf(table, leaf, out),
        Field::Map(map) => {
            out.push(if map.under.is_empty() { TAG_MAP } else { TAG_MAP_OVER_COUNTER });
            table.put_ref(map.cleared, out);
            table.put_ref(map.stamp, out);
            if !map.under.is_empty() {
                put_counter(table, &map.under, out);
            }
            put_varint(map.children.len() as u64, out);
            for (name, child) in &map.children {
                put_text(name, out);
                put_field(table, child, out);
            }
        }
    }
}

fn put_leaf(table: &Table, leaf: &Leaf, out: &mut Vec<u8>) {
    match &leaf.content {
        Content::Absent => {
            out.push(TAG_ABSENT);
            table.put_ref(leaf.cleared, out);
        }
        Content::Register(value) => {
            put_tag(value, out);
            table.put_ref(leaf.cleared, out);
            put_payload(value, out);
        }
        Content::Counter(counter) => {
            out.push(TAG_COUNTER);
            table.put_ref(leaf.cleared, out);
            put_counter(table, counter, out);
        }
        Content::Attachment(token) => {
            out.push(TAG_ATTACHMENT);
            table.put_ref(leaf.cleared, out);
            put_map(token, out);
        }
    }
}

fn put_counter(table: &Table, counter: &Counter, out: &mut Vec<u8>) {
    match counter.start {
        None => out.push(TAG_NO_START),
        Some(start) => put_value(&start.into_value(), out),
    }
    put_varint(counter.totals.len() as u64, out);
    for (stamp, total) in &counter.totals {
        table.put_ref(*stamp, out);
        put_value(&total.into_value(), out);
    }
}
