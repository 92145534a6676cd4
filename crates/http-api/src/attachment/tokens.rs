//! The attachments that a write is about to refer to: each is there, is as long as its token says,
//! and stays until the write is done.
//!
//! Looked at here and not where writes are applied: what is applied is decided by the journal alone,
//! and blobs are not in it. Tokens that an UPDATE computes of a document's fields are not looked at.

use std::collections::BTreeMap;

use attachments::{AttachmentError, BlobId, Hold};
use document::{Map, Value};
use query::Budget;
use store::{App, Write};

use crate::{call::Call, failure::Failure, limits};

/// Blobs that are held while a write refers to them.
#[derive(Debug, Default)]
pub(crate) struct Referred(Vec<Hold>);

impl Referred {
    /// What `write` refers to.
    ///
    /// # Errors
    /// One of them is not there, or has another length.
    pub(crate) async fn by(call: &Call, write: &Write) -> Result<Self, Failure> {
        let tokens = tokens(write)?;
        if tokens.is_empty() {
            return Ok(Self::default());
        }
        let app = call.app.clone();
        // Who does not see every document names only what they have uploaded: else a token would be a way
        // to what is kept from them.
        let uploader = (!call.caller.sees_all(call.app_name())).then(|| call.caller.scope());
        tokio::task::spawn_blocking(move || hold(&app, tokens, uploader.as_deref())).await?
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds them until the write is done, however it ends.
    pub(crate) async fn until<T>(self, committed: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let done = committed.await;
        if done.is_ok() {
            self.0.iter().for_each(Hold::is_referred_to);
        }
        done
    }
}

/// The ids of the tokens, each with its length; each once.
fn tokens(write: &Write) -> Result<BTreeMap<String, u64>, Failure> {
    let mut tokens = BTreeMap::new();
    let mut contradicts = None;
    let mut note = |token: &Map| {
        let (Some(Value::String(id)), Some(len)) = (token.field("id"), token.field("len").and_then(length)) else {
            return;
        };
        if tokens.insert(id.clone(), len).is_some_and(|known| known != len) {
            contradicts = Some(id.clone());
        }
    };
    for operation in &write.changeset.operations {
        operation.action.for_each_token(&mut note);
    }
    if let Some(update) = &write.update {
        update.for_each_token(&mut Budget::new(limits::REQUEST_STEPS_MAX), &mut note)?;
    }
    match contradicts {
        Some(id) => Err(Failure::AttachmentLength { id, len: None }),
        None => Ok(tokens),
    }
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::Int(len) => u64::try_from(*len).ok(),
        Value::Uint(len) => Some(*len),
        _ => None,
    }
}

/// Blocks on disk.
fn hold(app: &App, tokens: BTreeMap<String, u64>, uploader: Option<&str>) -> Result<Referred, Failure> {
    let mut holds = Vec::with_capacity(tokens.len());
    for (id, len) in tokens {
        let may_name = |blob: &BlobId| uploader.is_none_or(|uploader| app.blobs().was_uploaded_by(blob, uploader));
        let found = match id.parse::<BlobId>().ok().filter(may_name) {
            Some(blob) => app.blobs().hold(blob).map_err(AttachmentError::Io)?,
            None => None,
        };
        match found {
            None => return Err(Failure::AttachmentMissing { id }),
            Some((_, found)) if found != len => return Err(Failure::AttachmentLength { id, len: Some(found) }),
            Some((hold, _)) => holds.push(hold),
        }
    }
    Ok(Referred(holds))
}
