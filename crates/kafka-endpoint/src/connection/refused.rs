//! A connection for which its user, its app or the server has no place: its client is told so
//! before the connection ends, since one that is closed without a word looks like one without TLS.
//!
//! Invariants: nothing is said of topics and groups but an error that clients log by its name and
//! try again after; it ends within [`limits::REFUSED_TIMEOUT`].
//! Not here: how many are answered at a time (`admission`, the anteroom).

use kafka_protocol::{ResponseError, messages::ApiKey};
use tokio::time::{Instant, timeout_at};

use super::{
    Client,
    stream::FrameStream,
    unavailable::{coordinator, metadata},
};
use crate::{api, limits, reason::Reason, request::Request, shared::Shared};

/// What clients are told. Not an error of topics or groups: those it has not looked at.
const NO_PLACE: ResponseError = ResponseError::ThrottlingQuotaExceeded;

/// Answers until the client or the server goes, for a moment at most.
pub(super) async fn answer_requests(
    shared: &Shared,
    client: &Client,
    why: &Reason,
    mut stream: FrameStream,
) -> Result<(), Reason> {
    shared.server.refusals.note(client.peer, &client.who(), why);
    let mut shutdown = shared.server.shutdown.clone();
    let deadline = Instant::now() + limits::REFUSED_TIMEOUT;
    loop {
        let frame = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            frame = timeout_at(deadline, stream.next_frame(&client.place)) => frame,
        };
        let Ok(frame) = frame else { break };
        let Some(frame) = frame? else { return Ok(()) };
        let request = Request::read(frame.bytes)?;
        let reply = match request.key {
            ApiKey::ApiVersions => api::api_versions::answer(&request)?,
            ApiKey::Metadata => metadata(shared, client, &request, NO_PLACE)?,
            ApiKey::FindCoordinator => coordinator(&request, NO_PLACE)?,
            _ => break,
        };
        let Ok(written) = timeout_at(deadline, stream.write(reply, &client.place)).await else { break };
        written?;
    }
    stream.close().await;
    Ok(())
}
