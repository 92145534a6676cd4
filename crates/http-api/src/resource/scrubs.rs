//! `/admin/v1/scrub`: having the server look for damage, and how far it is.

use axum::{extract::State, http::StatusCode, response::Response};
use operations::{JobState, Scrubbed};
use wire::admin::{NewScrub, RunningReply, ScrubReply, ScrubsReply};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

pub(crate) async fn show(State(state): State<Shared>, _: AdminCall) -> Response {
    reply::json_of(StatusCode::OK, &shown(state.operations.maintenance.scrubs()))
}

/// 202: it has begun.
pub(crate) async fn create(State(state): State<Shared>, call: AdminCall) -> Result<Response, Failure> {
    let NewScrub { bytes_per_second } = NewScrub::parse(call.body())?;
    let maintenance = &state.operations.maintenance;
    maintenance.begin_scrub(bytes_per_second).map_err(Failure::Backup)?;
    Ok(reply::json_of(StatusCode::ACCEPTED, &shown(maintenance.scrubs())))
}

fn shown(state: JobState<Scrubbed>) -> ScrubsReply {
    let running = state.running.map(|running| RunningReply {
        about: running.about,
        began_ms: running.began_ms,
        done_bytes: running.done_bytes,
        total_bytes: running.total_bytes,
    });
    let last = state.last.map(|last| {
        let (Scrubbed { bytes, apps, findings }, error) = match last.result {
            Ok(scrubbed) => (scrubbed, None),
            Err(error) => (Scrubbed::default(), Some(error)),
        };
        ScrubReply { began_ms: last.began_ms, ended_ms: last.ended_ms, error, bytes, apps, findings }
    });
    ScrubsReply { running, last }
}
