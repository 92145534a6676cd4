//! Who gives newer tokens, and when that is asked.
//!
//! Not here: when it is due (`peer_core::TokenRefresh`).

use sync_protocol::PeerState;

use crate::watch::Target;

pub(super) struct TokenRefresh {
    source: Option<Target>,
    refresh: peer_core::TokenRefresh,
}

impl TokenRefresh {
    pub(super) fn new(source: Option<Target>) -> Self {
        Self { source, refresh: peer_core::TokenRefresh::default() }
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
            source.ring();
        }
    }
}
