//! The W3C WebDriver protocol, as far as the tests need it: one chromedriver, one session, commands as JSON over HTTP.
//!
//! Invariants: the driver and every process of its browser end with the value, also when a test
//! panics; every command has a bound.
//! Not here: what a page is asked (`browser`).

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

/// No command takes longer, but for a page that hangs.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// What a script waits for comes within this, also on a loaded machine; less than [`COMMAND_TIMEOUT`].
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(50);

/// How often it is tried to start Chromium.
const STARTS_MAX: u32 = 5;

/// Says that a value in a reply is an element (W3C WebDriver, section 12.1).
pub(crate) const ELEMENT_KEY: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Why a command failed: the protocol's error code and what the driver says.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// A session of a headless Chromium.
pub(crate) struct WebDriver {
    driver: Child,
    /// Kept open: a driver whose output nobody takes would end at its next line.
    _stdout: BufReader<ChildStdout>,
    agent: ureq::Agent,
    session: String,
}

impl WebDriver {
    /// Starts chromedriver on a free port and Chromium with it, and with these arguments more; what
    /// Chromium downloads goes to `downloads`. On a machine that is busy it may not start at first.
    pub(crate) fn start(profile: &Path, downloads: &Path, arguments: &[&str]) -> Self {
        let mut tries = 1;
        loop {
            match Self::try_to_start(profile, downloads, arguments) {
                Ok(started) => return started,
                Err(refused) if tries == STARTS_MAX => panic!("Chromium does not start: {}", refused.message),
                Err(_) => tries += 1,
            }
        }
    }

    fn try_to_start(profile: &Path, downloads: &Path, arguments: &[&str]) -> Result<Self, Refused> {
        let mut command = Command::new("chromedriver");
        command.args(["--port=0", "--log-level=SEVERE"]).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run chromedriver: {error}; cargo xtask test installs it"));
        let mut stdout = BufReader::new(driver.stdout.take().unwrap());
        // Its port of IPv6 may be somebody else's of IPv4: it ends then, and finds another the next time.
        let Some(port) = read_port(&mut stdout) else {
            let _ = driver.wait();
            return Err(Refused { code: "driver ended".to_owned(), message: "chromedriver ended at once".to_owned() });
        };
        let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
        let agent = config.timeout_global(Some(COMMAND_TIMEOUT)).build().new_agent();
        let base = format!("http://127.0.0.1:{port}/session");
        let mut started = Self { driver, _stdout: stdout, agent, session: base };
        let reply = started.send("POST", "", &capabilities(profile, downloads, arguments))?;
        started.session = format!("{}/{}", started.session, reply["sessionId"].as_str().unwrap());
        Ok(started)
    }

    /// A command with a body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        self.send("POST", path, body)
    }

    /// A question.
    pub(crate) fn ask(&self, path: &str) -> Result<Value, Refused> {
        self.send("GET", path, &Value::Null)
    }

    /// A command that ends something.
    pub(crate) fn delete(&self, path: &str) -> Result<Value, Refused> {
        self.send("DELETE", path, &Value::Null)
    }

    /// kill -9 of the driver and of its browser.
    pub(crate) fn kill(&self) {
        let _ = kill_process_group(Pid::from_child(&self.driver), Signal::KILL);
    }

    /// A command of the Chrome DevTools Protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("/goog/cdp/execute", &body).unwrap_or_else(|refused| panic!("{command}: {}", refused.message))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Refused> {
        let url = format!("{}{path}", self.session);
        let reply = match method {
            "GET" => self.agent.get(&url).call(),
            "DELETE" => self.agent.delete(&url).call(),
            _ => self.agent.post(&url).content_type("application/json").send(body.to_string()),
        };
        let mut reply = reply.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = reply.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        let value = answer["value"].take();
        if reply.status().is_success() {
            return Ok(value);
        }
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(Refused { code: text("error"), message: text("message") })
    }
}

impl Drop for WebDriver {
    fn drop(&mut self) {
        // The polite end first: it lets Chromium remove what it put in its profile.
        let config = ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(5)));
        let _ = config.build().new_agent().delete(&self.session).call();
        let _ = kill_process_group(Pid::from_child(&self.driver), Signal::KILL);
        let _ = self.driver.wait();
    }
}

/// The port that it says it has; `None` if it ended.
fn read_port(stdout: &mut impl BufRead) -> Option<u16> {
    let mut said = String::new();
    loop {
        let before = said.len();
        let read = stdout.read_line(&mut said).expect("chromedriver's output is text");
        if read == 0 {
            return None;
        }
        let port = said[before..].split("successfully on port ").nth(1);
        if let Some(port) = port.and_then(|rest| rest.trim().trim_end_matches('.').parse().ok()) {
            return Some(port);
        }
    }
}

fn capabilities(profile: &Path, downloads: &Path, more: &[&str]) -> Value {
    let arguments = [
        "--headless=new".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-background-networking".to_owned(),
        "--no-first-run".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--font-render-hinting=none".to_owned(),
        format!("--user-data-dir={}", profile.display()),
    ];
    let arguments: Vec<_> = arguments.into_iter().chain(more.iter().map(|&it| it.to_owned())).collect();
    let preferences = json!({
        "download.default_directory": downloads,
        "download.prompt_for_download": false,
        // Of "insecure" downloads Chromium would ask; the tests' server is on loopback.
        "safebrowsing.enabled": false,
    });
    let options = json!({ "args": arguments, "prefs": preferences });
    let always = json!({
        "browserName": "chrome",
        "timeouts": { "script": SCRIPT_TIMEOUT.as_millis() as u64 },
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    json!({ "capabilities": { "alwaysMatch": always } })
}
