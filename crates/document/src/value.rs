//! Plain values: what a reader sees of a document, with numbers kept exactly as written.

/// A JSON value whose numbers keep their kind: 64-bit integers stay exact and `1.0` stays a float.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits in 64 signed bits.
    Int(i64),
    /// An integer above `i64::MAX`; never holds a value that fits in [`Value::Int`].
    Uint(u64),
    /// A finite float.
    Float(f64),
    /// Text.
    String(String),
    /// An array; one register as a whole.
    Array(Vec<Value>),
    /// An object.
    Map(Map),
}

/// An object's fields, sorted by the UTF-8 bytes of their names, each name once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    fields: Vec<(String, Value)>,
}

impl Map {
    /// An object without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sorts `fields` by name; of two with one name the later stays.
    pub fn from_fields(mut fields: Vec<(String, Value)>) -> Self {
        if !fields.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            fields.reverse();
            fields.sort_by(|a, b| a.0.cmp(&b.0)); // stable: the later of two equal names comes first
            fields.dedup_by(|later, kept| later.0 == kept.0);
        }
        Self { fields }
    }

    /// The value of the field `name`.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let at = self.fields.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        Some(&self.fields[at].1)
    }

    /// Sets the field `name`; returns what stood there.
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.fields.binary_search_by(|(n, _)| n.as_str().cmp(&name)) {
            Ok(at) => Some(std::mem::replace(&mut self.fields[at].1, value)),
            Err(at) => {
                self.fields.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes the field `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()?;
        Some(self.fields.remove(at).1)
    }

    /// The fields in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields themselves, sorted by name.
    pub fn into_fields(self) -> Vec<(String, Value)> {
        self.fields
    }
}

/// Why bytes are not a value: malformed JSON, a number beyond 64 bits or 1e308, a lone surrogate, too deep.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct JsonError {
    /// What is wrong, in lower case.
    pub message: String,
    /// Where, from 1.
    pub line: usize,
    /// Where, from 1, in bytes of the line.
    pub column: usize,
}

impl Value {
    /// Appends canonical JSON: object fields sorted by UTF-8 bytes, no spaces, floats shortest with `.0` kept, `/` and
    /// non-ASCII not escaped. Equal values are equal bytes (CONTRACT "Field order").
    pub fn write_json(&self, _out: &mut Vec<u8>) {
        todo!()
    }
}

impl Map {
    /// As [`Value::write_json`].
    pub fn write_json(&self, _out: &mut Vec<u8>) {
        todo!()
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_json_string(_text: &str, _out: &mut Vec<u8>) {
    todo!()
}

/// A place inside a document: `a.b`, `a['b-c']`, `a[0]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// At least one; the first is always a field.
    pub segments: Vec<PathSegment>,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathSegment {
    /// A field of an object.
    Field(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// Why text is no path.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} at column {column} of the path")]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// Where, from 1, in characters.
    pub column: usize,
}

impl Path {
    /// Reads `a.b`, `a['b-c']`, `a["b"]`, `a[0]`.
    pub fn parse(_text: &str) -> Result<Self, PathError> {
        todo!()
    }

    /// What stands there in `map`; `None` where nothing does.
    pub fn lookup<'a>(&self, _map: &'a Map) -> Option<&'a Value> {
        todo!()
    }
}
