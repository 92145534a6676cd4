//! The query box of the page of documents, in both languages.

use serde_json::json;

use super::{
    browser::Browser,
    visitor::{address, sign_in, upsert},
};
use crate::support::TestServer;

/// Chooses a language as somebody at the keyboard does.
const CHOOSE: &str = "
    const language = document.querySelector('#language');
    language.value = arguments[0];
    language.dispatchEvent(new Event('change', { bubbles: true }));";

fn choose(browser: &Browser, language: &str) {
    browser.run(CHOOSE, &[json!(language)]);
}

fn typed(browser: &Browser) -> (String, String) {
    let text = |name| browser.property("#query", name).as_str().unwrap().to_owned();
    (text("tagName"), text("value"))
}

#[test]
fn the_box_changes_with_the_language_and_keeps_what_means_everything() {
    let server = TestServer::start();
    upsert(&server, "people", "a", json!({ "age": 31 }));
    upsert(&server, "my cars", "b", json!({ "age": 2 }));
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "documents?collection=people"));
    assert_eq!(typed(&browser), ("INPUT".to_owned(), "true".to_owned()));
    choose(&browser, "dql");
    assert_eq!(typed(&browser), ("TEXTAREA".to_owned(), "SELECT * FROM people".to_owned()));
    assert_eq!(browser.property("[data-language=legacy]", "hidden"), json!(true));
    assert_eq!(browser.text("label[for=query]"), "Statement");
    choose(&browser, "legacy");
    assert_eq!(typed(&browser), ("INPUT".to_owned(), "true".to_owned()));

    browser.fill("#collection", "my cars");
    choose(&browser, "dql");
    assert_eq!(typed(&browser).1, "SELECT * FROM `my cars`");
    browser.click(".search button.primary");
    browser.wait_for_text("1 row");
    assert_eq!(typed(&browser), ("TEXTAREA".to_owned(), "SELECT * FROM `my cars`".to_owned()));
    browser.click(".search button[name=explain]");
    browser.wait_for_text("How it is found");

    // What was written stays as it is.
    browser.fill("#query", "age > 1");
    choose(&browser, "legacy");
    assert_eq!(typed(&browser), ("INPUT".to_owned(), "age > 1".to_owned()));
}
