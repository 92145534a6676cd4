//! When the app is asked for a newer token.
//!
//! Invariant: it is asked at once when the server does not take the old one, then after longer and
//! longer waits until one is taken; and before the old one ends.
//! Not here: how it is asked (the host).

use sync_protocol::PeerState;

use crate::limits::{TOKEN_AHEAD_MS, TOKEN_WAIT_MS};

/// Says when to ask. A host tells it what the peer says ([`crate::Output`]).
#[derive(Debug, Default)]
pub struct TokenRefresh {
    due_ms: Option<u64>,
    /// When the token ends that the server took.
    ends_ms: Option<u64>,
    /// How long the next wait is; 0: none.
    wait_ms: u64,
    is_needed: bool,
}

impl TokenRefresh {
    /// When [`TokenRefresh::tick`] is to be called, by the clock that never goes back.
    pub fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }

    /// Sync stands there.
    pub fn state_is(&mut self, state: PeerState, now_ms: u64) {
        match state {
            PeerState::NeedsAuth if !self.is_needed => {
                self.is_needed = true;
                self.ends_ms = None;
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
    pub fn granted(&mut self, expires_ms: Option<u64>, now_ms: u64) {
        let ahead = |expires_ms: u64| expires_ms.saturating_sub(TOKEN_AHEAD_MS).max(expires_ms / 2);
        self.due_ms = expires_ms.map(|expires_ms| now_ms.saturating_add(ahead(expires_ms)));
        self.ends_ms = expires_ms.map(|expires_ms| now_ms.saturating_add(expires_ms));
    }

    /// How long the server takes the token yet; `None` if it takes none, or the token has no end.
    pub fn remaining_ms(&self, now_ms: u64) -> Option<u64> {
        self.ends_ms.map(|ends_ms| ends_ms.saturating_sub(now_ms)).filter(|remaining_ms| *remaining_ms > 0)
    }

    /// Whether the app is to be asked now.
    pub fn tick(&mut self, now_ms: u64) -> bool {
        if self.due_ms.take_if(|due_ms| *due_ms <= now_ms).is_none() {
            return false;
        }
        let [first, last] = TOKEN_WAIT_MS;
        self.wait_ms = (self.wait_ms * 2).clamp(first, last);
        if self.is_needed {
            self.due_ms = Some(now_ms.saturating_add(self.wait_ms)); // if none is given
        }
        true
    }
}
