//! A changeset's stored form, versions 2 and 3. The journal keeps it for ever: tags are never
//! renumbered, `tests/formats.rs` holds golden bytes.
//!
//! ```text
//! changeset = version:u8  peer:text  flags:u8  [1: traceparent:text]  [2: cause:varint]  [4: site:u64 big-endian]
//!             [*8: seq:varint hash:16 bytes subject:text]  queries  count:varint  operation…
//! queries   = count:varint  (dialect:u8  text  args:fields)…                 dialect: 1 legacy | *2 DQL
//! operation = collection:text  id:text (canonical JSON)  condition  action
//! condition = 0 always | 1 exists | 2 matches query:varint | 3 unchanged time:varint site:varint | 4 absent
//!           | *5 vacant
//! action    = 0 upsert value:fields types | 1 update count:varint command… | 2 remove
//!           | 3 merge removed:u8 base:varint length:varint document (its stored form, newest version)
//!           | *4 upsert initial value:fields types | *5 upsert difference value:fields types
//!           | *6 computed query:varint
//! types     = count:varint  (path  1 register | 2 counter | 3 map | 4 attachment)…
//! command   = path  (0 set value | 1 increment value | 2 replaceWithCounter value | 3 setAttachment object
//!           | *4 set register value | *5 merge value:fields types | *6 unset)
//! path      = count:varint  (0 field name:text | 1 index:varint)…
//! fields    = an object's payload; varint, text, value: see `stored`
//! ```
//!
//! What has a `*` is of version 3: a changeset that holds any of it is written so, and any other as
//! version 2, which older programs read. Otherwise the two are the same.
//!
//! Version 1 is read, too. It had no site, no queries (`2 matches` was followed by text and args,
//! which become queries, equal ones once), and in the place of types only the paths of counters.

use super::{
    Action, Changeset, ChangesetDecodeError, Condition, ConditionQuery, Dialect, Operation, Origin, Pushed,
    UpdateCommand, UpdateKind,
};
use crate::document::stored::VERSION as DOCUMENT_VERSION;
use crate::stored::{Malformed, Reader, put_map, put_text, put_value, put_varint};
use crate::{CollectionName, Document, DocumentId, FieldType, Map, Path, PathSegment, SiteId, Stamp, Value};

const VERSION_1: u8 = 1;
const VERSION_2: u8 = 2;
const VERSION_3: u8 = 3;

const HAS_TRACEPARENT: u8 = 1;
const HAS_CAUSE: u8 = 2;
const HAS_SITE: u8 = 4;
const HAS_PUSHED: u8 = 8;

const CONDITION_ALWAYS: u8 = 0;
const CONDITION_EXISTS: u8 = 1;
const CONDITION_MATCHES: u8 = 2;
const CONDITION_UNCHANGED: u8 = 3;
const CONDITION_ABSENT: u8 = 4;
const CONDITION_VACANT: u8 = 5;

const ACTION_UPSERT: u8 = 0;
const ACTION_UPDATE: u8 = 1;
const ACTION_REMOVE: u8 = 2;
const ACTION_MERGE: u8 = 3;
const ACTION_UPSERT_INITIAL: u8 = 4;
const ACTION_UPSERT_DIFFERENCE: u8 = 5;
const ACTION_COMPUTED: u8 = 6;

const TYPE_REGISTER: u8 = 1;
const TYPE_COUNTER: u8 = 2;
const TYPE_MAP: u8 = 3;
const TYPE_ATTACHMENT: u8 = 4;

const UPDATE_SET: u8 = 0;
const UPDATE_INCREMENT: u8 = 1;
const UPDATE_REPLACE_WITH_COUNTER: u8 = 2;
const UPDATE_SET_ATTACHMENT: u8 = 3;
const UPDATE_SET_REGISTER: u8 = 4;
const UPDATE_MERGE: u8 = 5;
const UPDATE_UNSET: u8 = 6;

const SEGMENT_FIELD: u8 = 0;
const SEGMENT_INDEX: u8 = 1;

/// Elements reserved before any was read.
const RESERVE_MAX: usize = 64;

impl Changeset {
    /// Appends the stored form; its first byte is the format's version.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.version());
        put_origin(&self.origin, out);
        put_all(&self.queries, out, put_query);
        put_varint(self.operations.len() as u64, out);
        for operation in &self.operations {
            put_operation(operation, &operation.condition, &operation.action, out);
        }
    }

    /// Appends the stored form of what was decided: of the operations, by their numbers, only those
    /// that were applied (`applied` gives what was done), on no condition. So a replay evaluates no
    /// query. At least one was applied; none of them is an action that is yet to be decided.
    pub fn encode_decided<'a>(&'a self, applied: impl Fn(usize) -> Option<&'a Action>, out: &mut Vec<u8>) {
        let decided = || self.operations.iter().enumerate().filter_map(|(at, asked)| Some((asked, applied(at)?)));
        debug_assert!(decided().next().is_some(), "a changeset holds at least one operation");
        debug_assert!(decided().all(|(_, action)| action.is_decided()), "a replay decides nothing");
        let is_new = self.origin.pushed.is_some() || decided().any(|(_, action)| action.is_of_version_3());
        out.push(if is_new { VERSION_3 } else { VERSION_2 });
        put_origin(&self.origin, out);
        put_all(&[], out, put_query);
        put_varint(decided().count() as u64, out);
        for (operation, action) in decided() {
            put_operation(operation, &Condition::Always, action, out);
        }
    }

    /// The oldest version that has all that is in it.
    fn version(&self) -> u8 {
        let is_new = self.origin.pushed.is_some()
            || self.queries.iter().any(|query| query.dialect == Dialect::Dql)
            || self
                .operations
                .iter()
                .any(|operation| operation.condition == Condition::Vacant || operation.action.is_of_version_3());
        if is_new { VERSION_3 } else { VERSION_2 }
    }

    /// Reads the whole of `bytes`; trailing bytes are an error, hostile lengths never allocate.
    /// What an older version wrote is read too.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChangesetDecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.version(&[VERSION_1, VERSION_2, VERSION_3])?;
        let changeset = Changesets { version, queries: Vec::new() }.read(&mut reader)?;
        if version == VERSION_3 && changeset.version() != VERSION_3 {
            return Err(reader.error("nothing in it is of version 3").into());
        }
        reader.end()?;
        Ok(changeset)
    }
}

impl Action {
    fn is_of_version_3(&self) -> bool {
        match self {
            Action::Upsert { .. } | Action::Remove | Action::Merge { .. } => false,
            Action::UpsertInitial { .. } | Action::UpsertDifference { .. } | Action::Computed { .. } => true,
            Action::Update(commands) => commands.iter().any(|command| match command.kind {
                UpdateKind::Set(_)
                | UpdateKind::Increment(_)
                | UpdateKind::ReplaceWithCounter(_)
                | UpdateKind::SetAttachment(_) => false,
                UpdateKind::SetRegister(_) | UpdateKind::Merge { .. } | UpdateKind::Unset => true,
            }),
        }
    }

    fn is_decided(&self) -> bool {
        !matches!(self, Action::UpsertDifference { .. } | Action::Computed { .. })
    }
}

impl From<Malformed> for ChangesetDecodeError {
    fn from(Malformed { message, at }: Malformed) -> Self {
        Self { message, at }
    }
}

fn put_origin(origin: &Origin, out: &mut Vec<u8>) {
    let Origin { peer, traceparent, cause, site, pushed } = origin;
    debug_assert!(site.is_some() || pushed.is_none(), "a site pushes");
    put_text(peer, out);
    let flags = [
        (HAS_TRACEPARENT, traceparent.is_some()),
        (HAS_CAUSE, cause.is_some()),
        (HAS_SITE, site.is_some()),
        (HAS_PUSHED, pushed.is_some()),
    ];
    out.push(flags.iter().map(|(bit, is_set)| if *is_set { *bit } else { 0 }).sum());
    if let Some(traceparent) = traceparent {
        put_text(traceparent, out);
    }
    if let Some(cause) = cause {
        put_varint(*cause, out);
    }
    if let Some(site) = site {
        out.extend_from_slice(&site.0.to_be_bytes());
    }
    if let Some(Pushed { seq, hash, subject }) = pushed {
        put_varint(*seq, out);
        out.extend_from_slice(hash);
        put_text(subject, out);
    }
}

fn put_all<T>(elements: &[T], out: &mut Vec<u8>, put: impl Fn(&T, &mut Vec<u8>)) {
    put_varint(elements.len() as u64, out);
    elements.iter().for_each(|element| put(element, out));
}

fn put_query(query: &ConditionQuery, out: &mut Vec<u8>) {
    out.push(query.dialect as u8);
    put_text(&query.text, out);
    put_map(&query.args, out);
}

fn put_operation(operation: &Operation, condition: &Condition, action: &Action, out: &mut Vec<u8>) {
    put_text(operation.collection.as_str(), out);
    put_text(operation.id.as_json(), out);
    match condition {
        Condition::Always => out.push(CONDITION_ALWAYS),
        Condition::Exists => out.push(CONDITION_EXISTS),
        Condition::Matches { query } => {
            out.push(CONDITION_MATCHES);
            put_varint(*query as u64, out);
        }
        Condition::Unchanged { since } => {
            out.push(CONDITION_UNCHANGED);
            put_varint(since.time, out);
            put_varint(since.site.0, out);
        }
        Condition::Absent => out.push(CONDITION_ABSENT),
        Condition::Vacant => out.push(CONDITION_VACANT),
    }
    match action {
        Action::Upsert { value, types } => put_upsert(ACTION_UPSERT, value, types, out),
        Action::UpsertInitial { value, types } => put_upsert(ACTION_UPSERT_INITIAL, value, types, out),
        Action::UpsertDifference { value, types } => put_upsert(ACTION_UPSERT_DIFFERENCE, value, types, out),
        Action::Computed { query } => {
            out.push(ACTION_COMPUTED);
            put_varint(*query as u64, out);
        }
        Action::Update(commands) => {
            out.push(ACTION_UPDATE);
            put_all(commands, out, put_command);
        }
        Action::Remove => out.push(ACTION_REMOVE),
        Action::Merge { delta, removed, base } => {
            out.push(ACTION_MERGE);
            out.push(u8::from(*removed));
            put_varint(*base, out);
            let mut document = Vec::new();
            delta.encode(&mut document);
            put_varint(document.len() as u64, out);
            out.extend_from_slice(&document);
        }
    }
}

fn put_upsert(tag: u8, value: &Map, types: &[(Path, FieldType)], out: &mut Vec<u8>) {
    out.push(tag);
    put_map(value, out);
    put_all(types, out, put_type);
}

fn put_type((path, kind): &(Path, FieldType), out: &mut Vec<u8>) {
    put_path(path, out);
    out.push(match kind {
        FieldType::Register => TYPE_REGISTER,
        FieldType::Counter => TYPE_COUNTER,
        FieldType::Map => TYPE_MAP,
        FieldType::Attachment => TYPE_ATTACHMENT,
    });
}

fn put_command(command: &UpdateCommand, out: &mut Vec<u8>) {
    put_path(&command.path, out);
    let (tag, value) = match &command.kind {
        UpdateKind::Set(value) => (UPDATE_SET, value),
        UpdateKind::Increment(value) => (UPDATE_INCREMENT, value),
        UpdateKind::ReplaceWithCounter(value) => (UPDATE_REPLACE_WITH_COUNTER, value),
        UpdateKind::SetRegister(value) => (UPDATE_SET_REGISTER, value),
        UpdateKind::SetAttachment(token) => {
            out.push(UPDATE_SET_ATTACHMENT);
            return put_map(token, out);
        }
        UpdateKind::Merge { value, types } => return put_upsert(UPDATE_MERGE, value, types, out),
        UpdateKind::Unset => return out.push(UPDATE_UNSET),
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

/// Reads a changeset of any version.
struct Changesets {
    version: u8,
    queries: Vec<ConditionQuery>,
}

impl Changesets {
    fn read(mut self, reader: &mut Reader) -> Result<Changeset, Malformed> {
        let origin = self.origin(reader)?;
        if self.version != VERSION_1 {
            self.queries = read_all(reader, 3, |reader| self.read_query(reader))?;
        }
        let operations = read_all(reader, 2, |reader| self.operation(reader))?;
        if operations.is_empty() {
            return Err(reader.error("there are no operations"));
        }
        Ok(Changeset { operations, queries: self.queries, origin })
    }

    fn origin(&self, reader: &mut Reader) -> Result<Origin, Malformed> {
        let peer = reader.text()?.to_owned();
        let flags = reader.byte()?;
        let known = HAS_TRACEPARENT
            | HAS_CAUSE
            | if self.version == VERSION_1 { 0 } else { HAS_SITE }
            | if self.version >= VERSION_3 { HAS_PUSHED } else { 0 };
        if flags & !known != 0 {
            return Err(unknown(reader, "origin flags", flags));
        }
        let traceparent = if flags & HAS_TRACEPARENT != 0 { Some(reader.text()?.to_owned()) } else { None };
        let cause = if flags & HAS_CAUSE != 0 { Some(reader.varint()?) } else { None };
        let site = if flags & HAS_SITE != 0 { Some(SiteId(u64::from_be_bytes(reader.array()?))) } else { None };
        let pushed = if flags & HAS_PUSHED != 0 {
            if site.is_none() {
                return Err(reader.error("a push without a site"));
            }
            let (seq, hash) = (reader.varint()?, reader.array()?);
            Some(Pushed { seq, hash, subject: reader.text()?.to_owned() })
        } else {
            None
        };
        Ok(Origin { peer, traceparent, cause, site, pushed })
    }

    fn operation(&mut self, reader: &mut Reader) -> Result<Operation, Malformed> {
        let collection = CollectionName::new(reader.text()?).map_err(|e| reader.error(e.to_string()))?;
        let id = DocumentId::from_json(reader.text()?).map_err(|e| reader.error(e.to_string()))?;
        let condition = match reader.byte()? {
            CONDITION_ALWAYS => Condition::Always,
            CONDITION_EXISTS => Condition::Exists,
            CONDITION_MATCHES => Condition::Matches { query: self.query(reader)? },
            CONDITION_UNCHANGED => {
                let (time, site) = (reader.varint()?, SiteId(reader.varint()?));
                Condition::Unchanged { since: Stamp { time, site } }
            }
            CONDITION_ABSENT => Condition::Absent,
            CONDITION_VACANT if self.version >= VERSION_3 => Condition::Vacant,
            other => return Err(unknown(reader, "condition", other)),
        };
        let action = match reader.byte()? {
            ACTION_UPSERT => Action::Upsert { value: reader.map(0)?, types: self.types(reader)? },
            ACTION_UPDATE => Action::Update(read_all(reader, 2, |reader| self.command(reader))?),
            ACTION_REMOVE => Action::Remove,
            ACTION_MERGE if self.version != VERSION_1 => read_merge(reader)?,
            ACTION_UPSERT_INITIAL if self.version >= VERSION_3 => {
                Action::UpsertInitial { value: reader.map(0)?, types: self.types(reader)? }
            }
            ACTION_UPSERT_DIFFERENCE if self.version >= VERSION_3 => {
                Action::UpsertDifference { value: reader.map(0)?, types: self.types(reader)? }
            }
            ACTION_COMPUTED if self.version >= VERSION_3 => Action::Computed { query: self.query(reader)? },
            other => return Err(unknown(reader, "action", other)),
        };
        Ok(Operation { collection, id, condition, action })
    }

    fn read_query(&self, reader: &mut Reader) -> Result<ConditionQuery, Malformed> {
        let dialect = match reader.byte()? {
            dialect if dialect == Dialect::Legacy as u8 => Dialect::Legacy,
            dialect if dialect == Dialect::Dql as u8 && self.version >= VERSION_3 => Dialect::Dql,
            other => return Err(unknown(reader, "query language", other)),
        };
        Ok(ConditionQuery { dialect, text: reader.text()?.to_owned(), args: reader.map(0)? })
    }

    /// Which query a condition or an action asks. Version 1 has it on the spot: the operations of one command,
    /// which follow each other, share it.
    fn query(&mut self, reader: &mut Reader) -> Result<usize, Malformed> {
        if self.version == VERSION_1 {
            let query =
                ConditionQuery { dialect: Dialect::Legacy, text: reader.text()?.to_owned(), args: reader.map(0)? };
            if self.queries.last() != Some(&query) {
                self.queries.push(query);
            }
            return Ok(self.queries.len() - 1);
        }
        let index = reader.varint()?;
        let at = usize::try_from(index).ok().filter(|&at| at < self.queries.len());
        at.ok_or_else(|| reader.error(format!("there is no query {index}")))
    }

    fn types(&self, reader: &mut Reader) -> Result<Vec<(Path, FieldType)>, Malformed> {
        read_all(reader, 2, |reader| {
            let path = read_path(reader)?;
            let kind = if self.version == VERSION_1 { TYPE_COUNTER } else { reader.byte()? };
            Ok((path, read_type(reader, kind)?))
        })
    }

    fn command(&self, reader: &mut Reader) -> Result<UpdateCommand, Malformed> {
        let path = read_path(reader)?;
        let tag = reader.byte()?;
        let kind: fn(Value) -> UpdateKind = match tag {
            UPDATE_SET => UpdateKind::Set,
            UPDATE_INCREMENT => UpdateKind::Increment,
            UPDATE_REPLACE_WITH_COUNTER => UpdateKind::ReplaceWithCounter,
            UPDATE_SET_ATTACHMENT if self.version != VERSION_1 => {
                return Ok(UpdateCommand { path, kind: UpdateKind::SetAttachment(reader.map(0)?) });
            }
            UPDATE_SET_REGISTER if self.version >= VERSION_3 => UpdateKind::SetRegister,
            UPDATE_MERGE if self.version >= VERSION_3 => {
                let kind = UpdateKind::Merge { value: reader.map(0)?, types: self.types(reader)? };
                return Ok(UpdateCommand { path, kind });
            }
            UPDATE_UNSET if self.version >= VERSION_3 => return Ok(UpdateCommand { path, kind: UpdateKind::Unset }),
            other => return Err(unknown(reader, "update command", other)),
        };
        Ok(UpdateCommand { path, kind: kind(reader.value(0)?) })
    }
}

/// Reads elements, each at least `element_bytes` long.
fn read_all<T>(
    reader: &mut Reader,
    element_bytes: usize,
    mut read: impl FnMut(&mut Reader) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.count(element_bytes)?;
    let mut elements = Vec::with_capacity(count.min(RESERVE_MAX));
    for _ in 0..count {
        elements.push(read(reader)?);
    }
    Ok(elements)
}

fn read_merge(reader: &mut Reader) -> Result<Action, Malformed> {
    let removed = match reader.byte()? {
        0 => false,
        1 => true,
        other => return Err(unknown(reader, "removal", other)),
    };
    let base = reader.varint()?;
    let length = reader.count(1)?;
    let bytes = reader.bytes(length)?;
    if bytes.first() != Some(&DOCUMENT_VERSION) {
        return Err(reader.error("a delta is not in the newest format"));
    }
    let delta = Document::decode(bytes).map_err(|error| reader.error(error.to_string()))?;
    Ok(Action::Merge { delta, removed, base })
}

fn read_type(reader: &Reader, tag: u8) -> Result<FieldType, Malformed> {
    Ok(match tag {
        TYPE_REGISTER => FieldType::Register,
        TYPE_COUNTER => FieldType::Counter,
        TYPE_MAP => FieldType::Map,
        TYPE_ATTACHMENT => FieldType::Attachment,
        other => return Err(unknown(reader, "type", other)),
    })
}

fn read_path(reader: &mut Reader) -> Result<Path, Malformed> {
    let segments = read_all(reader, 2, |reader| match reader.byte()? {
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
