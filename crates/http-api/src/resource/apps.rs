//! `/admin/v1/apps`: apps, each with its topic and its credentials.

use axum::{extract::State, http::StatusCode, response::Response};
use store::AppName;
use wire::admin::{AppReply, AppsReply, NewApp};

use crate::{
    call::AdminCall,
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
