//! The log of connections that the server refuses or ends.
//!
//! Invariants: every such end is counted under its reason; a flood of them writes at most
//! [`crate::limits::REFUSAL_LINES_PER_SECOND`] lines a second, and says how many it left out.
//! Whoever showed a certificate is named: a user of the register by user, app and serial, anybody
//! else by what the certificate says of itself.
//! Not here: the reasons (`reason`).

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use credentials::{ClientPrincipal, PresentedCertificate};
use tokio::time::Instant;

use crate::{limits, metrics::Metrics, reason::Reason};

/// Writes refusals, a bounded number a second.
#[derive(Debug)]
pub(crate) struct RefusalLog {
    metrics: Metrics,
    window: Mutex<Window>,
}

/// Who is at the other end of a connection, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Who {
    /// `user@app`.
    user: Option<String>,
    /// Of the certificate, lower-case hex.
    serial: Option<String>,
    /// What a certificate that is of nobody here says of itself: whose it is, and of which authority.
    stranger: Option<(String, String)>,
}

impl Who {
    /// A user whose certificate was taken.
    pub(crate) fn user(principal: &ClientPrincipal) -> Self {
        let user = format!("{}@{}", principal.user, principal.app);
        Self { user: Some(user), serial: Some(principal.serial.clone()), stranger: None }
    }

    /// Whoever showed this, `None` being nobody.
    pub(crate) fn showing(presented: Option<&PresentedCertificate>) -> Self {
        let Some(presented) = presented else { return Self::default() };
        match &presented.known {
            Some(principal) => Self::user(principal),
            None => Self {
                user: None,
                serial: Some(presented.serial.clone()),
                stranger: Some((presented.subject.clone(), presented.issuer.clone())),
            },
        }
    }

    fn subject(&self) -> Option<&str> {
        self.stranger.as_ref().map(|(subject, _)| subject.as_str())
    }

    fn issuer(&self) -> Option<&str> {
        self.stranger.as_ref().map(|(_, issuer)| issuer.as_str())
    }
}

#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
    left_out: u64,
}

impl RefusalLog {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics, window: Mutex::new(Window { began: Instant::now(), lines: 0, left_out: 0 }) }
    }

    /// Counts and logs the end of a connection from `peer`.
    pub(crate) fn note(&self, peer: SocketAddr, who: &Who, reason: &Reason) {
        self.metrics.count_refusal(reason);
        let (user, serial, label) = (who.user.as_deref(), who.serial.as_deref(), reason.label());
        if reason.is_ordinary() {
            tracing::debug!(%peer, user, serial, reason = label, "kafka connection ended: {reason}");
        } else if let Some(left_out) = self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now())
        {
            let (subject, issuer, left_out) = (who.subject(), who.issuer(), (left_out > 0).then_some(left_out));
            tracing::warn!(
                %peer, user, serial, subject, issuer, reason = label, left_out, "kafka connection refused: {reason}"
            );
        }
    }

    /// Logs that events could not be read for a consumer, with the file and byte. The connection goes on.
    pub(crate) fn note_unreadable(
        &self,
        peer: SocketAddr,
        who: &Who,
        partition: i32,
        asked_for: i64,
        error: &dyn std::fmt::Display,
    ) {
        self.metrics.unreadable.inc();
        if let Some(left_out) = self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()) {
            tracing::error!(%peer, user = who.user, serial = who.serial, partition, asked_for, left_out, "events cannot be read for a consumer: {error}");
        }
    }

    /// Logs that a client wanted to write or change what is read-only. The connection goes on.
    pub(crate) fn note_change(
        &self,
        peer: SocketAddr,
        who: &Who,
        client_id: &str,
        api: &str,
        what: &dyn std::fmt::Display,
    ) {
        let (user, serial) = (&who.user, &who.serial);
        if self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()).is_some() {
            tracing::warn!(%peer, user, serial, client_id, topic = %what, "kafka {api} refused: topics are read-only here");
        }
    }

    /// Logs that an app asked for a topic that is not its own. The connection goes on.
    pub(crate) fn note_foreign_topic(&self, peer: SocketAddr, who: &Who, topic: &str) {
        if self.window.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now()).is_some() {
            tracing::warn!(%peer, user = who.user, serial = who.serial, topic, "kafka topic refused: it is not the app's own");
        }
    }
}

impl Window {
    /// Whether a line may be written now; gives how many were left out since the last one.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.began) >= Duration::from_secs(1) {
            self.began = now;
            self.lines = 0;
        }
        if self.lines >= limits::REFUSAL_LINES_PER_SECOND {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_is_counted_instead_of_logged() {
        let start = Instant::now();
        let mut window = Window { began: start, lines: 0, left_out: 0 };
        let lines = (0..1000).filter(|_| window.admit(start).is_some()).count();
        assert_eq!(lines, limits::REFUSAL_LINES_PER_SECOND as usize);
        assert_eq!(window.admit(start + Duration::from_secs(1)), Some(990));
        assert_eq!(window.admit(start + Duration::from_secs(1)), Some(0));
    }
}
