//! A peer that is called by messages, as the bindings of other languages do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../it/server.rs"]
mod server;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use headwater::bindings::Binding;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take here.
const LONG: Duration = Duration::from_secs(20);

struct Rig {
    binding: Binding,
    dir: TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { binding: open(&dir).unwrap(), dir }
    }

    fn with_server(url: &str, token: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = json!({"abi": 1, "dir": dir.path(), "server": url, "token": token});
        Self { binding: Binding::open(config.to_string().as_bytes()).unwrap(), dir }
    }

    #[track_caller]
    fn call(&self, request: &Value) -> Value {
        read(&self.binding.call(request.to_string().as_bytes()))
    }

    fn start(&self, request: &Value) -> Receiver<Value> {
        let (sender, receiver) = sync_channel(64);
        self.binding.call_async(request.to_string().as_bytes(), move |answer| sender.send(read(answer)).unwrap());
        receiver
    }

    fn watch(&self, request: &Value) -> (u64, Receiver<Value>) {
        let (sender, receiver) = sync_channel(64);
        let on_event = move |event: &[u8]| drop(sender.send(read(event)));
        (self.binding.subscribe(request.to_string().as_bytes(), on_event).unwrap(), receiver)
    }

    #[track_caller]
    fn check_error(&self, request: &Value, code: &str) {
        assert_eq!(self.call(request)["error"]["code"], code, "{request}");
        assert_eq!(self.start(request).recv_timeout(LONG).unwrap()["error"]["code"], code, "{request}");
    }
}

fn open(dir: &TempDir) -> Result<Binding, Value> {
    let config = json!({"abi": 1, "dir": dir.path(), "sdk": "test"});
    Binding::open(config.to_string().as_bytes()).map_err(|error| read(&error))
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn documents_come_and_go_by_messages() {
    let rig = Rig::new();
    let id = rig.call(&json!({"call": "upsert", "collection": "people", "value": {"name": "Susan", "age": 31}}));
    let id = id["id"].as_str().unwrap().to_owned();
    let found = rig.call(&json!({"call": "find_by_id", "collection": "people", "id": id}));
    assert_eq!(found, json!({"document": {"_id": id, "name": "Susan", "age": 31}}));
    let update = json!({"call": "update", "collection": "people", "id": id, "changes": [
        {"path": "age", "set": 32}, {"path": "visits", "increment": 2}, {"path": "name", "unset": true}]});
    assert_eq!(rig.call(&update)["ids"], json!([id]));
    let select = json!({"call": "execute", "statement": "SELECT * FROM people WHERE age > :age", "args": {"age": 1}});
    let expected = json!([{"_id": id, "age": 32, "visits": 2}]);
    assert_eq!(rig.call(&select)["items"], expected);
    assert_eq!(rig.start(&select).recv_timeout(LONG).unwrap()["items"], expected);
    let find =
        json!({"call": "find", "collection": "people", "sort": [{"path": "age", "descending": true}], "limit": 1});
    assert_eq!(rig.call(&find)["documents"], expected);
    assert_eq!(rig.call(&json!({"call": "remove", "collection": "people", "query": "true"}))["ids"], json!([id]));
    assert_eq!(rig.call(&json!({"call": "state"})), json!({"state": "stopped", "pending": 3}));
}

#[test]
fn an_answer_has_the_format_of_its_request() {
    let rig = Rig::new();
    // {"call": "echo", "value": [-1, 1.5, null]}
    let value = [0x83, 0x20, 0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xf6];
    let request = [&[0xa2, 0x64][..], b"call", &[0x64], b"echo", &[0x65], b"value", &value].concat();
    assert_eq!(rig.binding.call(&request), [&[0xa1, 0x65][..], b"value", &value].concat());
    assert_eq!(rig.call(&json!({"call": "echo", "value": [-1, 1.5, null]})), json!({"value": [-1, 1.5, null]}));
}

#[test]
fn what_is_no_message_is_refused() {
    let rig = Rig::new();
    for bytes in [&b""[..], b"{", b"[]", b"\xff", b"\xbf\xff", b"\xa1\x61a", b"{\"call\":1}", b"null"] {
        assert_eq!(read_any(&rig.binding.call(bytes)), "invalid_message", "{bytes:?}");
    }
    rig.check_error(&json!({"call": "fly"}), "unsupported");
    rig.check_error(&json!({"call": "info", "more": 1}), "unsupported");
    rig.check_error(&json!({"call": "upsert", "collection": "a"}), "invalid_message");
    rig.check_error(&json!({"call": "upsert", "collection": "a", "value": 1}), "invalid_value");
    rig.check_error(&json!({"call": "upsert", "collection": "", "value": {}}), "invalid_value");
    rig.check_error(&json!({"call": "execute", "statement": "SELECT"}), "invalid_query");
    rig.check_error(&json!({"call": "remove", "collection": "a"}), "invalid_message");
    rig.check_error(&json!({"call": "start_sync"}), "no_server");
    rig.check_error(&json!({"call": "login", "token": "t", "provider": "p"}), "no_server");
    rig.check_error(&json!({"call": "commit", "transaction": 7}), "no_transaction");
}

fn read_any(bytes: &[u8]) -> String {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => value["error"]["code"].as_str().unwrap().to_owned(),
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            assert!(text.contains("invalid_message"), "{text}");
            "invalid_message".to_owned()
        }
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let rig = Rig::new();
    assert_eq!(open(&rig.dir).unwrap_err()["error"]["code"], "in_use");
    let refused = |config: &str| read(&Binding::open(config.as_bytes()).unwrap_err())["error"]["code"].clone();
    assert_eq!(refused(r#"{"abi":2,"dir":"x"}"#), "unsupported");
    assert_eq!(refused(r#"{"abi":1,"dir":"x","speed":1}"#), "unsupported");
    assert_eq!(refused(r#"{"abi":1}"#), "invalid_message");
    assert_eq!(refused(r#"{"abi":1,"dir":"x","server":"ftp://a"}"#), "invalid_server");
    assert_eq!(refused(&json!({"abi": 1, "dir": "/dev/null/x"}).to_string()), "open_failed");
}

#[test]
fn events_begin_with_what_is_there_and_end_with_unsubscribe() {
    let rig = Rig::new();
    rig.call(&json!({"call": "upsert", "collection": "a", "value": {"_id": 1, "n": 1}}));
    let (watch, events) = rig.watch(&json!({"watch": "find", "collection": "a", "changes": true}));
    let first = json!({"documents": [{"_id": 1, "n": 1}], "changes": {"initial": true}});
    assert_eq!(events.recv_timeout(LONG).unwrap(), first);
    rig.call(&json!({"call": "upsert", "collection": "a", "value": {"_id": 2}}));
    let second = events.recv_timeout(LONG).unwrap();
    assert_eq!(second["documents"], json!([{"_id": 1, "n": 1}, {"_id": 2}]));
    let changes = json!({"initial": false, "insertions": [1], "deletions": [], "updates": [], "moves": []});
    assert_eq!(second["changes"], changes);
    rig.binding.unsubscribe(watch);
    rig.call(&json!({"call": "upsert", "collection": "a", "value": {"_id": 3}}));
    assert!(events.recv_timeout(LONG).is_err(), "its end is that the callback was dropped");
    let (_, states) = rig.watch(&json!({"watch": "state"}));
    assert_eq!(states.recv_timeout(LONG).unwrap(), json!({"state": "stopped"}));
}

#[test]
fn a_transaction_of_several_calls_is_one() {
    let rig = Rig::new();
    let begun = rig.start(&json!({"call": "begin"})).recv_timeout(LONG).unwrap();
    let transaction = &begun["transaction"];
    for id in [1, 2] {
        let upsert = json!({"call": "upsert", "collection": "a", "value": {"_id": id}, "transaction": transaction});
        assert_eq!(rig.call(&upsert), json!({"id": id}));
    }
    let find = |transaction: &Value| json!({"call": "find", "collection": "a", "transaction": transaction});
    assert_eq!(rig.call(&find(transaction))["documents"].as_array().unwrap().len(), 2);
    assert_eq!(rig.call(&find(&Value::Null))["documents"], json!([]), "nobody else sees it");
    let committed = rig.call(&json!({"call": "commit", "transaction": transaction}));
    assert_eq!(committed, json!({"ids": [1, 2], "sequence": 1}));
    assert_eq!(rig.call(&json!({"call": "state"}))["pending"], 1);

    let begun = rig.call(&json!({"call": "begin"}));
    let transaction = &begun["transaction"];
    rig.call(&json!({"call": "remove", "collection": "a", "query": "true", "transaction": transaction}));
    assert_eq!(rig.call(&json!({"call": "rollback", "transaction": transaction})), json!({}));
    assert_eq!(rig.call(&find(&Value::Null))["documents"].as_array().unwrap().len(), 2);
}

#[test]
fn whatever_waits_is_answered_when_the_peer_is_closed() {
    let rig = Rig::new();
    rig.call(&json!({"call": "upsert", "collection": "a", "value": {}}));
    let flushed = rig.start(&json!({"call": "flushed"}));
    let timed = rig.start(&json!({"call": "flushed", "timeout_ms": 1}));
    assert_eq!(timed.recv_timeout(LONG).unwrap()["error"]["code"], "timed_out");
    assert_eq!(rig.call(&json!({"call": "flushed", "timeout_ms": 1}))["error"]["code"], "timed_out");
    let begun = rig.call(&json!({"call": "begin"}));
    let waiting = rig.start(&json!({"call": "begin"}));
    rig.binding.close();
    assert_eq!(flushed.recv_timeout(LONG).unwrap()["error"]["code"], "closed");
    assert!(waiting.recv_timeout(LONG).unwrap()["error"].is_object());
    let commit = json!({"call": "commit", "transaction": begun["transaction"]});
    rig.check_error(&commit, "no_transaction");
    rig.check_error(&json!({"call": "find", "collection": "a"}), "closed");
    rig.check_error(&json!({"call": "upsert", "collection": "a", "value": {}}), "closed");
    open(&rig.dir).unwrap();
}

#[test]
fn a_peer_may_be_closed_in_a_callback() {
    let rig = Rig::new();
    let (sender, closed) = sync_channel(64);
    let binding = rig.binding.clone();
    let on_event = move |_: &[u8]| {
        binding.close();
        sender.send(()).unwrap();
    };
    rig.binding.subscribe(br#"{"watch":"state"}"#, on_event).unwrap();
    closed.recv_timeout(LONG).unwrap();
    rig.binding.close();
    rig.check_error(&json!({"call": "state"}), "closed");
}

#[test]
fn what_is_begun_while_a_transaction_is_open_holds_nobody_up() {
    let rig = Rig::new();
    let begun = rig.call(&json!({"call": "begin"}));
    // More than may wait for the peer where those who bring it are held.
    let writes = (0..3_000).map(|id| rig.start(&json!({"call": "upsert", "collection": "a", "value": {"_id": id}})));
    let writes: Vec<_> = writes.collect();
    let (watch, _events) = rig.watch(&json!({"watch": "find", "collection": "b"}));
    rig.binding.unsubscribe(watch);
    let committed = rig.call(&json!({"call": "commit", "transaction": begun["transaction"]}));
    assert_eq!(committed, json!({"ids": []}), "nobody waited until it was rolled back");
    for write in writes {
        assert!(write.recv_timeout(LONG).unwrap()["id"].is_number());
    }
}

#[test]
fn more_than_may_wait_is_refused() {
    let rig = Rig::new();
    let begun = rig.call(&json!({"call": "begin"}));
    for _ in 0..16_384 {
        rig.binding.call_async(br#"{"call":"stop_sync"}"#, |_| {});
    }
    let refused = rig.start(&json!({"call": "stop_sync"}));
    assert_eq!(refused.recv_timeout(LONG).unwrap()["error"]["code"], "too_many");
    let refused = rig.binding.subscribe(br#"{"watch":"state"}"#, |_| {}).unwrap_err();
    assert_eq!(read(&refused)["error"]["code"], "too_many");
    rig.call(&json!({"call": "rollback", "transaction": begun["transaction"]}));
}

#[test]
fn no_callback_runs_after_close_has_returned() {
    let rig = Rig::new();
    let transaction = rig.call(&json!({"call": "begin"}))["transaction"].clone();
    for id in 0..300 {
        let value = json!({"_id": id});
        rig.call(&json!({"call": "upsert", "collection": "a", "value": value, "transaction": transaction}));
    }
    rig.call(&json!({"call": "commit", "transaction": transaction}));
    let answered = Arc::new(AtomicUsize::new(0));
    for _ in 0..2_000 {
        let (answered, here) = (answered.clone(), std::thread::current().id());
        rig.binding.call_async(br#"{"call":"find","collection":"a"}"#, move |_| {
            assert_ne!(std::thread::current().id(), here);
            answered.fetch_add(1, Relaxed);
        });
    }
    rig.binding.close();
    assert_eq!(answered.load(Relaxed), 2_000);
    assert_eq!(Arc::strong_count(&answered), 1, "nobody holds a callback any more");
}

#[test]
fn a_token_is_asked_for_and_what_the_server_refuses_is_told() {
    let url = server::free_url();
    let server = server::Server::start(&url);
    let key = server.create_read_key("r");
    let rig = Rig::with_server(&url, "an old one");
    rig.binding.unsubscribe(0); // a number that no watch has
    let (_, tokens) = rig.watch(&json!({"watch": "token"}));
    let (_, rejected) = rig.watch(&json!({"watch": "rejected"}));
    let written = rig.call(&json!({"call": "upsert", "collection": "t", "value": {"_id": 1}}));
    let committed = rig.start(&json!({"call": "committed", "sequence": written["sequence"]}));
    rig.call(&json!({"call": "start_sync"}));
    assert_eq!(tokens.recv_timeout(LONG).unwrap(), json!({}));
    rig.call(&json!({"call": "authenticate", "token": key}));
    let rejected = rejected.recv_timeout(LONG).unwrap()["rejected"].clone();
    assert_eq!(rejected["sequence"], written["sequence"]);
    assert_eq!(rejected["documents"], json!([{"collection": "t", "id": 1}]));
    assert_eq!(rejected["values"], json!([{"collection": "t", "value": {"_id": 1}}]));
    assert_eq!(committed.recv_timeout(LONG).unwrap()["error"]["code"], "rejected");
    assert_eq!(rig.call(&json!({"call": "rejected"})), json!({"rejected": [rejected]}));
    let forget = json!({"call": "forget_rejected", "sequence": written["sequence"]});
    assert_eq!(rig.call(&forget), json!({}));
    assert_eq!(rig.call(&json!({"call": "rejected"})), json!({"rejected": []}));
}

#[test]
fn a_user_logs_in_and_again_when_the_token_ends() {
    let url = server::free_url();
    let login = json!({"call": "login", "token": "ann", "provider": "own"});
    let rig = Rig::with_server(&url, "none of its");
    rig.check_error(&login, "timed_out");
    let server = server::Server::start(&url);
    server.create_read_key("closes-the-server");
    rig.check_error(&json!({"call": "login", "token": "ann", "provider": "other"}), "rejected");
    let (_, tokens) = rig.watch(&json!({"watch": "token"}));
    rig.call(&json!({"call": "start_sync"}));
    let written = rig.call(&json!({"call": "upsert", "collection": "t", "value": {"_id": 1}}));
    assert_eq!(tokens.recv_timeout(LONG).unwrap(), json!({}), "it takes none");
    // A second before the end, unless all is slow.
    let is_asked_ahead = (0..10).any(|_| {
        let answer = rig.start(&login).recv_timeout(LONG).unwrap();
        assert_eq!(answer, json!({"userId": "ann", "expires": "2026-01-31T12:00:00Z"}));
        rig.call(&json!({"call": "committed", "sequence": written["sequence"]}));
        tokens.recv_timeout(LONG).unwrap()["remaining_ms"].is_number()
    });
    assert!(is_asked_ahead);
}

#[test]
fn a_login_that_waits_is_answered_when_the_peer_is_closed() {
    // It takes connections, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let rig = Rig::with_server(&format!("http://{}", listener.local_addr().unwrap()), "");
    let login = json!({"call": "login", "token": "ann", "provider": "own"});
    let waiting: Vec<_> = (0..8).map(|_| rig.start(&login)).collect();
    let more = rig.start(&login).recv_timeout(LONG).unwrap();
    assert_eq!(more["error"]["code"], "too_many");
    let _asked = listener.accept().unwrap();
    rig.binding.close();
    for answer in waiting {
        assert_eq!(answer.try_recv().unwrap()["error"]["code"], "closed", "it is there once the peer is closed");
    }
    rig.check_error(&login, "closed");
}

#[test]
fn a_write_is_committed_and_a_subscription_is_complete() {
    let url = server::free_url();
    let server = server::Server::start(&url);
    let rig = Rig::with_server(&url, &server.create_write_key("w"));
    let (_, states) = rig.watch(&json!({"watch": "state"}));
    assert_eq!(states.recv_timeout(LONG).unwrap(), json!({"state": "stopped"}));
    rig.call(&json!({"call": "start_sync"}));
    while states.recv_timeout(LONG).unwrap() != json!({"state": "live"}) {}
    let written = rig.call(&json!({"call": "upsert", "collection": "t", "value": {"_id": 1}}));
    let committed = rig.call(&json!({"call": "committed", "sequence": written["sequence"]}));
    assert!(committed["txn"].is_number(), "{committed}");
    assert_eq!(rig.call(&json!({"call": "flushed"})), committed, "the newest that the server made of writes from here");
    assert_eq!(rig.call(&json!({"call": "state"})), json!({"state": "live", "pending": 0}));
}
