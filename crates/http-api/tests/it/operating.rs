//! Health, metrics, and the description of the API.

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
        r#"headwater_live_queries_running{app="default"} 1"#,
        r#"headwater_live_query_failures_total{app="default"} 0"#,
        r#"headwater_live_query_filters_given_up_total{app="default"} 0"#,
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
