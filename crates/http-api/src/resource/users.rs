//! `/admin/v1/apps/{app}/credentials`: the user certificates that open an app's topics.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::{Principal, UserCertificate};
use wire::admin::{NewUser, UserIssuedReply, UserReply, UserRevokedReply, UsersReply};

use crate::{call::AdminCall, denied::Denied, failure::Failure, reply, state::Shared};

/// 201, the certificate, and where its files are. A directory is a path on the server's disk: who
/// administers one app does not choose it.
pub(crate) async fn issue(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.operations.app_named(call.param("app"))?;
    let NewUser { user, directory, live_queries } = NewUser::parse(call.body())?;
    if directory.is_some() && call.holder != Principal::Admin {
        return Err(Denied::DirectoryNamed.into());
    }
    let (certificate, bundle) = state.operations.issue_user(&app, &user, directory, live_queries).await?;
    let issued = UserIssuedReply {
        user: shown(certificate),
        directory: bundle.directory.display().to_string(),
        settings: operations::settings_of(&bundle),
    };
    Ok(reply::json_of(StatusCode::CREATED, &issued))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.operations.app_named(call.param("app"))?;
    let credentials = state.credentials.users(Some(app.as_str())).into_iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &UsersReply { credentials }))
}

/// Revokes every certificate of the user; their connections are cut.
pub(crate) async fn revoke(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = state.operations.app_named(call.param("app"))?;
    let revoked = state.operations.revoke_user(&app, call.param("user")).await?;
    let revoked = revoked.into_iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &UserRevokedReply { revoked }))
}

pub(super) fn shown(certificate: UserCertificate) -> UserReply {
    UserReply {
        user: certificate.user,
        app: certificate.app,
        serial: certificate.serial,
        issued_ms: certificate.issued_ms,
        expires_ms: certificate.expires_ms,
        revoked_ms: certificate.revoked_ms,
        live_queries: certificate.live_queries,
    }
}
