//! `/admin/v1/apps/{app}/collections`: which collections an app has, and how large they are.
//!
//! A collection appears when it is first written to, and is no longer shown once all its documents
//! are removed. Their tombstones stay; nobody who asks here is interested in them.

use axum::{extract::State, http::StatusCode, response::Response};
use wire::admin::{CollectionReply, CollectionsReply};

use crate::{
    call::AdminCall,
    failure::Failure,
    reading::{self, Begun},
    reply,
    state::Shared,
};

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.app(call.param("app")).await?;
    let listed = reading::read(&state, &app, |snapshot, work, _| {
        let mut collections = Vec::new();
        for name in snapshot.collections() {
            work.check()?;
            let name = name?;
            let documents = snapshot.documents_in(&name)?;
            if documents > 0 {
                collections.push(CollectionReply { name: name.as_str().to_owned(), documents });
            }
        }
        Ok(Begun::Done(CollectionsReply { collections }))
    });
    Ok(reply::json_of(StatusCode::OK, &listed.await?))
}
