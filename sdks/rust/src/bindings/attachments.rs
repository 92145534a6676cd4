//! Files of attachments, by messages.

use std::{fs::File, path::Path, thread};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use document::{Map, Value};
use peer_calls::{Answer, CallError, Code, Source};

use super::{Answering, Inner};
use crate::{
    Attachment, AttachmentToken, Error, Store,
    attachments::{
        fetches::{Interest, Told},
        folder::is_id,
    },
    json,
    watch::Target,
};

impl Inner {
    /// Takes a copy of a file, on a thread of its own.
    pub(super) fn new_attachment(&self, source: Source, metadata: Map, answering: Answering) {
        let store = Store::new(self.shared.clone());
        let (first, second) = answering.either();
        let run = move || first.answer(new_attachment(&store, &source, metadata));
        if let Err(error) = thread::Builder::new().name("headwater-attach".to_owned()).spawn(run) {
            second.answer(Err(Error::AttachmentFile { why: error.to_string() }.into()));
        }
    }

    /// Somebody who wants a file. Whoever is told drops it, and then it is not fetched any more.
    pub(super) fn interest(&self, token: &Map, target: Target) -> Result<Interest, CallError> {
        let token = AttachmentToken::from_value(&json::from_value(Value::Map(token.clone())))?;
        if !is_id(&token.id) {
            return Err(Error::AttachmentNotFound { id: token.id }.into());
        }
        Ok(self.shared.attachments.interest(token, target))
    }
}

fn new_attachment(store: &Store, source: &Source, metadata: Map) -> Result<Answer, CallError> {
    let bad = |why: String| CallError::new(Code::InvalidValue, why);
    let texts: Result<Vec<(String, String)>, CallError> = metadata
        .into_fields()
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(bad(format!("{name:?} in the metadata is no string"))),
        })
        .collect();
    let attachment = match source {
        Source::Path(path) => {
            let file = File::open(path).map_err(|error| bad(format!("cannot read {path}: {error}")))?;
            store.new_attachment(file, texts?)?
        }
        Source::Data(data) => {
            let bytes = STANDARD.decode(data).map_err(|error| bad(format!("\"data\" is no base64: {error}")))?;
            store.new_attachment(&bytes[..], texts?)?
        }
    };
    answer(&attachment)
}

fn answer(attachment: &Attachment) -> Result<Answer, CallError> {
    let answer = Answer::new().with("attachment", Value::Map(json::map(attachment.token())?));
    Ok(answer.with("path", path(attachment.path())))
}

/// What is told now, if it is to be told.
pub(super) fn event(told: Told) -> Option<Result<Answer, CallError>> {
    let here = Answer::new().with_number("here", told.here);
    match told.end {
        None => Some(Ok(here)),
        Some(Ok(file)) => Some(Ok(here.with("path", path(&file)))),
        Some(Err(Error::Closed)) => None,
        Some(Err(error)) => Some(Err(error.into())),
    }
}

fn path(path: &Path) -> Value {
    Value::String(path.to_string_lossy().into_owned())
}
