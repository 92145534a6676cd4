//! Says in the log which certificates end soon: at the start, and once a day.
//!
//! Invariants: at most [`LINES_MAX`] lines a day, and then how many were left out.
//! Not here: what is warned of (`operations`), renewing the server's own (`kafka-endpoint`).

use std::{sync::Arc, time::Duration};

use credentials::Credentials;
use operations::{Severity, Warning, certificate_warnings};
use store::{TrustedClock, WallClock as _};
use tokio::{sync::watch, time::MissedTickBehavior};

/// How often.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lines at a time.
const LINES_MAX: usize = 20;

/// Says it until the server stops.
pub(super) async fn keep(credentials: Arc<Credentials>, clock: Arc<TrustedClock>, mut stopping: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        say(certificate_warnings(&credentials, clock.now_ms()));
    }
}

fn say(mut warnings: Vec<Warning>) {
    warnings.sort_by_key(Warning::severity);
    for warning in warnings.iter().take(LINES_MAX) {
        match warning.severity() {
            Severity::Urgent => tracing::error!("{} {}", warning.text(), warning.advice()),
            Severity::Soon | Severity::Notice => tracing::warn!("{} {}", warning.text(), warning.advice()),
        }
    }
    let left_out = warnings.len().saturating_sub(LINES_MAX);
    if left_out > 0 {
        tracing::warn!(left_out, "more certificates end: headwater credentials list");
    }
}
