//! The page's Rust snippet without a server, in a process that is killed; another process syncs it, and
//! the page's own script prints the event. Nothing is written over HTTP.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use headwater_sdk::{Config, Headwater};
use serde_json::json;

use super::{client::Client, page::pages_consumer};
use crate::support::{PATIENCE, TestServer};

/// The SDK's `examples/page.rs`, which is built with the tests of the workspace.
fn program() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join("examples").join(format!("page{}", env::consts::EXE_SUFFIX));
    assert!(program.exists(), "cargo build -p headwater --example page makes {}", program.display());
    program
}

/// Lets the page's snippet write where no server is, and kills it. Gives the id that it printed.
fn write_and_kill(folder: &Path) -> String {
    let nobody = "http://127.0.0.1:9"; // discard: nothing listens there
    let mut page = Command::new(program());
    let mut page = page.arg(folder).arg(nobody).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut id = String::new();
    BufReader::new(page.stdout.take().unwrap()).read_line(&mut id).unwrap();
    page.kill().unwrap();
    page.wait().unwrap();
    id.trim_end().to_owned()
}

/// A group without offsets starts at the end: another peer writes until something is shown.
pub(super) fn wait_until_it_consumes(url: &str, consumer: &Client) {
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path()).server(url)).unwrap();
    peer.start_sync().unwrap();
    let warm_up = peer.store().collection("warmUp").unwrap();
    let shown = (0..240).any(|number| {
        warm_up.upsert(json!({"_id": number})).unwrap();
        consumer.has_event(Duration::from_millis(250))
    });
    assert!(shown, "the consumer shows nothing: {}", consumer.complaints());
    warm_up.upsert(json!({"_id": "last"})).unwrap();
    consumer.wait_for_line(r#""last""#);
}

#[test]
fn the_pages_script_prints_what_the_pages_rust_snippet_wrote_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let id = write_and_kill(dir.path());
    let server = TestServer::start();
    let url = server.run["http"].as_str().unwrap();
    let consumer = pages_consumer(&server);
    wait_until_it_consumes(url, &consumer);

    let peer = Headwater::open(Config::new(dir.path()).server(url)).unwrap();
    assert_eq!(peer.sync().pending().unwrap(), 1);
    peer.start_sync().unwrap();
    let txn = peer.sync().flushed(PATIENCE).unwrap().expect("the server took it");
    let susan = format!(r#"{{"_id":"{id}","age":31,"name":"Susan"}}"#);
    let expected = format!(
        r#"{{"txnId":{txn},"type":"documentChanged","collection":"people","change":{{"method":"upsert","oldValue":null,"newValue":{susan}}}}}"#
    );
    assert_eq!(consumer.wait_for_line(&format!(r#"{{"txnId":{txn},"#)), expected);
}
