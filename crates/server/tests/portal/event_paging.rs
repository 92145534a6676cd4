//! The events page between the newest and what was: a pause that lasts, a restart, places to jump to.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    browser::{Browser, Theme},
    visitor::{address, sign_in, upsert},
};
use crate::support::TestServer;

/// Ids of the rows, from the top.
fn ids(browser: &Browser) -> Vec<String> {
    let ids = browser.run(
        "return [...document.querySelectorAll('#events .what code')].map((it) => JSON.parse(it.textContent))",
        &[],
    );
    serde_json::from_value(ids).unwrap()
}

fn wait_until_live(browser: &Browser) {
    browser.wait_until("the page is live", |browser| browser.text("#live-state") == "live");
}

/// Writes so many documents in one transaction.
fn write_many(server: &TestServer, prefix: &str, count: usize) {
    let command = |n| json!({ "method": "upsert", "collection": "people", "id": format!("{prefix}-{n:03}"), "value": { "n": n } });
    let commands: Vec<Value> = (0..count).map(command).collect();
    let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": commands }));
    assert_eq!(status, 200, "{reply}");
}

#[test]
fn what_comes_during_a_long_pause_is_read_from_where_it_began() {
    let server = TestServer::start();
    upsert(&server, "people", "first", json!({}));
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "events"));
    wait_until_live(&browser);
    browser.click("#pause");
    browser.wait_until("it is paused", |browser| browser.text("#live-state") == "paused");
    write_many(&server, "few", 30);
    browser.wait_until("they are offered", |browser| browser.text("#fresh") == "30 new: show");
    assert_eq!(ids(&browser), ["first"]);
    browser.click("#fresh");
    browser.wait_until("all of them are there", |browser| ids(browser).len() == 31);
    assert_eq!(ids(&browser)[0], "few-029");

    browser.click("#pause");
    browser.wait_until("it is paused", |browser| browser.text("#live-state") == "paused");
    for part in 0..3 {
        write_many(&server, &format!("many-{part}"), 150);
    }
    browser.wait_until("they are counted", |browser| browser.text("#fresh") == "450 new: read on from here");
    browser.click("#fresh");
    browser.wait_until("the page of where it was paused", |browser| browser.address().contains("after="));
    let mut read = Vec::new();
    while read.len() < 450 {
        let page = ids(&browser);
        assert!(!page.is_empty(), "{} of 450: {}", read.len(), browser.text("main"));
        read.extend(page);
        browser.click("nav[aria-label=Pages] a[href*='after=']");
    }
    let expected: Vec<String> = (0..3).flat_map(|part| (0..150).map(move |n| format!("many-{part}-{n:03}"))).collect();
    assert_eq!(read, expected, "nothing is lost, and the oldest come first");
    // Back leads through the pages again.
    browser.run("history.back()", &[]);
    browser.wait_until("the page before", |browser| ids(browser).last().is_some_and(|id| id == "many-2-149"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn an_open_page_goes_on_after_a_restart_without_a_loss_or_a_double() {
    let server = TestServer::start();
    upsert(&server, "people", "before", json!({}));
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "events"));
    wait_until_live(&browser);
    upsert(&server, "people", "seen", json!({}));
    browser.wait_for_text("people \"seen\"");
    let (directory, listen) = (server.directory(), listen(&server));
    server.terminate();
    browser.wait_until("it tries again", |browser| browser.text("#live-state").contains("trying again"));
    let server = TestServer::start_in(Arc::clone(&directory), &["--http-listen", &listen]);
    upsert(&server, "people", "meanwhile", json!({}));
    let mut has_signed_in = false;
    browser.wait_until("it goes on", |browser| {
        if !has_signed_in && browser.property("#signed-out", "hidden") == json!(false) {
            // Whoever has to sign in again does so in another tab.
            let tab = browser.tab();
            browser.new_tab();
            sign_in(&server, browser);
            browser.switch_to(&tab);
            has_signed_in = true;
        }
        browser.text("#live-state") == "live"
    });
    upsert(&server, "people", "after", json!({}));
    browser.wait_for_text("people \"after\"");
    assert_eq!(ids(&browser), ["after", "meanwhile", "seen", "before"]);

    server.kill();
    browser.wait_until("it tries again", |browser| browser.text("#live-state").contains("trying again"));
    browser.screenshot(&super::pages::screenshots().join("events-away-light.png"), true);
}

/// Where a server listens for HTTP.
fn listen(server: &TestServer) -> String {
    server.run["http"].as_str().unwrap().trim_start_matches("http://").to_owned()
}

#[test]
fn one_jumps_to_an_offset_or_a_time_with_and_without_scripts() {
    let server = TestServer::start();
    for n in 0..3 {
        write_many(&server, &format!("part-{n}"), 40);
    }
    let browser = Browser::start();
    sign_in(&server, &browser);
    for scripts in [true, false] {
        browser.allow_scripts(scripts);
        browser.open(&address(&server, "events"));
        browser.fill("#offset", "50");
        browser.click("#show button.primary");
        browser.wait_for_text("The oldest first");
        assert_eq!((ids(&browser)[0].as_str(), ids(&browser).len()), ("part-1-010", 50));
        // Back after the form, and on again.
        browser.run("history.back()", &[]);
        browser.wait_for_text("The newest first");

        browser.open(&address(&server, "events?offset=5000"));
        assert!(browser.text("#place-error").contains("at offset 119"), "{}", browser.text("main"));
        browser.open(&address(&server, "events?offset=noon"));
        assert!(browser.has("#place-error"), "{}", browser.text("main"));
        browser.open(&address(&server, "events?time=2001-01-31T12:00:00"));
        assert_eq!(ids(&browser)[0], "part-0-000");
        browser.open(&address(&server, "events?time=2101-01-31T12:00:00"));
        assert_eq!(ids(&browser), Vec::<String>::new());
        assert!(browser.text("main").contains("Nothing has come since"), "{}", browser.text("main"));
    }
    // The field takes the reader's own time.
    browser.allow_scripts(true);
    browser.open(&address(&server, "events"));
    browser.run("const time = document.getElementById('time'); time.value = '2001-01-31T12:00:00'", &[]);
    browser.click("#show button.primary");
    browser.wait_for_text("The oldest first");
    assert!(browser.address().contains("time=2001-01-31T") && !browser.address().contains("offset="));
    let typed = browser.property("#time", "value");
    assert!(typed.as_str().unwrap().starts_with("2001-01-31T12:00"), "it comes back as it was typed: {typed}");
    browser.show(390, 844, Theme::Light);
    browser.screenshot(&super::pages::screenshots().join("events-jump-phone.png"), true);
}
