//! `GET /health/live` and `/health/ready`. Anybody may ask, without a key: they show no documents.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;

use crate::{api::Shared, reply};

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

#[derive(Serialize)]
struct NotReady {
    status: &'static str,
    message: String,
    reasons: Vec<String>,
}

/// The process answers.
pub(crate) async fn live() -> Response {
    reply::json_of(StatusCode::OK, &Live { status: "live" })
}

/// Every app takes writes and looks at new events for its live queries; otherwise 503 and why.
pub(crate) async fn ready(State(state): State<Shared>) -> Response {
    let mut reasons = Vec::new();
    for app in state.data_dir.apps() {
        reasons.extend(app.write_obstacle().map(|obstacle| format!("app {:?}: {obstacle}", app.name().as_str())));
    }
    for topics in state.topics.all() {
        reasons.extend(topics.obstacle().map(|obstacle| format!("app {:?}: {obstacle}", topics.app().name().as_str())));
    }
    if reasons.is_empty() {
        return reply::json_of(StatusCode::OK, &Live { status: "ready" });
    }
    let message = reasons.join("; ");
    reply::json_of(StatusCode::SERVICE_UNAVAILABLE, &NotReady { status: "not ready", message, reasons })
}
