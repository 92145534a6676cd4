//! Calls of the documents' API (`store/…`) on the running server of a data directory, for one app,
//! with its admin key.
//!
//! Invariants: as of `admin_client`; what is sent again is a read, or a write under its request id,
//! so that nothing is done twice.

use std::{
    path::{Path, PathBuf},
    sync::RwLock,
    time::{Duration, Instant},
};

use serde::Serialize;
use store::AppName;

use crate::admin_client::{agent_with, find_server};

/// A reply must come within this: a read of a whole collection has half a minute at the server, and
/// waits for its turn before.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The largest reply that is read.
const REPLY_BYTES_MAX: u64 = 128 << 20;

/// The pause before a call is sent again, at first and at most; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A connection to the running server. Shared by threads.
pub(crate) struct StoreClient {
    data_dir: PathBuf,
    app: AppName,
    /// Where the server is; another one after a restart with port 0.
    base: RwLock<String>,
    authorization: String,
    agent: ureq::Agent,
}

/// Why a call got no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The server is not there.
    #[error("{0}")]
    NoServer(String),
    /// It did not answer, or its answer broke off.
    #[error("no answer from {base}: {error}")]
    NoAnswer { base: String, error: String },
    /// It answered that it will not, or cannot now.
    #[error("{message}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// What it said.
        message: String,
        /// Whether it does not know what became of a write.
        outcome_unknown: bool,
    },
}

impl CallError {
    /// Whether the same call may be answered otherwise a little later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            CallError::NoServer(_) | CallError::NoAnswer { .. } => true,
            CallError::Refused { status, outcome_unknown, .. } => matches!(status, 408 | 429 | 503) || *outcome_unknown,
        }
    }
}

/// How often a call is sent again, and who is told.
pub(crate) struct Patience<'a> {
    /// For how long a call is sent again after it failed first.
    pub(crate) at_most: Duration,
    /// Is told each time why it is sent again; says whether to go on.
    pub(crate) note: &'a dyn Fn(&CallError) -> bool,
}

impl StoreClient {
    /// Finds the server through the data directory.
    pub(crate) fn connect(data_dir: &Path, app: AppName) -> anyhow::Result<Self> {
        let (base, authorization) = find_server(data_dir)?;
        let agent = agent_with(TIMEOUT);
        Ok(Self { data_dir: data_dir.to_owned(), app, base: RwLock::new(base), authorization, agent })
    }

    /// `POST store/<call>` with a JSON body.
    pub(crate) fn call(&self, call: &str, body: &impl Serialize) -> Result<String, CallError> {
        self.send(call, &json_bytes(body), None)
    }

    /// `POST store/execute` of a version of the API, under a request id or a new one.
    pub(crate) fn execute(
        &self,
        version: &str,
        body: &impl Serialize,
        request_id: Option<&str>,
    ) -> Result<String, CallError> {
        self.send_to(version, "execute", &json_bytes(body), request_id)
    }

    /// `POST store/<call>` with these bytes, a write under a request id or a new one.
    pub(crate) fn send(&self, call: &str, body: &[u8], request_id: Option<&str>) -> Result<String, CallError> {
        self.send_to("v4", call, body, request_id)
    }

    fn send_to(&self, version: &str, call: &str, body: &[u8], request_id: Option<&str>) -> Result<String, CallError> {
        let base = self.base.read().expect("nobody panics with it").clone();
        let no_answer = |error: String| CallError::NoAnswer { base: base.clone(), error };
        let url = format!("{base}/{}/api/{version}/store/{call}", self.app.as_str());
        let mut request = self.agent.post(url).header("authorization", &self.authorization);
        if let Some(id) = request_id {
            request = request.header("x-headwater-request-id", id);
        }
        let answer = request.content_type("application/json").send(body);
        let mut answer = answer.map_err(|error| no_answer(error.to_string()))?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| no_answer(format!("it broke off: {error}")))?;
        if status.is_success() {
            return Ok(text);
        }
        let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        // The envelope of execute has the same inside `error`.
        let said = if said["error"].is_object() { &said["error"] } else { &said };
        let message = said["message"].as_str().or(said["description"].as_str()).map(str::to_owned);
        Err(CallError::Refused {
            status: status.as_u16(),
            message: message.unwrap_or_else(|| format!("{base} answered {status}")),
            outcome_unknown: said["outcome"] == "unknown",
        })
    }

    /// As [`StoreClient::send`], and again while that may help.
    pub(crate) fn send_patiently(
        &self,
        call: &str,
        body: &[u8],
        request_id: Option<&str>,
        patience: &Patience<'_>,
    ) -> Result<String, CallError> {
        let mut pause = PAUSE_FIRST;
        let mut answer = self.send(call, body, request_id);
        let failed_first = Instant::now();
        loop {
            let error = match answer {
                Err(error) if error.may_pass() => error,
                decided => return decided,
            };
            if failed_first.elapsed() + pause > patience.at_most || !(patience.note)(&error) {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
            answer = self.find_again().and_then(|()| self.send(call, body, request_id));
        }
    }

    /// A server that was started again may have another port, and somebody else the old one.
    fn find_again(&self) -> Result<(), CallError> {
        let (base, _) = find_server(&self.data_dir).map_err(|error| CallError::NoServer(format!("{error:#}")))?;
        *self.base.write().expect("nobody panics with it") = base;
        Ok(())
    }
}

/// JSON text of what a call is asked.
pub(crate) fn json_bytes(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts, numbers and JSON are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_sent_again() {
        let refused =
            |status, outcome_unknown| CallError::Refused { status, message: String::new(), outcome_unknown }.may_pass();
        assert_eq!([400, 401, 404, 409, 413, 500].map(|status| refused(status, false)), [false; 6]);
        assert_eq!([408, 429, 503].map(|status| refused(status, false)), [true; 3]);
        assert!(refused(500, true), "under its request id it is done once");
    }
}
