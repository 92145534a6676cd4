//! The server's side of one connection, as a transcript has it.
//!
//! ```text
//! {"gets": message}    the next message of the peer; another `applied` before it is passed over
//! {"sends": message}   to the peer
//! {"sends_bytes": hex} a frame as it is
//! {"cuts": true}       the connection ends
//! ```
//! Messages are CBOR as JSON. `pushes` are taken apart into `push`; a delta that the peer pushes is
//! shown as `{"$delta": its JSON with types}`; `{"$writes": […]}` stands for the bytes of a document
//! that these writes made, and `{"$now": ms}` for the time, so far ahead.
//!
//! Not here: sockets (`server`), the peer (`direct`, `script`).

use std::collections::VecDeque;

use anyhow::{Context, Result, bail, ensure};
use document::{Document, Value};

use crate::matching::Names;
use crate::notation::{Json, from_hex, hex};
use crate::{cbor, documents, frames, history};

/// What is to be done.
pub(crate) enum Act {
    Send(Vec<u8>),
    Cut,
}

/// One connection's dialogue.
pub(crate) struct Dialogue {
    steps: VecDeque<Json>,
    names: Names,
}

/// The number of `applied`, which comes whenever something was stored.
const APPLIED: u64 = 7;
const PUSH: u64 = 8;
const BYE: u64 = 13;
const PUSHES: u64 = 17;

impl Dialogue {
    /// `names`: what the connection before knew.
    pub(crate) fn new(steps: &[Json], names: Names) -> Self {
        Self { steps: steps.iter().cloned().collect(), names }
    }

    /// What the server does before it waits for the peer again.
    ///
    /// # Errors
    /// The transcript is none.
    pub(crate) fn acts(&mut self, now_ms: u64) -> Result<Vec<Act>> {
        let mut acts = Vec::new();
        while let Some(step) = self.steps.front() {
            if let Some(message) = step.field("sends") {
                let message = self.names.fill(message)?;
                acts.push(Act::Send(frames::of_message(&made(&message, now_ms)?)?));
            } else if let Some(bytes) = step.field("sends_bytes") {
                acts.push(Act::Send(from_hex(bytes.as_text().context("bytes are hex")?)?));
            } else if step.field("cuts").is_some() {
                acts.push(Act::Cut);
            } else {
                break;
            }
            self.steps.pop_front();
        }
        Ok(acts)
    }

    /// A frame of the peer.
    ///
    /// # Errors
    /// The transcript expects another one.
    pub(crate) fn got(&mut self, frame: &[u8]) -> Result<()> {
        let (codec, message) = frame.split_first().context("an empty frame")?;
        ensure!(*codec == 0, "a frame of the codec {codec}, which was not offered");
        messages(cbor::read(message)?)?.into_iter().try_for_each(|message| self.got_message(&message))
    }

    fn got_message(&mut self, message: &Json) -> Result<()> {
        let expected = self.steps.front().and_then(|step| step.field("gets")).cloned();
        let may_be_passed_over = number_of(message) == Some(APPLIED) || is_stopped(message);
        let mut names = self.names.clone();
        match expected.map(|it| (names.check(&it, message), it)) {
            Some((Ok(()), _)) => {
                self.names = names;
                self.steps.pop_front();
                Ok(())
            }
            _ if may_be_passed_over => Ok(()),
            Some((Err(error), expected)) => Err(error.context(format!("expected {}", expected.to_line()))),
            None => bail!("the peer says {}, and nothing was expected", message.to_line()),
        }
    }

    /// What it knows, for the next connection; what was still to come is a fault.
    ///
    /// # Errors
    /// Something was.
    pub(crate) fn end(self) -> Result<Names> {
        match self.steps.front() {
            Some(step) => bail!("the connection ends before {}", step.to_line()),
            None => Ok(self.names),
        }
    }

    /// Whether nothing is to come.
    pub(crate) fn is_over(&self) -> bool {
        self.steps.is_empty()
    }
}

/// What a peer says when it is closed, if there is time.
fn is_stopped(message: &Json) -> bool {
    number_of(message) == Some(BYE) && message.elements().get(1).and_then(Json::as_text) == Some("stopped")
}

fn number_of(message: &Json) -> Option<u64> {
    message.elements().first()?.as_u64()
}

/// As the transcript has them.
fn messages(message: Json) -> Result<Vec<Json>> {
    match number_of(&message) {
        Some(PUSH) => Ok(vec![push(message.elements())?]),
        Some(PUSHES) => {
            let pushes = message.elements().get(1).map_or(&[][..], Json::elements);
            let number = Json::Number(PUSH.into());
            pushes.iter().map(|it| push(&[std::slice::from_ref(&number), it.elements()].concat())).collect()
        }
        _ => Ok(vec![message]),
    }
}

/// Its deltas as JSON.
fn push(fields: &[Json]) -> Result<Json> {
    let mut fields = fields.to_vec();
    let operations = fields.get_mut(2).context("a push has operations")?;
    let shown = |operation: &Json| {
        let mut parts = operation.elements().to_vec();
        let bytes = parts.get_mut(4).context("an operation has a delta")?;
        let document = Document::decode(&from_hex(bytes.text_of("$bytes")?)?)?;
        let value = document.value_with_types().map_or(Value::Null, Value::Map);
        let mut json = Vec::new();
        value.write_json(&mut json);
        *bytes = Json::Object(vec![("$delta".to_owned(), Json::parse(std::str::from_utf8(&json)?)?)]);
        Ok(Json::List(parts))
    };
    *operations = Json::List(operations.elements().iter().map(shown).collect::<Result<_>>()?);
    Ok(Json::List(fields))
}

/// With bytes in the place of what stands for them, and the time.
fn made(json: &Json, now_ms: u64) -> Result<Json> {
    Ok(match json {
        Json::Object(fields) if fields.len() == 1 && fields[0].0 == "$writes" => {
            let mut document = Document::new();
            fields[0].1.elements().iter().try_for_each(|write| history::apply(&mut document, write))?;
            Json::Object(vec![("$bytes".to_owned(), Json::text(hex(&documents::encoded(&document))))])
        }
        Json::Object(fields) if fields.len() == 1 && fields[0].0 == "$now" => {
            let Json::Number(ahead) = &fields[0].1 else { bail!("`$now` has how far it is ahead") };
            Json::Number(now_ms.saturating_add_signed(ahead.as_i64().unwrap_or(0)).into())
        }
        Json::List(elements) => Json::List(elements.iter().map(|it| made(it, now_ms)).collect::<Result<_>>()?),
        other => other.clone(),
    })
}
