//! The page's two snippets in JavaScript, started while the server is down: what they write is
//! printed by the page's own script once it is up. Nothing is written over HTTP.

use super::{client::Client, page::pages_consumer, small_peer::wait_until_it_consumes};
use crate::support::{TestServer, javascript::Programs, wire::Wire};

#[test]
fn the_pages_script_prints_what_the_pages_javascript_wrote_without_a_server() {
    check("page.js");
}

#[test]
fn the_pages_script_prints_what_the_pages_older_javascript_wrote_without_a_server() {
    check("page-older.js");
}

fn check(program: &str) {
    let programs = Programs::of("sdks/js/examples");
    let (folder, wire) = (tempfile::tempdir().unwrap(), Wire::cut_off());
    let mut page = programs.command(program);
    page.arg(folder.path()).arg(wire.http());
    // An app goes on after its first write; the snippet ends there.
    page.env("NODE_OPTIONS", "--import=data:text/javascript,setInterval(()=>{},60000)");
    let page = Client::start(page);
    let id = page.wait_for(1)[0].clone();
    assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");

    let server = TestServer::start();
    let consumer = pages_consumer(&server);
    let http = server.run["http"].as_str().unwrap();
    wait_until_it_consumes(http, &consumer);
    wire.lead_to(http);
    let event = consumer.wait_for_line(&id);
    let susan = format!(r#"{{"_id":"{id}","age":31,"name":"Susan"}}"#);
    let change = format!(r#"{{"method":"upsert","oldValue":null,"newValue":{susan}}}"#);
    let expected = format!(r#","type":"documentChanged","collection":"people","change":{change}}}"#);
    assert!(event.ends_with(&expected), "{event}");
    assert_eq!(page.complaints(), "");
}
