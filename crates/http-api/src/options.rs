//! How the HTTP API is run.

use std::{net::SocketAddr, time::Duration};

use store::AppName;

use crate::limits;

/// How the API is run. [`HttpApiOptions::new`] gives the defaults of [`limits`].
#[derive(Debug, Clone)]
pub struct HttpApiOptions {
    /// The app that `/api/v4/…` is for.
    pub default_app: AppName,
    /// Open without keys on any address (`--insecure-open`), not only on loopback ones. Keys are
    /// needed all the same once one exists.
    pub insecure_open: bool,
    /// Where it listens and asks for no key while none was ever made: told to who administers.
    pub open_doors: Vec<SocketAddr>,
    /// Names that the server is reached by, besides loopback names and the address a connection
    /// came in on: for the `Host` rule.
    pub host_names: Vec<String>,
    /// What Kafka clients connect to; shown with apps and written into their files.
    pub kafka_endpoint: String,
    /// See [`limits::REQUEST_BYTES_MAX`].
    pub request_bytes_max: usize,
    /// See [`limits::ATTACHMENT_BYTES_MAX`].
    pub attachment_bytes_max: u64,
    /// How long an attachment stays that no document holds.
    pub attachment_grace: Duration,
    /// See [`limits::REQUEST_TIMEOUT`].
    pub request_timeout: Duration,
    /// See [`limits::BODY_TIMEOUT`].
    pub body_timeout: Duration,
    /// See [`limits::HEADER_TIMEOUT`].
    pub header_timeout: Duration,
    /// See [`limits::SCAN_TIMEOUT`].
    pub scan_timeout: Duration,
    /// See [`limits::SHUTDOWN_TIMEOUT`].
    pub shutdown_timeout: Duration,
    /// See [`limits::CONNECTIONS_MAX`].
    pub connections_max: usize,
}

impl HttpApiOptions {
    /// The defaults.
    pub fn new(default_app: AppName, kafka_endpoint: String) -> Self {
        Self {
            default_app,
            insecure_open: false,
            open_doors: Vec::new(),
            host_names: Vec::new(),
            kafka_endpoint,
            request_bytes_max: limits::REQUEST_BYTES_MAX,
            attachment_bytes_max: limits::ATTACHMENT_BYTES_MAX,
            attachment_grace: limits::ATTACHMENT_GRACE,
            request_timeout: limits::REQUEST_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            header_timeout: limits::HEADER_TIMEOUT,
            scan_timeout: limits::SCAN_TIMEOUT,
            shutdown_timeout: limits::SHUTDOWN_TIMEOUT,
            connections_max: limits::CONNECTIONS_MAX,
        }
    }
}
