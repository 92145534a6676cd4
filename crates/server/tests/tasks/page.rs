//! The web page with the list, as its reader uses it.

use serde_json::{Value, json};

use super::converge::Person;
use crate::support::browser::{Browser, Theme};

/// A browser with the page.
pub(super) struct Page {
    pub(super) browser: Browser,
}

/// A row by the text of its task.
const ROW: &str = "const row = [...document.querySelectorAll('#tasks li')]
    .find((row) => row.querySelector('span').textContent === arguments[0]);";

/// The last of the files that a page says to its worker.
const IS_KEPT: &str = "const done = arguments[0];
    caches.match(performance.getEntriesByType('resource').at(-1).name).then((kept) => done(kept !== undefined));";

impl Page {
    /// Opens it, and waits until it is in sync and its files are kept.
    pub(super) fn open(url: &str) -> Self {
        let page = Self { browser: Browser::start() };
        page.browser.show(1280, 800, Theme::Light);
        page.browser.open(url);
        page.wait_until_synced();
        page.browser.wait_until("the page's files are kept", |browser| browser.run_async(IS_KEPT, &[]) == json!(true));
        page
    }

    /// Loads it anew, from the network or what was kept of it, and waits until the list is open.
    pub(super) fn reload(&self) {
        self.browser.open(&self.browser.address());
        self.browser.wait_until("the list is open", |browser| browser.property("#text", "disabled") == json!(false));
    }

    /// What stands in the badge.
    pub(super) fn status(&self) -> String {
        self.browser.text("#status")
    }

    pub(super) fn wait_until_synced(&self) {
        self.browser.wait_until("the page is in sync", |browser| browser.text("#status") == "in sync");
    }

    fn on_row(&self, text: &str, then: &str) -> bool {
        self.browser.run(&format!("{ROW} {then} return row !== undefined;"), &[json!(text)]) == json!(true)
    }
}

impl Person for Page {
    fn add(&mut self, text: &str) {
        self.browser.fill("#text", text);
        self.browser.click("#add button");
        self.browser.wait_until("the task is there", |_| self.on_row(text, ""));
    }

    fn set_done(&mut self, text: &str, done: bool) {
        let click = format!("const box = row?.querySelector('input'); if (box && box.checked !== {done}) box.click();");
        self.on_row(text, &click);
    }

    fn remove(&mut self, text: &str) {
        self.on_row(text, "row?.querySelector('button').click();");
        self.browser.wait_until("the task is gone", |_| !self.on_row(text, ""));
    }

    fn set_offline(&mut self, offline: bool) {
        if self.browser.property("#offline", "checked") != json!(offline) {
            self.browser.click("#offline");
        }
    }

    fn list(&mut self) -> Vec<(String, bool)> {
        let script = "return [...document.querySelectorAll('#tasks li')]
            .map((row) => [row.querySelector('span').textContent, row.querySelector('input').checked]);";
        let rows = self.browser.run(script, &[]);
        let row = |row: &Value| (row[0].as_str().unwrap().to_owned(), row[1].as_bool().unwrap());
        rows.as_array().unwrap().iter().map(row).collect()
    }

    fn begin_again(&mut self) {
        self.reload();
    }

    fn wait_until_synced(&mut self) {
        Page::wait_until_synced(self);
    }
}
