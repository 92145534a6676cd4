//! Whether everybody can read and use a page: axe-core's rules (WCAG 2.2 A and AA, and best practice), and nothing
//! wider than the window.
//!
//! axe-core comes from `cargo xtask tools` and is put into the page by the driver, which the page's content security
//! policy does not stop. Not here: what the rules cannot see, such as whether a text says what it should.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::browser::Browser;
use crate::real_clients::clients::tool;

static AXE: LazyLock<String> = LazyLock::new(|| {
    std::fs::read_to_string(tool("node").join("node_modules/axe-core/axe.min.js"))
        .expect("axe-core is there: run cargo xtask tools")
});

/// Runs every rule on the page that is shown, in the theme in which it is shown.
const RUN: &str = "
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run(document, { runOnly: tags, resultTypes: ['violations'] }).then(
        (found) => done(found.violations.map((violation) => ({
            rule: violation.id,
            help: violation.help,
            places: violation.nodes.map((node) => node.target.join(' ') + ': ' + node.failureSummary),
        }))),
        (error) => done([{ rule: 'axe', help: String(error), places: [] }]),
    );";

/// What axe-core finds, one line a place; empty for a page that is well.
pub(crate) fn violations(browser: &Browser) -> Vec<String> {
    if browser.run("return typeof axe", &[]) == json!("undefined") {
        browser.run(&AXE, &[]);
    }
    let found = browser.run_async(RUN, &[]);
    found.as_array().unwrap().iter().flat_map(lines).collect()
}

fn lines(violation: &Value) -> Vec<String> {
    let (rule, help) = (violation["rule"].as_str().unwrap(), violation["help"].as_str().unwrap());
    let places = violation["places"].as_array().unwrap();
    if places.is_empty() {
        return vec![format!("{rule} ({help})")];
    }
    places.iter().map(|place| format!("{rule} ({help}) at {}", place.as_str().unwrap())).collect()
}

/// What reaches beyond the window's right edge although nothing around it scrolls; empty for a page that fits.
pub(crate) fn overflowing(browser: &Browser) -> Vec<String> {
    let script = "
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        const wide = [...document.querySelectorAll('body *')].filter((e) =>
            e.getBoundingClientRect().right > width + 1 && (getComputedStyle(e).position === 'absolute' || !e.parentElement.closest('.scroll')));
        return wide.slice(0, 10).map((e) => e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 40));";
    let found = browser.run(script, &[]);
    found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}
