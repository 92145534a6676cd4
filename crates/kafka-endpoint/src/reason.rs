//! Why the server refuses or ends a connection.
//!
//! Not here: the log of it (`refusal`), counting (`metrics`).

use std::io;

use kafka_wire::request_shape::ShapeError;
use rustls::AlertDescription;

use crate::limits;

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
    #[error(
        "the handshake failed: received fatal alert: {alert}: the client does not take this server's certificate. It \
         needs the file cluster.p12 (Java: ssl.truststore.location) or ca.pem (librdkafka: ssl.ca.location) of its \
         app's bundle as it is now: an older copy may hold an authority that was replaced. If it has that, the name or \
         address that it connects to is not in the certificate (--kafka-advertise)"
    )]
    ServerNotTrusted { alert: String },
    #[error(
        "the handshake failed: peer sent no certificates: the client has none (Java: ssl.keystore.location, user.p12; \
         librdkafka: ssl.certificate.location, user.pem), or keeps back one of an authority that this server does not name"
    )]
    NoCertificate,
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
    /// Why a handshake failed. A client that does not take the server's certificate says so in an
    /// alert (RFC 8446 section 6.2): which one, its library chooses.
    pub(crate) fn of_handshake(error: io::Error) -> Self {
        use AlertDescription::{BadCertificate, CertificateUnknown, UnknownCA};
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::AlertReceived(alert @ (UnknownCA | BadCertificate | CertificateUnknown))) => {
                Self::ServerNotTrusted { alert: format!("{alert:?}") }
            }
            Some(rustls::Error::NoCertificatesPresented) => Self::NoCertificate,
            _ => Self::Handshake { message: error.to_string() },
        }
    }

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
            Reason::ServerNotTrusted { .. } => "server_not_trusted",
            Reason::NoCertificate => "handshake",
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

    /// Whether it is an everyday end, of no interest to an operator: counted, and logged at debug
    /// level only.
    pub(crate) fn is_ordinary(&self) -> bool {
        matches!(self, Reason::Idle | Reason::Broken { .. } | Reason::Vanished)
    }
}
