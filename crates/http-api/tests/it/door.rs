//! Connections that wait for their clients keep nobody out.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use http_api::limits;

use crate::{
    attachments, expensive,
    server::{Connection, TestServer, number_after, wait_until},
};

const COUNT: &str = r#"{"collection":"c"}"#;
const HALF_HEAD: &[u8] = b"POST /api/v4/store/count HTTP/1.1\r\nHost: loc";

/// A connection from another address of this machine's.
fn connect_from(server: &TestServer, address: SocketAddr, from: [u8; 4]) -> Connection {
    let connecting = async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::from(from), 0)).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    };
    let stream = server.runtime.block_on(connecting);
    stream.set_nonblocking(false).unwrap();
    Connection::of(stream)
}

fn count(server: &TestServer) -> Vec<u8> {
    server.request("POST", "/api/v4/store/count").body(COUNT).to_bytes()
}

fn is_answered(server: &TestServer, connection: &mut Connection) {
    connection.send(&count(server));
    let reply = connection.reply();
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Which of them the server has closed, as far as it shows at once.
fn closed(connections: &mut [Connection]) -> Vec<bool> {
    connections.iter_mut().map(Connection::is_closed_now).collect()
}

#[test]
fn heads_that_do_not_come_keep_nobody_out() {
    let server = TestServer::start_with(|options| options.connections_max = 8);
    let mut acquaintance = server.connect();
    is_answered(&server, &mut acquaintance);
    let mut silent = Vec::new();
    // From many addresses, so that no bound of one address helps.
    for n in 0..40 {
        let mut connection = connect_from(&server, server.address, [127, 0, 1, n]);
        connection.send(HALF_HEAD);
        silent.push(connection);
        if n % 8 == 0 {
            is_answered(&server, &mut connect_from(&server, server.address, [127, 0, 2, n]));
            is_answered(&server, &mut server.connect());
        }
    }
    wait_until(|| closed(&mut silent).iter().take(30).all(|&closed| closed));
    is_answered(&server, &mut acquaintance);
    assert!(!silent.last_mut().unwrap().is_closed_now(), "the newest stay");
    silent.last_mut().unwrap().send(b"alhost\r\nContent-Length: 18\r\n\r\n{\"collection\":\"c\"}");
    assert_eq!(silent.last_mut().unwrap().reply().status, 200);
}

#[test]
fn one_address_has_a_part_of_the_places_for_heads_that_do_not_come() {
    let server = TestServer::start_with(|options| options.connections_max = 40);
    let mut silent: Vec<Connection> = (0..25).map(|_| server.connect()).collect();
    silent.iter_mut().for_each(|connection| connection.send(HALF_HEAD));
    wait_until(|| closed(&mut silent).iter().filter(|&&closed| closed).count() == 15);
    assert_eq!(closed(&mut silent).iter().position(|&closed| !closed), Some(15), "the oldest went");
    is_answered(&server, &mut server.connect());
}

#[test]
fn idle_connections_make_room_the_longest_idle_first() {
    let server = TestServer::start_with(|options| options.connections_max = 4);
    let answered = || {
        let mut connection = server.connect();
        is_answered(&server, &mut connection);
        connection
    };
    let mut idle: Vec<Connection> = (0..4).map(|_| answered()).collect();
    is_answered(&server, &mut idle[0]);
    let _newcomer = answered();
    wait_until(|| closed(&mut idle).contains(&true));
    assert_eq!(closed(&mut idle).into_iter().filter(|&closed| closed).count(), 1);
    is_answered(&server, &mut idle[0]);
}

#[test]
fn half_handshakes_keep_nobody_out() {
    let server = TestServer::start_with(|options| options.connections_max = 8);
    let (address, _tls) = server.serve_tls();
    let mut half: Vec<Connection> = (0..20).map(|n| connect_from(&server, address, [127, 0, 3, n])).collect();
    half.iter_mut().for_each(|connection| connection.send(b"\x16\x03\x01\x02\x00\x01\x00"));
    wait_until(|| closed(&mut half).into_iter().filter(|&closed| closed).count() >= 12);
    is_answered(&server, &mut server.connect());
}

#[test]
fn bodies_that_do_not_come_keep_nobody_out() {
    let server = TestServer::start_with(|options| options.connections_max = 8);
    let head = b"POST /api/v4/store/count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n{";
    let mut slow: Vec<Connection> = (0..20).map(|n| connect_from(&server, server.address, [127, 0, 4, n])).collect();
    slow.iter_mut().for_each(|connection| connection.send(head));
    wait_until(|| closed(&mut slow).into_iter().filter(|&closed| closed).count() >= 12);
    is_answered(&server, &mut server.connect());
}

#[test]
fn large_bodies_that_are_announced_take_no_memory_from_others() {
    let server = TestServer::start();
    let head = b"POST /api/v4/store/count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2097152\r\n\r\n{";
    let mut slow: Vec<Connection> = (0..80).map(|_| server.connect()).collect();
    slow.iter_mut().for_each(|connection| connection.send(head));
    let body = format!(r#"{{"collection":"c","args":{{"a":"{}"}}}}"#, "x".repeat(1_000_000));
    assert_eq!(server.post("/api/v4/store/count", body).status, 200);
}

#[test]
fn large_bodies_that_stop_on_their_way_make_room() {
    let server = TestServer::start();
    let most = 2 * 1024 * 1024;
    let head = format!("POST /api/v4/store/count HTTP/1.1\r\nHost: localhost\r\nContent-Length: {most}\r\n\r\n");
    let part = [head.as_bytes(), &vec![b' '; most - 1]].concat();
    // Together more than all bodies may take.
    let mut slow: Vec<Connection> = (0..66).map(|_| server.connect()).collect();
    std::thread::scope(|scope| {
        for some in slow.chunks_mut(11) {
            scope.spawn(|| some.iter_mut().for_each(|connection| drop(connection.try_send(&part))));
        }
    });
    wait_until(|| closed(&mut slow).contains(&true));
    let body = format!(r#"{{"collection":"c","args":{{"a":"{}"}}}}"#, "x".repeat(1_000_000));
    assert_eq!(server.post("/api/v4/store/count", body).status, 200);
}

#[test]
fn what_is_worked_for_is_never_closed() {
    let server = TestServer::start_with(|options| options.connections_max = 2);
    let text = expensive::letters(100_000);
    for id in 0..40 {
        server.upsert("large", &id.to_string(), &format!(r#"{{"t":"{text}"}}"#));
    }
    let mut first = server.connect();
    is_answered(&server, &mut first);
    let mut other = server.connect();
    is_answered(&server, &mut other);
    let long = r#"{"collection":"large","query":"regex(t, '[ac]*a[ac]{30}b')"}"#;
    first.send(&server.request("POST", "/api/v4/store/count").body(long).to_bytes());
    // Far more turns than it takes until the request is read.
    (0..100).for_each(|_| is_answered(&server, &mut other));
    let mut newcomers = Vec::new();
    for _ in 0..20 {
        let mut newcomer = server.connect();
        is_answered(&server, &mut newcomer);
        newcomers.push(newcomer);
    }
    assert!(closed(&mut newcomers).into_iter().filter(|&closed| closed).count() >= 18);
    let reply = first.reply();
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[test]
fn transactions_that_never_come_keep_nobody_out() {
    let server = TestServer::start_with(|options| {
        options.connections_max = 5;
        options.request_timeout = Duration::from_secs(600);
    });
    let mut acquaintance = server.connect();
    is_answered(&server, &mut acquaintance);
    let never = server.request("POST", "/api/v4/store/find").header("X-DITTO-TXN-ID", "9007199254740991");
    let never = never.body(COUNT).to_bytes();
    let mut waiting: Vec<Connection> = (0..4).map(|n| connect_from(&server, server.address, [127, 0, 5, n])).collect();
    waiting.iter_mut().for_each(|connection| connection.send(&never));
    // Far more turns than it takes until the requests are read.
    (0..100).for_each(|_| is_answered(&server, &mut acquaintance));
    let mut newcomer = server.connect();
    is_answered(&server, &mut newcomer);
    wait_until(|| closed(&mut waiting).into_iter().filter(|&closed| closed).count() == 1);
    assert!(!acquaintance.is_closed_now(), "who waits for nothing that will be goes first");
    let mut stranger = connect_from(&server, server.address, [127, 0, 5, 9]);
    is_answered(&server, &mut stranger);
    is_answered(&server, &mut newcomer);
}

/// As many as there is memory for: they read a little of a file, and no more.
#[test]
fn fetches_that_nobody_takes_keep_nobody_out() {
    let server = TestServer::start_with(|options| options.scan_timeout = Duration::from_secs(8));
    let stored = attachments::upload(&server, &"x".repeat(8 << 20));
    assert_eq!(stored.status, 200, "{}", stored.body);
    let id = serde_json::from_str::<serde_json::Value>(&stored.body).unwrap()["id"].as_str().unwrap().to_owned();
    let fetch = server.request("GET", &format!("/api/v4/attachments/{id}")).to_bytes();
    let mut stalled = Vec::new();
    for _ in 0..limits::FETCHES_KIB_MAX * 1024 / limits::ATTACHMENT_MEMORY_BYTES {
        let connecting = async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(16 * 1024).unwrap();
            socket.connect(server.address).await.unwrap().into_std().unwrap()
        };
        let stream = server.runtime.block_on(connecting);
        stream.set_nonblocking(false).unwrap();
        let mut connection = Connection::of(stream);
        connection.send(&fetch);
        connection.stream.peek(&mut [0]).unwrap(); // the reply has begun
        stalled.push(connection);
    }
    let find = server.request("POST", "/api/v4/store/find").body(COUNT).send();
    assert_eq!(find.status, 200, "no query waits for fetches: {}", find.body);
    let mut other = server.connect();
    other.send(&fetch);
    let reply = other.reply();
    assert!(reply.status == 200 && reply.body.len() == 8 << 20, "who takes nothing makes room: {}", reply.status);
    let metrics = server.get("/metrics").body;
    assert!(number_after(&metrics, "headwater_http_connections_closed_for_room_total ") > 0, "{metrics}");
}

#[test]
fn replies_that_nobody_takes_keep_nobody_out() {
    let server = TestServer::start_with(|options| options.connections_max = 1);
    let text = "x".repeat(2_000_000);
    for id in 0..16 {
        server.upsert("large", &id.to_string(), &format!(r#"{{"text":"{text}"}}"#));
    }
    let mut first = server.connect();
    let find = server.request("POST", "/api/v4/store/find").body(r#"{"collection":"large"}"#);
    first.send(&find.to_bytes());
    first.stream.peek(&mut [0]).unwrap(); // the reply has begun
    is_answered(&server, &mut server.connect());
}
