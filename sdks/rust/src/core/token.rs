//! Who gives newer tokens, and when that is asked.
//!
//! Not here: when it is due (`peer_core::TokenRefresh`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use sync_protocol::PeerState;

use crate::watch::Target;

/// How long the server takes the token yet, as it was when a newer one was asked for last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remaining(Arc<AtomicU64>);

impl Remaining {
    /// `None`: it takes none.
    pub(crate) fn get(&self) -> Option<Duration> {
        Some(self.0.load(Relaxed)).filter(|ms| *ms > 0).map(Duration::from_millis)
    }
}

pub(super) struct TokenRefresh {
    source: Option<Target>,
    remaining: Remaining,
    refresh: peer_core::TokenRefresh,
}

impl TokenRefresh {
    pub(super) fn new(source: Option<Target>, remaining: Remaining) -> Self {
        Self { source, remaining, refresh: peer_core::TokenRefresh::default() }
    }

    /// Who is asked from now on.
    pub(super) fn ask(&mut self, source: Target) {
        self.source = Some(source);
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.source.as_ref().and(self.refresh.due_ms())
    }

    pub(super) fn state_is(&mut self, state: PeerState, now_ms: u64) {
        self.refresh.state_is(state, now_ms);
    }

    pub(super) fn granted(&mut self, expires_ms: Option<u64>, now_ms: u64) {
        self.refresh.granted(expires_ms, now_ms);
    }

    pub(super) fn tick(&mut self, now_ms: u64) {
        if let Some(source) = self.source.as_ref().filter(|_| self.refresh.tick(now_ms)) {
            self.remaining.0.store(self.refresh.remaining_ms(now_ms).unwrap_or(0), Relaxed);
            source.ring();
        }
    }
}
