//! Fields that a statement declares: `COLLECTION c (f MAP (g COUNTER), h REGISTER)`.
//!
//! Every other field is what its value says: an object is a map, or in strict mode one register.
//! Not here: what stands in a document (`update` looks at that).

use std::collections::BTreeMap;

use document::{FieldType, Map, Path, PathSegment, UpdateKind, Value};

use super::select::error;
use super::syntax::Source;
use crate::BindError;

/// The declarations of one statement.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    kinds: BTreeMap<Vec<String>, FieldType>,
    /// Whether an object that is not declared is a register.
    strict: bool,
}

/// Fields with their types, as an upsert has them.
pub(crate) type Types = Vec<(Path, FieldType)>;

impl Declared {
    pub(crate) fn bind(source: &Source, strict: bool) -> Result<Self, BindError> {
        let mut kinds = BTreeMap::new();
        for (path, kind) in &source.definitions {
            if kinds.insert(path.clone(), *kind).is_some() {
                return Err(error(format!("`{}` is declared twice", path_of(path))));
            }
        }
        Ok(Self { kinds, strict })
    }

    pub(crate) fn kind(&self, path: &[String]) -> Option<FieldType> {
        self.kinds.get(path).copied()
    }

    /// Whether it declares an attachment.
    pub(crate) fn has_attachments(&self) -> bool {
        self.kinds.values().any(|kind| *kind == FieldType::Attachment)
    }

    /// What the fields of a document are, where their values do not say it.
    ///
    /// # Errors
    /// A value cannot be of the type that was declared.
    pub(crate) fn types_of_document(&self, value: &Map) -> Result<Types, String> {
        let mut types = Vec::new();
        self.collect_types(&mut Vec::new(), 0, value, &mut types)?;
        Ok(types)
    }

    /// What writes `value` at `path`.
    ///
    /// # Errors
    /// It cannot be of the type that was declared.
    pub(crate) fn write(&self, path: &[String], value: Value) -> Result<UpdateKind, String> {
        Ok(match (self.checked_kind(path, &value)?, value) {
            (Some(FieldType::Counter), number) => UpdateKind::ReplaceWithCounter(number),
            (Some(FieldType::Attachment), Value::Map(token)) => UpdateKind::SetAttachment(token),
            (Some(FieldType::Register), object @ Value::Map(_)) => UpdateKind::SetRegister(object),
            (None, object @ Value::Map(_)) if self.strict => UpdateKind::SetRegister(object),
            (Some(FieldType::Map) | None, Value::Map(value)) => {
                let mut types = Vec::new();
                self.collect_types(&mut path.to_vec(), path.len(), &value, &mut types)?;
                UpdateKind::Merge { value, types }
            }
            (_, other) => UpdateKind::Set(other),
        })
    }

    /// Adds the types of the fields of `value`, which stands at `path`; theirs begin after the first
    /// `base` steps.
    fn collect_types(&self, path: &mut Vec<String>, base: usize, value: &Map, types: &mut Types) -> Result<(), String> {
        if self.kinds.is_empty() && !self.strict {
            return Ok(());
        }
        for (name, value) in value.iter() {
            path.push(name.to_owned());
            let kind = match (self.checked_kind(path, value)?, value) {
                (Some(FieldType::Map), Value::Map(inside)) => {
                    self.collect_types(path, base, inside, types)?;
                    None
                }
                (Some(kind @ (FieldType::Counter | FieldType::Attachment)), _) => Some(kind),
                (Some(FieldType::Register), Value::Map(_)) => Some(FieldType::Register),
                (None, Value::Map(_)) if self.strict => Some(FieldType::Register),
                _ => None,
            };
            types.extend(kind.map(|kind| (path_of(&path[base..]), kind)));
            path.pop();
        }
        Ok(())
    }

    /// What was declared at `path`, if `value` can be that.
    fn checked_kind(&self, path: &[String], value: &Value) -> Result<Option<FieldType>, String> {
        let Some(kind) = self.kind(path) else { return Ok(None) };
        let wanted = match (kind, value) {
            (FieldType::Register, _)
            | (FieldType::Map, Value::Map(_))
            | (FieldType::Counter, Value::Int(_) | Value::Uint(_) | Value::Float(_)) => return Ok(Some(kind)),
            (FieldType::Attachment, Value::Map(token)) if document::token_problem(token).is_none() => {
                return Ok(Some(kind));
            }
            (FieldType::Map, _) => "an object",
            (FieldType::Counter, _) => "a number",
            (FieldType::Attachment, _) => "an attachment's token: an object of `id`, `len` and perhaps `metadata`",
        };
        let name = kind.as_str().to_uppercase();
        let found = if matches!(value, Value::Map(_)) { "another object" } else { value.kind_name() };
        let found = if kind == FieldType::Attachment { found } else { value.kind_name() };
        Err(format!("`{}` is declared {name}: it must be {wanted}, not {found}", path_of(path)))
    }
}

/// Steps through objects as a document's path.
pub(crate) fn path_of(steps: &[String]) -> Path {
    Path { segments: steps.iter().cloned().map(PathSegment::Field).collect() }
}
