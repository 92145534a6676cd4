//! `POST store/write`: commands that become one transaction, and one result for each
//! (docs/reference/http-api.md, "Writing").
//!
//! Invariants: whatever a command holds is checked here, so that what comes out can be committed as
//! it is, but for two things that need the documents: an id that is to be generated, and the
//! documents that a query selects.
//! Not here: parsing queries (`query`), running them (`http-api`).

use document::{CollectionName, DocumentId, FieldType, Map, Path, PathSegment, UpdateCommand, UpdateKind, Value};

use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

const UPSERT_FIELDS: &[&str] = &["method", "collection", "id", "value", "valueTypeOverrides"];
const UPDATE_FIELDS: &[&str] = &["method", "collection", "id", "query", "args", "commands"];
const REMOVE_FIELDS: &[&str] = &["method", "collection", "id", "query", "args"];
/// What `args` beside the commands may come to, in bytes of JSON, once for each command that they
/// serve.
pub const SHARED_ARGS_BYTES_MAX: usize = 8 * 1024 * 1024;

const CHANGE_FIELDS: &[&str] = &["method", "path", "value"];

/// The body of `store/write`.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteRequest {
    /// In the order in which they are applied. None at all is allowed and writes nothing.
    pub commands: Vec<WriteCommand>,
}

/// One command.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteCommand {
    /// Merges a value into a document.
    Upsert {
        /// Never the system's.
        collection: CollectionName,
        /// `None`: to be generated.
        id: Option<DocumentId>,
        /// The fields, without `_id`.
        value: Map,
        /// Fields of `value` that start a counter, where a number stands, or are one register,
        /// where an object stands.
        types: Vec<(Path, FieldType)>,
    },
    /// Changes fields of the selected documents.
    Update {
        /// Never the system's.
        collection: CollectionName,
        /// Which documents.
        selection: Selection,
        /// What to do to each; at least one.
        changes: Vec<UpdateCommand>,
    },
    /// Removes the selected documents.
    Remove {
        /// Never the system's.
        collection: CollectionName,
        /// Which documents.
        selection: Selection,
    },
}

/// Which documents an update or remove is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// The one with this id.
    Id(DocumentId),
    /// Those that match.
    Query {
        /// In the legacy language; not parsed yet.
        query: String,
        /// Its `$args`.
        args: Map,
    },
}

/// What became of one command, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteResult<'a> {
    /// Of an upsert.
    Upsert {
        /// The id, given or generated.
        id: &'a DocumentId,
    },
    /// Of an update.
    Update {
        /// Documents changed.
        updated: usize,
        /// Documents that matched but where a command could not be done; they stayed as they were.
        error: usize,
        /// Documents that matched and that the caller may see but not write; they stayed as they were.
        denied: usize,
    },
    /// Of a remove.
    Remove {
        /// Documents removed.
        deleted: usize,
        /// As of an update.
        denied: usize,
    },
}

impl WriteRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let commands = fields.required("commands")?;
        let args = fields.optional_object("args")?;
        fields.finish(&["commands", "args"])?;
        let place = Place::Body.field("commands");
        let mut shared = args.map(SharedArgs::new);
        let commands = shape::array(&place, commands)?
            .into_iter()
            .enumerate()
            .map(|(index, command)| WriteCommand::take(&place.element(index), command, shared.as_mut()))
            .collect::<Result<_, _>>()?;
        Ok(Self { commands })
    }
}

impl WriteCommand {
    /// Its collection.
    pub fn collection(&self) -> &CollectionName {
        match self {
            WriteCommand::Upsert { collection, .. }
            | WriteCommand::Update { collection, .. }
            | WriteCommand::Remove { collection, .. } => collection,
        }
    }

    fn take(place: &Place<'_>, value: Value, shared: Option<&mut SharedArgs>) -> Result<Self, RequestError> {
        let mut fields = Fields::of(place, value)?;
        let method = fields.string("method")?;
        match method.as_str() {
            "upsert" => Self::take_upsert(fields),
            "update" => Self::take_update(fields, shared),
            "remove" => Self::take_remove(fields, shared),
            other => Err(place
                .field("method")
                .fault(format_args!("unknown method {other:?}; known are upsert, update, remove"))),
        }
    }

    fn take_upsert(mut fields: Fields<'_>) -> Result<Self, RequestError> {
        let place = fields.place;
        let collection = writable_collection(&mut fields)?;
        let id = fields.take("id").map(|id| shape::document_id(&place.field("id"), &id)).transpose()?;
        let value = fields.required("value")?;
        let overrides = fields.optional_object("valueTypeOverrides")?;
        fields.finish(UPSERT_FIELDS)?;

        let value_place = place.field("value");
        let mut value = shape::object(&value_place, value)?;
        let id = match value.remove("_id") {
            None => id,
            Some(inner) => Some(reconcile_ids(&value_place.field("_id"), id, &inner)?),
        };
        let types = match overrides {
            None => Vec::new(),
            Some(overrides) => take_types(&place.field("valueTypeOverrides"), overrides, &value)?,
        };
        Ok(WriteCommand::Upsert { collection, id, value, types })
    }

    fn take_update(mut fields: Fields<'_>, shared: Option<&mut SharedArgs>) -> Result<Self, RequestError> {
        let place = fields.place.field("commands");
        let collection = writable_collection(&mut fields)?;
        let selection = Selection::take(&mut fields, shared)?;
        let commands = fields.required("commands")?;
        fields.finish(UPDATE_FIELDS)?;
        let commands = shape::array(&place, commands)?;
        if commands.is_empty() {
            return Err(place.fault("must hold at least one command"));
        }
        let changes = commands
            .into_iter()
            .enumerate()
            .map(|(index, command)| take_change(&place.element(index), command))
            .collect::<Result<_, _>>()?;
        Ok(WriteCommand::Update { collection, selection, changes })
    }

    fn take_remove(mut fields: Fields<'_>, shared: Option<&mut SharedArgs>) -> Result<Self, RequestError> {
        let collection = writable_collection(&mut fields)?;
        let selection = Selection::take(&mut fields, shared)?;
        fields.finish(REMOVE_FIELDS)?;
        Ok(WriteCommand::Remove { collection, selection })
    }
}

/// `args` beside the commands.
#[derive(Debug)]
struct SharedArgs {
    args: Map,
    bytes: usize,
    /// What was handed out.
    bytes_taken: usize,
}

impl SharedArgs {
    fn new(args: Map) -> Self {
        let mut json = Vec::new();
        args.write_json(&mut json);
        Self { args, bytes: json.len(), bytes_taken: 0 }
    }

    /// For one command that has none of its own.
    fn take(&mut self) -> Result<Map, RequestError> {
        self.bytes_taken += self.bytes;
        if self.bytes_taken > SHARED_ARGS_BYTES_MAX {
            let message =
                format_args!("too long to serve so many commands: more than {SHARED_ARGS_BYTES_MAX} bytes in all");
            return Err(Place::Body.field("args").fault(message));
        }
        Ok(self.args.clone())
    }
}

impl Selection {
    fn take(fields: &mut Fields<'_>, shared: Option<&mut SharedArgs>) -> Result<Self, RequestError> {
        let place = fields.place;
        let id = fields.take("id").map(|id| shape::document_id(&place.field("id"), &id)).transpose()?;
        let query = fields.optional_string("query")?;
        let args = fields.optional_object("args")?;
        match (id, query) {
            (Some(_), Some(_)) => Err(place.fault("takes \"id\" or \"query\", not both")),
            (None, None) => Err(place.fault("needs a \"query\" or an \"id\"")),
            (Some(_), None) if args.is_some() => Err(place.field("args").fault("belongs to a query; there is none")),
            (Some(id), None) => Ok(Selection::Id(id)),
            (None, Some(query)) => {
                let args = match (args, shared) {
                    (Some(own), _) => own,
                    (None, Some(shared)) => shared.take()?,
                    (None, None) => Map::default(),
                };
                Ok(Selection::Query { query, args })
            }
        }
    }
}

fn writable_collection(fields: &mut Fields<'_>) -> Result<CollectionName, RequestError> {
    let collection = fields.collection("collection")?;
    if collection.is_system() {
        let place = fields.place.field("collection").to_string();
        return Err(RequestError::SystemCollection { place, collection: collection.as_str().to_owned() });
    }
    Ok(collection)
}

/// `_id` inside the value may stand in for `id`, and may repeat it, but not contradict it.
fn reconcile_ids(place: &Place<'_>, id: Option<DocumentId>, inner: &Value) -> Result<DocumentId, RequestError> {
    let inner = shape::document_id(place, inner)?;
    match id {
        Some(id) if id != inner => {
            Err(place.fault(format_args!("is {}, but \"id\" is {}", inner.as_json(), id.as_json())))
        }
        _ => Ok(inner),
    }
}

fn take_types(place: &Place<'_>, overrides: Map, value: &Map) -> Result<Vec<(Path, FieldType)>, RequestError> {
    let mut types = Vec::new();
    for (name, kind) in overrides.into_fields() {
        let place = place.field(&name);
        let path = shape::path(&place, &name)?;
        let kind = match shape::string(&place, kind)?.as_str() {
            "register" => FieldType::Register,
            "counter" => FieldType::Counter,
            "attachment" => FieldType::Attachment,
            other => {
                let message = format_args!("unknown type {other:?}; known are counter, register, attachment");
                return Err(place.fault(message));
            }
        };
        let is_inside_array = path.segments.iter().any(|segment| matches!(segment, PathSegment::Index(_)));
        match kind {
            FieldType::Counter if is_inside_array => {
                return Err(place.fault("an array is one register: there is no counter inside it"));
            }
            FieldType::Attachment if is_inside_array => {
                return Err(place.fault("an array is one register: there is no attachment inside it"));
            }
            FieldType::Attachment => match path.lookup(value) {
                Some(Value::Map(token)) => {
                    check_token(&place, token)?;
                    types.push((path, kind));
                }
                _ => return Err(place.fault("an attachment needs a token at this path of \"value\"")),
            },
            FieldType::Counter if !path.lookup(value).is_some_and(is_number) => {
                return Err(place.fault("a counter needs a number at this path of \"value\""));
            }
            // Whatever is no object is a register anyway.
            FieldType::Register if !matches!(path.lookup(value), Some(Value::Map(_))) || is_inside_array => {}
            kind => types.push((path, kind)),
        }
    }
    let is_value = |kind: FieldType| matches!(kind, FieldType::Register | FieldType::Attachment);
    let is_register =
        |names: &[PathSegment]| types.iter().any(|(path, kind)| is_value(*kind) && path.segments == names);
    let swallowed = types.iter().find(|(path, _)| (1..path.segments.len()).any(|n| is_register(&path.segments[..n])));
    match swallowed {
        Some((path, _)) => Err(place.field(&path.to_string()).fault("is inside an object that is one value")),
        None => Ok(types),
    }
}

fn take_change(place: &Place<'_>, value: Value) -> Result<UpdateCommand, RequestError> {
    let mut fields = Fields::of(place, value)?;
    let method = fields.string("method")?;
    let kind: fn(Value) -> UpdateKind = match method.as_str() {
        "set" => UpdateKind::Set,
        "increment" => UpdateKind::Increment,
        "replaceWithCounter" => UpdateKind::ReplaceWithCounter,
        "setAttachment" => return take_attachment(place, fields),
        other => {
            return Err(place.field("method").fault(format_args!(
                "unknown method {other:?}; known are set, increment, replaceWithCounter, setAttachment"
            )));
        }
    };
    let path = fields.string("path")?;
    let value = match method.as_str() {
        "replaceWithCounter" => fields.take("value").unwrap_or(Value::Null),
        _ => fields.required("value")?,
    };
    fields.finish(CHANGE_FIELDS)?;
    let kind = kind(value);
    check_operand(&place.field("value"), &kind)?;
    Ok(UpdateCommand { path: field_path(&place.field("path"), &path)?, kind })
}

fn take_attachment(place: &Place<'_>, mut fields: Fields<'_>) -> Result<UpdateCommand, RequestError> {
    let path = fields.string("path")?;
    let value = fields.required("value")?;
    fields.finish(CHANGE_FIELDS)?;
    let value_place = place.field("value");
    let token = shape::object(&value_place, value)?;
    check_token(&value_place, &token)?;
    let kind = UpdateKind::SetAttachment(token);
    Ok(UpdateCommand { path: field_path(&place.field("path"), &path)?, kind })
}

fn check_token(place: &Place<'_>, token: &Map) -> Result<(), RequestError> {
    match document::token_problem(token) {
        Some(problem) => Err(place.fault(format_args!("is no attachment's token: {problem}"))),
        None => Ok(()),
    }
}

fn check_operand(place: &Place<'_>, kind: &UpdateKind) -> Result<(), RequestError> {
    match kind {
        UpdateKind::Increment(value) if !is_number(value) => Err(place.fault("increment takes a number")),
        UpdateKind::ReplaceWithCounter(value) if !is_number(value) && *value != Value::Null => {
            Err(place.fault("replaceWithCounter takes a number or null"))
        }
        _ => Ok(()),
    }
}

/// A path that an update may write to.
fn field_path(place: &Place<'_>, text: &str) -> Result<Path, RequestError> {
    let path = shape::path(place, text)?;
    match path.segments.first() {
        Some(PathSegment::Field(name)) if name == "_id" => Err(place.fault("a document's _id never changes")),
        _ => Ok(path),
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Float(_))
}

/// Appends `{"results":[…]}`, every result with the same `transactionId`.
pub fn write_results<'a>(out: &mut Vec<u8>, txn_id: u64, results: impl IntoIterator<Item = WriteResult<'a>>) {
    let txn_id = txn_id.to_string();
    out.extend_from_slice(br#"{"results":["#);
    for (n, result) in results.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_result(out, &txn_id, &result);
    }
    out.extend_from_slice(b"]}");
}

fn write_result(out: &mut Vec<u8>, txn_id: &str, result: &WriteResult<'_>) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    match result {
        WriteResult::Upsert { id } => {
            put(r#"{"method":"upsert","transactionId":"#);
            put(txn_id);
            put(r#","id":"#);
            put(id.as_json());
            put("}");
        }
        WriteResult::Update { updated, error, denied } => {
            put(r#"{"method":"update","transactionId":"#);
            put(txn_id);
            put(&format!(r#","updated":{updated},"error":{error},"internalError":0,"permissionDenied":{denied}}}"#));
        }
        WriteResult::Remove { deleted, denied } => {
            put(r#"{"method":"remove","transactionId":"#);
            put(txn_id);
            put(&format!(r#","deleted":{deleted},"internalError":0,"permissionDenied":{denied}}}"#));
        }
    }
}
