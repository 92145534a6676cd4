//! Tables with what is long in them: nothing prints over its neighbour, and what one has to press
//! can be seen.

use serde_json::{Value, json};

use super::{
    accessibility, boxes,
    browser::{Browser, Theme},
    pages::screenshots,
    visitor::{address, sign_in, upsert},
};
use crate::support::TestServer;

/// A user's name as long as one may be.
const LONG_USER: &str = "warehouse.of.the.northern.region.with.a.name-that-has-no-end-x.y";

const WIDTHS: [u32; 3] = [1280, 1920, 390];

/// Boxes of what revokes, and of what clips them: left and right, in pixels of the window.
const REVOKE: &str = "
    const all = document.querySelectorAll('details.confirm > summary, details.confirm[open] button');
    return [...all].map((it) => {
        const box = it.getBoundingClientRect();
        const clip = it.closest('.scroll').getBoundingClientRect();
        return [box.left, box.right, Math.max(0, clip.left), Math.min(innerWidth, clip.right)];
    });";

#[test]
fn what_is_long_stays_in_its_place() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    let long_id = format!("documents/people/%22{}%22", "i".repeat(1000));
    let pages = [
        ("", "h1"),
        ("documents?collection=people", "tbody tr"),
        ("documents/people/%22abc123%22", "tbody tr"),
        (&long_id, "tbody tr"),
        ("events", "tbody tr"),
        ("events/user-consumable-default/0/1", "pre"),
        ("certificates", "tbody tr"),
        ("keys", "tbody tr"),
        ("live-queries", "tbody tr"),
        (&format!("live-queries/{}", "l".repeat(64)), "h1"),
        ("indexes", "tbody tr"),
        ("settings", "h1"),
    ];
    let mut faults = Vec::new();
    for (at, (page, shows)) in pages.into_iter().enumerate() {
        browser.open(&address(&server, page));
        assert!(browser.has(shows), "{page} has {shows}: {}", browser.text("main"));
        browser.run("document.querySelectorAll('main details').forEach((it) => { it.open = true; })", &[]);
        for width in WIDTHS {
            browser.show(width, 900, Theme::Light);
            browser.screenshot(&screenshots().join(format!("long-{at:02}-{width}.png")), true);
            faults.extend(boxes::misplaced(&browser).iter().map(|it| format!("{page:.40} at {width}: {it}")));
        }
        faults.extend(accessibility::violations(&browser).iter().map(|it| format!("{page:.40}: {it}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_one_looks_for_stays_in_sight() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.show(1280, 900, Theme::Light);
    browser.open(&address(&server, "live-queries"));
    // However far the rest is scrolled, the name stands at the left edge.
    let offset = "const box = document.querySelector('.scroll'); box.scrollLeft = arguments[0];
        return Math.round(document.querySelector('tbody th').getBoundingClientRect().left - box.getBoundingClientRect().left);";
    for scrolled in [0, 400] {
        assert!(browser.run(offset, &[json!(scrolled)]).as_i64().unwrap() <= 1, "scrolled by {scrolled}");
    }
    // A name that is cut is whole in its title, and no id is broken at a hyphen.
    browser.open(&address(&server, "certificates"));
    let titles = browser.run("return [...document.querySelectorAll('tbody th .cut')].map((it) => it.title)", &[]);
    assert!(titles.as_array().unwrap().contains(&json!(LONG_USER)), "{titles}");
    let tall = "return [...document.querySelectorAll('tbody .cut')].filter((it) => it.getBoundingClientRect().height > 30).length";
    assert_eq!(browser.run(tall, &[]), json!(0), "each on one line");
    // On a phone a row is a card, whose cells say what they are.
    browser.show(390, 844, Theme::Light);
    let label = browser.run("return getComputedStyle(document.querySelector('tbody td'), '::before').content", &[]);
    assert_eq!(label, json!("\"Standing\""));
}

#[test]
fn revoking_is_within_reach_at_1280() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.show(1280, 900, Theme::Light);
    browser.open(&address(&server, "certificates"));
    browser.run("document.querySelectorAll('details.confirm').forEach((it) => { it.open = true; })", &[]);
    let boxes = browser.run(REVOKE, &[]);
    let boxes: Vec<[f64; 4]> = serde_json::from_value(boxes).unwrap();
    assert_eq!(boxes.len(), 2 * 2, "two certificates that are good, each with a summary and a button");
    for [left, right, clip_left, clip_right] in boxes {
        assert!(right - left > 20.0, "it can be pressed");
        assert!(left >= clip_left && right <= clip_right, "{left} to {right} is not in {clip_left} to {clip_right}");
    }
}

/// Documents, certificates, keys and live queries with what is as long as it may be.
fn fill(server: &TestServer) {
    let word = |letter: &str, count: usize| letter.repeat(count);
    let susan = json!({ "name": "Susan", "age": 31, "word": word("x", 900), "nested": { "deep": { "word": word("y", 300) } },
        "text": "many words in a row ".repeat(250), "list": [word("z", 200)] });
    upsert(server, "people", "abc123", susan);
    upsert(server, "people", "abc123", json!({ "word": word("w", 5000) }));
    let mut odd = json!({ "name": word("W", 400) });
    odd[word("f", 300)] = Value::from(1);
    upsert(server, "people", &word("i", 1000), odd);
    upsert(server, &word("c", 200), "q", json!({ "name": "Frank" }));
    assert_eq!(LONG_USER.len(), 64);
    for user in [LONG_USER, "gone"] {
        assert_eq!(server.run(&["credentials", "issue", user]).code(), Some(0));
    }
    assert_eq!(server.run(&["credentials", "revoke", "gone"]).code(), Some(0));
    assert_eq!(server.run(&["key", "create", &word("k", 64)]).code(), Some(0));
    let query = format!("name == '{}'", word("q", 300));
    let made =
        server.run(&["live-query", "create", &word("l", 64), "--collection", &word("c", 200), "--query", &query]);
    assert_eq!(made.code(), Some(0), "{made:?}");
    for number in 0..60 {
        let query = format!("age > {number}");
        let name = format!("older-than-{number}");
        let made = server.run(&["live-query", "create", &name, "--collection", "people", "--query", &query]);
        assert_eq!(made.code(), Some(0), "{made:?}");
    }
    let (name, collection, key) = (word("x", 64), word("c", 200), word("f", 300));
    let made = server.run(&["index", "create", &name, "--collection", &collection, "--key", &key]);
    assert_eq!(made.code(), Some(0), "{made:?}");
}
