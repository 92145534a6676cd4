//! A web server that is called, and answers as the test says.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// A call that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
    pub(crate) at: Instant,
    /// The status that it got, 0 for none.
    pub(crate) status: u16,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn key(&self) -> &str {
        self.header("headwater-key")
    }

    pub(crate) fn offset(&self) -> u64 {
        self.header("headwater-offset").parse().unwrap()
    }
}

/// What it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    Status(u16),
    /// With `Retry-After`, in seconds.
    Later(u16, u64),
    /// A redirect to itself.
    Redirect,
    /// Nothing, for longer than anybody waits.
    Hang,
    /// 200, and a body that does not end.
    Endless,
    Cut,
}

type Answer = dyn Fn(&Call, usize) -> Reply + Send + Sync;

/// A receiver; gone when it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    task: AbortHandle,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// One that answers each call by what it is, and how many arrived before it.
    pub(crate) async fn start(answer: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), answer).await
    }

    pub(crate) async fn start_at(
        at: SocketAddr,
        answer: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(at).unwrap();
        let listener = socket.listen(64).unwrap();
        let (address, calls) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Call>>>::default());
        let task = tokio::spawn(serve(listener, calls.clone(), Arc::new(answer))).abort_handle();
        Self { address, calls, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Those that got 2xx.
    pub(crate) fn delivered(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| (200..300).contains(&call.status)).collect()
    }

    /// Those calls once they are as the test wants them.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let calls = self.delivered();
            if is_so(&calls) {
                return calls;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}: {calls:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn serve(listener: TcpListener, calls: Arc<Mutex<Vec<Call>>>, answer: Arc<Answer>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, calls.clone(), answer.clone()));
    }
}

async fn connection(stream: TcpStream, calls: Arc<Mutex<Vec<Call>>>, answer: Arc<Answer>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut headers = HashMap::new();
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
        assert_eq!(line, "POST /hook HTTP/1.1\r\n");
        loop {
            line.clear();
            stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_owned(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        stream.read_exact(&mut body).await.ok()?;
        let body = String::from_utf8(body).unwrap();
        let call = Call { headers, body, at: Instant::now(), status: 0 };
        let reply = {
            let mut calls = calls.lock().unwrap();
            let reply = answer(&call, calls.len());
            let status = match reply {
                Reply::Status(status) | Reply::Later(status, _) => status,
                Reply::Redirect => 307,
                Reply::Endless => 200,
                Reply::Hang | Reply::Cut => 0,
            };
            calls.push(Call { status, ..call });
            reply
        };
        let text = match reply {
            Reply::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
            Reply::Later(status, s) => format!("HTTP/1.1 {status} X\r\nretry-after: {s}\r\ncontent-length: 0\r\n\r\n"),
            Reply::Redirect => "HTTP/1.1 307 X\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
                while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                return None;
            }
            Reply::Hang => std::future::pending().await,
            Reply::Cut => return None,
        };
        stream.write_all(text.as_bytes()).await.ok()?;
    }
}
