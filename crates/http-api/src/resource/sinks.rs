//! `/admin/v1/apps/{app}/sinks`: where the app's events are delivered to (docs/reference/sinks.md).

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::value::RawValue;
use sinks::SetAsideEvent;
use wire::admin::{
    NewSink, SetAsideChoice, SetAsideDoneReply, SetAsideEventReply, SetAsideQuery, SetAsideReply, SinkChange,
    SinkDeletedReply, SinksReply,
};

use crate::{call::AdminCall, failure::Failure, limits::SET_ASIDE_LISTED_MAX, reply, state::Shared};

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

/// In order, a page at a time.
pub(crate) async fn set_aside(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let SetAsideQuery { after, limit } = SetAsideQuery::parse(&call.query)?;
    let topics = state.topics.app(call.param("app")).await?;
    let limit = limit.unwrap_or(SET_ASIDE_LISTED_MAX).clamp(1, SET_ASIDE_LISTED_MAX);
    let mut events = state.operations.sinks.set_aside(&topics, call.param("name"), after, limit + 1).await?;
    let has_more = events.len() > limit;
    events.truncate(limit);
    let next = events.last().filter(|_| has_more).map(|event| event.id);
    Ok(reply::json_of(StatusCode::OK, &SetAsideReply { events: events.into_iter().map(shown).collect(), next }))
}

/// They are sent once more when the sink runs.
pub(crate) async fn replay(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let SetAsideChoice { ids } = SetAsideChoice::parse(call.body())?;
    let topics = state.topics.app(call.param("app")).await?;
    let events = state.operations.sinks.replay(&topics, call.param("name"), ids).await?;
    Ok(reply::json_of(StatusCode::OK, &SetAsideDoneReply { events }))
}

/// The receiver never gets them.
pub(crate) async fn drop_set_aside(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let SetAsideChoice { ids } = SetAsideChoice::parse(call.body())?;
    let topics = state.topics.app(call.param("app")).await?;
    let events = state.operations.sinks.drop_set_aside(&topics, call.param("name"), ids).await?;
    Ok(reply::json_of(StatusCode::OK, &SetAsideDoneReply { events }))
}

fn shown(event: SetAsideEvent) -> SetAsideEventReply {
    let SetAsideEvent { id, partition, offset, key, op, txn_id, timestamp_ms, set_aside_ms, reason, .. } = event;
    let (is_replayed, event) = (event.is_replayed, RawValue::from_string(event.value).unwrap_or_default());
    SetAsideEventReply {
        id,
        partition,
        offset,
        key,
        op,
        txn_id,
        timestamp_ms,
        set_aside_ms,
        reason,
        is_replayed,
        event,
    }
}
