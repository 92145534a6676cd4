//! A server on port 0 with a data directory of its own, and a plain client.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use credentials::{Credentials, Grant, NewKey, Permission, PermissionDocument};
use http_api::{HttpApi, HttpApiOptions, HttpApiParts};
use operations::{ConsumerGroup, ConsumerGroups};
use prometheus_client::registry::Registry;
use store::{App, AppName, DataDir, StoreOptions, WallClock};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};
use topics::TopicRegistry;

/// No reply of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

/// Stands still, but for jumps that a test makes.
#[derive(Debug, Default)]
pub(crate) struct JumpingClock {
    pub(crate) ahead_ms: AtomicU64,
}

impl WallClock for JumpingClock {
    fn now_ms(&self) -> u64 {
        NOW_MS + self.ahead_ms.load(SeqCst)
    }

    fn boot_ms(&self) -> u64 {
        0
    }
}

/// The groups of the app `default`, as a test sets them.
#[derive(Debug, Default)]
pub(crate) struct PresentGroups(pub(crate) std::sync::Mutex<Vec<ConsumerGroup>>);

impl ConsumerGroups for PresentGroups {
    fn of_app(&self, app: &str) -> Vec<ConsumerGroup> {
        if app == "default" { self.0.lock().unwrap().clone() } else { Vec::new() }
    }

    fn has_members(&self, app: &str, group: &str) -> bool {
        self.of_app(app).iter().any(|known| known.name == group && !known.members.is_empty())
    }
}

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) data_dir: Arc<DataDir>,
    pub(crate) topics: Arc<TopicRegistry>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) clock: Arc<JumpingClock>,
    pub(crate) groups: Arc<PresentGroups>,
    pub(crate) api: HttpApi,
    pub(crate) runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<std::io::Result<()>>>,
    directory: Option<TempDir>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut HttpApiOptions)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change)
    }

    /// Stops it, and starts another on the same directory.
    pub(crate) fn restarted(self) -> Self {
        self.restarted_with(|_| {})
    }

    pub(crate) fn restarted_with(mut self, change: impl FnOnce(&mut HttpApiOptions)) -> Self {
        let directory = self.directory.take().unwrap();
        drop(self);
        Self::start_in(directory, change)
    }

    fn start_in(directory: TempDir, change: impl FnOnce(&mut HttpApiOptions)) -> Self {
        let clock = Arc::new(JumpingClock::default());
        let data_dir = DataDir::open(directory.path(), StoreOptions::default(), clock.clone(), rand::random).unwrap();
        let default_app = AppName::new("default").unwrap();
        if !data_dir.has_app("default") {
            data_dir.create_app(&default_app).unwrap();
        }
        let credentials = Credentials::open(directory.path(), NOW_MS).unwrap();
        let mut options = HttpApiOptions::new(default_app, "localhost:9093".to_owned());
        change(&mut options);
        let topics = TopicRegistry::new(data_dir.clone());
        let groups = Arc::new(PresentGroups::default());
        let parts = HttpApiParts {
            maintenance: operations::Maintenance::new(data_dir.clone(), topics.clone()),
            sinks: sinks::Sinks::open(topics.clone(), sinks::Host::of(&data_dir)).unwrap(),
            peers: None,
            peer_directory: None,
            data_dir: data_dir.clone(),
            topics: topics.clone(),
            credentials: credentials.clone(),
            clock: clock.clone(),
            pages: axum::Router::new(),
            sign_in_links: None,
            audit: Arc::new(operations::AuditLog::of(directory.path())),
            groups: Some(groups.clone()),
        };
        let api = HttpApi::new(options, parts, Registry::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = runtime.spawn({
            let api = api.clone();
            async move { api.serve(listener, None, async { drop(stopped.await) }).await }
        });
        let (stop, serving) = (Some(stop), Some(serving));
        Self {
            address,
            data_dir,
            topics,
            credentials,
            clock,
            groups,
            api,
            runtime,
            stop,
            serving,
            directory: Some(directory),
        }
    }

    pub(crate) fn app(&self) -> Arc<App> {
        self.data_dir.app("default").unwrap()
    }

    /// Asks the server to stop; [`TestServer::stopped`] waits for it.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) fn stopped(&mut self) {
        let serving = self.serving.take().unwrap();
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, serving).await }).unwrap().unwrap().unwrap();
    }

    /// Makes a key with grants such as `("default", Some("people"), &[Permission::Read])`.
    pub(crate) fn key(&self, name: &str, grants: &[(&str, Option<&str>, &[Permission])]) -> String {
        self.restricted_key(name, grants, None)
    }

    /// The same with a permission document.
    pub(crate) fn restricted_key(
        &self,
        name: &str,
        grants: &[(&str, Option<&str>, &[Permission])],
        permission: Option<PermissionDocument>,
    ) -> String {
        let grants = grants.iter().map(|(app, collection, permissions)| Grant {
            app: (*app).to_owned(),
            collection: collection.map(str::to_owned),
            permissions: permissions.to_vec(),
        });
        let new = NewKey { name: name.to_owned(), grants: grants.collect(), permission: permission.map(Arc::new) };
        self.credentials.create_key(new, NOW_MS).unwrap().1
    }

    /// Serves over TLS too; the server stops it when it is dropped.
    pub(crate) fn serve_tls(&self) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
        let tls = self.credentials.https_tls(&["localhost".to_owned()], None, NOW_MS).unwrap();
        let listener = self.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let api = self.api.clone();
        (address, self.runtime.spawn(async move { api.serve(listener, Some(tls), std::future::pending()).await }))
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let host = format!("localhost:{}", self.address.port());
        Request {
            address: self.address,
            line: format!("{method} {path} HTTP/1.1"),
            headers: vec![("Host".to_owned(), host)],
            body: Vec::new(),
        }
    }

    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.request("POST", path).body(body).send()
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// `store/write` of the default app with these commands; must work.
    pub(crate) fn write(&self, commands: &str) -> String {
        let reply = self.post("/api/v4/store/write", format!(r#"{{"commands":[{commands}]}}"#));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    pub(crate) fn upsert(&self, collection: &str, id: &str, value: &str) -> u64 {
        let reply =
            self.write(&format!(r#"{{"method":"upsert","collection":"{collection}","id":"{id}","value":{value}}}"#));
        number_after(&reply, r#""transactionId":"#)
    }

    pub(crate) fn find(&self, body: &str) -> String {
        let reply = self.post("/api/v4/store/find", body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body
    }

    /// The document's fields as JSON, or `none`.
    pub(crate) fn fields(&self, collection: &str, id: &str) -> String {
        let body = format!(r#"{{"collection":"{collection}","id":"{id}"}}"#);
        let reply = self.post("/api/v4/store/findbyid", body);
        match reply.status {
            404 => "none".to_owned(),
            _ => between(&reply.body, r#","fields":"#, r#","txnId":"#).to_owned(),
        }
    }
}

pub(crate) struct Request {
    address: SocketAddr,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Sets a header; `Host` replaces the one that is sent by itself.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    pub(crate) fn send(self) -> Reply {
        let mut connection = Connection::open(self.address);
        connection.send(&self.to_bytes());
        connection.reply()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(&self.body);
        bytes
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header_names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Status and body, for comparing.
    pub(crate) fn pair(&self) -> (u16, &str) {
        (self.status, &self.body)
    }

    /// The `message` of an error reply, which has nothing else.
    pub(crate) fn message(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        let object = json.as_object().unwrap();
        assert_eq!(object.len(), 1, "{}", self.body);
        object["message"].as_str().unwrap().to_owned()
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// As [`Connection::send`], where the server may close the connection meanwhile.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Whether the server has closed it; does not wait.
    pub(crate) fn is_closed_now(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        match peeked {
            Ok(count) => count == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Reads one reply, as long as its Content-Length says.
    pub(crate) fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        let length: usize = reply.header("content-length").map_or(0, |value| value.parse().unwrap());
        reply.body = String::from_utf8(self.bytes(length)).unwrap();
        reply
    }

    /// Reads so many bytes of a body.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.read_more(), "the connection ended within a body");
        }
        self.buffer.drain(..length).collect()
    }

    /// Reads one reply without its body.
    pub(crate) fn head(&mut self) -> Reply {
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read_more(), "the connection ended: {:?}", String::from_utf8_lossy(&self.buffer));
        };
        let head = String::from_utf8(self.buffer.drain(..head_end).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Reply { status, headers, body: String::new() }
    }

    /// Whether the server closes the connection, after what it has still sent was read.
    pub(crate) fn is_closed(&mut self) -> bool {
        while self.read_more() {}
        true
    }

    fn read_more(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend(&chunk[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until it holds.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}

pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let start = text.find(before).unwrap_or_else(|| panic!("{before} in {text}")) + before.len();
    let end = text[start..].rfind(after).unwrap_or_else(|| panic!("{after} in {text}"));
    &text[start..start + end]
}

pub(crate) fn number_after(text: &str, before: &str) -> u64 {
    let start = text.find(before).unwrap_or_else(|| panic!("{before} in {text}")) + before.len();
    let digits: String = text[start..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// The ids of a find's or requery's reply.
pub(crate) fn ids(reply: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(reply).unwrap();
    json["documents"].as_array().unwrap().iter().map(|document| document["id"].to_string()).collect()
}

impl Request {
    /// The status of a reply that has no body whatever its Content-Length.
    pub(crate) fn send_head(self) -> u16 {
        let mut connection = Connection::open(self.address);
        connection.send(&self.header("Connection", "close").to_bytes());
        assert!(connection.is_closed());
        let head = String::from_utf8(connection.buffer).unwrap();
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}
