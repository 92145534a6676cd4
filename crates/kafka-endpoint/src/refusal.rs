//! Why the server refuses or ends a connection, and the log of it.
//!
//! Invariants: every such end is counted under its reason; a flood of them writes at most
//! [`crate::limits::REFUSAL_LINES_PER_SECOND`] lines a second, and says how many it left out.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kafka_wire::request_shape::ShapeError;
use tokio::time::Instant;

use crate::{limits, metrics::Metrics};

/// Why a connection was refused or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("too many connections: {max} are open")]
    ConnectionsFull { max: usize },
    #[error("the app has {max} connections open, which is the most one may have")]
    AppConnectionsFull { max: usize },
    #[error("too many handshakes are under way, and this one was the oldest of its address")]
    HandshakeCut,
    #[error("the user has {max} connections open, which is the most one may have (--max-connections-per-user)")]
    UserConnectionsFull { max: usize },
    #[error("the client does not speak TLS (it began with byte 0x{first_byte:02x}); the endpoint takes TLS only")]
    PlainText { first_byte: u8 },
    #[error("the client left before the handshake")]
    Vanished,
    #[error("the handshake took longer than {} s", limits::HANDSHAKE_TIMEOUT.as_secs())]
    HandshakeTimeout,
    #[error("the handshake failed: {message}")]
    Handshake { message: String },
    #[error("{message}")]
    Certificate { message: String },
    #[error("the certificate {serial} is revoked")]
    Revoked { serial: String },
    #[error("the certificate names the app {app:?}, which does not exist here")]
    UnknownApp { app: String },
    #[error("{message}")]
    AppUnavailable { message: String },
    #[error("a request of {bytes} bytes; {} to {} are taken", limits::REQUEST_BYTES_MIN, limits::REQUEST_BYTES_MAX)]
    FrameSize { bytes: i32 },
    #[error(transparent)]
    Shape(#[from] ShapeError),
    #[error("{api} version {version} cannot be read: {message}")]
    Undecodable { api: &'static str, version: i16, message: String },
    #[error("a produce request without acknowledgement was refused: topics here are read-only")]
    UnacknowledgedProduce,
    #[error("the rest of a request did not come within {} s", limits::REQUEST_TIMEOUT.as_secs())]
    RequestTimeout,
    #[error("nothing more of a request came for {} s", limits::REQUEST_STALL_TIMEOUT.as_secs())]
    RequestStalled,
    #[error("the client took none of a response for {} s", limits::WRITE_TIMEOUT.as_secs())]
    WriteTimeout,
    #[error("the client takes a response too slowly: less than {} bytes a second", limits::WRITE_BYTES_PER_SECOND_MIN)]
    WriteSlow,
    #[error(
        "the client took none of a response for {} s or more, longer than any other, while others waited for the room",
        limits::STALL_MIN.as_secs()
    )]
    Stalled,
    #[error("the connection was idle for {} s", limits::IDLE_TIMEOUT.as_secs())]
    Idle,
    #[error("the connection broke: {message}")]
    Broken { message: String },
    #[error("the answer to {api} version {version} cannot be encoded: {message}")]
    Unencodable { api: &'static str, version: i16, message: String },
}

impl Reason {
    /// The metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Reason::ConnectionsFull { .. } => "connections_full",
            Reason::AppConnectionsFull { .. } => "app_connections_full",
            Reason::HandshakeCut => "handshake_cut",
            Reason::UserConnectionsFull { .. } => "user_connections_full",
            Reason::PlainText { .. } => "plain_text",
            Reason::Vanished => "vanished",
            Reason::HandshakeTimeout => "handshake_timeout",
            Reason::Handshake { .. } => "handshake",
            Reason::Certificate { .. } => "certificate",
            Reason::Revoked { .. } => "revoked",
            Reason::UnknownApp { .. } => "unknown_app",
            Reason::AppUnavailable { .. } => "app_unavailable",
            Reason::FrameSize { .. } => "frame_size",
            Reason::Shape(ShapeError::UnknownApi { .. } | ShapeError::UnsupportedVersion { .. }) => "unknown_api",
            Reason::Shape(_) | Reason::Undecodable { .. } => "malformed",
            Reason::UnacknowledgedProduce => "produce",
            Reason::RequestTimeout => "request_timeout",
            Reason::RequestStalled => "request_stalled",
            Reason::WriteTimeout => "write_timeout",
            Reason::WriteSlow => "write_slow",
            Reason::Stalled => "stalled",
            Reason::Idle => "idle",
            Reason::Broken { .. } => "broken",
            Reason::Unencodable { .. } => "unencodable",
        }
    }

    /// Whether it is an everyday end, of no interest to an operator: counted, and logged at debug level only.
    fn is_ordinary(&self) -> bool {
        matches!(self, Reason::Idle | Reason::Broken { .. } | Reason::Vanished)
    }
}

/// Writes refusals, a bounded number a second.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    metrics: Metrics,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
    left_out: u64,
}

impl RefusalLog {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics, window: Mutex::new(Window { began: Instant::now(), lines: 0, left_out: 0 }) }
    }

    /// Counts and logs the end of a connection from `peer`; `who` is its user, once that is known.
    pub(crate) fn note(&self, peer: SocketAddr, who: Option<&str>, reason: &Reason) {
        self.metrics.count_refusal(reason);
        if reason.is_ordinary() {
            tracing::debug!(%peer, user = who, reason = reason.label(), "kafka connection ended: {reason}");
        } else if let Some(left_out) = self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now())
        {
            match left_out {
                0 => tracing::warn!(%peer, user = who, reason = reason.label(), "kafka connection refused: {reason}"),
                _ => {
                    tracing::warn!(%peer, user = who, reason = reason.label(), left_out, "kafka connection refused: {reason}")
                }
            }
        }
    }

    /// Logs that events could not be read for a consumer, with the file and byte. The connection goes on.
    pub(crate) fn note_unreadable(
        &self,
        peer: SocketAddr,
        who: &str,
        partition: i32,
        asked_for: i64,
        error: &dyn std::fmt::Display,
    ) {
        self.metrics.unreadable.inc();
        if let Some(left_out) = self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()) {
            tracing::error!(%peer, user = who, partition, asked_for, left_out, "events cannot be read for a consumer: {error}");
        }
    }

    /// Logs that an app asked for a topic that is not its own. The connection goes on.
    pub(crate) fn note_foreign_topic(&self, peer: SocketAddr, who: &str, topic: &str) {
        if self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()).is_some() {
            tracing::warn!(%peer, user = who, topic, "kafka topic refused: it is not the app's own");
        }
    }
}

impl Window {
    /// Whether a line may be written now; gives how many were left out since the last one.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.began) >= Duration::from_secs(1) {
            self.began = now;
            self.lines = 0;
        }
        if self.lines >= limits::REFUSAL_LINES_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_counted_instead_of_logged() {
        let start = Instant::now();
        let mut window = Window { began: start, lines: 0, left_out: 0 };
        let lines = (0..1000).filter(|_| window.admit(start).is_some()).count();
        assert_eq!(lines, limits::REFUSAL_LINES_PER_SECOND as usize);
        assert_eq!(window.admit(start + Duration::from_secs(1)), Some(990));
        assert_eq!(window.admit(start + Duration::from_secs(1)), Some(0));
    }
}
