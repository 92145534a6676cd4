//! The reply of `store/find`, taken apart without reading the documents in it.
//!
//! Invariant: a document's bytes are the server's, so numbers stay as they are.

use std::io;

use serde::Deserialize;
use serde_json::value::RawValue;

/// The reply of `store/find`.
#[derive(Debug, Deserialize)]
pub(crate) struct FindReply<'a> {
    /// In the order that was asked for.
    #[serde(borrow)]
    pub(crate) documents: Vec<FoundDocument<'a>>,
    /// Where to go on, for the field `after` of the next request.
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// A document in it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct FoundDocument<'a> {
    /// Its `_id`.
    #[serde(borrow)]
    pub(crate) id: &'a RawValue,
    /// The fields without `_id`: an object.
    #[serde(borrow)]
    fields: &'a RawValue,
}

impl FoundDocument<'_> {
    /// Appends it as one object, `_id` first, as events have it and as `headwater import` takes it.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        let inside = self.fields.get().strip_prefix('{').unwrap_or("}").trim_start();
        out.extend_from_slice(b"{\"_id\":");
        out.extend_from_slice(self.id.get().as_bytes());
        if !inside.starts_with('}') {
            out.push(b',');
        }
        out.extend_from_slice(inside.as_bytes());
    }
}

/// Writes each document on a line of its own.
pub(crate) fn write_lines(documents: &[FoundDocument<'_>], out: &mut impl io::Write) -> io::Result<()> {
    let mut lines = Vec::new();
    for document in documents {
        document.write_to(&mut lines);
        lines.push(b'\n');
    }
    out.write_all(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documents_id_comes_first_and_its_bytes_stay() {
        let reply =
            r#"{"documents":[{"id":"a","fields":{}},{"id":{"x":1},"fields":{"n":1.0,"s":"\u00fc}"}}],"txnId":7}"#;
        let reply: FindReply<'_> = serde_json::from_str(reply).unwrap();
        let mut out = Vec::new();
        write_lines(&reply.documents, &mut out).unwrap();
        let expected = "{\"_id\":\"a\"}\n{\"_id\":{\"x\":1},\"n\":1.0,\"s\":\"\\u00fc}\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
