//! Connecting over TLS, and what a failed handshake means to a person.

use crate::error::ClientError;
use crate::limits::CONNECT_TIMEOUT;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig};
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects to `endpoint` (`HOST:PORT`, IPv6 in brackets) and shakes hands.
///
/// With TLS 1.3 a server judges the client's certificate after the client is done: a refusal shows at the first reply.
pub(crate) async fn connect(endpoint: &str, tls: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, ClientError> {
    let (host, port) =
        split_endpoint(endpoint).ok_or_else(|| ClientError::BadEndpoint { endpoint: endpoint.into() })?;
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| ClientError::BadEndpoint { endpoint: endpoint.into() })?;
    let connecting = async {
        let unreachable = |source| ClientError::Unreachable { endpoint: endpoint.into(), source };
        let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let shaken = TlsConnector::from(tls).connect(name, stream).await;
        shaken.map_err(|source| explain_handshake(endpoint, source))
    };
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(ClientError::TimedOut { act: "connecting", after: CONNECT_TIMEOUT }),
    }
}

/// The error for I/O that failed while doing `act`, in or after the handshake.
pub(crate) fn explain_io(act: &'static str, source: io::Error) -> ClientError {
    match tls_error(&source) {
        Some(rustls::Error::AlertReceived(alert)) if is_about_certificate(*alert) => {
            ClientError::CertificateRefused { reason: format!("{alert:?}") }
        }
        _ if source.kind() == io::ErrorKind::UnexpectedEof => ClientError::Closed { act },
        _ => ClientError::Broken { act, source },
    }
}

fn explain_handshake(endpoint: &str, source: io::Error) -> ClientError {
    let endpoint = endpoint.to_owned();
    match tls_error(&source).cloned() {
        Some(source @ rustls::Error::InvalidCertificate(_)) if is_about_name(&source) => {
            ClientError::WrongServerName { endpoint, source }
        }
        Some(source @ rustls::Error::InvalidCertificate(_)) => ClientError::UnknownServer { endpoint, source },
        Some(source @ rustls::Error::InvalidMessage(_)) => ClientError::NotTls { endpoint, source },
        _ => explain_io("shaking hands", source),
    }
}

fn is_about_name(error: &rustls::Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

/// The alerts by which servers refuse a client's certificate; TLS 1.2 has `HandshakeFailure` for a missing one.
fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::DecryptError
            | A::CertificateRequired
            | A::HandshakeFailure
    )
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn split_endpoint(endpoint: &str) -> Option<(&str, u16)> {
    let (host, port) = endpoint.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_split() {
        assert_eq!(split_endpoint("localhost:9093"), Some(("localhost", 9093)));
        assert_eq!(split_endpoint("[::1]:9093"), Some(("::1", 9093)));
        for bad in ["", "localhost", ":9093", "localhost:", "localhost:99999", "::1:9093", "[::1:9093", "[]:1"] {
            assert_eq!(split_endpoint(bad), None, "{bad}");
        }
    }
}
