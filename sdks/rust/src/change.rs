//! Changes of fields, and what kind of field one is.

use document::{FieldType as Kind, Path, UpdateCommand, UpdateKind};
use serde_json::Value;

use crate::{AttachmentToken, DocumentId, Error, json};

/// How writes of several peers to one field come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldType {
    /// The last write wins, of arrays and objects as a whole: what everything but an object is.
    Register,
    /// A number; increments all count.
    Counter,
    /// An object, whose fields come together one by one: what objects are.
    Map,
    /// An [`AttachmentToken`]; the last write wins, as a whole.
    Attachment,
}

impl FieldType {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Register => Kind::Register,
            Self::Counter => Kind::Counter,
            Self::Map => Kind::Map,
            Self::Attachment => Kind::Attachment,
        }
    }
}

/// A change of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    path: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Set(Value),
    Attach(AttachmentToken),
    Increment(Value),
    Unset,
}

impl Change {
    /// Replaces what stands at `path`.
    pub fn set(path: &str, value: impl Into<Value>) -> Self {
        Self { path: path.to_owned(), what: What::Set(value.into()) }
    }

    /// Puts an attachment's token to `path`.
    pub fn attach(path: &str, token: &AttachmentToken) -> Self {
        Self { path: path.to_owned(), what: What::Attach(token.clone()) }
    }

    /// Adds to the counter at `path`: increments of several peers all count.
    pub fn increment(path: &str, by: impl Into<Value>) -> Self {
        Self { path: path.to_owned(), what: What::Increment(by.into()) }
    }

    /// Takes away what stands at `path`.
    pub fn unset(path: &str) -> Self {
        Self { path: path.to_owned(), what: What::Unset }
    }

    pub(crate) fn command(&self) -> Result<UpdateCommand, Error> {
        let path = Path::parse(&self.path)?;
        let number = |value: &Value| match json::value(value)? {
            value @ (document::Value::Int(_) | document::Value::Uint(_) | document::Value::Float(_)) => Ok(value),
            other => Err(Error::Value { why: format!("an increment is a number, not {}", other.kind_name()) }),
        };
        let kind = match &self.what {
            What::Set(value) => UpdateKind::Set(json::value(value)?),
            What::Attach(token) => UpdateKind::SetAttachment(json::map(token)?),
            What::Increment(by) => UpdateKind::Increment(number(by)?),
            What::Unset => UpdateKind::Unset,
        };
        Ok(UpdateCommand { path, kind })
    }
}

/// A document in a closure that changes it. Reading it gives what it was before.
#[derive(Debug)]
pub struct MutableDocument {
    id: DocumentId,
    value: Value,
    pub(crate) changes: Vec<Change>,
}

/// A place in a [`MutableDocument`].
#[derive(Debug)]
pub struct MutableField<'d> {
    document: &'d mut MutableDocument,
    path: String,
}

impl MutableDocument {
    pub(crate) fn new(id: &document::DocumentId, fields: document::Map) -> Self {
        Self { id: id.into(), value: json::from_document(id, fields), changes: Vec::new() }
    }

    /// Its id.
    pub fn id(&self) -> &DocumentId {
        &self.id
    }

    /// What it was before, with its `_id`.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The field at `path`, as in `address.city` or `tags[0]`.
    pub fn at(&mut self, path: &str) -> MutableField<'_> {
        MutableField { document: self, path: path.to_owned() }
    }
}

impl MutableField<'_> {
    /// As [`Change::set`].
    pub fn set(self, value: impl Into<Value>) {
        self.document.changes.push(Change::set(&self.path, value));
    }

    /// As [`Change::attach`].
    pub fn attach(self, token: &AttachmentToken) {
        self.document.changes.push(Change::attach(&self.path, token));
    }

    /// As [`Change::increment`].
    pub fn increment(self, by: impl Into<Value>) {
        self.document.changes.push(Change::increment(&self.path, by));
    }

    /// As [`Change::unset`].
    pub fn unset(self) {
        self.document.changes.push(Change::unset(&self.path));
    }
}
