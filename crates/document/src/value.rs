//! Plain values: what a reader sees of a document, with numbers kept exactly as written.
//!
//! Invariants: floats are finite; an integer has one representation; an object's names are sorted and unique. So equal
//! values are equal bytes, in JSON and stored.
//! Not here: JSON text (`json`), stored bytes (`stored`).

/// A JSON value whose numbers keep their kind: 64-bit integers stay exact and `1.0` stays a float.
///
/// Equality is of kind and bits: `Int(1)` is not `Float(1.0)`, and `0.0` is not `-0.0`. How queries compare numbers is
/// decided elsewhere.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Map {
    fields: Vec<(String, Value)>,
}

impl Value {
    /// What it is, with its article, for messages: `an integer`, `a string`, `null`.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Map(_) => "an object",
        }
    }

    /// About how much memory it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let inside = match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(elements) => elements.iter().map(Value::memory_bytes).sum(),
            Value::Map(map) => map.memory_bytes(),
        };
        size_of::<Self>() + inside
    }

    /// How deep arrays and objects nest in it: 0 for a scalar, 1 for `{}` and `[1]`.
    pub fn depth(&self) -> usize {
        match self {
            Value::Array(elements) => 1 + elements.iter().map(Value::depth).max().unwrap_or(0),
            Value::Map(map) => map.depth(),
            _ => 0,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Uint(a), Value::Uint(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

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
        let at = self.position(name).ok()?;
        Some(&self.fields[at].1)
    }

    /// Sets the field `name`; returns what stood there. Many at once: [`Map::from_fields`], this one moves what lies
    /// behind.
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.position(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.fields[at].1, value)),
            Err(at) => {
                self.fields.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes the field `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.position(name).ok()?;
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

    /// About how much memory its fields take, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.iter().map(|(name, value)| size_of::<String>() + name.len() + value.memory_bytes()).sum()
    }

    /// How deep arrays and objects nest in it, itself included: 1 for `{}`.
    pub fn depth(&self) -> usize {
        1 + self.fields.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
    }

    /// The value of the field `name`, `null` if there was none; for edits in place.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Value {
        let at = self.position(name).unwrap_or_else(|at| {
            self.fields.insert(at, (name.to_owned(), Value::Null));
            at
        });
        &mut self.fields[at].1
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.fields.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_fields_with_one_name_the_later_stays() {
        let map = Map::from_fields(vec![
            ("b".into(), Value::Int(1)),
            ("a".into(), Value::Int(2)),
            ("b".into(), Value::Int(3)),
        ]);
        assert_eq!(map.into_fields(), [("a".to_owned(), Value::Int(2)), ("b".to_owned(), Value::Int(3))]);
    }

    #[test]
    fn numbers_of_different_kinds_are_different_values() {
        assert_ne!(Value::Int(1), Value::Float(1.0));
        assert_ne!(Value::Float(0.0), Value::Float(-0.0));
    }
}
