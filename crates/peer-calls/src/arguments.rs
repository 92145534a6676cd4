//! The fields of a message, taken out one by one.
//!
//! Invariant: a field that nobody took is refused at the end.

use document::{CollectionName, DocumentId, Map, Path, Value};

use crate::{CallError, Code};

/// What is left of a message.
pub(crate) struct Arguments {
    fields: Map,
    /// What it is of, for people.
    of: String,
}

impl Arguments {
    pub(crate) fn new(fields: Map, of: &str) -> Self {
        Self { fields, of: of.to_owned() }
    }

    /// Its name for people.
    pub(crate) fn set_of(&mut self, of: &str) {
        of.clone_into(&mut self.of);
    }

    /// Nothing is left.
    pub(crate) fn end(self) -> Result<(), CallError> {
        match self.fields.iter().next() {
            Some((name, _)) => Err(CallError::new(Code::Unsupported, format!("{} does not take {name:?}", self.of))),
            None => Ok(()),
        }
    }

    /// A value that may be missing.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    fn wrong(&self, name: &str, expected: &str, found: &Value) -> CallError {
        CallError::invalid(format!("{name:?} of {} is {expected}, not {}", self.of, found.kind_name()))
    }

    fn missing(&self, name: &str) -> CallError {
        CallError::invalid(format!("{} needs {name:?}", self.of))
    }

    pub(crate) fn value(&mut self, name: &str) -> Result<Value, CallError> {
        self.take(name).ok_or_else(|| self.missing(name))
    }

    pub(crate) fn text_if_given(&mut self, name: &str) -> Result<Option<String>, CallError> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, "a string", &other)),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<String, CallError> {
        self.text_if_given(name)?.ok_or_else(|| self.missing(name))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, CallError> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(it)) => Ok(it),
            Some(other) => Err(self.wrong(name, "true or false", &other)),
        }
    }

    pub(crate) fn number_if_given(&mut self, name: &str) -> Result<Option<u64>, CallError> {
        let found = match self.take(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(found) => found,
        };
        let number = match found {
            Value::Int(number) => u64::try_from(number).ok(),
            Value::Uint(number) => Some(number),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(name, "an integer that is not negative", &found))
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<u64, CallError> {
        self.number_if_given(name)?.ok_or_else(|| self.missing(name))
    }

    /// As large as the machine can count, if it is larger.
    pub(crate) fn count_if_given(&mut self, name: &str) -> Result<Option<usize>, CallError> {
        Ok(self.number_if_given(name)?.map(|it| usize::try_from(it).unwrap_or(usize::MAX)))
    }

    /// An object; an empty one if it is missing.
    pub(crate) fn object(&mut self, name: &str) -> Result<Map, CallError> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Map(map)) => Ok(map),
            Some(other) => Err(self.wrong(name, "an object", &other)),
        }
    }

    /// An array; an empty one if it is missing.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Value>, CallError> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(elements)) => Ok(elements),
            Some(other) => Err(self.wrong(name, "an array", &other)),
        }
    }

    /// An array of strings.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, CallError> {
        let each = |element| match element {
            Value::String(text) => Ok(text),
            other => Err(CallError::invalid(format!("{name:?} has strings, not {}", other.kind_name()))),
        };
        self.list(name)?.into_iter().map(each).collect()
    }

    /// An array of objects, each as arguments of its own.
    pub(crate) fn objects(&mut self, name: &str) -> Result<Vec<Arguments>, CallError> {
        let each = |element| match element {
            Value::Map(map) => Ok(Arguments::new(map, &format!("an element of {name:?}"))),
            other => Err(CallError::invalid(format!("{name:?} has objects, not {}", other.kind_name()))),
        };
        self.list(name)?.into_iter().map(each).collect()
    }

    pub(crate) fn collection(&mut self) -> Result<CollectionName, CallError> {
        Ok(CollectionName::new(&self.text("collection")?)?)
    }

    pub(crate) fn id_if_given(&mut self) -> Result<Option<DocumentId>, CallError> {
        Ok(self.take("id").map(|id| DocumentId::from_value(&id)).transpose()?)
    }

    pub(crate) fn path(&mut self) -> Result<Path, CallError> {
        Ok(Path::parse(&self.text("path")?)?)
    }
}
