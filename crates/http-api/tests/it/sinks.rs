//! Sinks over HTTP: what is taken, refused, shown and kept. Delivering is tested with the crate `sinks`.

use serde_json::{Value, json};

use crate::{admin::admin, server::TestServer};

const ALL: &str = "/admin/v1/apps/default/sinks";

fn one(name: &str) -> String {
    format!("{ALL}/{name}")
}

fn json(reply: &crate::server::Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

/// One into a Kafka that is nowhere.
fn body(config: &Value) -> String {
    json!({ "name": "warehouse", "kind": "kafka", "topic": "people", "config": config }).to_string()
}

#[test]
fn a_sink_is_made_shown_changed_and_deleted_and_its_secrets_are_hidden() {
    let server = TestServer::start();
    let config = json!({ "bootstrap.servers": "127.0.0.1:1", "sasl.password": "hush", "compression.level": 5 });
    let made = admin(&server, "POST", ALL, &body(&config));
    assert_eq!(made.status, 201, "{}", made.body);
    let shown = json(&made);
    assert_eq!(
        shown["config"],
        json!({ "bootstrap.servers": "127.0.0.1:1", "compression.level": "5", "sasl.password": "***" })
    );
    assert_eq!((&shown["start"], &shown["format"]), (&json!("earliest"), &json!("headwater")));
    assert_eq!(admin(&server, "POST", ALL, &body(&config)).status, 409);

    let change = r#"{"config":{"sasl.password":"***","compression.level":null,"client.id":"shop"},"onGap":"snapshot"}"#;
    let changed = json(&admin(&server, "PATCH", &one("warehouse"), change));
    let config = json!({ "bootstrap.servers": "127.0.0.1:1", "client.id": "shop", "sasl.password": "***" });
    assert_eq!((&changed["config"], &changed["onGap"]), (&config, &json!("snapshot")));
    let secrets = || std::fs::read_to_string(server.data_dir.path().join("sinks.json")).unwrap();
    assert!(secrets().contains("hush"), "*** leaves it as it is");
    let paused = json(&admin(&server, "POST", &format!("{}/pause", one("warehouse")), ""));
    assert_eq!(paused["state"], "paused");
    for reply in [admin(&server, "GET", ALL, ""), admin(&server, "GET", &one("warehouse"), "")] {
        assert!(reply.status == 200 && reply.body.contains("***") && !reply.body.contains("hush"), "{}", reply.body);
    }
    let metrics = server.get("/metrics").body;
    assert!(metrics.contains(r#"headwater_sink_running{app="default",sink="warehouse",kind="kafka"} 0"#), "{metrics}");

    assert_eq!(admin(&server, "DELETE", &one("warehouse"), "").body, r#"{"deleted":"warehouse"}"#);
    assert!(!secrets().contains("hush"));
    for (method, path) in [("GET", one("warehouse")), ("DELETE", one("warehouse")), ("PATCH", one("warehouse"))] {
        assert_eq!(admin(&server, method, &path, r#"{"onGap":"requery"}"#).status, 404);
    }
    let log = std::fs::read_to_string(server.data_dir.path().join("audit.log")).unwrap();
    for action in ["sink.create", "sink.change", "sink.pause", "sink.delete"] {
        assert!(log.contains(action), "{action}: {log}");
    }
    assert!(!log.contains("hush"));
}

#[test]
fn a_sink_is_there_after_a_start_with_its_secrets_and_no_journal_has_them() {
    let server = TestServer::start();
    let config = json!({ "bootstrap.servers": "127.0.0.1:1", "ssl.key.pem": "-----BEGIN hush" });
    assert_eq!(admin(&server, "POST", ALL, &body(&config)).status, 201);
    admin(&server, "POST", &format!("{}/pause", one("warehouse")), "");
    let server = server.restarted();
    let shown = json(&admin(&server, "GET", &one("warehouse"), ""));
    assert_eq!(shown["config"], json!({ "bootstrap.servers": "127.0.0.1:1", "ssl.key.pem": "***" }));
    let mut folders = vec![server.data_dir.path().join("apps")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                let has_secret = bytes.windows(14).any(|window| window == b"-----BEGIN hus");
                assert!(!has_secret, "{}", path.display());
            }
        }
    }
}

#[test]
fn what_cannot_be_a_sink_is_refused_with_its_place() {
    let server = TestServer::start();
    let with = |name: &str, value: &str| body(&json!({ "bootstrap.servers": "127.0.0.1:1", name: value }));
    let hook = |url: &str, secret: &str| json!({ "name": "h", "kind": "webhook", "url": url, "secret": secret });
    let refused = [
        (with("ssl.ca.location", "/etc/passwd"), "config.ssl.ca.location: would load code"),
        (with("plugin.library.paths", "x"), "config.plugin.library.paths"),
        (with("transactional.id", "x"), "config.transactional.id: is set by the sink"),
        (body(&json!({})), "config: bootstrap.servers is missing"),
        (json!({ "name": "A", "kind": "kafka", "topic": "t", "config": {} }).to_string(), "name: "),
        (json!({ "name": "a", "kind": "kafka", "topic": "a b", "config": {} }).to_string(), "topic: "),
        (json!({ "name": "a", "kind": "smtp" }).to_string(), "kind: must be kafka or webhook"),
        (hook("ftp://example.org/", "0123456789abcdef").to_string(), "url: "),
        (hook("http://example.org/", "0123456789abcdef").to_string(), "url: "),
        (hook("https://example.org/", "short").to_string(), "secret: "),
        (
            json!({ "name": "a", "kind": "kafka", "topic": "t", "liveQuery": "none",
                "config": { "bootstrap.servers": "127.0.0.1:1" } })
            .to_string(),
            "liveQuery: there is no live query \"none\"",
        ),
    ];
    for (body, expected) in refused {
        let reply = admin(&server, "POST", ALL, &body);
        assert!(reply.status == 400 && reply.message().contains(expected), "{expected}: {}", reply.body);
    }
    assert_eq!(admin(&server, "GET", ALL, "").body, r#"{"sinks":[]}"#);
    assert_eq!(server.get(ALL).status, 401, "the admin key is needed");
    assert_eq!(admin(&server, "GET", "/admin/v1/apps/none/sinks", "").status, 404);
}

#[test]
fn what_a_webhook_has_set_aside_is_listed_replayed_and_dropped() {
    let server = TestServer::start();
    let hook = r#"{"name":"crm","kind":"webhook","url":"http://127.0.0.1:1/","secret":"0123456789abcdef"}"#;
    assert_eq!(admin(&server, "POST", ALL, hook).status, 201);
    let set_aside = format!("{}/set-aside", one("crm"));
    assert_eq!(admin(&server, "GET", &format!("{set_aside}?after=3&limit=2"), "").body, r#"{"events":[]}"#);
    for (method, path) in [("POST", format!("{set_aside}/replay")), ("DELETE", set_aside.clone())] {
        for body in ["", "{}", r#"{"ids":[3,4]}"#] {
            assert_eq!(admin(&server, method, &path, body).body, r#"{"events":0}"#, "{method} {body}");
        }
        assert_eq!(admin(&server, method, &path, r#"{"ids":["x"]}"#).status, 400);
    }
    assert_eq!(admin(&server, "GET", &format!("{set_aside}?after=x"), "").status, 400);
    assert_eq!(admin(&server, "GET", &format!("{}/set-aside", one("other")), "").status, 404);
    // Only webhooks set events aside.
    let config = json!({ "bootstrap.servers": "127.0.0.1:1" });
    assert_eq!(admin(&server, "POST", ALL, &body(&config)).status, 201);
    let refused = admin(&server, "GET", &format!("{}/set-aside", one("warehouse")), "");
    assert!(refused.status == 400 && refused.body.contains("only webhooks"), "{}", refused.body);
}
