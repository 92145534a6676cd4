//! `/admin/v1/apps`: apps, each with its topic and its credentials.

use axum::{extract::State, http::StatusCode, response::Response};
use store::{App, AppName};
use wire::admin::{AppReply, AppsReply, NewApp};

use crate::{
    api::{self, Shared},
    call::AdminCall,
    failure::Failure,
    reply,
};

/// 201 and the app. Its credentials are made with it; should that fail, the next start of the server makes them.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let name = AppName::for_new(&NewApp::parse(call.body())?.name)?;
    let made = tokio::task::spawn_blocking(move || {
        let app = state.data_dir.create_app(&name)?;
        // Retention waits for them.
        state.topics.app(name.as_str())?;
        let endpoint = &state.options.kafka_endpoint;
        state.credentials.ensure_bundle(name.as_str(), &name.main_topic(), endpoint, state.clock.now_ms())?;
        Ok::<_, Failure>(shown(&state, &app))
    });
    Ok(reply::json_of(StatusCode::CREATED, &made.await??))
}

pub(crate) async fn list(State(state): State<Shared>, _: AdminCall) -> Response {
    let apps = state.data_dir.apps().iter().map(|app| shown(&state, app)).collect();
    reply::json_of(StatusCode::OK, &AppsReply { apps })
}

fn shown(state: &api::State, app: &App) -> AppReply {
    let topic = app.name().main_topic();
    AppReply {
        name: app.name().as_str().to_owned(),
        group: topic.clone(),
        topic,
        endpoint: state.options.kafka_endpoint.clone(),
        txn_id: app.newest_txn().0,
        credentials: state.credentials_directory(app.name().as_str()).display().to_string(),
    }
}
