//! Calls to servers that answer, lie, dawdle, hang up or are not whom they should be.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use outbound::{Answer, CallError, Client, Endpoint, HeaderName, HeaderValue, Resolve, Resolved};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that does `answer` with each connection; its address, and how many there were.
async fn server<F, Fut>(answer: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, connections) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            tokio::spawn(answer(stream));
        }
    });
    (address, connections)
}

/// Reads a request with a body of `{}`; what it was, `None` at the end.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n{}") {
        read.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(read).unwrap())
}

fn client() -> Client {
    Client::new(Vec::new()).unwrap().with_timeout(Duration::from_secs(2))
}

async fn post(client: &Client, url: &str) -> Result<Answer, CallError> {
    let header = (HeaderName::from_static("headwater-op"), HeaderValue::from_static("insert"));
    client.post(&Endpoint::parse(url).unwrap(), &[header], "{}".into()).await
}

/// The answer to a call of a server that does this with its connection once it has the request.
async fn answered<F, Fut>(answer: F) -> Result<Answer, CallError>
where
    F: Fn(TcpStream) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (address, _) = server(move |mut stream| async move {
        request(&mut stream).await.unwrap();
        answer(stream).await;
    })
    .await;
    let begun = Instant::now();
    let answer = post(&client(), &format!("http://{address}/hook?token=hush")).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    if let Err(error) = &answer {
        assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
    }
    answer
}

/// Writes the same again and again, until nobody reads it.
async fn for_ever(stream: &mut (impl AsyncWrite + Unpin), what: &[u8], pause: Duration) {
    while stream.write_all(what).await.is_ok() {
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn a_call_is_a_post_and_its_connection_is_used_again() {
    let (seen, mut told) = tokio::sync::mpsc::channel(4);
    let (address, connections) = server(move |mut stream| {
        let seen = seen.clone();
        async move {
            while let Some(text) = request(&mut stream).await {
                seen.send(text).await.unwrap();
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    let endpoint = Endpoint::parse(&format!("http://{address}/hook?a=b")).unwrap();
    for _ in 0..3 {
        let header = (HeaderName::from_static("headwater-op"), HeaderValue::from_static("insert"));
        let answer = client().post(&endpoint, &[header], "{}".into()).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.retry_after), (200, None));
    }
    let text = told.recv().await.unwrap();
    assert!(text.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{text}");
    for line in [&format!("host: {address}"), "user-agent: headwater", "headwater-op: insert", "content-length: 2"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
    }
    assert_eq!(connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_made_again() {
    let (address, connections) = server(|mut stream| async move {
        request(&mut stream).await.unwrap();
        stream.write_all(OK).await.unwrap();
    })
    .await;
    let endpoint = Endpoint::parse(&format!("http://{address}/")).unwrap();
    for _ in 0..3 {
        client().post(&endpoint, &[], "{}".into()).await.unwrap();
    }
    assert_eq!(connections.load(SeqCst), 3);
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (other, connections) = server(|_| async {}).await;
    let (address, _) = server(move |mut stream| async move {
        request(&mut stream).await.unwrap();
        let text = format!("HTTP/1.1 307 See\r\nlocation: http://{other}/\r\nretry-after: 9\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
    })
    .await;
    let told = post(&client(), &format!("http://{address}/")).await.unwrap();
    assert_eq!((told.status.as_u16(), told.retry_after), (307, Some(Duration::from_secs(9))));
    assert_eq!(connections.load(SeqCst), 0);
}

#[tokio::test]
async fn one_byte_after_another_is_no_answer_in_time() {
    let slow = |mut stream: TcpStream| async move {
        for byte in OK {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    assert!(matches!(answered(slow).await, Err(CallError::TimedOut { .. })));
    let never = |stream: TcpStream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    };
    assert!(matches!(answered(never).await, Err(CallError::TimedOut { .. })));
    let endless_head = |mut stream: TcpStream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        for_ever(&mut stream, b"a: b\r\n", Duration::from_millis(100)).await;
    };
    assert!(matches!(answered(endless_head).await, Err(CallError::TimedOut { .. })));
}

#[tokio::test]
async fn of_a_body_that_does_not_end_the_status_counts() {
    let dripping = |mut stream: TcpStream| async move {
        stream.write_all(b"HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        for_ever(&mut stream, b"1\r\nx\r\n", Duration::from_millis(100)).await;
    };
    assert_eq!(answered(dripping).await.unwrap().status.as_u16(), 202);
}

#[tokio::test]
async fn of_a_huge_body_hardly_anything_is_read() {
    let (sent, mut told) = tokio::sync::mpsc::channel(1);
    let (address, _) = server(move |mut stream| {
        let sent = sent.clone();
        async move {
            request(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 1073741824\r\n\r\n").await.unwrap();
            let (block, mut bytes) = (vec![b'x'; 1 << 16], 0_u64);
            while bytes < 1 << 30 && stream.write_all(&block).await.is_ok() {
                bytes += block.len() as u64;
            }
            sent.send(bytes).await.unwrap();
        }
    })
    .await;
    let told_status = post(&client(), &format!("http://{address}/")).await.unwrap().status;
    assert_eq!(told_status.as_u16(), 500);
    // What the kernel holds between the two is on top.
    let bytes = tokio::time::timeout(Duration::from_secs(10), told.recv()).await.unwrap().unwrap();
    assert!(bytes < 32 << 20, "{bytes}");
}

#[tokio::test]
async fn what_is_no_http_is_called_that() {
    let garbage = |mut stream: TcpStream| async move {
        stream.write_all(b"\x00\x01SSH-2.0-OpenSSH_9.7\r\n\r\n").await.unwrap();
    };
    assert!(matches!(answered(garbage).await, Err(CallError::NoHttp { .. })));
    let headers = |mut stream: TcpStream| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        for_ever(&mut stream, &[b'a'; 4096], Duration::ZERO).await;
    };
    assert!(matches!(answered(headers).await, Err(CallError::NoHttp { .. })));
}

#[tokio::test]
async fn who_hangs_up_is_told() {
    let cut = |stream: TcpStream| async move { drop(stream) };
    assert!(matches!(answered(cut).await, Err(CallError::Cut { .. })));
    let half = |mut stream: TcpStream| async move { stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await.unwrap() };
    assert!(matches!(answered(half).await, Err(CallError::Cut { .. })));
    // One that closes with a request unread resets the connection.
    let (address, _) = server(|stream| async move { drop(stream) }).await;
    let told = post(&client(), &format!("http://{address}/")).await.unwrap_err();
    assert!(matches!(told, CallError::Cut { .. }), "{told}");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let told = post(&client(), &format!("http://{gone}/hush")).await.unwrap_err();
    assert!(matches!(told, CallError::Connect { .. }) && !told.to_string().contains("hush"), "{told}");
}

#[tokio::test]
async fn the_server_does_not_call_itself() {
    let (address, connections) = server(|_| async {}).await;
    let client = Client::new(vec![SocketAddr::new([0, 0, 0, 0].into(), address.port())]).unwrap();
    let told = post(&client, &format!("http://{address}/")).await.unwrap_err();
    assert!(told.to_string().contains("this server itself listens"), "{told}");
    assert_eq!(connections.load(SeqCst), 0);
}

/// Says the same of each name.
#[derive(Debug)]
struct Says(Vec<SocketAddr>, AtomicUsize);

impl Resolve for Says {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolved<'a> {
        self.1.fetch_add(1, SeqCst);
        Box::pin(async { Ok(self.0.clone()) })
    }
}

fn says(addresses: &[&str]) -> Arc<Says> {
    Arc::new(Says(addresses.iter().map(|address| address.parse().unwrap()).collect(), AtomicUsize::new(0)))
}

#[tokio::test]
async fn a_name_that_leads_to_the_link_is_refused_whatever_else_it_leads_to() {
    let (address, connections) = server(|_| async {}).await;
    let here = address.to_string();
    for addresses in [&["169.254.169.254:443"][..], &[&here, "[fe80::1]:443"], &[&here, "224.0.0.1:443"]] {
        let client = client().with_resolver(says(addresses));
        let told = post(&client, "https://metadata.example/").await.unwrap_err();
        assert!(matches!(told, CallError::Refused { .. }), "{told}");
    }
    let client = client().with_resolver(says(&[]));
    assert!(matches!(post(&client, "https://nobody.example/").await, Err(CallError::Name { .. })));
    // A name of this machine that leads elsewhere is no way round https.
    let client = client.with_resolver(says(&["93.184.216.34:80"]));
    assert!(post(&client, "http://localhost/").await.unwrap_err().to_string().contains("needs https"));
    assert_eq!(connections.load(SeqCst), 0);
}

/// A server with a certificate for `name`, and the authority that stands behind it.
async fn tls_server(name: &str) -> (SocketAddr, rustls::pki_types::CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (address, _) = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            request(&mut stream).await.unwrap();
            stream.write_all(OK).await.unwrap();
            stream.shutdown().await.ok();
        }
    })
    .await;
    (address, certificate)
}

#[tokio::test]
async fn over_tls_only_who_has_the_right_certificate_gets_anything() {
    let (address, authority) = tls_server("hooks.example").await;
    let resolver = says(&["127.0.0.1:1", &address.to_string()]);
    let trusting = Client::trusting(Vec::new(), &[authority]).unwrap().with_resolver(resolver.clone());
    // The first address of the name refuses; the name is asked for once.
    assert_eq!(post(&trusting, "https://hooks.example/").await.unwrap().status.as_u16(), 200);
    assert_eq!(resolver.1.load(SeqCst), 1);

    let told = post(&trusting, "https://other.example/").await.unwrap_err();
    assert!(matches!(told, CallError::Tls { .. }), "{told}");
    let stranger = client().with_resolver(resolver.clone());
    let told = post(&stranger, "https://hooks.example/hush").await.unwrap_err();
    assert!(told.to_string().contains("UnknownIssuer") && !told.to_string().contains("hush"), "{told}");
    // Who speaks no TLS.
    let (plain, _) = server(|mut stream| async move {
        stream.write_all(OK).await.ok();
    })
    .await;
    let told = post(&client().with_resolver(says(&[&plain.to_string()])), "https://hooks.example/").await;
    assert!(matches!(told, Err(CallError::Tls { .. })), "{told:?}");
}
