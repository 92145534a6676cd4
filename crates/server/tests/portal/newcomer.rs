//! A newcomer's whole way, in the browser: from the link that the server prints to an event in the console, and to a
//! certificate that opens nothing any more.

use std::{path::Path, process::Command};

use super::{
    browser::Browser,
    visitor::{address, sign_in},
};
use crate::{
    real_clients::{
        client::Client,
        clients::{KAFKA_OF_THE_PAGE, TOPIC, fast_start, tool},
    },
    support::{TestServer, wait_until},
};

#[test]
fn a_newcomer_gets_from_the_printed_link_to_events_in_the_console() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    assert!(!browser.address().contains("token"), "the token has left the address");
    let consumer = consume_with_downloads(&server, &browser);

    // The table is open before the write, so that the event arrives in it.
    browser.open(&address(&server, "events"));
    browser.wait_until("the page is live", |browser| browser.text("#live-state") == "live");
    let writer = Browser::start();
    sign_in(&server, &writer);
    add_a_document(&server, &writer);
    browser.wait_for_text("people \"abc123\"");
    assert!(browser.text("#events tbody tr").contains("insert"), "{}", browser.text("#events"));
    assert!(browser.text("#events tbody tr").contains("portal"), "who wrote it");

    edit_the_document(&writer);
    wait_until("the consumer has the change", || {
        consumer.lines().iter().any(|line| line.contains(r#""newValue":{"_id":"abc123","age":32,"name":"Susan"}"#))
    });
    drop(consumer);
    revoke_and_be_refused(&server, &writer);
}

/// Downloads both certificates, reads both passwords off the page, and starts the page's Kafka with them.
fn consume_with_downloads(server: &TestServer, browser: &Browser) -> Client {
    browser.open(&address(server, "settings"));
    let shown = |id: &str| browser.property(id, "textContent").as_str().unwrap().to_owned();
    let (endpoint, topic, group) = (shown("#endpoint"), shown("#kafka-topic"), shown("#kafka-group"));
    assert_eq!(topic, TOPIC);
    let passwords = [shown("#cluster-password"), shown("#user-password")];
    browser.click("a[href*='/files/cluster.p12']");
    browser.click("a[href*='/files/user.p12']");
    let files = [browser.downloaded("cluster.p12"), browser.downloaded("user.p12")];
    let directory = server.directory();
    let properties = directory.path().join("downloaded.properties");
    write_properties(&properties, [&files[0], &files[1]], &passwords);
    start_console_consumer(&endpoint, &topic, &group, &properties)
}

fn write_properties(path: &Path, [cluster, user]: [&Path; 2], [cluster_password, user_password]: &[String; 2]) {
    let text = format!(
        "security.protocol=SSL\nssl.truststore.type=PKCS12\nssl.truststore.location={}\nssl.truststore.password={cluster_password}\n\
         ssl.keystore.type=PKCS12\nssl.keystore.location={}\nssl.keystore.password={user_password}\n",
        cluster.display(),
        user.display()
    );
    std::fs::write(path, text).unwrap();
}

fn start_console_consumer(endpoint: &str, topic: &str, group: &str, properties: &Path) -> Client {
    let mut command = Command::new(tool(KAFKA_OF_THE_PAGE).join("bin/kafka-console-consumer.sh"));
    fast_start(&mut command);
    command.args(["--bootstrap-server", endpoint, "--topic", topic, "--group", group, "--from-beginning"]);
    command.arg("--consumer.config").arg(properties);
    Client::start(command)
}

fn add_a_document(server: &TestServer, browser: &Browser) {
    browser.open(&address(server, "documents/new"));
    browser.fill("#collection", "people");
    browser.fill("#id", "abc123");
    browser.fill("#text", r#"{"name": "Susan", "age": 31}"#);
    browser.click("main form button.primary");
    browser.wait_for_text("What would be added");
    assert!(browser.text("main").contains("after:\n\"Susan\""), "{}", browser.text("main"));
    browser.click("main form button.primary");
    browser.wait_for_text("Saved as transaction 1.");
}

/// From the document's page, on which the last write left the browser.
fn edit_the_document(browser: &Browser) {
    browser.click("a[href$='/edit']");
    browser.fill("#text", r#"{"age": 32}"#);
    browser.click("main form button.primary");
    browser.wait_for_text("What would change");
    let preview = browser.text("main");
    for part in ["before:\n31", "after:\n32", "You left out name", "it stays"] {
        assert!(preview.contains(part), "{part:?} is not in: {preview}");
    }
    browser.click("main form button.primary");
    browser.wait_for_text("Saved as transaction 2.");
}

/// Revokes the app's own certificate in the portal; the downloaded files then open nothing.
fn revoke_and_be_refused(server: &TestServer, browser: &Browser) {
    browser.open(&address(server, "certificates"));
    browser.click("main details.confirm > summary");
    browser.click("main details.confirm form button");
    browser.wait_until("it is revoked", |browser| browser.has("tbody .badge.bad"));
    let endpoint = server.run["kafka"].as_str().unwrap().to_owned();
    let properties = server.directory().path().join("downloaded.properties");
    let mut refused = start_console_consumer(&endpoint, TOPIC, "late", &properties);
    // This tool ends by itself when its certificate is refused; without a log set up it does not say why. The server
    // does.
    refused.wait();
    assert_eq!(refused.lines(), Vec::<String>::new(), "no event is shown");
    assert!(server.stderr().contains("revoked"), "the log says why: {}", server.stderr());
}
