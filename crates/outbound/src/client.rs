//! Makes calls.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{HOST, HeaderName, HeaderValue, USER_AGENT},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use tokio::{
    net::TcpStream,
    time::{timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    address,
    answer::Answer,
    connection::Connection,
    endpoint::Endpoint,
    error::{CallError, chain},
    limits::{ADDRESSES_MAX, CALL_TIMEOUT, CONNECT_TIMEOUT},
    resolve::{Resolve, System},
};

/// Who calls; one for the whole server.
#[derive(Debug)]
pub struct Client {
    tls: Arc<ClientConfig>,
    resolver: Arc<dyn Resolve>,
    listeners: Vec<SocketAddr>,
    timeout: Duration,
}

impl Client {
    /// Trusts whom the machine trusts, and never calls `listeners`, where the server itself listens.
    /// Reads the machine's certificates.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(listeners: Vec<SocketAddr>) -> io::Result<Self> {
        Self::trusting(listeners, &[])
    }

    /// The same, which trusts these authorities too.
    ///
    /// # Errors
    /// One of them is no certificate.
    pub fn trusting(listeners: Vec<SocketAddr>, authorities: &[CertificateDer<'static>]) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        // What cannot be read of the machine's is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in authorities {
            roots.add(authority.clone()).map_err(io::Error::other)?;
        }
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Arc::new(tls), resolver: Arc::new(System), listeners, timeout: CALL_TIMEOUT })
    }

    /// Asks somebody else for names.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// Waits no longer than this for an answer.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends `body` with `headers` to the endpoint. What came is its status, whichever it is. Should a
    /// connection that was kept turn out to be closed, it is sent over another one: so it may arrive
    /// twice.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(
        &self,
        endpoint: &Endpoint,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let timed_out = |_| CallError::TimedOut { host: endpoint.host.clone(), seconds: self.timeout.as_secs() };
        let exchange = self.exchange(endpoint, headers, body);
        let (mut connection, response) = timeout_at(deadline, exchange).await.map_err(timed_out)??;
        let answer = Answer::of(response.status(), response.headers());
        let finish = timeout_at(deadline, connection.finish(response.into_body()));
        if finish.await.unwrap_or(false) {
            endpoint.keep(connection);
        }
        Ok(answer)
    }

    /// The same, and gives the status with the answer's body, all of which must come within `patience`.
    ///
    /// # Errors
    /// There is no answer, or it is longer than [`crate::limits::ANSWER_BYTES_MAX`] bytes.
    pub async fn ask(
        &self,
        endpoint: &Endpoint,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
        patience: Duration,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let answered = async {
            let (mut connection, response) = self.exchange(endpoint, headers, body).await?;
            let status = response.status();
            let body = connection.read(&endpoint.host, response.into_body()).await?;
            if connection.is_ready_again().await {
                endpoint.keep(connection);
            }
            Ok((status, body))
        };
        let timed_out = |_| CallError::TimedOut { host: endpoint.host.clone(), seconds: patience.as_secs() };
        timeout(patience, answered).await.map_err(timed_out)?
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<(Connection, Response<Incoming>), CallError> {
        let request = || request(endpoint, headers, body.clone());
        if let Some(mut kept) = endpoint.take_idle()
            && let Ok(response) = kept.send(request()).await
        {
            return Ok((kept, response));
        }
        let mut connection = self.connect(endpoint).await?;
        match connection.send(request()).await {
            Ok(response) => Ok((connection, response)),
            Err(error) if error.is_parse() || error.is_parse_too_large() => {
                Err(CallError::NoHttp { host: endpoint.host.clone(), why: chain(&error) })
            }
            Err(error) => Err(CallError::Cut { host: endpoint.host.clone(), why: chain(&error) }),
        }
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, CallError> {
        let host = || endpoint.host.clone();
        let stream = self.reach(endpoint).await?;
        let cut = |error: hyper::Error| CallError::Cut { host: host(), why: chain(&error) };
        let Some(name) = &endpoint.server_name else { return Connection::over(stream).await.map_err(cut) };
        let tls = TlsConnector::from(self.tls.clone()).connect(name.clone(), stream).await;
        let tls = tls.map_err(|error| CallError::Tls { host: host(), why: chain(&error) })?;
        Connection::over(tls).await.map_err(cut)
    }

    /// A connection to one of the host's addresses, all of which may be called.
    async fn reach(&self, endpoint: &Endpoint) -> Result<TcpStream, CallError> {
        let Endpoint { host, port, server_name, .. } = endpoint;
        let unknown = |why: String| CallError::Name { host: host.clone(), why };
        let resolved = self.resolver.resolve(host, *port).await;
        let addresses = resolved.map_err(|error| unknown(error.to_string()))?;
        for address in &addresses {
            if let Some(why) = address::refused(*address, server_name.is_some(), &self.listeners) {
                return Err(CallError::Refused { host: host.clone(), address: address.ip(), why });
            }
        }
        let mut failed = unknown("it has no address".to_owned());
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
            let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            match connected {
                Ok(stream) => return self.checked(endpoint, stream),
                Err(error) => failed = CallError::Connect { host: host.clone(), why: error.to_string() },
            }
        }
        Err(failed)
    }

    /// The stream, unless it leads back to this server.
    fn checked(&self, endpoint: &Endpoint, stream: TcpStream) -> Result<TcpStream, CallError> {
        let host = || endpoint.host.clone();
        let failed = |error: io::Error| CallError::Connect { host: host(), why: error.to_string() };
        let (local, peer) = (stream.local_addr().map_err(failed)?, stream.peer_addr().map_err(failed)?);
        if address::is_own(local, peer, &self.listeners) {
            return Err(CallError::Refused { host: host(), address: peer.ip(), why: address::OWN });
        }
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }
}

fn request(endpoint: &Endpoint, headers: &[(HeaderName, HeaderValue)], body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.path.clone();
    let fields = request.headers_mut();
    fields.insert(HOST, endpoint.authority.clone());
    fields.insert(USER_AGENT, HeaderValue::from_static("headwater"));
    for (name, value) in headers {
        fields.append(name.clone(), value.clone());
    }
    request
}
