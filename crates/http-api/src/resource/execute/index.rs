//! CREATE INDEX and DROP INDEX.

use std::iter;

use axum::{http::StatusCode, response::Response};
use operations::IndexError;
use query::dql;
use store::CreateIndexError;
use wire::{
    execute::{QueryType, Warning, begin_execute_reply, end_execute_reply},
    find::Sort,
    index::NewIndex,
};

use super::collection;
use crate::{call::Call, failure::Failure, reply, state::Shared};

/// Waits as long as a request may until it is built. IF NOT EXISTS looks at the name alone. A statement that
/// `may_be_repeated`, since it has a request id, finds the index that it made the first time.
pub(super) async fn create(
    state: &Shared,
    call: &Call,
    new: dql::NewIndex,
    may_be_repeated: bool,
) -> Result<Response, Failure> {
    let dql::NewIndex { name, collection: named, keys, if_not_exists } = new;
    let collection = collection(&named)?;
    if let Some(known) = call.app.index(&collection, &name) {
        let own_keys = known.definition.keys.iter().map(|key| (&key.path, key.descending));
        let is_same = own_keys.eq(keys.iter().map(|(path, descending)| (path, *descending)));
        return if if_not_exists || (may_be_repeated && is_same) {
            Ok(done(call, &[]))
        } else {
            Err(Failure::IndexExists { collection: named, name })
        };
    }
    let keys = keys.into_iter().map(|(property, descending)| Sort { property, descending }).collect();
    let new = NewIndex { name: name.clone(), collection, keys };
    let made = match state.operations.create_index(&call.app, new, state.options.request_timeout).await {
        // Somebody else was faster.
        Err(IndexError::Create(CreateIndexError::NameTaken { .. })) if if_not_exists => return Ok(done(call, &[])),
        Err(IndexError::Create(CreateIndexError::NameTaken { .. })) => {
            return Err(Failure::IndexExists { collection: named, name });
        }
        made => made?,
    };
    let building = format!("the index {name:?} on {named:?} is being built; statements use it once it is ready");
    let warnings = if made.is_ready { Vec::new() } else { vec![Warning::new(building)] };
    Ok(done(call, &warnings))
}

pub(super) async fn drop(state: &Shared, call: &Call, old: dql::OldIndex) -> Result<Response, Failure> {
    let dql::OldIndex { name, collection, if_exists } = old;
    match state.operations.drop_index(&call.app, &collection, &name).await {
        Err(IndexError::NotFound { .. }) if !if_exists => Err(Failure::IndexMissing { collection, name }),
        Ok(()) | Err(IndexError::NotFound { .. }) => Ok(done(call, &[])),
        Err(error) => Err(error.into()),
    }
}

fn done(call: &Call, warnings: &[Warning]) -> Response {
    let mut body = Vec::new();
    begin_execute_reply(call.app.newest_txn().0, QueryType::Mutation, &mut body);
    end_execute_reply(iter::empty(), warnings, &mut body);
    reply::json(StatusCode::OK, body)
}
