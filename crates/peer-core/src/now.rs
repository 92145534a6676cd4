//! Time, as the host says it, and chance, from what the host gave when it opened the store.

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// A clock that never goes back, in milliseconds.
    pub steady_ms: u64,
    /// The wall clock, in milliseconds since the epoch; right or wrong.
    pub wall_ms: u64,
}

/// Xoroshiro128++ (Blackman, Vigna).
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 2],
}

impl Random {
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        let state = if seed == [0, 0] { [1, 1] } else { seed }; // all zeros would stay so
        Self { state }
    }

    /// Another source, for what goes on beside this one.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new([self.next(), self.next()])
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [first, mut second] = self.state;
        let result = first.wrapping_add(second).rotate_left(17).wrapping_add(first);
        second ^= first;
        self.state = [first.rotate_left(49) ^ second ^ (second << 21), second.rotate_left(28)];
        result
    }

    pub(crate) fn instance(&mut self) -> [u8; 16] {
        let mut instance = [0; 16];
        instance[..8].copy_from_slice(&self.next().to_be_bytes());
        instance[8..].copy_from_slice(&self.next().to_be_bytes());
        instance
    }

    /// A site that may be a peer's.
    pub(crate) fn site(&mut self) -> document::SiteId {
        loop {
            let site = document::SiteId(self.next());
            if site.is_valid_origin() && site != document::SiteId::INITIAL {
                return site;
            }
        }
    }
}
