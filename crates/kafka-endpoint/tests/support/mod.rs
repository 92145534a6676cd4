//! What the tests share: a real endpoint on port 0 above a real store, and a connection that speaks
//! any API in any version.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test binary uses its own part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use credentials::Credentials;
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
use kafka_endpoint::{EndpointOptions, KafkaEndpoint};
use kafka_protocol::{
    messages::{
        ApiKey, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, RequestHeader,
        ResponseHeader,
    },
    protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer},
};
use kafka_wire::{api_versions::codec_version, offsets_by_id};
use prometheus_client::registry::Registry;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use store::{App, AppName, DataDir, StoreOptions, WallClock};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_rustls::{TlsConnector, client::TlsStream, server};
use topics::{AppTopics, TopicRegistry};

pub const TOPIC: &str = "user-consumable-shop";

#[derive(Debug)]
pub struct MachineClock;

impl WallClock for MachineClock {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// rustls checks certificates against the machine's clock, so the rest must go by it too.
pub fn now_ms() -> u64 {
    UnixTime::now().as_secs() * 1_000
}

fn random() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

/// A running endpoint with the apps `shop` and `other`.
pub struct Server {
    pub directory: tempfile::TempDir,
    pub data: Arc<DataDir>,
    pub app: Arc<App>,
    pub registry: Arc<TopicRegistry>,
    pub topics: Arc<AppTopics>,
    pub credentials: Arc<Credentials>,
    pub address: SocketAddr,
    pub metrics: Registry,
    shutdown: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    pub async fn start_in(directory: tempfile::TempDir) -> Self {
        Self::start_with(directory, StoreOptions::default()).await
    }

    pub async fn start_with(directory: tempfile::TempDir, options: StoreOptions) -> Self {
        Self::start_tuned(directory, options, |_| {}).await
    }

    /// One that hands connections of HTTP over to whoever reads the queue, which has this many
    /// places.
    pub async fn start_beside_http(places: usize) -> (Self, mpsc::Receiver<server::TlsStream<TcpStream>>) {
        let (hand_over, handed_over) = mpsc::channel(places);
        let directory = tempfile::tempdir().unwrap();
        let change = |options: &mut EndpointOptions| options.http = Some(hand_over);
        (Self::start_tuned(directory, StoreOptions::default(), change).await, handed_over)
    }

    pub async fn start_tuned(
        directory: tempfile::TempDir,
        options: StoreOptions,
        tune: impl FnOnce(&mut EndpointOptions),
    ) -> Self {
        let data = DataDir::open(directory.path(), options, Arc::new(MachineClock), random).unwrap();
        let credentials = Credentials::open(directory.path(), now_ms()).unwrap();
        for app in ["shop", "other"] {
            if !data.has_app(app) {
                data.create_app(&AppName::new(app).unwrap()).unwrap();
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for app in data.open_apps() {
            let endpoint = format!("localhost:{}", address.port());
            let name = app.name();
            credentials.ensure_bundle(name.as_str(), &name.main_topic(), &endpoint, now_ms()).unwrap();
        }
        let mut metrics = Registry::default();
        let (shutdown, stopping) = watch::channel(false);
        let mut options = EndpointOptions::new("localhost", address.port(), Arc::new(MachineClock), random);
        tune(&mut options);
        let registry = TopicRegistry::new(data.clone());
        let topics = registry.app("shop").await.unwrap();
        let (serving, _groups) =
            KafkaEndpoint::serve(listener, options, registry.clone(), credentials.clone(), &mut metrics, stopping)
                .unwrap();
        let serving = tokio::spawn(serving);
        let app = data.app("shop").unwrap();
        Self { directory, data, app, registry, topics, credentials, address, metrics, shutdown, serving }
    }

    pub fn endpoint(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn tls(&self, app: &str) -> Arc<ClientConfig> {
        self.credentials.client_tls(app).unwrap()
    }

    pub async fn connect(&self, app: &str) -> Wire {
        Wire::connect(self.address, self.tls(app)).await.expect("the handshake succeeds")
    }

    pub async fn upsert(&self, id: &str, json: &str) -> u64 {
        self.app.commit(changeset(id, json)).await.unwrap().txn_id.0
    }

    /// Begins to stop; the endpoint goes on with what is in flight.
    pub fn begin_stop(&self) {
        self.shutdown.send_replace(true);
    }

    /// Stops and gives the directory back.
    pub async fn stop(self) -> tempfile::TempDir {
        self.shutdown.send_replace(true);
        within(self.serving).await.unwrap();
        within(self.registry.stop()).await;
        self.data.stop();
        self.directory
    }

    /// A line of `/metrics`, without its value.
    pub fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Waits until a refusal for this reason was counted `times` times.
    pub async fn refused(&self, reason: &str, times: f64) {
        let name = format!("headwater_kafka_refusals_total{{reason=\"{reason}\"}}");
        until(|| self.metric(&name) >= times, &name).await;
    }
}

pub fn changeset(id: &str, json: &str) -> Changeset {
    let value = match Value::from_json(json.as_bytes()).unwrap() {
        Value::Map(map) => map,
        other => panic!("not an object: {other:?}"),
    };
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.to_owned())).unwrap(),
        condition: Condition::Always,
        action: Action::upsert(value),
    };
    Changeset {
        operations: vec![operation],
        queries: Vec::new(),
        origin: Origin { peer: "http".into(), ..Origin::default() },
    }
}

pub fn empty() -> Map {
    Map::new()
}

/// Fails instead of waiting for ever.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes no longer than 20 s")
}

/// Waits for a condition that another task brings about.
pub async fn until(condition: impl Fn() -> bool, what: &str) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"));
}

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A client that trusts the server, with the certificate in `shows`, or with none.
pub fn client_config(trusts: &Path, shows: Option<&Path>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusts.join("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    Arc::new(match shows {
        None => config.with_no_client_auth(),
        Some(directory) => {
            let chain = CertificateDer::pem_file_iter(directory.join("user.pem")).unwrap();
            let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_file(directory.join("user.key")).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    })
}

/// A TLS connection that sends what it is told.
pub struct Wire {
    pub stream: TlsStream<TcpStream>,
    correlation_id: i32,
}

impl Wire {
    /// In TLS 1.3 a refused certificate shows at the first read only.
    pub async fn connect(address: SocketAddr, tls: Arc<ClientConfig>) -> std::io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Self::over(socket, tls).await
    }

    /// One whose system takes little for a client that does not read.
    pub async fn connect_narrow(address: SocketAddr, tls: Arc<ClientConfig>) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        Self::over(socket.connect(address).await?, tls).await
    }

    async fn over(socket: TcpStream, tls: Arc<ClientConfig>) -> std::io::Result<Self> {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = within(TlsConnector::from(tls).connect(name, socket)).await?;
        Ok(Self { stream, correlation_id: 0 })
    }

    pub async fn call<R: Request>(&mut self, request: R, version: i16) -> R::Response {
        self.send(&request, version).await;
        self.receive::<R>(version).await.expect("the connection goes on")
    }

    pub async fn send<R: Request>(&mut self, request: &R, version: i16) {
        let frame = frame(request, version, self.correlation_id);
        self.correlation_id += 1;
        self.stream.write_all(&frame).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// OffsetCommit, in version 10 too.
    pub async fn commit_offsets(&mut self, request: OffsetCommitRequest, version: i16) -> OffsetCommitResponse {
        if version < offsets_by_id::VERSION {
            return self.call(request, version).await;
        }
        let mut body = BytesMut::new();
        offsets_by_id::encode_offset_commit(&request, &mut body).unwrap();
        self.send_body::<OffsetCommitRequest>(version, &body).await;
        self.receive::<OffsetCommitRequest>(version).await.expect("the connection goes on")
    }

    /// OffsetFetch, in version 10 too.
    pub async fn fetch_offsets(&mut self, request: OffsetFetchRequest, version: i16) -> OffsetFetchResponse {
        if version < offsets_by_id::VERSION {
            return self.call(request, version).await;
        }
        let mut body = BytesMut::new();
        offsets_by_id::encode_offset_fetch(&request, &mut body).unwrap();
        self.send_body::<OffsetFetchRequest>(version, &body).await;
        self.receive::<OffsetFetchRequest>(version).await.expect("the connection goes on")
    }

    async fn send_body<R: Request>(&mut self, version: i16, body: &[u8]) {
        let mut out = header::<R>(version, self.correlation_id);
        out.extend_from_slice(body);
        self.correlation_id += 1;
        let length = i32::try_from(out.len()).unwrap().to_be_bytes();
        self.stream.write_all(&[&length[..], &out].concat()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The answer to the oldest request without one; `None` at the end of the connection.
    pub async fn receive<R: Request>(&mut self, version: i16) -> Option<R::Response> {
        let mut frame = self.receive_frame().await?;
        ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        let response = R::Response::decode(&mut frame, codec_version(key_of::<R>(), version)).unwrap();
        assert!(frame.is_empty(), "{} bytes are left over", frame.len());
        Some(response)
    }

    pub async fn receive_frame(&mut self) -> Option<Bytes> {
        let mut length = [0; 4];
        within(self.stream.read_exact(&mut length)).await.ok()?;
        let mut frame = vec![0; i32::from_be_bytes(length).try_into().unwrap()];
        within(self.stream.read_exact(&mut frame)).await.ok()?;
        Some(frame.into())
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// Waits until the server has closed.
    pub async fn ended(&mut self) {
        let mut rest = Vec::new();
        let _ = within(self.stream.read_to_end(&mut rest)).await;
    }
}

pub fn key_of<R: Request>() -> ApiKey {
    ApiKey::try_from(R::KEY).unwrap()
}

/// A request with its length and header.
pub fn frame<R: Request>(request: &R, version: i16, correlation_id: i32) -> Vec<u8> {
    let mut out = header::<R>(version, correlation_id);
    request.encode(&mut out, codec_version(key_of::<R>(), version)).unwrap();
    [&i32::try_from(out.len()).unwrap().to_be_bytes()[..], &out].concat()
}

fn header<R: Request>(version: i16, correlation_id: i32) -> BytesMut {
    let mut out = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    encode_request_header_into_buffer(&mut out, &header).unwrap();
    out
}
