//! `/admin/v1/apps/{app}/live-queries`: what the app's topics carry
//! (docs/reference/live-queries.md).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use topics::{AppTopics, LiveQuery};
use wire::admin::{
    LiveQueriesReply, LiveQueryChange, LiveQueryDeletedReply, LiveQueryPermission, LiveQueryReply, NewLiveQuery,
};

use crate::{
    call::AdminCall,
    failure::Failure,
    reply,
    state::{self, Shared},
};

/// 201 and the live query; its topic has its history at once.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let live_query = state.operations.create_live_query(&topics, NewLiveQuery::parse(call.body())?).await?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(&state, &topics, &live_query)))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let live_queries = topics.live_queries().iter().map(|query| shown(&state, &topics, query)).collect();
    Ok(reply::json_of(StatusCode::OK, &LiveQueriesReply { live_queries }))
}

pub(crate) async fn show(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let live_query = state.operations.live_query(&topics, call.param("name"))?;
    Ok(reply::json_of(StatusCode::OK, &shown(&state, &topics, &live_query)))
}

/// Sets what a gap gets, of the main feed too, and how it is compressed.
pub(crate) async fn change(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let change = LiveQueryChange::parse(call.body())?;
    let live_query = state.operations.change_live_query(&topics, call.param("name"), change).await?;
    Ok(reply::json_of(StatusCode::OK, &shown(&state, &topics, &live_query)))
}

/// Deletes the live query, its topic and what groups have committed on it.
pub(crate) async fn delete(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let deleted = call.param("name").to_owned();
    state.operations.delete_live_query(&topics, &deleted).await?;
    Ok(reply::json_of(StatusCode::OK, &LiveQueryDeletedReply { deleted }))
}

async fn find_topics(state: &state::State, app: &str) -> Result<Arc<AppTopics>, Failure> {
    Ok(state.topics.app(app).await?)
}

fn shown(state: &state::State, topics: &AppTopics, live_query: &LiveQuery) -> LiveQueryReply {
    let topic = topics.topic_of(live_query);
    LiveQueryReply {
        name: live_query.name.clone(),
        collection: live_query.collection.clone(),
        query: live_query.query.clone(),
        query_language: live_query.query_language,
        partitions: live_query.partitions,
        on_gap: live_query.on_gap,
        compression: live_query.compression,
        permission: live_query.permission.clone().map(|read| LiveQueryPermission { read }),
        group: topic.clone(),
        topic,
        endpoint: state.options.kafka_endpoint.clone(),
    }
}
