//! Messages in their bytes: JSON and CBOR in, the same out, and what is no message.
//!
//! ```text
//! {"json": text, "cbor": hex, "gives_json": text, "gives_cbor": hex}
//! {"cbor": hex, "gives_cbor": hex}                    what only CBOR can say
//! {"json": text, "refused": code}   {"cbor": hex, "refused": code}
//! ```

use anyhow::{Context, Result, ensure};

use crate::cbor;
use crate::matching::Names;
use crate::notation::{Json, from_hex, hex};
use crate::peers::{Peer, text};

/// What a case of the kind `messages` must say.
///
/// # Errors
/// The case is none, or the two formats say different things.
pub(crate) fn outputs(peer: &Peer, case: &Json) -> Result<Vec<(&'static str, Json)>> {
    let Some(json) = case.field("json") else {
        let answer = peer.call(&from_hex(case.text_of("cbor")?)?);
        // What is no map of CBOR is taken for JSON, and answered so.
        let says = if answer.starts_with(b"{") { Json::parse(&text(&answer))? } else { cbor::read(&answer)? };
        return Ok(match refused(&says)? {
            Some(code) => vec![("refused", code)],
            None => vec![("gives_cbor", Json::text(hex(&answer)))],
        });
    };
    let json = json.as_text().context("JSON is a text")?;
    let answer = text(&peer.call(json.as_bytes()));
    if let Some(code) = refused(&Json::parse(&answer)?)? {
        return Ok(vec![("refused", code)]);
    }
    let mut request = Vec::new();
    cbor::write(&Json::parse(json)?, &mut request)?;
    let same = peer.call(&request);
    let says = cbor::read(&same).with_context(|| format!("the answer {}", hex(&same)))?;
    Names::default().check(&Json::parse(&answer)?, &says).context("CBOR says something else")?;
    Ok(vec![
        ("cbor", Json::text(hex(&request))),
        ("gives_json", Json::text(answer)),
        ("gives_cbor", Json::text(hex(&same))),
    ])
}

/// The code of an error.
fn refused(answer: &Json) -> Result<Option<Json>> {
    let Some(error) = answer.field("error") else { return Ok(None) };
    ensure!(!error.text_of("message")?.is_empty(), "an error without a message");
    Ok(Some(Json::text(error.text_of("code")?)))
}
