//! How the portal is run.

use std::{net::SocketAddr, time::Duration};

use store::AppName;

use crate::limits::SEARCH_TIME_MAX;

/// How the portal is run.
#[derive(Debug, Clone)]
pub struct PortalOptions {
    /// The app that is shown first.
    pub default_app: AppName,
    /// What Kafka clients connect to.
    pub kafka_endpoint: String,
    /// Base of the HTTP API on this machine, as `http://127.0.0.1:8080`.
    pub http_base: String,
    /// Retention's limits, as [`store::StoreOptions`] has them.
    pub retention_bytes: Option<u64>,
    /// See [`PortalOptions::retention_bytes`].
    pub retention_ms: Option<u64>,
    /// The server's version.
    pub version: String,
    /// Where the HTTP API asks for no key while none was ever made.
    pub open_doors: Vec<SocketAddr>,
    /// What one search may take.
    pub search: SearchBounds,
}

/// What one search for documents or events may take. Then the page shows what was found, and leads
/// on from where it stopped.
#[derive(Debug, Clone, Copy)]
pub struct SearchBounds {
    /// How long it looks.
    pub time_max: Duration,
    /// How many it looks at.
    pub count_max: usize,
}

impl Default for SearchBounds {
    fn default() -> Self {
        Self { time_max: SEARCH_TIME_MAX, count_max: usize::MAX }
    }
}
