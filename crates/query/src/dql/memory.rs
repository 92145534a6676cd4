//! What a statement may still keep in memory.

use super::rows::RowsError;

/// What an entry of a table takes besides its key and value, about.
pub(crate) const ENTRY_BYTES: usize = 48;

/// To make an entry of a table or a row that is kept, in steps: memory for it, and its share of the
/// table's growing.
pub(crate) const ENTRY_STEPS: u64 = 128;

/// Bytes that may still be kept.
#[derive(Debug)]
pub(crate) struct Memory {
    left: usize,
    bytes_max: usize,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { left: bytes_max, bytes_max }
    }

    /// Takes `bytes`, before they are kept.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), RowsError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(RowsError::TooLarge),
        }
    }

    /// What is kept.
    pub(crate) fn taken(&self) -> usize {
        self.bytes_max - self.left
    }

    /// They are no longer kept.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes).min(self.bytes_max);
    }
}
