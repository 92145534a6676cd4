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

/// 201 and the app, which is opened on its first use. Its credentials are made with it; should that fail, the next start of the server makes them.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let name = AppName::for_new(&NewApp::parse(call.body())?.name)?;
    let made = tokio::task::spawn_blocking(move || {
        state.data_dir.make_app(&name)?;
        let endpoint = &state.options.kafka_endpoint;
        state.credentials.ensure_bundle(name.as_str(), &name.main_topic(), endpoint, state.clock.now_ms())?;
        Ok::<_, Failure>(shown(&state, &name))
    });
    Ok(reply::json_of(StatusCode::CREATED, &made.await??))
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
        credentials: state.credentials_directory(app.as_str()).display().to_string(),
        damaged: state.data_dir.damage(app.as_str()),
    }
}
