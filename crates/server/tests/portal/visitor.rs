//! Somebody who looks at the portal: a server with something in it, and a browser that is signed in to it.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::{real_clients::events::write, support::TestServer};

/// The app's pages.
pub(crate) const APP: &str = "/portal/apps/default/";

/// Opens the link that `headwater portal` prints, and presses its button.
pub(crate) fn sign_in(server: &TestServer, browser: &Browser) {
    let link = server.run(&["portal"]);
    assert_eq!(link.code(), Some(0), "{link:?}");
    let address = link.stdout.lines().find_map(|line| line.split_whitespace().find(|word| word.starts_with("http")));
    browser.open(address.unwrap_or_else(|| panic!("a link: {link:?}")));
    browser.click("main form button.primary");
    browser.wait_until("signed in", |browser| !browser.address().contains("sign-in"));
}

/// The address of a page.
pub(crate) fn address(server: &TestServer, path: &str) -> String {
    let base = server.run["http"].as_str().unwrap();
    if path.starts_with('/') { format!("{base}{path}") } else { format!("{base}{APP}{path}") }
}

/// Writes what a small shop might have: people, orders with a counter, changes of them.
pub(crate) fn fill(server: &TestServer) {
    let names = ["Susan", "Frank", "Amélie", "Yusuf", "Ingrid", "Tomás", "美咲 🚚", "Olu", "Piotr", "Hana"];
    for (number, name) in names.iter().cycle().take(60).enumerate() {
        let (age, city) = (18 + number * 7 % 60, ["Ulm", "Bergen", "Lyon", "Graz"][number % 4]);
        let value = json!({ "name": name, "age": age, "address": { "city": city, "zip": format!("{:05}", 10_000 + number * 137) },
            "tags": (["new", "loyal", "newsletter"][number % 3..]), "active": number % 5 != 0 });
        upsert(server, "people", &format!("p-{number:03}"), value);
    }
    for number in 0..12 {
        let command = json!({ "method": "upsert", "collection": "orders", "id": format!("o-{number}"),
            "value": { "customer": format!("p-{number:03}"), "total": 12.5 * f64::from(number), "views": 1, "state": "open" },
            "valueTypeOverrides": { "views": "counter" } });
        write(server, command);
    }
    upsert(server, "people", "p-001", json!({ "age": 27, "address": { "city": "Oslo" } }));
    let viewed = json!([{ "method": "increment", "path": "views", "value": 3 }, { "method": "set", "path": "state", "value": "paid" }]);
    write(server, json!({ "method": "update", "collection": "orders", "id": "o-3", "commands": viewed }));
    write(server, json!({ "method": "remove", "collection": "people", "id": "p-005" }));
}

pub(crate) fn upsert(server: &TestServer, collection: &str, id: &str, value: Value) -> u64 {
    write(server, json!({ "method": "upsert", "collection": collection, "id": id, "value": value }))
}
