//! `/admin/v1/keys`: API keys.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::{ApiKey, DiskProof};
use wire::admin::{Grant, KeyReply, KeyRevokedReply, KeysReply, NewKey, OpenAgain, Permission};

use crate::{call::AdminCall, failure::Failure, permission_document, reply, state::Shared};

/// 201 and the key with its secret, which is not shown again.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let NewKey { name, grants, permission } = NewKey::parse(call.body())?;
    let new = credentials::NewKey {
        name,
        grants: grants.into_iter().map(stored_grant).collect(),
        permission: permission.map(|it| Arc::new(permission_document::stored(it))),
    };
    let (key, secret) = state.operations.create_key(new).await?;
    Ok(reply::json_of(StatusCode::CREATED, &KeyReply { secret: Some(secret), ..shown(key) }))
}

pub(crate) async fn list(State(state): State<Shared>, _: AdminCall) -> Response {
    let keys = state.credentials.keys().into_iter().map(shown).collect();
    reply::json_of(StatusCode::OK, &KeysReply { keys })
}

pub(crate) async fn revoke(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let revoked = call.param("name").to_owned();
    state.operations.revoke_key(&revoked).await?;
    Ok(reply::json_of(StatusCode::OK, &KeyRevokedReply { revoked }))
}

/// The keys that there are: none. Beside the admin key it takes the proof that the caller has the
/// data directory.
pub(crate) async fn open_again(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let OpenAgain { file, text } = OpenAgain::parse(call.body())?;
    state.operations.open_again(DiskProof { file, text }).await?;
    Ok(reply::json_of(StatusCode::OK, &KeysReply { keys: Vec::new() }))
}

fn shown(key: ApiKey) -> KeyReply {
    let grants = key.grants.into_iter().map(shown_grant).collect();
    let permission = key.permission.as_deref().map(permission_document::shown);
    KeyReply { name: key.name, grants, created_ms: key.created_ms, permission, secret: None }
}

fn shown_grant(grant: credentials::Grant) -> Grant {
    let permissions = grant.permissions.into_iter().map(|permission| match permission {
        credentials::Permission::Read => Permission::Read,
        credentials::Permission::Write => Permission::Write,
        credentials::Permission::Admin => Permission::Admin,
    });
    Grant { app: grant.app, collection: grant.collection, permissions: permissions.collect() }
}

fn stored_grant(grant: Grant) -> credentials::Grant {
    let permissions = grant.permissions.into_iter().map(|permission| match permission {
        Permission::Read => credentials::Permission::Read,
        Permission::Write => credentials::Permission::Write,
        Permission::Admin => credentials::Permission::Admin,
    });
    credentials::Grant { app: grant.app, collection: grant.collection, permissions: permissions.collect() }
}
