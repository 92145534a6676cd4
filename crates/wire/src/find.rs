//! `POST store/find`, `store/findbyid` and `store/count` (docs/reference/http-api.md, "Reading").
//!
//! Not here: parsing queries (`query`), running them (`http-api`).

use document::{CollectionName, DocumentId, Map, Path, Value};

use crate::{
    RequestError,
    shape::{self, Fields, Place},
};

/// How many documents a find answers when it does not say.
pub const LIMIT_DEFAULT: usize = 1000;

/// How many properties one find may sort by. More are refused.
pub const SORT_PROPERTIES_MAX: usize = 16;

/// `formatAttachment` is taken and changes nothing.
const FIND_FIELDS: &[&str] = &[
    "collection",
    "query",
    "args",
    "limit",
    "offset",
    "sort",
    "after",
    "describe",
    "serializedAs",
    "formatAttachment",
];
const FIND_BY_ID_FIELDS: &[&str] = &["collection", "id", "serializedAs", "formatAttachment"];

/// The body of `store/find`.
#[derive(Debug, Clone, PartialEq)]
pub struct FindRequest {
    /// Where to look.
    pub collection: CollectionName,
    /// What to look for.
    pub query: QueryText,
    /// At most so many documents.
    pub limit: usize,
    /// So many of the matching ones are left out first.
    pub offset: usize,
    /// In which order; the first property weighs most. Empty: by id.
    pub sort: Vec<Sort>,
    /// Where an earlier find with the same collection, query, arguments and order ended; goes on there.
    pub after: Option<String>,
    /// How fields are shown.
    pub serialized_as: SerializedAs,
    /// Tell how the documents would be looked for, instead of looking.
    pub describe: bool,
}

/// A query in the legacy language, not parsed yet, with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryText {
    /// `true` where the request gave none.
    pub query: String,
    /// Its `$args`.
    pub args: Map,
}

/// One property to sort by.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// The field; may be `_id` or a part of it.
    pub property: Path,
    /// Greatest first.
    pub descending: bool,
}

/// How a reply shows fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SerializedAs {
    /// `{"name":"John","orderCount":5}`.
    #[default]
    LatestValues,
    /// `{"name":{"register":{"value":"John"}},"orderCount":{"counter":{"value":5}}}`.
    LatestValuesAndTypes,
}

/// The body of `store/findbyid`.
#[derive(Debug, Clone, PartialEq)]
pub struct FindByIdRequest {
    /// Where to look.
    pub collection: CollectionName,
    /// The document's id.
    pub id: DocumentId,
    /// How fields are shown.
    pub serialized_as: SerializedAs,
}

/// The body of `store/count`.
#[derive(Debug, Clone, PartialEq)]
pub struct CountRequest {
    /// Where to look.
    pub collection: CollectionName,
    /// What to count.
    pub query: QueryText,
}

impl FindRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let request = Self {
            collection: fields.collection("collection")?,
            query: QueryText::take(&mut fields)?,
            limit: fields.optional_size("limit")?.unwrap_or(LIMIT_DEFAULT),
            offset: fields.optional_size("offset")?.unwrap_or(0),
            sort: Sort::take_list(&mut fields)?,
            after: fields.optional_string("after")?,
            serialized_as: SerializedAs::take(&mut fields)?,
            describe: fields.optional_bool("describe")?.unwrap_or(false),
        };
        fields.take("formatAttachment");
        fields.finish(FIND_FIELDS)?;
        Ok(request)
    }
}

impl FindByIdRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let request = Self {
            collection: fields.collection("collection")?,
            id: fields.document_id("id")?,
            serialized_as: SerializedAs::take(&mut fields)?,
        };
        fields.take("formatAttachment");
        fields.finish(FIND_BY_ID_FIELDS)?;
        Ok(request)
    }
}

impl CountRequest {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        let request = Self { collection: fields.collection("collection")?, query: QueryText::take(&mut fields)? };
        fields.finish(&["collection", "query", "args"])?;
        Ok(request)
    }
}

impl QueryText {
    fn take(fields: &mut Fields<'_>) -> Result<Self, RequestError> {
        let query = fields.optional_string("query")?.unwrap_or_else(|| "true".to_owned());
        let args = fields.optional_object("args")?.unwrap_or_default();
        Ok(Self { query, args })
    }
}

impl Sort {
    fn take_list(fields: &mut Fields<'_>) -> Result<Vec<Self>, RequestError> {
        let place = fields.place.field("sort");
        let Some(list) = fields.optional("sort") else { return Ok(Vec::new()) };
        let list = shape::array(&place, list)?;
        if list.len() > SORT_PROPERTIES_MAX {
            return Err(place.fault(format_args!("at most {SORT_PROPERTIES_MAX} properties can be sorted by")));
        }
        list.into_iter().enumerate().map(|(index, sort)| Self::take(&place.element(index), sort)).collect()
    }

    pub(crate) fn take(place: &Place<'_>, value: Value) -> Result<Self, RequestError> {
        let mut fields = Fields::of(place, value)?;
        let property = fields.string("property")?;
        let direction = fields.optional_string("direction")?;
        fields.finish(&["property", "direction"])?;
        let descending = match direction.as_deref() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(other) => {
                return Err(place
                    .field("direction")
                    .fault(format_args!("unknown direction {other:?}; known are asc, desc")));
            }
        };
        Ok(Self { property: shape::path(&place.field("property"), &property)?, descending })
    }
}

impl SerializedAs {
    fn take(fields: &mut Fields<'_>) -> Result<Self, RequestError> {
        match fields.optional_string("serializedAs")?.as_deref() {
            None | Some("latestValues") => Ok(Self::LatestValues),
            Some("latestValuesAndTypes") => Ok(Self::LatestValuesAndTypes),
            Some(other) => Err(fields
                .place
                .field("serializedAs")
                .fault(format_args!("unknown form {other:?}; known are latestValues, latestValuesAndTypes"))),
        }
    }
}

/// Writes `{"documents":[{"id":…,"fields":{…}}],"txnId":…}` document by document. A re-query's
/// documents also have their `collection`.
#[derive(Debug)]
pub struct DocumentsReply {
    out: Vec<u8>,
    count: usize,
}

impl Default for DocumentsReply {
    fn default() -> Self {
        Self { out: br#"{"documents":["#.to_vec(), count: 0 }
    }
}

impl DocumentsReply {
    /// Appends a document of `find`.
    pub fn push(&mut self, id: &DocumentId, fields: &Map) {
        self.open(id, fields);
        self.out.push(b'}');
    }

    /// As [`DocumentsReply::push`], of a document whose fields `write` appends as JSON. After an error the reply is
    /// of no use.
    pub fn push_written<E>(
        &mut self,
        id: &DocumentId,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open_id(id);
        write(&mut self.out)?;
        self.out.push(b'}');
        Ok(())
    }

    /// Appends a document of `requery`.
    pub fn push_of_collection(&mut self, id: &DocumentId, fields: &Map, collection: &CollectionName) {
        self.open(id, fields);
        self.out.extend_from_slice(br#","collection":"#);
        document::write_json_string(collection.as_str(), &mut self.out);
        self.out.push(b'}');
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no document was appended.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The whole reply; `txn_id` is the transaction that it reflects, `next` where the next page goes on.
    pub fn finish(mut self, txn_id: u64, next: Option<&str>) -> Vec<u8> {
        self.out.extend_from_slice(format!(r#"],"txnId":{txn_id}"#).as_bytes());
        if let Some(next) = next {
            self.out.extend_from_slice(br#","next":"#);
            document::write_json_string(next, &mut self.out);
        }
        self.out.push(b'}');
        self.out
    }

    fn open(&mut self, id: &DocumentId, fields: &Map) {
        self.open_id(id);
        fields.write_json(&mut self.out);
    }

    fn open_id(&mut self, id: &DocumentId) {
        self.out.extend_from_slice(if self.count == 0 { br#"{"id":"# } else { br#",{"id":"# });
        self.out.extend_from_slice(id.as_json().as_bytes());
        self.out.extend_from_slice(br#","fields":"#);
        self.count += 1;
    }
}

/// `{"id":…,"fields":{…},"txnId":…}`, the reply of `findbyid`.
pub fn write_document(out: &mut Vec<u8>, id: &DocumentId, fields: &Map, txn_id: u64) {
    out.extend_from_slice(br#"{"id":"#);
    out.extend_from_slice(id.as_json().as_bytes());
    out.extend_from_slice(br#","fields":"#);
    fields.write_json(out);
    out.extend_from_slice(format!(r#","txnId":{txn_id}}}"#).as_bytes());
}

/// By which way documents would be found.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryDetails {
    /// Their ids are looked up, or ranges of ids.
    Ids,
    /// By an index.
    Index {
        /// Its name.
        name: String,
        /// Its keys.
        path: Vec<String>,
        /// Which part of it, for people.
        part: String,
        /// Whether all of that part matches.
        exact: bool,
        /// Whether it gives the order that is asked for.
        ordered: bool,
    },
    /// Every document is looked at.
    Scan,
}

/// The reply of a `find` that was asked to describe: one document that says by which way documents
/// would be found.
pub fn write_query_details(out: &mut Vec<u8>, details: &QueryDetails, txn_id: u64) {
    out.extend_from_slice(br#"{"documents":[{"id":"query_details","fields":"#);
    details.fields().write_json(out);
    out.extend_from_slice(format!(r#"}}],"txnId":{txn_id}}}"#).as_bytes());
}

impl QueryDetails {
    fn fields(&self) -> Map {
        let text = |text: &str| Value::String(text.to_owned());
        let object = |fields: Vec<(&str, Value)>| {
            Map::from_fields(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        };
        match self {
            QueryDetails::Scan => object(vec![("full_scan", Value::Map(Map::new()))]),
            QueryDetails::Ids => {
                object(vec![("index_scan", Value::Map(object(vec![("path", Value::Array(vec![text("_id")]))])))])
            }
            QueryDetails::Index { name, path, part, exact, ordered } => {
                let path = path.iter().map(|path| text(path)).collect();
                let of_index = vec![
                    ("path", Value::Array(path)),
                    ("index", text(name)),
                    ("part", text(part)),
                    ("exact", Value::Bool(*exact)),
                    ("ordered", Value::Bool(*ordered)),
                ];
                object(vec![("index_scan", Value::Map(object(of_index)))])
            }
        }
    }
}

/// `{"count":…,"txnId":…}`.
pub fn write_count(out: &mut Vec<u8>, count: u64, txn_id: u64) {
    out.extend_from_slice(format!(r#"{{"count":{count},"txnId":{txn_id}}}"#).as_bytes());
}
