//! Tables with what is long in them: nothing prints over its neighbour, and what one has to press
//! can be seen.

use serde_json::{Value, json};

use super::{
    browser::{Browser, Theme},
    visitor::{address, sign_in, upsert},
};
use crate::support::TestServer;

/// A user's name as long as one may be.
const LONG_USER: &str = "warehouse.of.the.northern.region.with.a.name-that-has-no-end-x.y";

const WIDTHS: [u32; 3] = [1280, 1920, 390];

/// Texts that a reader sees outside the cell they are in.
const OVERFLOWING: &str = "
    const found = [];
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        const cell = text.parentElement.closest('td, th');
        if (!cell || !text.data.trim() || text.parentElement.closest('.unseen')) continue;
        const contents = document.createRange();
        contents.selectNodeContents(text);
        const over = contents.getBoundingClientRect().right - cell.getBoundingClientRect().right;
        if (over > 1) found.push(`${text.data.trim().slice(0, 40)} by ${Math.round(over)}`);
    }
    return found;";

/// Boxes of what revokes, and of what clips them: left and right, in pixels of the window.
const REVOKE: &str = "
    const all = document.querySelectorAll('details.confirm > summary, details.confirm[open] button');
    return [...all].map((it) => {
        const box = it.getBoundingClientRect();
        const clip = it.closest('.scroll').getBoundingClientRect();
        return [box.left, box.right, Math.max(0, clip.left), Math.min(innerWidth, clip.right)];
    });";

#[test]
fn what_is_long_stays_in_its_cell() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    let long_id = format!("documents/people/%22{}%22", "i".repeat(1000));
    let pages = [
        "documents?collection=people",
        "documents/people/%22abc123%22",
        &long_id,
        "events",
        "certificates",
        "keys",
        "live-queries",
        "indexes",
    ];
    let mut faults = Vec::new();
    for page in pages {
        browser.open(&address(&server, page));
        assert!(browser.has("tbody tr"), "{page} has a table: {}", browser.text("main"));
        browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true; })", &[]);
        for width in WIDTHS {
            browser.show(width, 900, Theme::Light);
            let over = browser.run(OVERFLOWING, &[]);
            faults.extend(over.as_array().unwrap().iter().map(|it| format!("{page} at {width}: {it}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
        "text": "many words in a row ".repeat(40), "list": [word("z", 200)] });
    upsert(server, "people", "abc123", susan);
    upsert(server, "people", "abc123", json!({ "word": word("w", 900) }));
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
    let (name, collection, key) = (word("x", 64), word("c", 200), word("f", 300));
    let made = server.run(&["index", "create", &name, "--collection", &collection, "--key", &key]);
    assert_eq!(made.code(), Some(0), "{made:?}");
}
