//! A browser as the tests use it: go to a page, find, click, type, look.
//!
//! Invariants: whatever is looked for is waited for, within [`BROWSER_PATIENCE`]; an element is
//! found anew for each use, so that a page that was loaded again is never asked through a stale
//! one.
//! Not here: the protocol (`webdriver`), what a page must look like (`portal`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::webdriver::{ELEMENT_KEY, Refused, WebDriver};

/// What a page should show shows within this, also on a loaded machine.
pub(crate) const BROWSER_PATIENCE: Duration = Duration::from_secs(30);

/// What the page's style is told about its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// A headless Chromium with a profile and a download folder of its own. Ends when dropped.
pub(crate) struct Browser {
    driver: WebDriver,
    directory: Arc<TempDir>,
}

impl Browser {
    /// Starts one, 1280 by 800, light.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::start_again(Arc::new(tempfile::tempdir().unwrap()), arguments)
    }

    /// The same with the profile of one that was killed.
    pub(crate) fn start_again(directory: Arc<TempDir>, arguments: &[&str]) -> Self {
        let downloads = directory.path().join("downloads");
        std::fs::create_dir_all(&downloads).unwrap();
        let driver = WebDriver::start(&directory.path().join("profile"), &downloads, arguments);
        let browser = Self { driver, directory };
        browser.show(1280, 800, Theme::Light);
        browser
    }

    /// kill -9 of all its processes; its profile.
    pub(crate) fn kill(self) -> Arc<TempDir> {
        self.driver.kill();
        self.directory.clone()
    }

    /// The tab that is shown.
    pub(crate) fn tab(&self) -> String {
        self.driver.ask("/window").unwrap().as_str().unwrap().to_owned()
    }

    /// Opens another tab and shows it.
    pub(crate) fn new_tab(&self) -> String {
        let opened = self.driver.post("/window/new", &json!({ "type": "tab" })).unwrap();
        let tab = opened["handle"].as_str().unwrap().to_owned();
        self.switch_to(&tab);
        tab
    }

    /// Shows a tab.
    #[track_caller]
    pub(crate) fn switch_to(&self, tab: &str) {
        if let Err(refused) = self.driver.post("/window", &json!({ "handle": tab })) {
            panic!("cannot show the tab {tab}: {}", refused.message);
        }
    }

    /// Closes a tab, as its user does. Another is to be shown then.
    pub(crate) fn close_tab(&self, tab: &str) {
        self.switch_to(tab);
        self.driver.delete("/window").unwrap();
    }

    /// Has the process of the tab that is shown crash. Another is to be shown then.
    pub(crate) fn crash_tab(&self) {
        let crash = json!({ "cmd": "Page.crash", "params": {} });
        let _ = self.driver.post("/goog/cdp/execute", &crash); // there is nobody left to answer
    }

    /// Lets a site keep so many bytes, or as many as there is room for.
    pub(crate) fn set_quota(&self, origin: &str, bytes: Option<u64>) {
        let mut quota = json!({ "origin": origin });
        if let Some(bytes) = bytes {
            quota["quotaSize"] = bytes.into();
        }
        self.driver.devtools("Storage.overrideQuotaForOrigin", &quota);
    }

    /// Goes to an address and waits until it is loaded.
    #[track_caller]
    pub(crate) fn open(&self, url: &str) {
        if let Err(refused) = self.driver.post("/url", &json!({ "url": url })) {
            panic!("cannot open {url}: {}", refused.message);
        }
    }

    /// The address of the page that is shown.
    pub(crate) fn address(&self) -> String {
        self.driver.ask("/url").unwrap().as_str().unwrap().to_owned()
    }

    /// Lets pages see this width and height, in CSS pixels, and this theme.
    pub(crate) fn show(&self, width: u32, height: u32, theme: Theme) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.driver.devtools("Emulation.setDeviceMetricsOverride", &size);
        // Who clicks at once does not wait for a page that still scrolls.
        let scheme = json!({ "features": [
            { "name": "prefers-color-scheme", "value": theme.as_str() },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.driver.devtools("Emulation.setEmulatedMedia", &scheme);
    }

    /// Turns the pages' own scripts off or on, from the next page on.
    pub(crate) fn allow_scripts(&self, allowed: bool) {
        self.driver.devtools("Emulation.setScriptExecutionDisabled", &json!({ "value": !allowed }));
    }

    /// Whether an element is there now.
    pub(crate) fn has(&self, css: &str) -> bool {
        self.find(css).is_some()
    }

    /// Clicks what can be clicked there.
    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        self.on(css, "click", |element| self.driver.post(&format!("{element}/click"), &json!({})));
    }

    /// Replaces what stands in a field.
    #[track_caller]
    pub(crate) fn fill(&self, css: &str, text: &str) {
        self.on(css, "fill", |element| {
            self.driver.post(&format!("{element}/clear"), &json!({}))?;
            self.driver.post(&format!("{element}/value"), &json!({ "text": text }))
        });
    }

    /// The text that a reader sees there.
    #[track_caller]
    pub(crate) fn text(&self, css: &str) -> String {
        let text = self.on(css, "read", |element| self.driver.ask(&format!("{element}/text")));
        text.as_str().unwrap().to_owned()
    }

    /// A property of an element, such as a field's `value`.
    #[track_caller]
    pub(crate) fn property(&self, css: &str, name: &str) -> Value {
        self.on(css, "ask", |element| self.driver.ask(&format!("{element}/property/{name}")))
    }

    /// What a script returns: a function's body, with `arguments`.
    #[track_caller]
    pub(crate) fn run(&self, script: &str, arguments: &[Value]) -> Value {
        let body = json!({ "script": script, "args": arguments });
        self.driver.post("/execute/sync", &body).unwrap_or_else(|refused| panic!("{}: {script}", refused.message))
    }

    /// What a script hands to the function that is its last argument.
    #[track_caller]
    pub(crate) fn run_async(&self, script: &str, arguments: &[Value]) -> Value {
        let body = json!({ "script": script, "args": arguments });
        self.driver.post("/execute/async", &body).unwrap_or_else(|refused| panic!("{}: {script}", refused.message))
    }

    /// Waits until a condition holds; panics with what the page shows when it does not come.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl FnMut(&Self) -> bool) {
        self.wait_within(BROWSER_PATIENCE, what, holds);
    }

    /// The same for what takes longer.
    #[track_caller]
    pub(crate) fn wait_within(&self, patience: Duration, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            if began.elapsed() > patience {
                panic!("not yet: {what}; {} shows: {}", self.address(), self.text("body"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until a reader sees this text anywhere on the page.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) {
        self.wait_until(&format!("the text {text:?}"), |browser| browser.text("body").contains(text));
    }

    /// Writes the page as a PNG: the whole of it, or only what is seen at first.
    pub(crate) fn screenshot(&self, path: &Path, whole: bool) {
        let mut parameters = json!({ "format": "png", "captureBeyondViewport": whole });
        if whole {
            let size = &self.driver.devtools("Page.getLayoutMetrics", &json!({}))["cssContentSize"];
            let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
            parameters["clip"] = clip;
        }
        let shot = self.driver.devtools("Page.captureScreenshot", &parameters);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the console got since it was last asked: errors of scripts, refusals of the content
    /// security policy, failed requests.
    pub(crate) fn console(&self) -> Vec<String> {
        let log = self.driver.post("/se/log", &json!({ "type": "browser" })).unwrap();
        let lines = log.as_array().unwrap().iter();
        lines.map(|line| format!("{}: {}", line["level"], line["message"])).collect()
    }

    /// Where downloads go.
    pub(crate) fn downloaded_folder(&self) -> PathBuf {
        self.directory.path().join("downloads")
    }

    /// Waits for a download of that name, which holds something, and gives its path.
    #[track_caller]
    pub(crate) fn downloaded(&self, name: &str) -> PathBuf {
        let path = self.downloaded_folder().join(name);
        // Chromium takes the name with an empty file first, and moves what came there when it is whole.
        self.wait_until(&format!("the download {name}"), |_| path.metadata().is_ok_and(|it| it.len() > 0));
        path
    }

    /// Runs `act` on the element of a selector, as soon as it is there and can be used.
    #[track_caller]
    fn on(&self, css: &str, what: &str, act: impl Fn(&str) -> Result<Value, Refused>) -> Value {
        let began = Instant::now();
        loop {
            let refused = match self.find(css).map(|element| act(&element)) {
                Some(Ok(value)) => return value,
                Some(Err(refused)) => format!("{}: {}", refused.code, refused.message),
                None => "there is no such element".to_owned(),
            };
            if began.elapsed() > BROWSER_PATIENCE {
                panic!("cannot {what} {css} at {}: {refused}", self.address());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn find(&self, css: &str) -> Option<String> {
        let found = self.driver.post("/element", &json!({ "using": "css selector", "value": css })).ok()?;
        Some(format!("/element/{}", found[ELEMENT_KEY].as_str()?))
    }
}
