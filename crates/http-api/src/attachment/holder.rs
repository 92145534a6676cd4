//! The document by which somebody gets an attachment who may not read every document of the app: one
//! that they see, and that holds its token.
//!
//! Invariant: a document that they do not see answers like one that is not there.

use std::sync::Arc;

use attachments::BlobId;
use credentials::Permission;
use document::{CollectionName, DocumentId};
use store::App;
use wire::{attachment::HolderRequest, query_string};

use crate::{
    access::Caller,
    call::UnreadCall,
    document_access::DocumentAccess,
    failure::Failure,
    reading::{self, Begun},
    state::Shared,
};

/// A document that may hold the attachment which is asked for.
pub(crate) struct Holder {
    collection: CollectionName,
    id: DocumentId,
    is_visible: bool,
}

impl Holder {
    /// What the call names, where it has to name one: `None` where everything is seen.
    pub(crate) fn of(state: &Shared, call: &UnreadCall) -> Result<Option<Self>, Failure> {
        let (caller, app) = (&call.caller, call.app.name().as_str());
        if caller.sees_all(app) {
            return Ok(None);
        }
        if call.query.is_empty() {
            return Err(caller.not_granted(NEEDS_HOLDER.to_owned(), app).into());
        }
        let documents = DocumentAccess::of(caller, app, &state.rights);
        Self::named(&call.query, caller, app, &documents).map(Some)
    }

    /// The one that a query string names.
    pub(crate) fn named(query: &str, caller: &Caller, app: &str, documents: &DocumentAccess) -> Result<Self, Failure> {
        let HolderRequest { collection, id } = HolderRequest::parse(&query_string::body_of(query)?)?;
        caller.demand(Permission::Read, app, collection.as_str())?;
        let is_visible = documents.may_read(&collection, &id);
        Ok(Self { collection, id, is_visible })
    }

    /// Where it is; `None` where the caller does not see it.
    pub(crate) fn visible(self) -> Option<(CollectionName, DocumentId)> {
        self.is_visible.then_some((self.collection, self.id))
    }

    /// Whether it is seen and holds the blob.
    pub(crate) async fn holds(self, state: &Shared, app: &Arc<App>, blob: BlobId) -> Result<bool, Failure> {
        if !self.is_visible {
            return Ok(false);
        }
        reading::read(state, app, move |snapshot, _, _| {
            let mut holds = false;
            if let Some(stored) = snapshot.document(&self.collection, &self.id)? {
                stored.document.for_each_token(&mut |token| holds |= store::blob_of(token) == Some(blob));
            }
            Ok(Begun::Done(holds))
        })
        .await
    }
}

const NEEDS_HOLDER: &str = "read every document: name one that holds the attachment with ?collection=…&documentId=…";
