//! The attachments that pushes refer to: each stays until the push is applied, and who does not see every
//! document names only what they have uploaded, or what the document that they write holds already.
//!
//! Whether there is a file of that id is not asked: a peer uploads before it pushes, and what it wrote long
//! ago, and is told again, may name one that is gone.
//! Not here: the same over HTTP, where it is asked (`http-api`).

use std::sync::Arc;

use ::attachments::{BlobId, Hold};
use document::{CollectionName, Document, DocumentId};
use store::{App, blob_of};

use crate::access::Caller;

/// A token in a push.
#[derive(Debug)]
pub(crate) struct Named {
    /// Of which operation.
    pub(crate) operation: usize,
    collection: CollectionName,
    id: DocumentId,
    blob: BlobId,
}

/// The tokens of what is written.
pub(crate) fn named_in(operation: usize, collection: &CollectionName, id: &DocumentId, delta: &Document) -> Vec<Named> {
    let mut named = Vec::new();
    delta.for_each_token(&mut |token| {
        if let Some(blob) = blob_of(token) {
            named.push(Named { operation, collection: collection.clone(), id: id.clone(), blob });
        }
    });
    named
}

/// Holds what is named; or which operations name what they may not.
pub(crate) async fn refer(app: &Arc<App>, caller: &Caller, named: Vec<Named>) -> Result<Vec<Hold>, Vec<usize>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let (app, caller) = (app.clone(), caller.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let name = app.name().as_str();
        let uploader = (!caller.sees_all(name)).then(|| caller.subject());
        let may_name = |it: &Named| {
            uploader.as_ref().is_none_or(|uploader| {
                app.blobs().was_uploaded_by(&it.blob, uploader)
                    || (caller.may_read(name, &it.collection, &it.id) && holds(&app, it))
            })
        };
        let mut refused: Vec<usize> = named.iter().filter(|it| !may_name(it)).map(|it| it.operation).collect();
        refused.dedup();
        if !refused.is_empty() {
            return Err(refused);
        }
        Ok(named.into_iter().filter_map(|it| Some(app.blobs().hold(it.blob).ok()??.0)).collect())
    });
    // Only a panic ends it otherwise, and then nothing is held.
    looked.await.unwrap_or_else(|_| Ok(Vec::new()))
}

/// Whether the document holds it now. Blocks on disk.
fn holds(app: &App, it: &Named) -> bool {
    let Ok(snapshot) = app.snapshot() else { return false };
    let mut holds = false;
    if let Ok(Some(stored)) = snapshot.document(&it.collection, &it.id) {
        stored.document.for_each_token(&mut |token| holds |= blob_of(token) == Some(it.blob));
    }
    holds
}
