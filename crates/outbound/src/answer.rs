//! What is told of an answer: its status, and when to come again.

use std::time::Duration;

use hyper::{HeaderMap, StatusCode, header::RETRY_AFTER};

use crate::limits::RETRY_AFTER_MAX;

/// An answer. Its body was thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// How long to wait before the next call, if it says so; at most [`RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
}

impl Answer {
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Self { status, retry_after: retry_after.and_then(seconds) }
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3). As a date it depends on somebody else's clock, and is
/// passed over.
fn seconds(value: &str) -> Option<Duration> {
    let value = value.trim();
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are more than is obeyed.
    let seconds = value.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_and_an_hour_at_most() {
        assert_eq!(seconds(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(seconds("0"), Some(Duration::ZERO));
        assert_eq!(seconds("99999"), Some(RETRY_AFTER_MAX));
        assert_eq!(seconds("999999999999999999999999"), Some(RETRY_AFTER_MAX));
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(seconds(other), None, "{other}");
        }
    }
}
