//! `/admin/v1/apps/{app}/sinks`: where the app's events are delivered to (docs/reference/sinks.md).

use axum::{extract::State, http::StatusCode, response::Response};
use wire::admin::{NewSink, SinkChange, SinkDeletedReply, SinksReply};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

/// 201 and the sink, which begins at once.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let made = state.operations.sinks.create(&topics, NewSink::parse(call.body())?).await?;
    Ok(reply::json_of(StatusCode::CREATED, &made))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let sinks = state.operations.sinks.list(&topics);
    Ok(reply::json_of(StatusCode::OK, &SinksReply { sinks }))
}

pub(crate) async fn show(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    Ok(reply::json_of(StatusCode::OK, &state.operations.sinks.show(&topics, call.param("name"))?))
}

/// It goes on from where it is.
pub(crate) async fn change(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let change = SinkChange::parse(call.body())?;
    let changed = state.operations.sinks.change(&topics, call.param("name"), change).await?;
    Ok(reply::json_of(StatusCode::OK, &changed))
}

pub(crate) async fn pause(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    set_paused(&state, &call, true).await
}

/// One that has failed tries again.
pub(crate) async fn resume(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    set_paused(&state, &call, false).await
}

async fn set_paused(state: &Shared, call: &AdminCall, is_paused: bool) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let sink = state.operations.sinks.set_paused(&topics, call.param("name"), is_paused).await?;
    Ok(reply::json_of(StatusCode::OK, &sink))
}

/// What it has delivered stays.
pub(crate) async fn delete(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = state.topics.app(call.param("app")).await?;
    let deleted = call.param("name").to_owned();
    state.operations.sinks.delete(&topics, &deleted).await?;
    Ok(reply::json_of(StatusCode::OK, &SinkDeletedReply { deleted }))
}
