//! A window: how much may be under way, in bytes and in pieces. Both sides count by the same rule.
//!
//! Invariants: a piece fits if there is room for it, or if nothing is under way: no piece is too
//! large for ever.

use crate::limits::{CREDIT_BYTES, CREDIT_MESSAGES, PUSH_WINDOW_BYTES, PUSH_WINDOW_TRANSACTIONS};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    bytes_max: u64,
    pieces_max: usize,
    bytes: u64,
    pieces: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self::credit()
    }
}

impl Window {
    /// Of what the server sends.
    pub(crate) fn credit() -> Self {
        Self { bytes_max: CREDIT_BYTES, pieces_max: CREDIT_MESSAGES, bytes: 0, pieces: 0 }
    }

    /// Of what a peer pushes.
    pub(crate) fn pushes() -> Self {
        Self { bytes_max: PUSH_WINDOW_BYTES, pieces_max: PUSH_WINDOW_TRANSACTIONS, bytes: 0, pieces: 0 }
    }

    /// Another bound of its bytes, at most what it was.
    pub(crate) fn narrow(&mut self, bytes_max: u64) {
        self.bytes_max = self.bytes_max.min(bytes_max);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces == 0
    }

    /// Whether a small piece fits.
    pub(crate) fn has_room(&self) -> bool {
        self.is_empty() || (self.pieces_left() > 0 && self.bytes_left() > 0)
    }

    /// How many bytes there is room for.
    pub(crate) fn bytes_left(&self) -> u64 {
        self.bytes_max.saturating_sub(self.bytes)
    }

    /// How many pieces there is room for.
    pub(crate) fn pieces_left(&self) -> usize {
        self.pieces_max - self.pieces
    }

    /// Takes a piece if it fits.
    pub(crate) fn take(&mut self, bytes: u64) -> bool {
        let fits = self.is_empty() || (self.pieces_left() > 0 && bytes <= self.bytes_left());
        if fits {
            self.bytes += bytes;
            self.pieces += 1;
        }
        fits
    }

    /// A piece that was taken is through.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.bytes -= bytes;
        self.pieces -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_piece_goes_alone_and_small_ones_until_it_is_full() {
        let mut window = Window::pushes();
        assert!(window.take(PUSH_WINDOW_BYTES * 3));
        assert!(!window.take(1));
        window.give_back(PUSH_WINDOW_BYTES * 3);
        assert!(window.take(PUSH_WINDOW_BYTES - 1) && window.take(1) && !window.take(1));
        let mut window = Window::pushes();
        assert_eq!((0..5_000).filter(|_| window.take(1)).count(), PUSH_WINDOW_TRANSACTIONS);
    }
}
