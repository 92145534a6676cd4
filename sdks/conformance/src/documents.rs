//! Documents and their stored bytes: what several sites wrote is the same bytes everywhere, and what
//! is no document is refused.
//!
//! Not here: how knowledge of several sites is joined (`merge`).

use anyhow::{Context, Result, bail, ensure};
use document::{Document, Map, Value};

use crate::history;
use crate::notation::{Json, from_hex, hex};

/// What a case of the kind `documents` must say.
///
/// # Errors
/// The case is none, or something does not hold that no field says.
pub(crate) fn outputs(case: &Json) -> Result<Vec<(&'static str, Json)>> {
    if let Some(writes) = case.field("writes") {
        let mut document = Document::new();
        for write in writes.elements() {
            history::apply(&mut document, write)?;
        }
        return shown(&document);
    }
    let bytes = from_hex(case.text_of("bytes")?)?;
    match Document::decode(&bytes) {
        Err(_) => Ok(vec![("refused", Json::Bool(true))]),
        Ok(document) => {
            let mut outputs = vec![("refused", Json::Bool(false)), ("again", Json::text(hex(&encoded(&document))))];
            outputs.extend(shown(&document)?.into_iter().filter(|(name, _)| *name != "bytes"));
            Ok(outputs)
        }
    }
}

/// Its bytes, its JSON, and its JSON with types.
///
/// # Errors
/// Its bytes are not read as it.
pub(crate) fn shown(document: &Document) -> Result<Vec<(&'static str, Json)>> {
    let bytes = encoded(document);
    let read = Document::decode(&bytes).context("its own bytes are refused")?;
    ensure!(read == *document, "its own bytes are another document");
    let value = document.value();
    if Document::decode_value(&bytes)? != value {
        bail!("a look at the bytes finds another value");
    }
    Ok(vec![("bytes", Json::text(hex(&bytes))), ("json", json(value)), ("types", json(document.value_with_types()))])
}

/// The stored form.
pub(crate) fn encoded(document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.encode(&mut bytes);
    bytes
}

/// Canonical JSON, as text; `null` where nothing is to be seen.
fn json(map: Option<Map>) -> Json {
    let Some(map) = map else { return Json::Null };
    let mut text = Vec::new();
    Value::Map(map).write_json(&mut text);
    Json::text(String::from_utf8(text).expect("JSON is UTF-8"))
}
