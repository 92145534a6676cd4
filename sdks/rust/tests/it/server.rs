//! A server's sessions behind a listener, and what came to it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use credentials::{Credentials, Grant, NewKey, Permission};
use prometheus_client::registry::Registry;
use sha1::{Digest as _, Sha1};
use store::{App, AppName, DataDir, StoreOptions, WallClock};
use sync_endpoint::{Arrival, SyncEndpoint};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use topics::TopicRegistry;

#[derive(Debug)]
struct Today;

impl WallClock for Today {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

#[expect(clippy::disallowed_methods, reason = "peers have the machine's clock, and are near the server's")]
fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

pub(crate) struct Server {
    app: Arc<App>,
    data: Arc<DataDir>,
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
    credentials: Arc<Credentials>,
    /// Goes with it.
    dir: Option<tempfile::TempDir>,
}

/// A URL where nobody listens yet.
pub(crate) fn free_url() -> String {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

impl Server {
    pub(crate) fn start(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut server = Self::start_in(url, dir.path());
        server.dir = Some(dir);
        server
    }

    /// With its data in `dir`, which another one may have had open.
    pub(crate) fn start_in(url: &str, dir: &Path) -> Self {
        let (scheme, address) = url.split_once("://").unwrap();
        let address: SocketAddr = address.replace("localhost", "127.0.0.1").parse().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let _entered = runtime.enter();
        let data = DataDir::open(dir, StoreOptions::default(), Arc::new(Today), rand::random).unwrap();
        let name = AppName::new("shop").unwrap();
        let app = if data.has_app("shop") { data.app("shop").unwrap() } else { data.create_app(&name).unwrap() };
        let credentials = Credentials::open(dir, now_ms()).unwrap();
        let (stop, stopping) = watch::channel(false);
        let topics = TopicRegistry::new(data.clone());
        let endpoint =
            SyncEndpoint::new(topics, credentials.clone(), Arc::new(Today), &mut Registry::default(), stopping);
        let tls = (scheme == "https").then(|| TlsAcceptor::from(credentials.https_tls(&[], None, now_ms()).unwrap()));
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let known = credentials.clone();
        runtime.spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let (endpoint, tls, credentials) = (endpoint.clone(), tls.clone(), known.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else { return session(endpoint, credentials, stream, from.ip()).await };
                    // A client that does not trust it leaves.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    session(endpoint, credentials, stream, from.ip()).await;
                });
            }
        });
        drop(_entered);
        Self { app, data, stop, runtime: Some(runtime), credentials, dir: None }
    }

    /// By which its certificate is known.
    pub(crate) fn ca_certificate(&self) -> String {
        self.credentials.ensure_bundle("shop", "shop", "localhost:1", now_ms()).unwrap();
        let dir = self.dir.as_ref().unwrap().path();
        std::fs::read_to_string(dir.join("credentials/shop/ca.pem")).unwrap()
    }

    /// Makes a key that may read everything and write nothing.
    pub(crate) fn create_read_key(&self, name: &str) -> String {
        self.create_key(name, Permission::Read)
    }

    /// Makes a key that may write everything and read nothing.
    pub(crate) fn create_write_key(&self, name: &str) -> String {
        self.create_key(name, Permission::Write)
    }

    fn create_key(&self, name: &str, permission: Permission) -> String {
        let grant = Grant { app: "*".into(), collection: None, permissions: vec![permission] };
        self.credentials
            .create_key(NewKey { name: name.into(), grants: vec![grant], permission: None }, now_ms())
            .unwrap()
            .1
    }

    /// Key, value and headers of every event.
    pub(crate) fn events(&self) -> Vec<String> {
        let pieces = self.runtime.as_ref().unwrap().block_on(self.app.events().read(0, 1 << 24)).unwrap();
        let mut all = Vec::new();
        for piece in pieces {
            for batch in kafka_wire::record_batch::batches(&piece) {
                for record in kafka_wire::record_batch::decode_records(batch.unwrap().1).unwrap() {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
                    let headers: Vec<_> = record.headers.iter().map(|(n, v)| format!("{n}={}", text(*v))).collect();
                    all.push(format!("{} {} {}", text(record.key), text(record.value), headers.join(" ")));
                }
            }
        }
        all
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        self.data.stop();
    }
}

async fn session<S>(endpoint: SyncEndpoint, credentials: Arc<Credentials>, mut stream: S, address: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    if head.starts_with("POST /_ditto/auth/login HTTP/1.0\r\n") {
        return log_in(&credentials, &head, stream).await;
    }
    assert!(head.starts_with("GET /sync/v1 HTTP/1.1\r\n"), "no other route is used: {head}");
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: headwater.sync.1\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    let place = endpoint.admit(address).unwrap();
    endpoint.run(place, Arrival { app: "shop".into(), address, is_open: true }, stream).await;
}

/// As a server whose hook knows every user whose token is their name, by the provider "own", for two seconds.
async fn log_in<S>(credentials: &Credentials, head: &str, mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut form = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut form).await.unwrap();
    let form = String::from_utf8(form).unwrap();
    let user = form.strip_prefix("appId=&provider=own&token=").and_then(|rest| rest.strip_suffix("&siteId=0"));
    let (status, body) = match user {
        Some(user) => {
            let permission = credentials::PermissionDocument::everything();
            let (app, provider) = ("shop".to_owned(), "own".to_owned());
            let new = credentials::NewToken { app, user: user.to_owned(), provider, life_ms: 2_000, permission };
            let (_, token) = credentials.create_token(new, now_ms()).unwrap();
            let body =
                format!(r#"{{"userId":"{user}","accessToken":"{token}","accessExpiry":"2026-01-31T12:00:00Z"}}"#);
            ("200 OK", body)
        }
        None => ("401 Unauthorized", r#"{"message":"the login is refused"}"#.to_owned()),
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// Everything that is waited for happens within this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
