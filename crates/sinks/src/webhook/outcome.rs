//! What an answer means for the event that was sent.

use std::time::Duration;

use outbound::{Answer, CallError};

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 2xx.
    Delivered,
    /// The receiver could not, or there was none; another time it may.
    Failed {
        reason: String,
        /// As it asked.
        retry_after: Option<Duration>,
    },
    /// The receiver does not want this event: 4xx, but for those that speak of the moment.
    Refused { reason: String },
    /// 410: the receiver wants none any more.
    Gone,
}

impl Outcome {
    pub(crate) fn of(called: Result<Answer, CallError>) -> Self {
        let answer = match called {
            Ok(answer) => answer,
            Err(error) => return Self::Failed { reason: error.to_string(), retry_after: None },
        };
        let reason = format!("it answered {}", answer.status);
        match answer.status.as_u16() {
            200..=299 => Self::Delivered,
            410 => Self::Gone,
            408 | 429 => Self::Failed { reason, retry_after: answer.retry_after },
            400..=499 => Self::Refused { reason },
            300..=399 => Self::Failed { reason: format!("{reason}: redirects are not followed"), retry_after: None },
            _ => Self::Failed { reason, retry_after: answer.retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_refused_counts_as_that() {
        let of = |status: u16| {
            let status = status.try_into().unwrap();
            Outcome::of(Ok(Answer { status, retry_after: Some(Duration::from_secs(3)) }))
        };
        assert_eq!([of(200), of(204), of(410)], [Outcome::Delivered, Outcome::Delivered, Outcome::Gone]);
        for status in [400, 401, 404, 422] {
            assert!(matches!(of(status), Outcome::Refused { .. }), "{status}");
        }
        for status in [301, 307] {
            assert!(matches!(of(status), Outcome::Failed { retry_after: None, .. }), "{status}");
        }
        for status in [408, 429, 500, 503] {
            assert!(matches!(of(status), Outcome::Failed { retry_after: Some(_), .. }), "{status}");
        }
    }
}
