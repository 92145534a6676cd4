//! A session in a real browser: over a restart, to its end and back with what was typed, and Back and
//! reload after every form.

use std::{fs, sync::Arc};

use serde_json::json;
use tempfile::TempDir;

use super::{
    browser::Browser,
    visitor::{address, sign_in, upsert},
};
use crate::{
    real_clients::{client::Client, clients::kcat_group},
    support::TestServer,
};

/// Stops it, and starts it again on the same port: cookies are told apart by it.
fn restarted(server: TestServer, between: impl FnOnce(&Arc<TempDir>)) -> TestServer {
    let listen = server.run["http"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    between(&directory);
    TestServer::start_in(directory, &["--http-listen", &listen])
}

fn type_a_document(browser: &Browser) {
    browser.fill("#collection", "people");
    browser.fill("#id", "abc123");
    browser.fill("#text", r#"{"name": "Susan & Tom", "age": 31}"#);
}

fn typed(browser: &Browser) -> [String; 3] {
    ["#collection", "#id", "#text"].map(|field| browser.property(field, "value").as_str().unwrap().to_owned())
}

#[test]
fn a_restart_signs_nobody_out_and_charts_go_on() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    upsert(&server, "people", "a", json!({ "n": 1 }));
    browser.open(&address(&server, "?range=15m"));
    let places = |browser: &Browser, chart: &str| {
        let script = "return document.querySelectorAll(`#chart-${arguments[0]} .places rect`).length";
        browser.run(script, &[json!(chart)]).as_u64().unwrap()
    };
    browser.wait_within(std::time::Duration::from_secs(60), "two points of every chart", |browser| {
        browser.open(&address(&server, "?range=15m"));
        places(browser, "memory") >= 2 && places(browser, "writes") >= 1
    });
    let server = restarted(server, |_| {});
    browser.open(&address(&server, "?range=15m"));
    assert!(browser.has("nav.side"), "nobody was signed out: {}", browser.address());
    assert!(places(&browser, "memory") >= 2 && places(&browser, "writes") >= 1, "the charts go on");
}

#[test]
fn what_was_typed_outlives_the_session_and_is_not_carried_out() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "documents/new?collection=orders"));
    type_a_document(&browser);
    let as_typed = typed(&browser);
    // Another admin key ends every session.
    let server = restarted(server, |directory| {
        for file in ["admin.key", "admin.key.sha256"] {
            fs::remove_file(directory.path().join("headwater-data").join(file)).unwrap();
        }
    });
    browser.click("main form button.primary");
    browser.wait_for_text("Your session has ended. Nothing was done.");
    let key = fs::read_to_string(server.data_dir().join("admin.key")).unwrap();
    browser.fill("#key", "not the key");
    browser.click("main form button.primary");
    browser.wait_for_text("That is not the admin key");
    browser.fill("#key", key.trim());
    browser.click("main form button.primary");
    browser.wait_for_text("filled in as you had typed it");
    assert!(browser.address().ends_with("/documents/new?collection=orders"), "{}", browser.address());
    assert_eq!(typed(&browser), as_typed);
    browser.click("main form button.primary");
    browser.wait_for_text("What would be added");
    browser.click("main form button.primary");
    browser.wait_for_text("Saved as transaction 1.");
}

#[test]
fn a_sign_out_in_another_tab_leads_back_to_the_page_that_is_asked() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "indexes"));
    let (first, second) = (browser.tab(), browser.new_tab());
    browser.switch_to(&second);
    browser.open(&address(&server, ""));
    browser.click("form.sign-out button");
    browser.wait_for_text("Admin key");
    browser.switch_to(&first);
    let asked = address(&server, "documents?collection=people&query=age+%3E%3D+30");
    browser.open(&asked);
    browser.wait_for_text("Admin key");
    browser.fill("#key", fs::read_to_string(server.data_dir().join("admin.key")).unwrap().trim());
    browser.click("main form button.primary");
    browser.wait_until("back at what was asked", |browser| browser.address() == asked);
    browser.switch_to(&second);
    browser.open(&address(&server, "keys"));
    assert!(browser.has("nav.side"), "one session for both tabs");
}

/// Goes to another page, comes back, loads again: never an error of the browser.
fn comes_back(browser: &Browser, server: &TestServer, what: &str, text: &str) {
    browser.wait_for_text(text);
    let shown = browser.address();
    browser.open(&address(server, "indexes?collection=elsewhere"));
    browser.run("history.back()", &[]);
    let is_there = |browser: &Browser| browser.address() == shown && browser.has("main h1");
    browser.wait_until(&format!("{what}: Back"), is_there);
    browser.wait_for_text(text);
    browser.run("location.reload()", &[]);
    browser.wait_until(&format!("{what}: reload"), is_there);
    browser.wait_for_text(text);
}

#[test]
fn back_and_reload_never_fail_after_a_form() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    upsert(&server, "people", "a", json!({ "age": 31 }));
    let mut billing = kcat_group(&server, "billing");
    billing.args(["-c", "1"]);
    Client::start(billing).wait();
    let open = |path: &str| browser.open(&address(&server, path));

    open("documents/new");
    type_a_document(&browser);
    let as_typed = typed(&browser);
    browser.click("main form button.primary");
    comes_back(&browser, &server, "a new document's preview", "What would be added");
    browser.run("history.back()", &[]);
    browser.wait_until("the form", |browser| browser.has("#text"));
    assert_eq!(typed(&browser), as_typed, "Back to the form loses nothing");

    open("documents/people/%22a%22/edit");
    browser.fill("#text", r#"{"age": 32}"#);
    browser.click("main form button.primary");
    comes_back(&browser, &server, "an edit's preview", "What would change");

    open("live-queries");
    browser.click(".title-row .primary");
    browser.fill("#name", "adults");
    browser.fill("#collection", "people");
    browser.fill("#query", "age >= 18");
    browser.click("button[value=check]");
    comes_back(&browser, &server, "a live query's preview", "looked at match");

    open("indexes");
    browser.click(".title-row .primary");
    browser.fill("#name", "by-age");
    browser.fill("#collection", "people");
    browser.fill("#keys", "a b c");
    browser.click("#create form button.primary");
    comes_back(&browser, &server, "an index's mistake", "asc or desc");

    open("keys");
    browser.click(".title-row .primary");
    browser.fill("#name", "till");
    browser.click("#create form button.primary");
    comes_back(&browser, &server, "a key's secret", "till");
    assert!(browser.has("#secret"));

    open("certificates");
    browser.click(".title-row .primary");
    browser.fill("#user", "..");
    browser.click("#issue form button.primary");
    comes_back(&browser, &server, "a certificate's mistake", "does not begin with");

    open("consumers/billing");
    browser.click("form[action$='/reset'] button");
    comes_back(&browser, &server, "a reset's preview", "again");

    open("settings");
    browser.click("form[action*='/settings/test'] button");
    comes_back(&browser, &server, "the Test button", "TLS and the user certificate");
}
