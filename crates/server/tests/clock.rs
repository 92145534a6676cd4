//! A server that starts with a clock far ahead of what it noted last.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::support::{TestServer, run};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

fn susan() -> Value {
    json!({"commands": [{"method": "upsert", "collection": "people", "id": "abc123", "value": {"name": "Susan"}}]})
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is the machine's")]
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// The time that a note in `directory` says, and what was refused.
fn note(directory: &Path) -> (u64, Option<u64>) {
    let text = std::fs::read_to_string(directory.join("headwater-data/clock.json")).unwrap();
    let body: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    (body["trustedMs"].as_u64().unwrap(), body["refusedMs"].as_u64())
}

/// Makes a data directory with two documents, and has its last note say another time.
pub(crate) fn noted_before(ago: Duration) -> Arc<tempfile::TempDir> {
    let server = TestServer::start();
    let directory = server.directory();
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    let tom = json!({"commands": [{"method": "upsert", "collection": "people", "id": "tom", "value": {}}]});
    assert_eq!(server.post("/api/v4/store/write", &tom).0, 200);
    let (start_ms, _) = note(directory.path());
    assert_eq!(server.terminate().code(), Some(0));
    let (stop_ms, refused_ms) = note(directory.path());
    assert!(start_ms < stop_ms && stop_ms <= now_ms() && refused_ms.is_none(), "it is noted at the stop, too");
    let body = format!("{{\"trustedMs\":{},\"refusedMs\":null}}", stop_ms - ago.as_millis() as u64);
    std::fs::write(directory.path().join("headwater-data/clock.json"), files::seal(2, &body)).unwrap();
    directory
}

#[track_caller]
fn check_refused(server: &TestServer) {
    let (status, reply) = server.post("/api/v4/store/write", &susan());
    let said = reply["message"].as_str().unwrap();
    assert!(status == 503 && said.contains("400 days 0 h ahead") && said.contains("headwater accept-clock"), "{said}");
    let (status, ready) = server.get("/health/ready");
    assert!(status == 503 && ready["reasons"] == json!([said]), "{ready}");
    let (_, metrics) = server.get("/metrics");
    assert!(metrics.as_str().unwrap().contains("headwater_clock_refused 1\n"), "{metrics}");
}

#[test]
fn a_server_that_starts_400_days_after_its_last_note_asks_whether_the_clock_is_right() {
    let directory = noted_before(400 * DAY);
    let server = TestServer::start_in(directory.clone(), &["--retention-ms", "1d"]);
    check_refused(&server);
    assert!(server.stderr().contains("400 days 0 h ahead of the time that the server noted last"));
    let found = server.post("/api/v4/store/findbyid", &json!({"collection": "people", "id": "abc123"}));
    assert_eq!((found.0, &found.1["fields"]["name"]), (200, &json!("Susan")), "reads work");
    for id in ["abc123", "tom"] {
        let read = server.run(&["events", "--group", "audit", "--from-beginning", "--max", "1"]);
        assert!(read.code() == Some(0) && read.stdout.contains(id), "consumers' offsets are committed: {read:?}");
    }
    let (trusted_ms, refused_ms) = note(directory.path());
    assert!(trusted_ms < now_ms() - 399 * DAY.as_millis() as u64 && refused_ms.is_some(), "it accepts nothing");
    drop(server.terminate());

    let server = TestServer::start_in(directory.clone(), &[]);
    assert!(
        server.get("/health/ready").1["message"].as_str().unwrap().contains("refused before the server was restarted")
    );
    let accepted = server.run(&["accept-clock"]);
    assert_eq!(accepted.code(), Some(0), "{accepted:?}");
    assert!(accepted.stdout.starts_with("the clock is accepted: it is 20"), "{accepted:?}");
    assert!(accepted.stdout.contains("; writes are taken again\nthe server would have expected 20"), "{accepted:?}");
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    assert_eq!(server.get("/health/ready").0, 200);
    // Noted at once: also for a start after a kill.
    server.kill();
    let server = TestServer::start_in(directory, &[]);
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
    let again = server.run(&["accept-clock", "--json"]);
    assert!(again.stdout.starts_with(r#"{"wasRefused":false,"acceptedMs":"#), "{again:?}");
}

#[test]
fn a_start_accepts_the_clock_by_flag_and_file() {
    let started = |directory: &Arc<tempfile::TempDir>, arguments: &[&str]| {
        let server = TestServer::start_in(directory.clone(), arguments);
        assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200, "{arguments:?}");
        assert!(note(directory.path()).0 > now_ms() - DAY.as_millis() as u64, "it is noted at once");
    };
    started(&noted_before(400 * DAY), &["--accept-clock"]);
    let directory = noted_before(400 * DAY);
    std::fs::write(directory.path().join("c.toml"), "accept-clock = true").unwrap();
    started(&directory, &["--config", "c.toml"]);
    let help = run(directory.path(), &["accept-clock", "--help"]).stdout;
    assert!(help.contains("Example:\n  date --utc\n  headwater accept-clock"), "{help}");
}

#[test]
fn a_damaged_note_keeps_nobody_from_reading() {
    let directory = noted_before(DAY);
    std::fs::write(directory.path().join("headwater-data/clock.json"), "{}").unwrap();
    let server = TestServer::start_in(directory, &[]);
    let (status, reply) = server.post("/api/v4/store/write", &susan());
    assert!(status == 503 && reply["message"].as_str().unwrap().contains("clock.json"), "{reply}");
    assert_eq!(server.post("/api/v4/store/findbyid", &json!({"collection": "people", "id": "abc123"})).0, 200);
    assert_eq!(server.run(&["accept-clock"]).code(), Some(0));
    assert_eq!(server.post("/api/v4/store/write", &susan()).0, 200);
}
