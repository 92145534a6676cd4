//! The state of a document as an event says it, and as the documents have it: short, and the same where
//! they are the same.
//!
//! ```text
//! 0          gone
//! 2 | u32    there, with the CRC-32C of its JSON
//! ```

use document::Document;
use rules::split_document_key;
use wire::event::Change;

const GONE: &[u8] = &[0];
const THERE: u8 = 2;

/// What an event says of the document that it leaves; `None` if it does not say.
pub(crate) fn said_by(change: &Change<'_>) -> Option<Box<[u8]>> {
    match change {
        Change::Upsert { new, .. } => Some(there(new.as_bytes())),
        Change::Remove { .. } => Some(GONE.into()),
        Change::Requery => None,
    }
}

/// The same of a document that is there, or of a tombstone.
pub(crate) fn left_by(key: &[u8], document: &Document) -> Box<[u8]> {
    if !document.exists() {
        return GONE.into();
    }
    let mut json = Vec::new();
    let id = split_document_key(key).map_or("", |(_, id)| id);
    document.write_json(id, &mut json);
    there(&json)
}

fn there(json: &[u8]) -> Box<[u8]> {
    let mut out = vec![THERE];
    out.extend_from_slice(&crc32c::crc32c(json).to_le_bytes());
    out.into()
}
