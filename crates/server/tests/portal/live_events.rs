//! The events page while a thousand events a second are written: it stays small, keeps up, and says what it left out.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use super::{
    browser::Browser,
    visitor::{address, sign_in, upsert},
};
use crate::support::{TestServer, wait_until};

/// Rows that the page keeps at most.
const ROWS_MAX: u64 = 200;

#[test]
fn the_live_page_stays_small_at_a_thousand_events_a_second() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "events"));
    browser.wait_until("the page is live", |browser| browser.text("#live-state") == "live");
    let before_kib = resident_kib(&server);

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_steadily(&server, &stop));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(6) {
            assert!(rows(&browser) <= ROWS_MAX, "{} rows", rows(&browser));
        }
        stop.store(true, Relaxed);
        let written = writer.join().unwrap();
        assert!(written >= 3_000, "the machine is too slow to tell: {written} events");
        upsert(&server, "people", "the-last", json!({}));
        browser.wait_for_text("people \"the-last\"");
        // Everything is accounted for: shown or left out.
        browser.wait_until("all are counted", |browser| tally(browser)[0] == written + 1);
        let [seen, shown, left_out] = tally(&browser);
        assert_eq!(seen, shown + left_out, "{}", browser.text("#tally"));
        assert!(left_out > 0 && shown <= 600, "it samples: {}", browser.text("#tally"));
    });
    let grown_kib = resident_kib(&server).saturating_sub(before_kib);
    assert!(grown_kib < 120 * 1024, "the server grew by {grown_kib} KiB");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_live_page_pauses_filters_and_ends_with_its_session_and_with_the_server() {
    let server = TestServer::start();
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "events?collection=people&query=age+%3E+30"));
    browser.wait_until("the page is live", |browser| browser.text("#live-state") == "live");
    upsert(&server, "people", "young", json!({ "age": 20 }));
    upsert(&server, "cars", "old", json!({ "age": 40 }));
    upsert(&server, "people", "old", json!({ "age": 40 }));
    browser.wait_for_text("people \"old\"");
    assert_eq!(rows(&browser), 1, "{}", browser.text("#events"));
    browser.click("#events summary");
    assert!(browser.text("#events").contains("after:\n40"), "{}", browser.text("#events"));

    browser.click("#pause");
    browser.wait_until("it is paused", |browser| browser.text("#live-state") == "paused");
    upsert(&server, "people", "meanwhile", json!({ "age": 41 }));
    browser.wait_until("it is offered", |browser| browser.text("#fresh") == "1 new: show");
    assert!(!browser.text("#events").contains("meanwhile"), "what is read stands still");
    browser.click("#fresh");
    browser.wait_until("it goes on", |browser| browser.text("#live-state") == "live");
    upsert(&server, "people", "later", json!({ "age": 42 }));
    browser.wait_for_text("people \"later\"");
    assert_eq!(ids(&browser), ["later", "meanwhile", "old"], "nothing is lost");

    let other = Browser::start();
    sign_in(&server, &other);
    other.open(&address(&server, "events"));
    other.wait_until("it is live", |browser| browser.text("#live-state") == "live");
    other.run("fetch('/portal/sign-out', { method: 'POST', body: new URLSearchParams(new FormData(document.querySelector('.sign-out'))) })", &[]);
    other.wait_until("it ends with its session", |browser| browser.text("#live-state") == "signed out");
    assert!(other.text("#signed-out").contains("Your session has ended."), "{}", other.text("main"));

    server.signal(Signal::TERM);
    browser.wait_until("it says so", |browser| browser.text("#live-state").contains("trying again"));
    let began = Instant::now();
    assert_eq!(server.finish().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(5), "a stream does not hold the stop up");
}

#[test]
fn without_scripts_the_events_are_a_table_whose_links_lead_on() {
    let server = TestServer::start();
    upsert(&server, "people", "first", json!({ "age": 20 }));
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.allow_scripts(false);
    browser.open(&address(&server, "events"));
    assert!(browser.text("#events").contains("people \"first\""));
    assert!(!browser.text("main").contains("Pause"), "what needs a script is not there");
    upsert(&server, "people", "second", json!({ "age": 20 }));
    browser.click("a[href*='after=']");
    browser.wait_for_text("people \"second\"");
    assert!(!browser.text("#events").contains("\"first\""));
}

/// Writes requests of 50 documents, 20 a second, until told to stop; how many documents.
fn write_steadily(server: &TestServer, stop: &AtomicBool) -> u64 {
    let began = Instant::now();
    let mut requests = 0;
    while !stop.load(Relaxed) {
        let commands: Vec<_> = (0..50)
            .map(|n| json!({ "method": "upsert", "collection": "people", "id": format!("p-{n}"), "value": { "n": requests } }))
            .collect();
        let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": commands }));
        assert_eq!(status, 200, "{reply}");
        requests += 1;
        wait_until("its turn", || began.elapsed() >= Duration::from_millis(50) * requests || stop.load(Relaxed));
    }
    u64::from(requests) * 50
}

/// The ids of the rows, from the top.
fn ids(browser: &Browser) -> Vec<String> {
    let ids = browser.run(
        "return [...document.querySelectorAll('#events .what code')].map((it) => JSON.parse(it.textContent))",
        &[],
    );
    serde_json::from_value(ids).unwrap()
}

fn rows(browser: &Browser) -> u64 {
    browser.run("return document.querySelectorAll('#events tbody tr').length", &[]).as_u64().unwrap()
}

/// Seen, shown, left out, as the page says.
fn tally(browser: &Browser) -> [u64; 3] {
    let text = browser.text("#tally").replace(',', "");
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    std::array::from_fn(|at| numbers.get(at).copied().unwrap_or_default())
}

fn resident_kib(server: &TestServer) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.run["pid"])).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux says");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
