//! `GET /health/live` and `/health/ready`. Anybody may ask, without a key: they show no documents.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use store::{App, CommitError};

use crate::{reply, state::Shared};

#[derive(Serialize)]
struct Live {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct NotReady {
    status: &'static str,
    message: String,
    reasons: Vec<String>,
}

/// The process answers.
pub(crate) async fn live() -> Response {
    reply::json_of(StatusCode::OK, &Live { status: "live", warnings: Vec::new() })
}

/// The machine's clock is believed, every app that is open takes writes, its live queries get on,
/// no event that was read is damaged, the last look for damage has found none, and neither an app
/// nor its credentials are known to be damaged; otherwise 503 and why.
pub(crate) async fn ready(State(state): State<Shared>) -> Response {
    let mut reasons = Vec::new();
    for (app, reason) in state.data_dir.damaged_apps() {
        reasons.push(format!("app {:?} cannot be opened: {reason}", app.as_str()));
    }
    for (app, reason) in state.credentials.damaged_bundles() {
        reasons.push(format!("app {app:?}: its credentials cannot be used: {reason}"));
    }
    reasons.extend(state.data_dir.clock().state().refusal().map(ToString::to_string));
    for app in state.data_dir.open_apps() {
        let name = app.name().as_str();
        // The clock is one and the same for all apps.
        let obstacle = app.write_obstacle().filter(|obstacle| !matches!(obstacle, CommitError::ClockRefused(_)));
        reasons.extend(obstacle.map(|obstacle| format!("app {name:?}: {obstacle}")));
        reasons.extend(app.damage().map(|damage| {
            format!(
                "app {name:?}: the journal is damaged, events from there on are not served; restore a backup: {damage}"
            )
        }));
    }
    for topics in state.topics.all_opened() {
        let name = topics.app().name().as_str();
        reasons.extend(topics.stopped().map(|why| format!("app {name:?}: {why}")));
    }
    reasons.extend(
        state.operations.maintenance.damage().into_iter().map(|what| format!("a look for damage found: {what}")),
    );
    if reasons.is_empty() {
        // Anybody with a key can have it say this: it keeps nobody from writing.
        let warning = |app: &Arc<App>| {
            let why = app.ahead()?.to_owned();
            Some(format!("app {:?}: an older copy was put back without headwater restore: {why}", app.name().as_str()))
        };
        let warnings = state.data_dir.open_apps().iter().filter_map(warning).collect();
        return reply::json_of(StatusCode::OK, &Live { status: "ready", warnings });
    }
    let message = reasons.join("; ");
    reply::json_of(StatusCode::SERVICE_UNAVAILABLE, &NotReady { status: "not ready", message, reasons })
}
