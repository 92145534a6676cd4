//! `headwater sink`, as somebody types it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::{Value, json};

use crate::support::{TestServer, wait_until};

/// A web server that answers each call with the status that it is told; where it listens.
fn receiver(status: Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = said.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok() {
                let status = status.load(Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                // One that hangs up gets no answer.
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        }
    });
    url
}

#[test]
fn what_a_receiver_refuses_is_listed_sent_once_more_and_dropped() {
    let server = TestServer::start();
    let status = Arc::new(AtomicU16::new(422));
    std::fs::write(server.directory().path().join("secret"), "0123456789abcdef").unwrap();
    let said = |arguments: &[&str]| {
        let ended = server.run(&[&["sink"], arguments].concat());
        assert_eq!(ended.code(), Some(0), "{ended:?}");
        ended.stdout
    };
    said(&["create", "crm", "--webhook", &receiver(status.clone()), "--secret-file", "secret"]);
    let set_aside = |count: u64| {
        wait_until(&format!("{count} are set aside"), || {
            let shown: Value = serde_json::from_str(&said(&["show", "crm", "--json"])).unwrap();
            shown["setAside"] == count && shown["lagEvents"] == 0
        });
    };
    for id in ["a", "b", "c"] {
        let command = json!({"method": "upsert", "collection": "people", "id": id, "value": {"name": "Susan"}});
        assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": [command] })).0, 200);
    }
    set_aside(3);
    let table = said(&["set-aside", "list", "crm"]);
    assert_eq!(table.matches("it answered 422").count(), 3, "{table}");
    let lines = said(&["set-aside", "list", "crm", "--json"]);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let b = events.iter().find(|event| event["key"] == r#"["people","b"]"#).unwrap();
    status.store(200, Ordering::SeqCst);
    let number = b["id"].to_string();
    assert!(said(&["set-aside", "replay", "crm", "--id", &number]).starts_with("1 events"));
    set_aside(2);
    let unsure = server.run(&["sink", "set-aside", "drop", "crm"]);
    assert_eq!((unsure.code(), unsure.stderr.contains("--yes")), (Some(2), true), "{unsure:?}");
    assert!(said(&["set-aside", "drop", "crm", "--yes"]).starts_with("2 events"));
    set_aside(0);
    assert_eq!(said(&["set-aside", "list", "crm"]).trim(), "none");
    assert!(said(&["set-aside", "replay", "crm", "--id", "77"]).starts_with("0 events"), "there is no such one");
}

#[test]
fn a_drill_delivers_nothing() {
    let server = TestServer::start();
    std::fs::write(server.directory().path().join("secret"), "0123456789abcdef").unwrap();
    let url = receiver(Arc::new(AtomicU16::new(200)));
    let created = server.run(&["sink", "create", "crm", "--webhook", &url, "--secret-file", "secret"]);
    assert_eq!(created.code(), Some(0), "{created:?}");
    let command = json!({"method": "upsert", "collection": "people", "id": "a", "value": {"name": "Susan"}});
    let write = |server: &TestServer| {
        assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": [&command] })).0, 200);
    };
    let shown = |server: &TestServer| -> Value {
        serde_json::from_str(&server.run(&["sink", "show", "crm", "--json"]).stdout).unwrap()
    };
    let delivered = |server: &TestServer| wait_until("all is delivered", || shown(server)["lagEvents"] == 0);
    write(&server);
    delivered(&server);
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));

    let drill = TestServer::start_in(directory.clone(), &["--no-sinks"]);
    write(&drill);
    let waits = "the server was started with --no-sinks and delivers nothing";
    wait_until("it says why it waits", || shown(&drill)["reason"] == waits);
    for paused in [["pause", "crm"], ["resume", "crm"]] {
        let changed = drill.run(&[&["sink"], &paused[..]].concat());
        assert_eq!(changed.code(), Some(0), "{changed:?}");
    }
    let sink = shown(&drill);
    assert_eq!((&sink["state"], &sink["reason"]), (&json!("waiting"), &json!(waits)), "{sink}");
    assert_eq!(drill.terminate().code(), Some(0));
    let server = TestServer::start_in(directory, &[]);
    delivered(&server);
}
