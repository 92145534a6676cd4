//! Why a call failed. No text has the path of a URL, or anything that was sent.

use std::{error::Error, net::IpAddr};

use crate::limits::ANSWER_BYTES_MAX;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The name has no address, or its servers do not answer.
    #[error("the name {host} cannot be resolved: {why}")]
    Name {
        /// The host.
        host: String,
        /// What the resolver says.
        why: String,
    },
    /// The server calls nobody there.
    #[error("{host} is not called: {address} {why}")]
    Refused {
        /// The host.
        host: String,
        /// Its address.
        address: IpAddr,
        /// Which rule says so.
        why: &'static str,
    },
    /// Nobody is there.
    #[error("cannot connect to {host}: {why}")]
    Connect {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// Whoever is there is not trusted, or speaks no TLS.
    #[error("cannot speak TLS with {host}: {why}")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// What came is not HTTP.
    #[error("what {host} answers is no HTTP: {why}")]
    NoHttp {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// It hung up.
    #[error("{host} ended the connection before it answered: {why}")]
    Cut {
        /// The host.
        host: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("{host} did not answer within {seconds} s")]
    TimedOut {
        /// The host.
        host: String,
        /// How long it had.
        seconds: u64,
    },
    /// Its answer does not end.
    #[error("{host} answers more than {ANSWER_BYTES_MAX} bytes")]
    TooLong {
        /// The host.
        host: String,
    },
}

/// An error with what is beneath it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
