//! `/admin/v1/authority` and `/admin/v1/server-certificate`: what the server's and users'
//! certificates are signed by, and replacing it.

use axum::{extract::State, http::StatusCode, response::Response};
use operations::AuthorityState;
use wire::admin::{
    AuthorityReply, BeginRotation, FinishRotation, FormerCertificateReply, RenewCredentials, RenewedReply,
    RotationFinishedReply, RotationReply,
};

use super::users;
use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

pub(crate) async fn show(State(state): State<Shared>, _: AdminCall) -> Response {
    reply::json_of(StatusCode::OK, &shown(state.operations.authority()))
}

/// 201: a new server certificate, which the next handshake gets.
pub(crate) async fn renew_server(State(state): State<Shared>, _: AdminCall) -> Result<Response, Failure> {
    let authority = state.operations.renew_server_certificate().await?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(authority)))
}

/// 201: from here on two authorities are trusted.
pub(crate) async fn begin(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let BeginRotation { files } = BeginRotation::parse(call.body())?;
    let authority = state.operations.begin_rotation(files).await?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(authority)))
}

pub(crate) async fn finish(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let FinishRotation { force } = FinishRotation::parse(call.body())?;
    let revoked = state.operations.finish_rotation(force).await?;
    let revoked = revoked.into_iter().map(users::shown).collect();
    Ok(reply::json_of(StatusCode::OK, &RotationFinishedReply { revoked }))
}

/// New certificates for the users of an app whose files the server has.
pub(crate) async fn renew_users(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.operations.app_named(call.param("app"))?;
    let RenewCredentials { only_former } = RenewCredentials::parse(call.body())?;
    let renewed = state.operations.renew_users(&app, only_former).await?;
    let (renewed, elsewhere) = (renewed.renewed.into_iter().map(users::shown).collect(), renewed.elsewhere);
    Ok(reply::json_of(StatusCode::CREATED, &RenewedReply { renewed, elsewhere }))
}

fn shown(state: AuthorityState) -> AuthorityReply {
    let rotation = state.rotation.map(|rotation| RotationReply {
        began_ms: rotation.began_ms,
        next_subject: rotation.next_subject,
        next_ends_ms: rotation.next_ends_ms,
        former: rotation.former.into_iter().map(former).collect(),
    });
    AuthorityReply {
        subject: state.subject,
        ends_ms: state.ends_ms,
        server_serial: state.server_serial,
        server_ends_ms: state.server_ends_ms,
        https_file_ends_ms: state.https_file_ends_ms,
        rotation,
    }
}

fn former(former: credentials::FormerCertificate) -> FormerCertificateReply {
    FormerCertificateReply {
        user: users::shown(former.certificate),
        connections: former.seen.connections,
        last_seen_ms: former.seen.last_ms,
        needed: former.is_needed,
    }
}
