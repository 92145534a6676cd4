//! The attachments that a write is about to refer to: each is there, is as long as its token says,
//! and stays until the write is done.
//!
//! Looked at here and not where writes are applied: what is applied is decided by the journal alone,
//! and blobs are not in it. A token that an UPDATE makes of a document's fields is one that the
//! document holds, which is seen where it is applied (`query::dql::Update::decide`).

use std::collections::{BTreeMap, HashSet};

use attachments::{AttachmentError, BlobId, Hold};
use credentials::Permission;
use document::{CollectionName, DocumentId, Map, Value};
use query::Budget;
use store::{App, Write};

use crate::{attachment::holder::Holder, call::Call, failure::Failure, limits};

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
        let reach = if call.caller.sees_all(call.app_name()) { None } else { Some(Reach::of(call, write)?) };
        tokio::task::spawn_blocking(move || hold(&app, tokens, reach)).await?
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

/// What somebody may name who does not see every document: else a token would be a way to what is
/// kept from them.
struct Reach {
    /// Whose uploads they may name.
    uploader: String,
    /// Documents that they see; they may name what these hold.
    holders: Vec<(CollectionName, DocumentId)>,
    /// What those hold, once it was looked for.
    held: Option<HashSet<BlobId>>,
}

impl Reach {
    /// The document that `?collection=…&documentId=…` names, and those that are written.
    fn of(call: &Call, write: &Write) -> Result<Self, Failure> {
        let named = match call.query.as_str() {
            "" => None,
            query => Holder::named(query, &call.caller, call.app_name(), &call.documents)?.visible(),
        };
        let written = write.changeset.operations.iter().take(limits::HOLDERS_MAX);
        let written = written.map(|operation| (operation.collection.clone(), operation.id.clone()));
        let seen = written.filter(|(collection, id)| {
            call.demand(Permission::Read, collection).is_ok() && call.documents.may_read(collection, id)
        });
        let holders = named.into_iter().chain(seen).collect();
        Ok(Self { uploader: call.caller.scope(), holders, held: None })
    }

    /// Blocks on disk.
    fn may_name(&mut self, app: &App, blob: &BlobId) -> Result<bool, Failure> {
        if app.blobs().was_uploaded_by(blob, &self.uploader) {
            return Ok(true);
        }
        let held = match &mut self.held {
            Some(held) => held,
            none => none.insert(held_by(app, &self.holders)?),
        };
        Ok(held.contains(blob))
    }
}

fn held_by(app: &App, documents: &[(CollectionName, DocumentId)]) -> Result<HashSet<BlobId>, Failure> {
    let (snapshot, mut held) = (app.snapshot()?, HashSet::new());
    for (collection, id) in documents {
        if let Some(stored) = snapshot.document(collection, id)? {
            stored.document.for_each_token(&mut |token| held.extend(store::blob_of(token)));
        }
    }
    Ok(held)
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
fn hold(app: &App, tokens: BTreeMap<String, u64>, mut reach: Option<Reach>) -> Result<Referred, Failure> {
    let mut holds = Vec::with_capacity(tokens.len());
    for (id, len) in tokens {
        let blob = id.parse::<BlobId>().ok();
        let may_name = match (&mut reach, &blob) {
            (Some(reach), Some(blob)) => reach.may_name(app, blob)?,
            _ => true,
        };
        let found = match blob.filter(|_| may_name) {
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
