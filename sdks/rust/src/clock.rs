//! Time and chance: the only place of the SDK that asks for them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use peer_core::Now;

/// Both clocks.
#[derive(Debug)]
pub(crate) struct Clock {
    begun: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now() }
    }

    #[expect(clippy::disallowed_methods, reason = "the peer is told the time; its host has to ask for it")]
    pub(crate) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(); // before 1970: 0
        let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Now { steady_ms: ms(self.begun.elapsed()), wall_ms: ms(wall) }
    }
}

/// What a peer makes its sites, ids and waits of.
pub(crate) fn seed() -> [u64; 2] {
    rand::random()
}
