//! `/admin/v1/apps`: apps, each with its topic and its credentials.

use axum::{extract::State, http::StatusCode, response::Response};
use credentials::Principal;
use operations::DeletedApp;
use store::AppName;
use wire::admin::{AppDeletedReply, AppReply, AppsReply, NewApp};

use crate::{
    call::AdminCall,
    denied::Denied,
    failure::Failure,
    reply,
    state::{self, Shared},
};

/// 201 and the app, which is opened on its first use.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let name = state.operations.create_app(&NewApp::parse(call.body())?.name).await?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(&state, &name)))
}

pub(crate) async fn list(State(state): State<Shared>, _: AdminCall) -> Response {
    let apps = state.data_dir.app_names().iter().map(|app| shown(&state, app)).collect();
    reply::json_of(StatusCode::OK, &AppsReply { apps })
}

/// 200 and what went with the app. Who administers one app cannot delete it.
pub(crate) async fn delete(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    if call.holder != Principal::Admin {
        return Err(Denied::AdminOnly.into());
    }
    let DeletedApp { name, withdrawn, is_finished } = state.operations.delete_app(call.param("app")).await?;
    let deleted = AppDeletedReply {
        deleted: name.as_str().to_owned(),
        certificates_revoked: withdrawn.certificates,
        keys_revoked: withdrawn.keys,
        finished: is_finished,
    };
    Ok(reply::json_of(StatusCode::OK, &deleted))
}

fn shown(state: &state::State, app: &AppName) -> AppReply {
    let topic = app.main_topic();
    AppReply {
        name: app.as_str().to_owned(),
        group: topic.clone(),
        topic,
        endpoint: state.options.kafka_endpoint.clone(),
        txn_id: state.data_dir.newest_txn(app.as_str()).map(|newest| newest.0),
        credentials: state.operations.credentials_directory(app.as_str(), None).display().to_string(),
        damaged: state.data_dir.damage(app.as_str()),
    }
}
