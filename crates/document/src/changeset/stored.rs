//! A changeset's stored form, version 1. The journal keeps it for ever: tags are never renumbered, `tests/formats.rs` holds
//! golden bytes.
//!
//! ```text
//! changeset = version:u8 = 1  peer:text  flags:u8  [1: traceparent:text]  [2: cause:varint]  count:varint  operation…
//! operation = collection:text  id:text (canonical JSON)  condition  action
//! condition = 0 always | 1 exists | 2 matches query:text args:fields | 3 unchanged time:varint site:varint
//! action    = 0 upsert value:fields counters:paths | 1 update count:varint command… | 2 remove
//! command   = path  (0 set value | 1 increment value | 2 replaceWithCounter value)
//! paths     = count:varint  path…
//! path      = count:varint  (0 field name:text | 1 index:varint)…
//! fields    = an object's payload; varint, text, value: see `stored`
//! ```

use super::{Action, Changeset, ChangesetDecodeError, Condition, Operation, Origin, UpdateCommand, UpdateKind};
use crate::stored::{Malformed, Reader, put_map, put_text, put_value, put_varint};
use crate::{CollectionName, DocumentId, Path, PathSegment, SiteId, Stamp};

const VERSION: u8 = 1;

const HAS_TRACEPARENT: u8 = 1;
const HAS_CAUSE: u8 = 2;

const CONDITION_ALWAYS: u8 = 0;
const CONDITION_EXISTS: u8 = 1;
const CONDITION_MATCHES: u8 = 2;
const CONDITION_UNCHANGED: u8 = 3;
const CONDITION_ABSENT: u8 = 4;

const ACTION_UPSERT: u8 = 0;
const ACTION_UPDATE: u8 = 1;
const ACTION_REMOVE: u8 = 2;

const UPDATE_SET: u8 = 0;
const UPDATE_INCREMENT: u8 = 1;
const UPDATE_REPLACE_WITH_COUNTER: u8 = 2;

const SEGMENT_FIELD: u8 = 0;
const SEGMENT_INDEX: u8 = 1;

/// Elements reserved before any was read.
const RESERVE_MAX: usize = 64;

impl Changeset {
    /// Appends the stored form; its first byte is the format's version.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_text(&self.origin.peer, out);
        let Origin { traceparent, cause, .. } = &self.origin;
        out.push(flag(HAS_TRACEPARENT, traceparent.is_some()) | flag(HAS_CAUSE, cause.is_some()));
        if let Some(traceparent) = traceparent {
            put_text(traceparent, out);
        }
        if let Some(cause) = cause {
            put_varint(*cause, out);
        }
        put_all(&self.operations, out, put_operation);
    }

    /// Reads the whole of `bytes`; trailing bytes are an error, hostile lengths never allocate.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChangesetDecodeError> {
        let mut reader = Reader::new(bytes);
        let changeset = read_changeset(&mut reader)?;
        reader.end()?;
        Ok(changeset)
    }
}

impl From<Malformed> for ChangesetDecodeError {
    fn from(Malformed { message, at }: Malformed) -> Self {
        Self { message, at }
    }
}

fn put_all<T>(elements: &[T], out: &mut Vec<u8>, put: impl Fn(&T, &mut Vec<u8>)) {
    put_varint(elements.len() as u64, out);
    elements.iter().for_each(|element| put(element, out));
}

fn put_operation(operation: &Operation, out: &mut Vec<u8>) {
    put_text(operation.collection.as_str(), out);
    put_text(operation.id.as_json(), out);
    match &operation.condition {
        Condition::Always => out.push(CONDITION_ALWAYS),
        Condition::Exists => out.push(CONDITION_EXISTS),
        Condition::Matches { query, args } => {
            out.push(CONDITION_MATCHES);
            put_text(query, out);
            put_map(args, out);
        }
        Condition::Unchanged { since } => {
            out.push(CONDITION_UNCHANGED);
            put_varint(since.time, out);
            put_varint(since.site.0, out);
        }
        Condition::Absent => out.push(CONDITION_ABSENT),
    }
    match &operation.action {
        Action::Upsert { value, counters } => {
            out.push(ACTION_UPSERT);
            put_map(value, out);
            put_all(counters, out, put_path);
        }
        Action::Update(commands) => {
            out.push(ACTION_UPDATE);
            put_all(commands, out, put_command);
        }
        Action::Remove => out.push(ACTION_REMOVE),
    }
}

fn put_command(command: &UpdateCommand, out: &mut Vec<u8>) {
    put_path(&command.path, out);
    let (tag, value) = match &command.kind {
        UpdateKind::Set(value) => (UPDATE_SET, value),
        UpdateKind::Increment(value) => (UPDATE_INCREMENT, value),
        UpdateKind::ReplaceWithCounter(value) => (UPDATE_REPLACE_WITH_COUNTER, value),
    };
    out.push(tag);
    put_value(value, out);
}

fn put_path(path: &Path, out: &mut Vec<u8>) {
    put_all(&path.segments, out, |segment, out| match segment {
        PathSegment::Field(name) => {
            out.push(SEGMENT_FIELD);
            put_text(name, out);
        }
        PathSegment::Index(index) => {
            out.push(SEGMENT_INDEX);
            put_varint(*index as u64, out);
        }
    });
}

fn read_changeset(reader: &mut Reader) -> Result<Changeset, Malformed> {
    reader.version(VERSION)?;
    let peer = reader.text()?.to_owned();
    let flags = reader.byte()?;
    if flags & !(HAS_TRACEPARENT | HAS_CAUSE) != 0 {
        return Err(unknown(reader, "origin flags", flags));
    }
    let traceparent = if flags & HAS_TRACEPARENT != 0 { Some(reader.text()?.to_owned()) } else { None };
    let cause = if flags & HAS_CAUSE != 0 { Some(reader.varint()?) } else { None };
    let operations = read_all(reader, read_operation)?;
    if operations.is_empty() {
        return Err(reader.error("there are no operations"));
    }
    Ok(Changeset { operations, origin: Origin { peer, traceparent, cause } })
}

fn flag(bit: u8, is_set: bool) -> u8 {
    if is_set { bit } else { 0 }
}

fn read_all<T>(reader: &mut Reader, read: impl Fn(&mut Reader) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
    let count = reader.count(2)?; // no element is shorter
    let mut elements = Vec::with_capacity(count.min(RESERVE_MAX));
    for _ in 0..count {
        elements.push(read(reader)?);
    }
    Ok(elements)
}

fn read_operation(reader: &mut Reader) -> Result<Operation, Malformed> {
    let collection = CollectionName::new(reader.text()?).map_err(|e| reader.error(e.to_string()))?;
    let id = DocumentId::from_json(reader.text()?).map_err(|e| reader.error(e.to_string()))?;
    let condition = match reader.byte()? {
        CONDITION_ALWAYS => Condition::Always,
        CONDITION_EXISTS => Condition::Exists,
        CONDITION_MATCHES => Condition::Matches { query: reader.text()?.to_owned(), args: reader.map(0)? },
        CONDITION_UNCHANGED => {
            let (time, site) = (reader.varint()?, SiteId(reader.varint()?));
            Condition::Unchanged { since: Stamp { time, site } }
        }
        CONDITION_ABSENT => Condition::Absent,
        other => return Err(unknown(reader, "condition", other)),
    };
    let action = match reader.byte()? {
        ACTION_UPSERT => Action::Upsert { value: reader.map(0)?, counters: read_all(reader, read_path)? },
        ACTION_UPDATE => Action::Update(read_all(reader, read_command)?),
        ACTION_REMOVE => Action::Remove,
        other => return Err(unknown(reader, "action", other)),
    };
    Ok(Operation { collection, id, condition, action })
}

fn read_command(reader: &mut Reader) -> Result<UpdateCommand, Malformed> {
    let path = read_path(reader)?;
    let tag = reader.byte()?;
    let value = reader.value(0)?;
    let kind = match tag {
        UPDATE_SET => UpdateKind::Set(value),
        UPDATE_INCREMENT => UpdateKind::Increment(value),
        UPDATE_REPLACE_WITH_COUNTER => UpdateKind::ReplaceWithCounter(value),
        other => return Err(unknown(reader, "update command", other)),
    };
    Ok(UpdateCommand { path, kind })
}

fn read_path(reader: &mut Reader) -> Result<Path, Malformed> {
    let segments = read_all(reader, |reader| match reader.byte()? {
        SEGMENT_FIELD => Ok(PathSegment::Field(reader.text()?.to_owned())),
        SEGMENT_INDEX => {
            let index = reader.varint()?;
            usize::try_from(index).map(PathSegment::Index).map_err(|_| reader.error("an index is too large"))
        }
        other => Err(unknown(reader, "path segment", other)),
    })?;
    match segments.first() {
        Some(PathSegment::Field(_)) => Ok(Path { segments }),
        _ => Err(reader.error("a path does not begin with a field")),
    }
}

fn unknown(reader: &Reader, what: &str, tag: u8) -> Malformed {
    reader.error(format!("{what} tag {tag} is unknown"))
}
