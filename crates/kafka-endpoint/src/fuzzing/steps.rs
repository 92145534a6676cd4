//! Any bytes as a sequence of choices.

/// Bytes that are taken one by one.
pub(super) struct Steps<'a>(&'a [u8]);

impl<'a> Steps<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; `None` after the last.
    pub(super) fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A choice below `count`; the first one where no byte is left.
    pub(super) fn choose(&mut self, count: usize) -> usize {
        usize::from(self.next().unwrap_or(0)) % count
    }
}
