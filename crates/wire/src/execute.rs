//! `POST store/execute`: a DQL statement, and the envelope that every answer comes in
//! (docs/reference/dql.md, "Replies").
//!
//! Not here: parsing statements (`query`), running them (`http-api`).

use document::{DocumentId, Map, write_json_string};

use crate::{RequestError, shape::Fields};

/// Warnings that a reply shows; it says how many there are.
pub const WARNINGS_SHOWN_MAX: usize = 10;

/// The body of `store/execute`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecuteRequest {
    /// In DQL; not parsed yet.
    pub statement: String,
    /// What stands for `:name` in it.
    pub args: Map,
}

impl ExecuteRequest {
    /// Reads a body. Two statements are a fault: one of them would be left out silently.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut fields = Fields::of_body(body)?;
        if let Some(name) = crate::body::name_given_twice(body) {
            return Err(RequestError::at(name, "is given twice"));
        }
        let statement = fields.string("statement")?;
        let args = fields.optional_object("args")?.unwrap_or_default();
        fields.finish(&["statement", "args"])?;
        Ok(Self { statement, args })
    }
}

/// What a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryType {
    /// It reads.
    Select,
    /// It writes.
    Mutation,
    /// It was not understood.
    Unknown,
}

impl QueryType {
    fn as_str(self) -> &'static str {
        match self {
            QueryType::Select => "select",
            QueryType::Mutation => "mutation",
            QueryType::Unknown => "unknown",
        }
    }
}

/// Something that the sender should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// Of which document, if of one.
    pub id: Option<DocumentId>,
    /// What it is.
    pub description: String,
}

impl Warning {
    /// One of no document.
    pub fn new(description: impl Into<String>) -> Self {
        Self { id: None, description: description.into() }
    }
}

/// Appends the reply up to its items: they follow, a comma between two, then
/// [`end_execute_reply`].
pub fn begin_execute_reply(txn_id: u64, query_type: QueryType, out: &mut Vec<u8>) {
    let query_type = query_type.as_str();
    out.extend_from_slice(format!(r#"{{"transactionId":{txn_id},"queryType":"{query_type}","items":["#).as_bytes());
}

/// Appends what follows the items.
pub fn end_execute_reply<'i>(mutated: impl Iterator<Item = &'i DocumentId>, warnings: &[Warning], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"],"mutatedDocumentIds":["#);
    for (index, id) in mutated.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(id.as_json().as_bytes());
    }
    out.extend_from_slice(br#"],"error":{},"warnings":["#);
    for (index, warning) in warnings.iter().take(WARNINGS_SHOWN_MAX).enumerate() {
        out.extend_from_slice(if index > 0 { b",{" } else { b"{" });
        if let Some(id) = &warning.id {
            out.extend_from_slice(format!(r#""_id":{},"#, id.as_json()).as_bytes());
        }
        out.extend_from_slice(br#""description":"#);
        write_json_string(&warning.description, out);
        out.push(b'}');
    }
    out.extend_from_slice(format!(r#"],"totalWarningsCount":{}}}"#, warnings.len()).as_bytes());
}

/// Appends the reply to what failed. `unknown`: the request's id, where nobody knows whether it was
/// done.
pub fn write_execute_error(query_type: QueryType, description: &str, unknown: Option<&str>, out: &mut Vec<u8>) {
    let query_type = query_type.as_str();
    out.extend_from_slice(
        format!(r#"{{"queryType":"{query_type}","items":[],"mutatedDocumentIds":[],"error":{{"description":"#)
            .as_bytes(),
    );
    write_json_string(description, out);
    if let Some(id) = unknown {
        out.extend_from_slice(br#","outcome":"unknown","requestId":"#);
        write_json_string(id, out);
    }
    out.extend_from_slice(br#"},"warnings":[],"totalWarningsCount":0}"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn requests() {
        let parse = |body: &str| ExecuteRequest::parse(body.as_bytes()).map_err(|error| error.to_string());
        let bare = ExecuteRequest { statement: "SELECT 1".into(), args: Map::new() };
        assert_eq!(parse(r#"{"statement":"SELECT 1"}"#), Ok(bare.clone()));
        assert_eq!(parse(r#"{"statement":"SELECT 1","args":null}"#), Ok(bare));
        for (body, told) in [
            ("{}", r#"the field "statement" is missing"#),
            (r#"{"statement":1}"#, "statement: must be a string, not an integer"),
            (r#"{"statement":"","args":[]}"#, "args: must be an object, not an array"),
            (r#"{"statement":"a","args":{},"statement":"b"}"#, "statement: is given twice"),
            (r#"{"statement":"a","args":{"x":1},"args":{}}"#, "args: is given twice"),
            (r#"{"statement":"","limit":1}"#, r#"unknown field "limit"; known are statement, args"#),
        ] {
            assert_eq!(parse(body), Err(told.to_owned()), "{body}");
        }
    }

    #[test]
    fn replies() {
        let ids = [DocumentId::from_json("\"a\"").unwrap(), DocumentId::from_json("2").unwrap()];
        let warnings: Vec<_> =
            (0..11).map(|n| Warning { id: Some(ids[1].clone()), description: n.to_string() }).collect();
        let reply = text(|out| {
            begin_execute_reply(7, QueryType::Mutation, out);
            out.extend_from_slice(br#"{"a":1},{}"#);
            end_execute_reply(ids.iter(), &warnings[..1], out);
        });
        let expected = r#"{"transactionId":7,"queryType":"mutation","items":[{"a":1},{}],"mutatedDocumentIds":["a",2],"error":{},"warnings":[{"_id":2,"description":"0"}],"totalWarningsCount":1}"#;
        assert_eq!(reply, expected);
        let many = text(|out| end_execute_reply(ids[..0].iter(), &warnings, out));
        assert!(many.ends_with(r#"{"_id":2,"description":"9"}],"totalWarningsCount":11}"#), "{many}");
    }

    #[test]
    fn failures() {
        let failed = text(|out| write_execute_error(QueryType::Select, "no \"x\"", None, out));
        let expected = r#"{"queryType":"select","items":[],"mutatedDocumentIds":[],"error":{"description":"no \"x\""},"warnings":[],"totalWarningsCount":0}"#;
        assert_eq!(failed, expected);
        let unknown = text(|out| write_execute_error(QueryType::Mutation, "x", Some("r1"), out));
        assert!(unknown.contains(r#""error":{"description":"x","outcome":"unknown","requestId":"r1"},"#), "{unknown}");
    }
}
