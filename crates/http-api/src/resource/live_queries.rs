//! `/admin/v1/apps/{app}/live-queries`: what the app's topics carry
//! (docs/reference/live-queries.md).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use topics::{AppTopics, ChangeError, LiveQuery};
use wire::admin::{LiveQueriesReply, LiveQueryChange, LiveQueryDeletedReply, LiveQueryReply, NewLiveQuery};

use crate::{
    call::AdminCall,
    failure::Failure,
    reply,
    state::{self, Shared},
};

/// 201 and the live query; its topic has its history at once.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let NewLiveQuery { name, collection, query, partitions, on_gap, compression } = NewLiveQuery::parse(call.body())?;
    let created_ms = state.clock.now_ms();
    let live_query = LiveQuery { name, collection, query, partitions, on_gap, compression, created_ms };
    topics.create(live_query.clone()).await?;
    Ok(reply::json_of(StatusCode::CREATED, &shown(&state, &topics, &live_query)))
}

pub(crate) async fn list(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let live_queries = topics.live_queries().iter().map(|query| shown(&state, &topics, query)).collect();
    Ok(reply::json_of(StatusCode::OK, &LiveQueriesReply { live_queries }))
}

pub(crate) async fn show(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let live_query = find(&topics, call.param("name"))?;
    Ok(reply::json_of(StatusCode::OK, &shown(&state, &topics, &live_query)))
}

/// Sets what a gap gets, of the main feed too, and how it is compressed.
pub(crate) async fn change(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let LiveQueryChange { on_gap, compression } = LiveQueryChange::parse(call.body())?;
    topics.change(call.param("name"), topics::LiveQueryChange { on_gap, compression }).await?;
    let live_query = find(&topics, call.param("name"))?;
    Ok(reply::json_of(StatusCode::OK, &shown(&state, &topics, &live_query)))
}

/// Deletes the live query, its topic and what groups have committed on it.
pub(crate) async fn delete(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let topics = find_topics(&state, call.param("app")).await?;
    let deleted = call.param("name").to_owned();
    topics.delete(&deleted).await?;
    Ok(reply::json_of(StatusCode::OK, &LiveQueryDeletedReply { deleted }))
}

async fn find_topics(state: &state::State, app: &str) -> Result<Arc<AppTopics>, Failure> {
    Ok(state.topics.app(app).await?)
}

fn find(topics: &AppTopics, name: &str) -> Result<LiveQuery, Failure> {
    let found = topics.live_queries().into_iter().find(|known| known.name == name);
    found.ok_or_else(|| ChangeError::NotFound(name.to_owned()).into())
}

fn shown(state: &state::State, topics: &AppTopics, live_query: &LiveQuery) -> LiveQueryReply {
    let topic = topics.topic_of(live_query);
    LiveQueryReply {
        name: live_query.name.clone(),
        collection: live_query.collection.clone(),
        query: live_query.query.clone(),
        partitions: live_query.partitions,
        on_gap: live_query.on_gap,
        compression: live_query.compression,
        group: topic.clone(),
        topic,
        endpoint: state.options.kafka_endpoint.clone(),
    }
}
