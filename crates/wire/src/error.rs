//! What is wrong with a request, and the one shape of every error reply.

use document::{JsonError, write_json_string};

/// Why a request's body is refused. The message says what is wrong and where, as in
/// `commands[1].value: must be an object, not a string`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or JSON that cannot be kept exactly: numbers beyond 64 bits or 1e308, lone
    /// surrogates, too deep, invalid UTF-8.
    #[error("{} cannot be read as JSON: {error}", if place.is_empty() { "the body".to_owned() } else { format!("{place}:") })]
    Json {
        /// The JSON path of what cannot be read; empty for the body itself.
        place: String,
        /// What is wrong.
        error: JsonError,
    },
    /// JSON of another shape than the call takes.
    #[error("{}{message}", if place.is_empty() { String::new() } else { format!("{place}: ") })]
    Shape {
        /// The JSON path of what is wrong, such as `commands[1].value`; empty for the body itself.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// A write to a collection whose name begins with `__`: not a fault of form, but not allowed.
    #[error("{place}: the collection {collection:?} is the system's and cannot be written")]
    SystemCollection {
        /// The JSON path of the name.
        place: String,
        /// The name.
        collection: String,
    },
}

impl RequestError {
    /// A fault at a JSON path.
    pub fn at(place: impl std::fmt::Display, message: impl std::fmt::Display) -> Self {
        Self::Shape { place: place.to_string(), message: message.to_string() }
    }
}

/// Appends `{"message":…}`, the body of every error reply (docs/reference/http-api.md, "Errors").
pub fn write_error(message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"message":"#);
    write_json_string(message, out);
    out.push(b'}');
}

/// Appends `{"message":…,"outcome":"unknown","requestId":…}`: a write of which nobody knows whether
/// it was done. Sent again under that id it is done once (docs/reference/http-api.md, "Errors").
pub fn write_outcome_unknown(message: &str, request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"message":"#);
    write_json_string(message, out);
    out.extend_from_slice(br#","outcome":"unknown","requestId":"#);
    write_json_string(request_id, out);
    out.push(b'}');
}
