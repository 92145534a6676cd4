//! Health, metrics, and the description of the API.

use std::{os::unix::fs::FileExt as _, sync::atomic::Ordering::SeqCst};

use crate::server::TestServer;

const UPSERT: &str = r#"{"commands":[{"method":"upsert","collection":"c","id":"a","value":{}}]}"#;

#[test]
fn live_and_ready() {
    let server = TestServer::start();
    assert_eq!(server.get("/health/live").pair(), (200, r#"{"status":"live"}"#));
    assert_eq!(server.get("/health/ready").pair(), (200, r#"{"status":"ready"}"#));
    assert_eq!(server.request("HEAD", "/health/ready").send_head(), 200);
}

#[test]
fn damage_that_was_met_is_not_ready_and_a_metric() {
    let server = TestServer::start();
    // More than what is kept in memory.
    let filler = "x".repeat(900_000);
    for n in 0..12 {
        server.upsert("c", &n.to_string(), &format!(r#"{{"filler":"{filler}"}}"#));
    }
    let journal = server.data_dir.path().join("apps/default/journal");
    let segment = std::fs::read_dir(journal).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::File::options().read(true).write(true).open(&segment).unwrap();
    let mut head = [0; 72];
    file.read_exact_at(&mut head, 96).unwrap();
    let changes_bytes = u32::from_le_bytes(head[60..64].try_into().unwrap());
    let place = 96 + 72 + u64::from(changes_bytes) + 1000;
    file.write_all_at(b"y", place).unwrap();
    assert_eq!(server.get("/health/ready").status, 200, "nobody has met it");
    assert!(server.app().events().read_blocking(0, 1).is_err());
    let reply = server.get("/health/ready");
    assert_eq!(reply.status, 503);
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(reply.body.contains("the journal is damaged") && reply.body.contains(name), "{}", reply.body);
    let metrics = server.get("/metrics").body;
    assert!(metrics.lines().any(|line| line == r#"headwater_journal_damage{app="default"} 1"#), "{metrics}");
}

#[test]
fn a_clock_that_jumped_is_told_everywhere_until_it_is_accepted() {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    let server = TestServer::start();
    server.upsert("c", "old", "{}");
    let has = |line: &str| server.get("/metrics").body.lines().any(|found| found == line);
    assert!(has("headwater_clock_refused 0") && has("headwater_clock_behind_seconds 0.0"));

    server.clock.ahead_ms.store(3 * DAY_MS, SeqCst);
    let refused = server.post("/api/v4/store/write", UPSERT);
    let said = refused.message();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert!(said.contains("jumped ahead by 3 days 0 h") && said.contains("POST /admin/v1/accept-clock"), "{said}");
    assert_eq!((server.fields("c", "a"), server.fields("c", "old")), ("none".to_owned(), "{}".to_owned()));
    let ready = server.get("/health/ready");
    assert_eq!(ready.status, 503);
    assert!(ready.body.ends_with(&format!(r#""reasons":["{said}"]}}"#)), "once, not for each app: {}", ready.body);
    assert!(has("headwater_clock_refused 1") && has("headwater_clock_ahead_seconds 259200.0"));
    assert!(has(r#"headwater_app_writable{app="default"} 0"#));

    let accept = |key: &str| server.request("POST", "/admin/v1/accept-clock").key(key).send();
    let grants: &[_] = &[("*", None, &[credentials::Permission::Admin][..])];
    assert_eq!(accept(&server.key("of-apps", grants)).status, 403, "the clock is the whole server's");
    let accepted = accept(server.credentials.admin_key());
    let times = r#"{"wasRefused":true,"acceptedMs":1700259200000,"expectedMs":1700000000000}"#;
    assert_eq!(accepted.pair(), (200, times));
    let note = std::fs::read_to_string(server.data_dir.path().join("clock.json")).unwrap();
    assert!(note.contains(r#"{"trustedMs":1700259200000,"refusedMs":null}"#), "it is noted at once: {note}");
    assert_eq!(server.get("/health/ready").status, 200);
    let key = server.credentials.admin_key();
    assert_eq!(server.request("POST", "/api/v4/store/write").key(key).body(UPSERT).send().status, 200);

    server.clock.ahead_ms.store(2 * DAY_MS, SeqCst);
    let metrics = server.request("GET", "/metrics").key(key).send().body;
    for line in ["headwater_clock_behind_seconds 86400.0", "headwater_clock_jumps_back_total 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
    assert_eq!(server.request("POST", "/api/v4/store/write").key(key).body(UPSERT).send().status, 200);
}

#[test]
fn metrics_show_requests_and_apps() {
    let server = TestServer::start();
    server.upsert("c", "a", "{}");
    server.post("/default/api/v4/store/find", "{");
    server.get("/nowhere");
    let reply = server.get("/metrics");
    assert_eq!(reply.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    for line in [
        r#"headwater_http_requests_total{route="/store/write",status="200"} 1"#,
        r#"headwater_http_requests_total{route="/store/find",status="400"} 1"#,
        r#"headwater_http_requests_total{route="none",status="404"} 1"#,
        r#"headwater_http_request_seconds_count{route="/store/write"} 1"#,
        r#"headwater_transactions_total{app="default"} 1"#,
        r#"headwater_events_total{app="default"} 1"#,
        r#"headwater_commit_seconds_count{app="default"} 1"#,
        r#"headwater_newest_txn{app="default"} 1"#,
        r#"headwater_events_high_watermark{app="default"} 1"#,
        r#"headwater_app_writable{app="default"} 1"#,
        r#"headwater_live_query_filters_given_up_total{app="default"} 0"#,
        r#"headwater_live_query_batches_compressed_total{app="default"} 0"#,
        r#"headwater_live_query_batches_reused_total{app="default"} 0"#,
        "# EOF",
    ] {
        assert!(reply.body.lines().any(|found| found == line), "{line} in\n{}", reply.body);
    }
}

#[test]
fn metrics_count_the_connections_that_are_open() {
    let server = TestServer::start();
    // The connection of an earlier request may still be on its way out.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !server.get("/metrics").body.lines().any(|line| line == "headwater_http_connections 1") {
        assert!(std::time::Instant::now() < deadline, "{}", server.get("/metrics").body);
    }
}

#[test]
fn the_description_is_json() {
    let server = TestServer::start();
    let reply = server.get("/openapi.json");
    let json: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(json["openapi"], "3.1.0");
}

#[test]
fn a_stopping_store_refuses_writes() {
    let server = TestServer::start();
    server.data_dir.stop();
    let reply = server.post("/api/v4/store/write", UPSERT);
    assert_eq!((reply.status, reply.message().as_str()), (503, "the server is stopping"));
}
