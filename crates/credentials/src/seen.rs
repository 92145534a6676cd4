//! Which user certificates have connections, and when each was last seen.
//!
//! Invariants: only what the register knows is kept, so that there are no more than it has; in memory
//! alone: a restart forgets, and consumers that are there connect again.
//! Not here: what follows from it (`rotation`).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// When a certificate was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Connections that are open now.
    pub connections: usize,
    /// When it last came or went, ms since the epoch; `None`: not since the server's start.
    pub last_ms: Option<u64>,
}

/// By serial.
#[derive(Debug, Default)]
pub(crate) struct SeenCertificates(Mutex<HashMap<String, Seen>>);

impl SeenCertificates {
    pub(crate) fn connected(&self, serial: &str, now_ms: u64) {
        let mut all = self.all();
        let seen = all.entry(serial.to_owned()).or_default();
        seen.connections += 1;
        seen.last_ms = Some(now_ms);
    }

    pub(crate) fn disconnected(&self, serial: &str, now_ms: u64) {
        if let Some(seen) = self.all().get_mut(serial) {
            seen.connections = seen.connections.saturating_sub(1);
            seen.last_ms = Some(now_ms);
        }
    }

    pub(crate) fn of(&self, serial: &str) -> Seen {
        self.all().get(serial).copied().unwrap_or_default()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
