//! Takes a parsed body apart field by field, and remembers where it is, so that every fault can say its JSON path.
//!
//! Invariants: a field that nobody asked for is a fault; places cost nothing until a fault names one.

use std::fmt;

use document::{CollectionName, DocumentId, Map, Path, Value};

use crate::RequestError;

/// Where in the body we are, from the inside out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'p> {
    /// The body itself.
    Body,
    /// A field of what stands at the outer place.
    Field(&'p Place<'p>, &'p str),
    /// An element, from 0, of the array at the outer place.
    Element(&'p Place<'p>, usize),
}

impl<'p> Place<'p> {
    pub(crate) fn field(&'p self, name: &'p str) -> Place<'p> {
        Place::Field(self, name)
    }

    pub(crate) fn element(&'p self, index: usize) -> Place<'p> {
        Place::Element(self, index)
    }

    pub(crate) fn fault(&self, message: impl fmt::Display) -> RequestError {
        RequestError::at(self, message)
    }

    fn expected(&self, what: &str, found: &Value) -> RequestError {
        self.fault(format_args!("must be {what}, not {}", found.kind_name()))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Body => Ok(()),
            Place::Field(Place::Body, name) => f.write_str(name),
            Place::Field(outer, name) => write!(f, "{outer}.{name}"),
            Place::Element(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

/// An object that is being taken apart.
#[derive(Debug)]
pub(crate) struct Fields<'p> {
    pub(crate) place: &'p Place<'p>,
    fields: Map,
}

impl<'p> Fields<'p> {
    pub(crate) fn of_body(body: &[u8]) -> Result<Fields<'static>, RequestError> {
        Fields::of(&Place::Body, crate::body::read(body)?)
    }

    pub(crate) fn of(place: &'p Place<'p>, value: Value) -> Result<Self, RequestError> {
        Ok(Self { place, fields: object(place, value)? })
    }

    /// The field, `null` included.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name)
    }

    /// The field; `null` counts as not given, as many serialisers write what is absent.
    pub(crate) fn optional(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| *value != Value::Null)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<Value, RequestError> {
        self.fields.remove(name).ok_or_else(|| self.place.fault(format_args!("the field {name:?} is missing")))
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<String, RequestError> {
        let value = self.required(name)?;
        string(&self.place.field(name), value)
    }

    pub(crate) fn optional_string(&mut self, name: &str) -> Result<Option<String>, RequestError> {
        self.optional(name).map(|value| string(&self.place.field(name), value)).transpose()
    }

    pub(crate) fn optional_object(&mut self, name: &str) -> Result<Option<Map>, RequestError> {
        self.optional(name).map(|value| object(&self.place.field(name), value)).transpose()
    }

    pub(crate) fn optional_bool(&mut self, name: &str) -> Result<Option<bool>, RequestError> {
        match self.optional(name) {
            None => Ok(None),
            Some(Value::Bool(given)) => Ok(Some(given)),
            Some(other) => Err(self.place.field(name).expected("true or false", &other)),
        }
    }

    /// A whole number from 0.
    pub(crate) fn optional_size(&mut self, name: &str) -> Result<Option<usize>, RequestError> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        let size = match value {
            Value::Int(given) => usize::try_from(given).ok(),
            Value::Uint(given) => usize::try_from(given).ok(),
            _ => None,
        };
        size.map(Some).ok_or_else(|| self.place.field(name).fault("must be a whole number from 0"))
    }

    pub(crate) fn collection(&mut self, name: &str) -> Result<CollectionName, RequestError> {
        let text = self.string(name)?;
        collection(&self.place.field(name), &text)
    }

    pub(crate) fn optional_collection(&mut self, name: &str) -> Result<Option<CollectionName>, RequestError> {
        self.optional_string(name)?.map(|text| collection(&self.place.field(name), &text)).transpose()
    }

    pub(crate) fn document_id(&mut self, name: &str) -> Result<DocumentId, RequestError> {
        let value = self.required(name)?;
        document_id(&self.place.field(name), &value)
    }

    /// `known` names every field that the object may have; one that is left over is a fault.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), RequestError> {
        match self.fields.iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                Err(self.place.fault(format_args!("unknown field {name:?}; known are {}", known.join(", "))))
            }
        }
    }
}

pub(crate) fn string(place: &Place<'_>, value: Value) -> Result<String, RequestError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(place.expected("a string", &other)),
    }
}

pub(crate) fn object(place: &Place<'_>, value: Value) -> Result<Map, RequestError> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(place.expected("an object", &other)),
    }
}

pub(crate) fn array(place: &Place<'_>, value: Value) -> Result<Vec<Value>, RequestError> {
    match value {
        Value::Array(elements) => Ok(elements),
        other => Err(place.expected("an array", &other)),
    }
}

pub(crate) fn non_empty_array(place: &Place<'_>, value: Value) -> Result<Vec<Value>, RequestError> {
    let elements = array(place, value)?;
    if elements.is_empty() { Err(place.fault("must not be empty")) } else { Ok(elements) }
}

pub(crate) fn document_id(place: &Place<'_>, value: &Value) -> Result<DocumentId, RequestError> {
    DocumentId::from_value(value).map_err(|error| place.fault(error))
}

pub(crate) fn path(place: &Place<'_>, text: &str) -> Result<Path, RequestError> {
    Path::parse(text).map_err(|error| place.fault(error))
}

fn collection(place: &Place<'_>, text: &str) -> Result<CollectionName, RequestError> {
    CollectionName::new(text).map_err(|error| place.fault(error))
}
