//! Every page as everybody sees it: light and dark, wide and on a phone. Accessible, nothing wider than the window, no error in the console.
//!
//! Screenshots go to `target/portal-screenshots`, to be looked at; `HEADWATER_SCREENSHOTS=1` (`cargo xtask screenshots`) also refreshes the few
//! that the README shows.

use std::path::{Path, PathBuf};

use super::{
    accessibility,
    browser::{Browser, Theme},
    visitor::{address, fill, sign_in},
};
use crate::support::TestServer;

/// Name of the screenshot, path.
const PAGES: [(&str, &str); 13] = [
    ("overview", ""),
    ("settings", "settings"),
    ("documents", "documents?collection=people&query=age+%3E%3D+30"),
    ("documents-json", "documents?collection=people&view=json"),
    ("documents-error", "documents?collection=people&query=age+%3E+(30"),
    ("document", "documents/orders/%22o-3%22"),
    ("document-removed", "documents/people/%22p-005%22"),
    ("document-edit", "documents/people/%22p-001%22/edit"),
    ("document-remove", "documents/people/%22p-001%22/remove"),
    ("document-new", "documents/new?collection=people"),
    ("events", "events"),
    ("record", "events/user-consumable-default/0/72"),
    ("not-found", "nowhere"),
];

const LOOKS: [(&str, u32, Theme); 4] = [
    ("light", 1280, Theme::Light),
    ("dark", 1280, Theme::Dark),
    ("phone", 390, Theme::Light),
    ("phone-dark", 390, Theme::Dark),
];

#[test]
fn every_page_is_well_in_both_themes_and_on_a_phone() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    let mut faults = Vec::new();
    browser.open(&address(&server, "/portal/sign-in"));
    look(&browser, "sign-in", &mut faults);
    sign_in(&server, &browser);
    for (name, path) in PAGES {
        browser.open(&address(&server, path));
        look(&browser, name, &mut faults);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Looks at the page that is open in every way.
fn look(browser: &Browser, name: &str, faults: &mut Vec<String>) {
    for (look, width, theme) in LOOKS {
        browser.show(width, 900, theme);
        browser.screenshot(&folder().join(format!("{name}-{look}.png")), true);
        faults.extend(accessibility::overflowing(browser).iter().map(|it| format!("{name} {look}: too wide: {it}")));
        // On a phone the colours are those of the wide page.
        if look != "phone-dark" {
            faults.extend(accessibility::violations(browser).iter().map(|it| format!("{name} {look}: {it}")));
        }
    }
    // Pages that tell of a failure have its status; advice to authors is no fault.
    let is_expected = |line: &str| line.contains("responded with a status of 4") || line.starts_with("\"DEBUG\"");
    let console = browser.console();
    faults.extend(console.iter().filter(|line| !is_expected(line)).map(|it| format!("{name}: console: {it}")));
    browser.show(1280, 900, Theme::Light);
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/portal-screenshots")
}
