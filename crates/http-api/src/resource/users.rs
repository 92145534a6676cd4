//! `/admin/v1/apps/{app}/credentials`: the user certificates that open an app's topics.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::{Bundle, Principal, UserCertificate};
use store::{AppName, AppUnavailable};
use wire::admin::{
    CertificateFile, LiveQuerySettings, NewUser, UserIssuedReply, UserReply, UserRevokedReply, UsersReply,
};

use crate::{
    call::AdminCall,
    denied::Denied,
    failure::Failure,
    reply,
    state::{self, Shared},
};

/// 201, the certificate, and where its files are. A directory is a path on the server's disk: who
/// administers one app does not choose it.
pub(crate) async fn issue(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = find_app(&state, call.param("app"))?;
    let NewUser { user, directory } = NewUser::parse(call.body())?;
    if directory.is_some() && call.holder != Principal::Admin {
        return Err(Denied::DirectoryNamed.into());
    }
    let issued = tokio::task::spawn_blocking(move || {
        let (app, topic) = (app.as_str(), app.main_topic());
        let directory = directory.unwrap_or_else(|| state.credentials_directory(app).join("users").join(&user));
        let endpoint = &state.options.kafka_endpoint;
        state.credentials.issue_user(app, &user, &topic, endpoint, &directory, state.clock.now_ms())
    });
    let (certificate, bundle) = issued.await??;
    let issued = UserIssuedReply {
        user: shown(certificate),
        directory: bundle.directory.display().to_string(),
        settings: settings(&bundle),
    };
    Ok(reply::json_of(StatusCode::CREATED, &issued))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = find_app(&state, call.param("app"))?;
    let credentials = state.credentials.users(Some(app.as_str())).into_iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &UsersReply { credentials }))
}

/// Revokes every certificate of the user; their connections are cut.
pub(crate) async fn revoke(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let app = find_app(&state, call.param("app"))?;
    let user = call.param("user").to_owned();
    let revoked =
        tokio::task::spawn_blocking(move || state.credentials.revoke_user(app.as_str(), &user, state.clock.now_ms()));
    let revoked = revoked.await??.into_iter().map(shown).collect();
    Ok(reply::json_of(StatusCode::OK, &UserRevokedReply { revoked }))
}

/// It need not be open, and may be damaged.
fn find_app(state: &state::State, name: &str) -> Result<AppName, Failure> {
    let known = AppName::new(name).ok().filter(|name| state.data_dir.has_app(name.as_str()));
    known.ok_or_else(|| AppUnavailable::NotFound { app: name.to_owned() }.into())
}

fn shown(certificate: UserCertificate) -> UserReply {
    UserReply {
        user: certificate.user,
        app: certificate.app,
        serial: certificate.serial,
        issued_ms: certificate.issued_ms,
        expires_ms: certificate.expires_ms,
        revoked_ms: certificate.revoked_ms,
    }
}

fn settings(bundle: &Bundle) -> LiveQuerySettings {
    let file = |name: &str, password: &str| CertificateFile {
        path: bundle.directory.join(name).display().to_string(),
        password: password.to_owned(),
    };
    LiveQuerySettings {
        endpoint: bundle.endpoint.clone(),
        group: bundle.topic.clone(),
        topic: bundle.topic.clone(),
        cluster_certificate: file("cluster.p12", &bundle.cluster_password),
        user_certificate: file("user.p12", &bundle.user_password),
    }
}
