//! The page's script and the page's cURL, word for word; the page's events, field for field.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    client::Client,
    clients::{KAFKA_OF_THE_PAGE, KAFKA_OF_TODAY, console_consumer, credential, fast_start, live_query_settings, tool},
    events::write,
};
use crate::support::TestServer;

const CONSUME: &str = include_str!("../page/consume.sh");
const WRITE: &str = include_str!("../page/write.sh");

/// The page's script with the page's Kafka, running.
pub(super) fn pages_consumer(server: &TestServer) -> Client {
    Client::start(bash(server, "consume.sh", &fill_in(CONSUME, server, KAFKA_OF_THE_PAGE)))
}

#[test]
fn the_pages_script_and_curl_show_the_pages_event() {
    let server = start_with_https();
    let mut consumer = pages_consumer(&server);
    check_the_pages_events(&server, &consumer);
    assert!(consumer.is_running(), "the script continues running without shutting down");
    assert_eq!(consumer.complaints(), "", "no errors display in your terminal");
}

#[test]
fn the_script_that_the_server_fills_in_is_the_pages() {
    let server = start_with_https();
    let path = credential(&server, "default", "consume.sh");
    let mut command = Command::new("bash");
    command.arg(&path).env("KAFKA", tool(KAFKA_OF_THE_PAGE));
    fast_start(&mut command);
    let mut consumer = Client::start(command);
    check_the_pages_events(&server, &consumer);
    assert!(consumer.is_running(), "the script continues running without shutting down");
    assert_eq!(consumer.complaints(), "", "no errors display in your terminal");

    let script = fs::read_to_string(path).unwrap();
    let call = |text: &str| text[text.rfind("$KAFKA/bin").expect("the call")..].trim().to_owned();
    assert_eq!(call(&script), call(CONSUME), "the call of the console consumer is the page's, word for word");
}

#[test]
fn the_pages_script_runs_with_todays_kafka_too() {
    let server = start_with_https();
    let consumer = Client::start(bash(&server, "consume.sh", &fill_in(CONSUME, &server, KAFKA_OF_TODAY)));
    check_the_pages_events(&server, &consumer);
    let is_advice = |line: &str| line.contains("KIP-848");
    let complaints = consumer.complaints();
    assert!(complaints.lines().all(is_advice), "it may advertise its new group protocol, no more: {complaints}");
}

#[test]
fn todays_console_consumer_reads_from_the_beginning() {
    let server = TestServer::start();
    let txn = write(
        &server,
        json!({ "method": "upsert", "collection": "people", "id": "abc123", "value": { "name": "Susan", "age": 31 } }),
    );
    let consumer = Client::start(console_consumer(KAFKA_OF_TODAY, &server, "today"));
    assert_eq!(consumer.wait_for(1), [new_susan(txn)]);
}

/// Writes what the page writes, and checks each event as the consumer prints it.
#[track_caller]
fn check_the_pages_events(server: &TestServer, consumer: &Client) {
    wait_until_it_consumes(server, consumer);

    let txn = curl(server, server.run["https"].as_str().unwrap());
    check_next(consumer, new_susan(txn));

    // The same once more, over plain HTTP: whoever repeats the page's cURL sees it again.
    let txn = curl(server, server.run["http"].as_str().unwrap());
    let susan = r#"{"_id":"abc123","age":31,"name":"Susan"}"#;
    check_next(consumer, upsert_event(txn, susan, susan));

    let id = "6213e9c90012e4af0017cb9f";
    let value = json!({ "date": 1645472312, "name": "Susan", "age": 31 });
    let txn = write(server, json!({ "method": "upsert", "collection": "people", "id": id, "value": value }));
    let susan = r#"{"_id":"6213e9c90012e4af0017cb9f","age":31,"date":1645472312,"name":"Susan"}"#;
    check_next(consumer, upsert_event(txn, "null", susan));

    let value = json!({ "ownedCars": 0, "friends": [], "name": "Frank" });
    let txn = write(server, json!({ "method": "upsert", "collection": "people", "id": id, "value": value }));
    let frank =
        r#"{"_id":"6213e9c90012e4af0017cb9f","age":31,"date":1645472312,"friends":[],"name":"Frank","ownedCars":0}"#;
    check_next(consumer, upsert_event(txn, susan, frank));

    let txn = write(server, json!({ "method": "remove", "collection": "people", "query": format!("_id == '{id}'") }));
    check_next(
        consumer,
        format!(
            r#"{{"txnId":{txn},"type":"documentChanged","collection":"people","change":{{"method":"remove","value":{frank}}}}}"#
        ),
    );
}

/// A group without offsets starts at the end, so that what was written before it joined is not shown: writes go on
/// until one is.
#[track_caller]
fn wait_until_it_consumes(server: &TestServer, consumer: &Client) {
    for number in 0..240 {
        write(server, json!({ "method": "upsert", "collection": "warmUp", "id": number, "value": {} }));
        if consumer.has_event(Duration::from_millis(250)) {
            // What the group still has to read of these comes before the event of this one.
            write(server, json!({ "method": "upsert", "collection": "warmUp", "id": "last", "value": {} }));
            consumer.wait_for_line(r#""last""#);
            return;
        }
    }
    panic!("the consumer shows nothing: {}", consumer.complaints());
}

/// Checks the first event after those that were checked or skipped before, which is the newest one.
#[track_caller]
fn check_next(consumer: &Client, expected: String) {
    let txn: Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(consumer.wait_for_line(&format!(r#"{{"txnId":{},"#, txn["txnId"])), expected);
}

fn new_susan(txn: u64) -> String {
    upsert_event(txn, "null", r#"{"_id":"abc123","age":31,"name":"Susan"}"#)
}

fn upsert_event(txn: u64, old: &str, new: &str) -> String {
    format!(
        r#"{{"txnId":{txn},"type":"documentChanged","collection":"people","change":{{"method":"upsert","oldValue":{old},"newValue":{new}}}}}"#
    )
}

/// Runs the page's cURL with its endpoint filled in; the reply's transaction.
#[track_caller]
fn curl(server: &TestServer, base: &str) -> u64 {
    let script = WRITE.replace("https://<CLOUD_ENDPOINT>", base);
    let output = bash(server, "write.sh", &script).output().unwrap();
    let reply = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{reply}{}", String::from_utf8_lossy(&output.stderr));
    let reply: Value = serde_json::from_str(&reply).unwrap_or_else(|error| panic!("{error}: {reply}"));
    assert_eq!(reply["results"].as_array().unwrap().len(), 1, "{reply}");
    assert_eq!(reply["results"][0]["method"], "upsert");
    assert_eq!(reply["results"][0]["id"], "abc123");
    reply["results"][0]["transactionId"].as_u64().unwrap()
}

/// The page's script with each of its variables set to what the Live Query Settings show.
fn fill_in(script: &str, server: &TestServer, kafka: &str) -> String {
    let settings = live_query_settings(server);
    let text = |pointer: &str| settings.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(text("/group"), text("/topic"), "the page passes the topic as the group");
    let variables = [
        ("CLUSTER_CERT_LOCATION=/path/to/cluster.p12", text("/clusterCertificate/path")),
        ("CLUSTER_CERT_PW=<YOUR_CLUSTER_CERT_PASSWORD>", text("/clusterCertificate/password")),
        ("USER_CERT_LOCATION=/path/to/user.p12", text("/userCertificate/path")),
        ("USER_CERT_PW=<YOUR_USER_CERT_PASSWORD>", text("/userCertificate/password")),
        ("CLOUD_ENDPOINT=<YOUR_ENDPOINT>", text("/endpoint")),
        ("TOPIC=<YOUR_TOPIC>", text("/topic")),
        ("KAFKA=/path/to/kafka_2.13-3.1.0", tool(kafka).display().to_string()),
    ];
    variables.iter().fold(script.to_owned(), |script, (line, value)| {
        assert!(script.contains(line), "{line}");
        script.replace(line, &format!("{}={value}", line.split('=').next().unwrap()))
    })
}

/// A script of the page's in the server's directory. cURL trusts the server's CA by the environment, since the page's
/// call has no option for it.
fn bash(server: &TestServer, name: &str, script: &str) -> Command {
    let path = server.directory().path().join(name);
    fs::write(&path, script).unwrap();
    let mut command = Command::new("bash");
    command.arg(path).current_dir(server.directory().path() as &Path);
    command.env("CURL_CA_BUNDLE", credential(server, "default", "ca.pem"));
    fast_start(&mut command);
    command
}

fn start_with_https() -> TestServer {
    TestServer::start_in(Arc::new(tempfile::tempdir().unwrap()), &["--https-listen", "127.0.0.1:0"])
}
