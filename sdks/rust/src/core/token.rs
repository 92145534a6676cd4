//! When the app is asked for a newer token.
//!
//! Invariant: it is asked at once when the server does not take the old one, then after longer and
//! longer waits until one is taken.

use sync_protocol::PeerState;

use crate::{
    limits::{TOKEN_AHEAD_MS, TOKEN_WAIT_MS},
    watch::Target,
};

pub(super) struct TokenRefresh {
    source: Option<Target>,
    due_ms: Option<u64>,
    /// How long the next wait is; 0: none.
    wait_ms: u64,
    is_needed: bool,
}

impl TokenRefresh {
    pub(super) fn new(source: Option<Target>) -> Self {
        Self { source, due_ms: None, wait_ms: 0, is_needed: false }
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.source.as_ref().and(self.due_ms)
    }

    pub(super) fn state_is(&mut self, state: PeerState, now_ms: u64) {
        match state {
            PeerState::NeedsAuth if !self.is_needed => {
                self.is_needed = true;
                self.due_ms = Some(now_ms.saturating_add(self.wait_ms));
            }
            PeerState::NeedsAuth => {}
            PeerState::Live => self.wait_ms = 0,
            _ if self.is_needed => {
                self.is_needed = false;
                self.due_ms = None;
            }
            _ => {}
        }
    }

    /// The server took the token for so long.
    pub(super) fn granted(&mut self, expires_ms: Option<u64>, now_ms: u64) {
        let ahead = |expires_ms: u64| expires_ms.saturating_sub(TOKEN_AHEAD_MS).max(expires_ms / 2);
        self.due_ms = expires_ms.map(|expires_ms| now_ms.saturating_add(ahead(expires_ms)));
    }

    pub(super) fn tick(&mut self, now_ms: u64) {
        if self.due_ms.take_if(|due_ms| *due_ms <= now_ms).is_none() {
            return;
        }
        let [first, last] = TOKEN_WAIT_MS;
        self.wait_ms = (self.wait_ms * 2).clamp(first, last);
        if self.is_needed {
            self.due_ms = Some(now_ms.saturating_add(self.wait_ms)); // if none is given
        }
        if let Some(source) = &self.source {
            source.ring();
        }
    }
}
