//! `/admin/v1/accept-clock`: the machine's clock is right as it is.

use axum::{extract::State, http::StatusCode, response::Response};
use wire::admin::ClockReply;

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

/// 200 and the times. Writes are taken from then on, by that clock.
pub(crate) async fn accept(State(state): State<Shared>, _: AdminCall) -> Result<Response, Failure> {
    let clock = state.data_dir.clock().clone();
    let (before, noted) = tokio::task::spawn_blocking(move || clock.accept()).await?;
    noted.map_err(Failure::ClockNotNoted)?;
    let shown = ClockReply {
        was_refused: before.refusal().is_some(),
        accepted_ms: before.wall_ms,
        expected_ms: before.expected_ms,
    };
    Ok(reply::json_of(StatusCode::OK, &shown))
}
