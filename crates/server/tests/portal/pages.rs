//! Every page as everybody sees it: light and dark, wide and on a phone. Accessible, nothing wider than the window,
//! no error in the console.
//!
//! Screenshots go to `target/portal-screenshots`, to be looked at; `HEADWATER_SCREENSHOTS=1`
//! (`cargo xtask screenshots`) also refreshes the few that the README shows.

use std::path::{Path, PathBuf};

use headwater_sdk::{Config, Headwater};
use serde_json::{Value, json};

use super::{
    accessibility, boxes,
    browser::{Browser, Theme},
    visitor::{address, fill, sign_in},
};
use crate::{
    real_clients::{client::Client, clients::kcat_group},
    support::{PATIENCE, TestServer, wait_until},
};

/// Name of the screenshot, path.
const PAGES: [(&str, &str); 38] = [
    ("overview", ""),
    ("settings", "settings"),
    ("documents", "documents?collection=people&query=age+%3E%3D+30"),
    ("documents-json", "documents?collection=people&view=json"),
    ("documents-error", "documents?collection=people&query=age+%3E+(30"),
    ("documents-plan", "documents?collection=people&query=age+%3E%3D+30&explain=plan"),
    (
        "statement",
        "documents?language=dql&query=SELECT+name,+age,+_id,+address.city%0AFROM+people%0AWHERE+age+%3E%3D+30+ORDER+BY+age+DESC",
    ),
    (
        "statement-groups",
        "documents?language=dql&query=SELECT+address.city,+COUNT(*)+AS+people+FROM+people+GROUP+BY+address.city",
    ),
    ("statement-json", "documents?language=dql&collection=people&view=json"),
    ("statement-error", "documents?language=dql&query=SELECT+*+FROM+people%0AWHERE+age+%3E+(30%0AORDER+BY+age"),
    (
        "statement-plan",
        "documents?language=dql&query=SELECT+name+FROM+people+WHERE+address.city+%3D+'Ulm'+ORDER+BY+age+DESC+LIMIT+5&explain=plan",
    ),
    ("statement-refused", "documents?language=dql&query=DELETE+FROM+people"),
    ("documents-sorted", "documents?collection=people&sort=age&desc=yes"),
    ("document", "documents/orders/%22o-3%22"),
    ("document-removed", "documents/people/%22p-005%22"),
    ("document-edit", "documents/people/%22p-001%22/edit"),
    ("document-remove", "documents/people/%22p-001%22/remove"),
    ("document-new", "documents/new?collection=people"),
    ("indexes", "indexes"),
    ("events", "events"),
    ("record", "events/user-consumable-default/0/72"),
    ("consumers", "consumers"),
    ("consumer-group", "consumers/billing"),
    ("peers", "peers"),
    ("sinks", "sinks"),
    ("sink", "sinks/crm"),
    ("live-queries", "live-queries"),
    ("certificates", "certificates"),
    ("keys", "keys"),
    ("tokens", "tokens"),
    ("api-docs", "/portal/api-docs"),
    ("api-call", "/portal/api-docs/write"),
    ("api-call-dangerous", "/portal/api-docs/revokeKey"),
    ("audit-log", "/portal/audit-log"),
    ("apps", "/portal/apps"),
    ("app-delete", "delete"),
    ("collection-drop", "collections/people/drop"),
    ("not-found", "nowhere"),
];

/// Forms behind a button of their page: name of the screenshot, path, the drawer.
const DRAWERS: [(&str, &str, &str); 5] = [
    ("live-query-new", "live-queries", "create"),
    ("index-new", "indexes", "create"),
    ("key-new", "keys", "create"),
    ("certificate-new", "certificates", "issue"),
    ("app-new", "/portal/apps", "new"),
];

/// The pages that the README shows.
const SHOWN: [&str; 4] = ["settings", "documents", "events", "consumer-group"];

/// The largest picture that is kept, in bytes.
const SHOWN_BYTES_MAX: usize = 80_000;

const LOOKS: [(&str, u32, Theme); 6] = [
    ("wide", 1920, Theme::Light),
    ("wide-dark", 1920, Theme::Dark),
    ("light", 1280, Theme::Light),
    ("dark", 1280, Theme::Dark),
    ("phone", 390, Theme::Light),
    ("phone-dark", 390, Theme::Dark),
];

#[test]
fn every_page_is_well_in_both_themes_and_on_a_phone() {
    let server = TestServer::start();
    fill(&server);
    for arguments in [
        ["by-city", "--collection", "people", "--key", "address.city", "--key", "age:desc"],
        ["by-total", "--collection", "orders", "--key", "state", "--key", "total:desc"],
    ] {
        assert_eq!(server.run(&[&["index", "create"], &arguments[..]].concat()).code(), Some(0));
    }
    let mut billing = kcat_group(&server, "billing");
    let _reader = Client::start(kcat_group(&server, "warehouse"));
    billing.args(["-c", "30"]);
    Client::start(billing).wait();
    let browser = Browser::start();
    let mut faults = Vec::new();
    browser.open(&address(&server, "/portal/sign-in"));
    look(&browser, "sign-in", &mut faults);
    sign_in(&server, &browser);
    browser.open(&address(&server, "peers"));
    look(&browser, "peers-empty", &mut faults);
    let _peers = peers(&server);
    sink(&server);
    for (name, path) in PAGES {
        browser.open(&address(&server, path));
        if name == "consumer-group" {
            reload_until(&browser, ".chart .places rect");
        }
        look(&browser, name, &mut faults);
    }
    preview_a_reset(&browser, &server);
    look(&browser, "reset", &mut faults);
    for (name, path, drawer) in DRAWERS {
        browser.open(&address(&server, path));
        browser.click(&format!("[popovertarget={drawer}]"));
        look(&browser, name, &mut faults);
    }
    browser.open(&address(&server, "/portal/api-docs/count"));
    browser.click("#try ~ form button.primary");
    browser.wait_for_text("200 OK");
    look(&browser, "api-call-tried", &mut faults);
    restrict(&browser, &server, &mut faults);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Makes a key and a live query with a permission document: one that looks at fields is refused at its field, one over
/// ids is taken.
fn restrict(browser: &Browser, server: &TestServer, faults: &mut Vec<String>) {
    let document = |query: &str| format!(r#"{{"read":{{"queriesByCollection":{{"orders":["{query}"]}}}}}}"#);
    for (path, name) in [("live-queries", "live-query-permission"), ("keys", "key-permission")] {
        browser.open(&address(server, path));
        browser.click("[popovertarget=create]");
        browser.fill("#name", "north");
        if path == "live-queries" {
            browser.fill("#collection", "orders");
        }
        browser.fill("#permission", &document("total > 3"));
        browser.click("#create button.primary");
        browser.wait_for_text("looks at fields; a permission may look at _id and its parts only");
        assert_eq!(browser.property("#permission", "value"), json!(document("total > 3")), "what was typed stays");
        look(browser, &format!("{name}-wrong"), faults);
        browser.fill("#permission", &document("starts_with(_id, 'o-')"));
        browser.click("#create button.primary");
        browser.wait_for_text("Created the");
        look(browser, name, faults);
    }
}

/// Small peers: some that are connected, one that has left, one that is shut out.
fn peers(server: &TestServer) -> Vec<(Headwater, tempfile::TempDir)> {
    let open = |n: usize| {
        let dir = tempfile::tempdir().unwrap();
        let peer = Headwater::open(Config::new(dir.path()).server(server.run["http"].as_str().unwrap())).unwrap();
        peer.sync().register_subscription("SELECT * FROM orders", json!({})).unwrap();
        peer.start_sync().unwrap();
        peer.store().collection("tills").unwrap().upsert(json!({"_id": format!("t-{n}")})).unwrap();
        peer.sync().flushed(PATIENCE).unwrap();
        (peer, dir)
    };
    let peers: Vec<_> = (0..3).map(open).collect();
    peers[1].0.stop_sync().unwrap();
    let listed = || -> Vec<Value> {
        let reply = server.run(&["peers", "list", "--json"]).stdout;
        serde_json::from_str::<Value>(&reply).unwrap()["peers"].as_array().unwrap().clone()
    };
    let is_away = |peer: &Value| peer["connection"].is_null();
    wait_until("one has left", || listed().iter().any(is_away));
    let present = listed().into_iter().find(|peer| !is_away(peer)).unwrap();
    let site = present["site"].as_str().unwrap();
    assert_eq!(server.run(&["peers", "revoke", site]).code(), Some(0));
    peers
}

/// A sink whose target is away.
fn sink(server: &TestServer) {
    std::fs::write(server.directory().path().join("secret"), "0123456789abcdef").unwrap();
    let to = ["--webhook", "http://127.0.0.1:9/headwater", "--secret-file", "secret"];
    let made = server.run(&[&["sink", "create", "crm"], &to[..]].concat());
    assert_eq!(made.code(), Some(0), "{made:?}");
    wait_until("it has found nobody", || {
        let shown = server.run(&["sink", "show", "crm", "--json"]).stdout;
        serde_json::from_str::<Value>(&shown).unwrap()["errors"].as_u64() > Some(0)
    });
}

/// Waits for what a page shows only after a while.
fn reload_until(browser: &Browser, css: &str) {
    browser.wait_until(css, |browser| {
        browser.open(&browser.address());
        browser.has(css)
    });
}

fn preview_a_reset(browser: &Browser, server: &TestServer) {
    browser.open(&address(server, "consumers/billing"));
    browser.click("form[action$='/reset'] button");
    browser.wait_for_text("events again");
}

/// Keeps a picture of the page that is open for the README, where that is asked for.
fn keep(browser: &Browser, name: &str) {
    if std::env::var_os("HEADWATER_SCREENSHOTS").is_none() || !SHOWN.contains(&name) {
        return;
    }
    browser.show(960, 520, Theme::Light);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/portal").join(format!("{name}.png"));
    browser.screenshot(&path, false);
    let bytes = std::fs::metadata(path).unwrap().len() as usize;
    assert!(bytes <= SHOWN_BYTES_MAX, "{name}.png has {bytes} bytes");
}

/// Looks at the page that is open in every way.
fn look(browser: &Browser, name: &str, faults: &mut Vec<String>) {
    for (look, width, theme) in LOOKS {
        browser.show(width, 900, theme);
        browser.screenshot(&screenshots().join(format!("{name}-{look}.png")), true);
        faults.extend(accessibility::overflowing(browser).iter().map(|it| format!("{name} {look}: too wide: {it}")));
        faults.extend(boxes::misplaced(browser).iter().map(|it| format!("{name} {look}: {it}")));
        // The colours are those of the page at 1280.
        if ["light", "dark", "phone"].contains(&look) {
            faults.extend(accessibility::violations(browser).iter().map(|it| format!("{name} {look}: {it}")));
        }
    }
    // Pages that tell of a failure have its status; advice to authors is no fault.
    let is_expected = |line: &str| line.contains("responded with a status of 4") || line.starts_with("\"DEBUG\"");
    let console = browser.console();
    faults.extend(console.iter().filter(|line| !is_expected(line)).map(|it| format!("{name}: console: {it}")));
    keep(browser, name);
    browser.show(1280, 900, Theme::Light);
}

/// Where pictures of all pages are kept, to be looked at.
pub(crate) fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/portal-screenshots")
}
