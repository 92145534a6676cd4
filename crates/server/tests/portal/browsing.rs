//! Documents as one browses them: sorted, page by page, in a drawer beside the list.

use serde_json::{Value, json};

use super::{
    accessibility,
    browser::{Browser, Theme},
    visitor::{address, fill, sign_in, upsert},
};
use crate::support::TestServer;

/// Where the focus is: the row of the list that it is in from 0, or the id of what has it.
fn focus(browser: &Browser) -> Value {
    browser.run(
        "const links = [...document.querySelectorAll('a[data-drawer]')];
        const at = links.indexOf(document.activeElement);
        return at >= 0 ? at : document.activeElement.id;",
        &[],
    )
}

fn press(browser: &Browser, key: &str) {
    let script = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0], bubbles: true, cancelable: true }))";
    browser.run(script, &[json!(key)]);
}

fn is_open(browser: &Browser) -> bool {
    browser.has("dialog.beside[open]")
}

fn row(number: usize) -> String {
    format!("#documents tbody tr:nth-child({number}) a[data-drawer]")
}

#[test]
fn a_row_opens_a_drawer_and_the_focus_comes_back_to_it() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "documents?collection=people"));
    for width in [1280, 390] {
        browser.show(width, 844, Theme::Light);
        browser.click(&row(3));
        browser.wait_until("the drawer", is_open);
        assert_eq!(focus(&browser), json!("drawer-title"), "the focus goes in");
        assert!(browser.text("dialog.beside").contains("p-002"), "{}", browser.text("dialog.beside"));
        browser.screenshot(&super::pages::screenshots().join(format!("drawer-{width}-light.png")), false);
        assert_eq!(accessibility::violations(&browser), Vec::<String>::new());
        assert_eq!(accessibility::overflowing(&browser), Vec::<String>::new());
        press(&browser, "ArrowDown");
        browser.wait_until("the next one", |browser| browser.text("#drawer-title").contains("p-003"));
        press(&browser, "Escape");
        assert!(!is_open(&browser));
        assert_eq!(focus(&browser), json!(3), "the focus comes back to the row that is shown");
        browser.click(&row(7));
        browser.wait_until("the drawer", is_open);
        browser.click("dialog.beside [data-close]");
        assert_eq!(focus(&browser), json!(6));
    }
    browser.show(1280, 844, Theme::Light);
    browser.run("scrollTo(0, 0)", &[]);
    // Beside an open drawer another row can be chosen.
    browser.click(&row(2));
    browser.wait_until("the drawer", is_open);
    browser.click("#documents tbody tr:nth-child(5) td");
    browser.wait_until("the other one", |browser| browser.text("#drawer-title").contains("p-004"));
    press(&browser, "Escape");
    assert_eq!(focus(&browser), json!(4));
    assert_eq!(browser.console(), Vec::<String>::new());

    browser.allow_scripts(false);
    browser.open(&address(&server, "documents?collection=people"));
    browser.click(&row(3));
    browser.wait_until("its page", |browser| browser.address().ends_with("/people/%22p-002%22"));
}

/// The first column, from the top.
fn shown(browser: &Browser) -> Vec<String> {
    let ids =
        browser.run("return [...document.querySelectorAll('a[data-drawer]')].map((it) => it.textContent.trim())", &[]);
    serde_json::from_value(ids).unwrap()
}

#[test]
fn the_list_is_sorted_and_leads_on_and_back() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "documents?collection=people"));
    assert!(browser.text(".range").contains("1–25 of 59"), "{}", browser.text("main"));
    assert!(browser.text(".collections").contains("people 59") || browser.text(".collections").contains("people\n59"));
    let first = shown(&browser);
    browser.click("[rel=next]");
    browser.wait_for_text("26–50 of 59");
    browser.click("[rel=next]");
    browser.wait_for_text("51–59 of 59");
    assert!(!browser.has("[rel=next]"));
    browser.click("[rel=prev]");
    browser.wait_for_text("26–50 of 59");
    browser.click("[rel=prev]");
    browser.wait_for_text("1–25 of 59");
    assert_eq!(shown(&browser), first);

    browser.click("a.sort[title='Sort by age']");
    browser.wait_for_text("sorted by age");
    let ages = |browser: &Browser| -> Vec<u64> {
        let ages = browser.run(
            "return [...document.querySelectorAll('td[data-label=age]')].map((it) => Number(it.textContent))",
            &[],
        );
        serde_json::from_value(ages).unwrap()
    };
    let youngest = ages(&browser);
    assert!(youngest.is_sorted() && youngest[0] == 18, "{youngest:?}");
    browser.click("[rel=next]");
    browser.wait_for_text("26–50 of 59");
    assert!(ages(&browser).is_sorted() && ages(&browser)[0] >= *youngest.last().unwrap());
    browser.click("[rel=prev]");
    browser.wait_for_text("1–25 of 59");
    assert_eq!(ages(&browser), youngest);
    browser.click("a.sort[title='Sort by age']");
    browser.wait_for_text("the greatest first");
    assert!(ages(&browser).is_sorted_by(|a, b| a >= b), "{:?}", ages(&browser));

    // A search is an address: back, forward and reload never ask to send a form again.
    browser.fill("#query", "age >= 70");
    browser.click(".search button.primary");
    browser.wait_until("the search", |browser| browser.address().contains("query=age"));
    assert!(ages(&browser).iter().all(|age| *age >= 70));
    browser.run("history.back()", &[]);
    browser.wait_for_text("the greatest first");
    browser.run("history.forward()", &[]);
    browser.wait_until("the search again", |browser| browser.address().contains("query=age"));
    browser.run("location.reload()", &[]);
    browser.wait_until("the same", |browser| browser.property("#query", "value") == json!("age >= 70"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn values_are_read_as_what_they_are_and_names_complete() {
    let server = TestServer::start();
    let value = json!({ "name": "Susan", "age": 31, "active": true, "gone": null, "tags": ["new"], "address": { "city": "Ulm" },
        "born": "1990-05-17T08:30:00Z" });
    upsert(&server, "people", "abc123", value);
    let browser = Browser::start();
    sign_in(&server, &browser);
    browser.open(&address(&server, "documents?collection=people"));
    let kind = |label: &str| {
        let css = format!("td[data-label={label}] > *");
        (browser.text(&css), browser.property(&css, "className").as_str().unwrap().to_owned())
    };
    assert_eq!(kind("name"), ("Susan".to_owned(), "cut v-text".to_owned()));
    assert_eq!(kind("age"), ("31".to_owned(), "cut v-number".to_owned()));
    assert_eq!(kind("active").1, "cut v-bool");
    assert_eq!(kind("gone").1, "cut v-null");
    assert_eq!(kind("address").1, "cut v-json");
    let (born, class) = kind("born");
    assert!(born.starts_with("1990-05-17 08:30:00") && class == "cut v-date", "{born} {class}");

    let names = |browser: &Browser| -> Vec<String> {
        let names =
            browser.run("return [...document.querySelectorAll('#field-names option')].map((it) => it.value)", &[]);
        serde_json::from_value(names).unwrap()
    };
    assert!(names(&browser).contains(&"address.city".to_owned()), "{:?}", names(&browser));
    browser.fill("#query", "age > 1 && na");
    assert!(names(&browser).contains(&"age > 1 && name".to_owned()), "{:?}", names(&browser));
}

#[test]
fn the_history_of_a_document_reaches_back_to_its_first_event() {
    let server = TestServer::start();
    upsert(&server, "people", "old", json!({ "n": 0 }));
    for n in 0..30 {
        upsert(&server, "people", "old", json!({ "n": n }));
    }
    for part in 0..6 {
        let command =
            |n| json!({ "method": "upsert", "collection": "noise", "id": format!("{part}-{n}"), "value": { "n": n } });
        let commands: Vec<Value> = (0..1000).map(command).collect();
        assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": commands })).0, 200);
    }
    upsert(&server, "people", "old", json!({ "n": 31 }));
    let browser = Browser::start();
    sign_in(&server, &browser);
    let rows = |browser: &Browser| -> Value {
        browser.run("return document.querySelectorAll('#history tbody tr').length", &[])
    };
    for scripts in [true, false] {
        browser.allow_scripts(scripts);
        browser.open(&address(&server, "documents/people/%22old%22"));
        let mut seen = rows(&browser).as_u64().unwrap();
        while browser.has("#older") && !browser.text("#history-end").contains("came to be") {
            let before = (rows(&browser), browser.address());
            browser.click("#older");
            browser.wait_until("older ones", |browser| (rows(browser), browser.address()) != before);
            seen = if scripts { rows(&browser).as_u64().unwrap() } else { seen + rows(&browser).as_u64().unwrap() };
        }
        assert_eq!(seen, 32, "{}", browser.text("main"));
        assert!(browser.text("#history tbody tr:last-child").contains("insert"));
    }
    assert_eq!(browser.console(), Vec::<String>::new());
}
