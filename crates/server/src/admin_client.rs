//! Calls of `/admin/v1` on the running server of a data directory, with its admin key. Replies are JSON text, as
//! `--json` shows it.
//!
//! Invariants: the key goes to the address in `run.json` only while that process lives, and through no proxy.

use std::{fmt::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;

use crate::run_file::RunFile;

/// A reply must come within this; administration is a few small files.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest reply that is read.
const REPLY_BYTES_MAX: u64 = 64 << 20;

/// A connection to the running server.
pub(crate) struct AdminClient {
    base: String,
    authorization: String,
    agent: ureq::Agent,
}

impl AdminClient {
    /// Finds the server through the data directory.
    pub(crate) fn connect(data_dir: &Path) -> anyhow::Result<Self> {
        let (base, authorization) = find_server(data_dir)?;
        Ok(Self { base, authorization, agent: agent() })
    }

    /// The same for what takes longer than a few small files: a reply must come within `timeout`.
    pub(crate) fn waiting(self, timeout: Duration) -> Self {
        Self { agent: agent_with(timeout), ..self }
    }

    /// `GET /admin/v1/<path>`.
    pub(crate) fn read(&self, path: &str) -> anyhow::Result<String> {
        let request = self.agent.get(self.url(path)).header("authorization", &self.authorization);
        reply(request.call(), &self.base)
    }

    /// `POST /admin/v1/<path>` with a JSON body.
    pub(crate) fn create(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let request = self.agent.post(self.url(path)).header("authorization", &self.authorization);
        reply(request.content_type("application/json").send(body.to_string()), &self.base)
    }

    /// `PATCH /admin/v1/<path>` with a JSON body.
    pub(crate) fn change(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let request = self.agent.patch(self.url(path)).header("authorization", &self.authorization);
        reply(request.content_type("application/json").send(body.to_string()), &self.base)
    }

    /// `DELETE /admin/v1/<path>`.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<String> {
        let request = self.agent.delete(self.url(path)).header("authorization", &self.authorization);
        reply(request.call(), &self.base)
    }

    /// The same with a JSON body that says what of it.
    pub(crate) fn delete_some(&self, path: &str, body: &Value) -> anyhow::Result<String> {
        let request = self.agent.delete(self.url(path)).header("authorization", &self.authorization).force_send_body();
        reply(request.content_type("application/json").send(body.to_string()), &self.base)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/admin/v1/{path}", self.base)
    }
}

/// Where the running server of a data directory is, and the header that shows it the admin key.
pub(crate) fn find_server(data_dir: &Path) -> anyhow::Result<(String, String)> {
    let run = RunFile::of_running(data_dir)?;
    let key_file = data_dir.join("admin.key");
    let key = std::fs::read_to_string(&key_file)
        .with_context(|| format!("cannot read the admin key in {}", key_file.display()))?;
    Ok((run.http, format!("Bearer {}", key.trim())))
}

/// An HTTP client for the server on this machine: plain, no proxy, no redirects, statuses as they are.
pub(crate) fn agent() -> ureq::Agent {
    agent_with(TIMEOUT)
}

/// The same with another time within which a reply must come.
pub(crate) fn agent_with(timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder().proxy(None).max_redirects(0).http_status_as_error(false);
    config.timeout_global(Some(timeout)).build().new_agent()
}

/// The reply as it came, or what the server said against it.
pub(crate) fn reply(
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    base: &str,
) -> anyhow::Result<String> {
    let mut answer = answer.map_err(|error| anyhow!("no answer from {base}: {error}"))?;
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_string();
    let text = text.with_context(|| format!("the answer from {base} broke off"))?;
    if status.is_success() {
        return Ok(text);
    }
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    match said["message"].as_str() {
        Some(message) => bail!("{message}"),
        None => bail!("{base} answered {status}"),
    }
}

/// A name as one segment of a path (RFC 3986).
pub(crate) fn segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes all text");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(super::segment("a.b-c_1"), "a.b-c_1");
        assert_eq!(super::segment("../ä"), "..%2F%C3%A4");
    }
}
