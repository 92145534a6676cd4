//! `X-DITTO-TXN-ID`: answers are never older; what is not there in time is a 404 and nothing was done.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::server::TestServer;

const CALLS: [(&str, &str); 5] = [
    ("find", r#"{"collection":"c"}"#),
    ("findbyid", r#"{"collection":"c","id":"a"}"#),
    ("count", r#"{"collection":"c"}"#),
    ("requery", r#"{"documentId":"a"}"#),
    ("write", r#"{"commands":[{"method":"upsert","collection":"c","id":"b","value":{}}]}"#),
];

#[test]
fn transactions_that_are_there_are_not_waited_for() {
    let server = TestServer::start();
    let txn = server.upsert("c", "a", "{}");
    for (call, body) in CALLS {
        for header in ["X-DITTO-TXN-ID", "X-HYDRA-TXN-ID"] {
            let path = format!("/api/v4/store/{call}");
            let reply = server.request("POST", &path).header(header, &txn.to_string()).body(body).send();
            assert_eq!(reply.status, 200, "{call}: {}", reply.body);
        }
    }
}

#[test]
fn a_transaction_that_does_not_come_is_a_404() {
    let server = TestServer::start_with(|options| options.request_timeout = Duration::from_millis(100));
    let txn = server.upsert("c", "a", "{}");
    for (call, body) in CALLS {
        let path = format!("/api/v4/store/{call}");
        let started = Instant::now();
        let reply = server.request("POST", &path).header("X-DITTO-TXN-ID", &(txn + 1).to_string()).body(body).send();
        assert_eq!(reply.status, 404, "{call}: {}", reply.body);
        let expected =
            format!("transaction {} was not applied within 0.1 s, the newest is {txn}; nothing was done", txn + 1);
        assert_eq!(reply.message(), expected);
        assert!(started.elapsed() >= Duration::from_millis(100));
    }
    assert_eq!(server.app().newest_txn().0, txn, "nothing was written");
}

#[test]
fn a_transaction_that_comes_is_waited_for() {
    let server = TestServer::start();
    let txn = server.upsert("c", "a", r#"{"n":1}"#);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let request = server.request("POST", "/api/v4/store/find").header("X-DITTO-TXN-ID", &(txn + 1).to_string());
            request.body(r#"{"collection":"c"}"#).send()
        });
        let next = server.upsert("c", "a", r#"{"n":2}"#);
        assert_eq!(next, txn + 1);
        let reply = waiting.join().unwrap();
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains(r#""n":2"#), "{}", reply.body);
    });
}

#[test]
fn what_is_no_decimal_u64_is_refused() {
    let server = TestServer::start();
    for bad in ["abc", "-1", "1.5", "18446744073709551616", "0x1"] {
        let reply = server.request("POST", "/api/v4/store/find").header("X-DITTO-TXN-ID", bad).body("{}").send();
        assert_eq!(reply.status, 400);
        let expected = format!("X-DITTO-TXN-ID must be a decimal number of at most 64 bits, not {bad:?}");
        assert_eq!(reply.message(), expected);
    }
}
