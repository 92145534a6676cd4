//! Statements and queries over a few documents, and what they find.
//!
//! ```text
//! {"kind": "queries", "documents": {"collection": [{…}]}, "cases": [{"call": {…}, "gives": {…}}]}
//! ```
//! All cases of a file ask one peer, which has the documents.

use anyhow::{Context, Result, ensure};

use crate::calls::Listed;
use crate::matching::Names;
use crate::notation::Json;
use crate::peers::Peer;
use crate::script;

/// A peer that has the documents of a file.
///
/// # Errors
/// It does not take them.
pub(crate) fn peer(body: &Json) -> Result<Peer> {
    let peer = Peer::open(body.field("config"))?;
    for (collection, documents) in body.field("documents").map_or(&[][..], Json::fields) {
        for document in documents.elements() {
            let fields =
                [("call", Json::text("upsert")), ("collection", Json::text(collection)), ("value", document.clone())];
            let answer = peer.ask(&Json::Object(fields.map(|(name, value)| (name.to_owned(), value)).into()))?;
            ensure!(answer.field("id").is_some(), "{}: {}", document.to_line(), answer.to_line());
        }
    }
    Ok(peer)
}

/// What a case of the kind `queries` must say.
///
/// # Errors
/// Something else was found.
pub(crate) fn outputs(peer: &Peer, case: &Json) -> Result<Vec<(&'static str, Json)>> {
    let call = case.field("call").context("it has no call")?;
    let answer = peer.ask(call)?;
    Listed::read()?.check(call.text_of("call")?, &answer)?;
    match case.field("gives") {
        None => Ok(vec![("gives", script::without_message(answer))]),
        Some(expected) => {
            Names::default().check(expected, &answer)?;
            Ok(vec![("gives", expected.clone())])
        }
    }
}
