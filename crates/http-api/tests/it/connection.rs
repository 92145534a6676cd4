//! Keep-alive, pipelining, slow clients, TLS, stopping.

use std::{
    io::{Read, Write},
    sync::Arc,
    time::Duration,
};

use crate::server::{Connection, TestServer, wait_until};

const COUNT: &str = r#"{"collection":"c"}"#;

#[test]
fn many_requests_on_one_connection() {
    let server = TestServer::start();
    let mut connection = server.connect();
    for n in 0..50 {
        let body = format!(r#"{{"commands":[{{"method":"upsert","collection":"c","id":{n},"value":{{"n":{n}}}}}]}}"#);
        connection.send(&server.request("POST", "/api/v4/store/write").body(body).to_bytes());
        assert_eq!(connection.reply().status, 200);
    }
    let count = server.request("POST", "/api/v4/store/count").body(COUNT).to_bytes();
    connection.send(&[count.clone(), count].concat());
    for _ in 0..2 {
        assert!(connection.reply().body.starts_with(r#"{"count":50,"#), "pipelined");
    }
}

#[test]
fn an_error_does_not_end_the_connection() {
    let server = TestServer::start();
    let mut connection = server.connect();
    for (body, status) in [("{", 400), (COUNT, 200), (r#"{"collection":1}"#, 400), (COUNT, 200)] {
        connection.send(&server.request("POST", "/api/v4/store/count").body(body).to_bytes());
        assert_eq!(connection.reply().status, status);
    }
}

#[test]
fn what_is_not_http_is_refused() {
    let server = TestServer::start();
    let mut connection = server.connect();
    connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    let reply = connection.reply();
    assert_eq!((reply.status, reply.header("connection")), (400, Some("close")));
    assert!(connection.is_closed());
    let mut connection = server.connect();
    let many: String = (0..1000).map(|n| format!("X-{n}: 1\r\n")).collect();
    connection.send(format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").as_bytes());
    assert_eq!(connection.reply().status, 431);
    let mut connection = server.connect();
    let long = "x".repeat(100_000);
    connection.send(format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n").as_bytes());
    assert_eq!(connection.reply().status, 431);
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let server = TestServer::start_with(|options| options.header_timeout = Duration::from_millis(100));
    let mut stalled = server.connect();
    stalled.send(b"POST /api/v4/store/write HTTP/1.1\r\nHost: loc");
    assert!(stalled.is_closed());
    let mut idle = server.connect();
    assert!(idle.is_closed());
}

#[test]
fn a_stop_finishes_what_is_being_answered() {
    let mut server = TestServer::start();
    let txn = server.upsert("c", "a", "{}");
    let mut idle = server.connect();
    let mut waiting = server.connect();
    let find = server.request("POST", "/api/v4/store/count").header("X-DITTO-TXN-ID", &(txn + 1).to_string());
    waiting.send(&find.body(COUNT).to_bytes());
    let app = server.app();
    wait_until(|| open_connections(&server) == Some(3)); // these two and the one that asks
    server.stop();
    assert!(idle.is_closed());
    let changeset = document::Changeset {
        operations: vec![document::Operation {
            collection: document::CollectionName::new("c").unwrap(),
            id: document::DocumentId::from_value(&document::Value::Int(1)).unwrap(),
            condition: document::Condition::Always,
            action: document::Action::upsert(document::Map::new()),
        }],
        queries: Vec::new(),
        origin: document::Origin::default(),
    };
    server.runtime.block_on(app.commit(changeset)).unwrap();
    let reply = waiting.reply();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(waiting.is_closed());
    server.stopped();
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

fn open_connections(server: &TestServer) -> Option<i64> {
    let text = server.get("/metrics").body;
    let line = text.lines().find(|line| line.starts_with("headwater_http_connections "))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn the_same_over_tls() {
    let server = TestServer::start();
    let (address, _serving) = server.serve_tls();

    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(certificate_authority(&server));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_details(provider, Arc::new(ServersTime))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut session = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut socket = Connection::open(address).stream;
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let request = server.request("POST", "/api/v4/store/count").header("Connection", "close").body(COUNT);
    stream.write_all(&request.to_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");

    let mut plain = Connection::open(address);
    plain.send(&server.request("GET", "/health/live").to_bytes());
    assert!(plain.is_closed(), "plaintext on the TLS port");
}

/// The certificate is of the server's clock, which is not today's.
#[derive(Debug)]
struct ServersTime;

impl rustls::time_provider::TimeProvider for ServersTime {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_millis(crate::server::NOW_MS)))
    }
}

fn certificate_authority(server: &TestServer) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject;
    let bundle =
        server.credentials.ensure_bundle("default", "user-consumable-default", "localhost:9093", crate::server::NOW_MS);
    let pem = std::fs::read(bundle.unwrap().directory.join("ca.pem")).unwrap();
    rustls::pki_types::CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect()
}
