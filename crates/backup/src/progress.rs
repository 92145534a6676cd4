//! How far a backup is, and whether it is to go on.

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes that are done: copied, checked, or known to be there.
    pub done_bytes: u64,
    /// Bytes in all, as far as they are known by now.
    pub total_bytes: u64,
}

/// What whoever is told of the progress wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It is to go on.
    GoOn,
    /// It is to end with [`crate::Error::Stopped`].
    Stop,
}

/// Counts, and tells.
pub(crate) struct Teller<'t> {
    pub(crate) progress: Progress,
    tell: &'t mut dyn FnMut(Progress) -> Course,
}

impl<'t> Teller<'t> {
    pub(crate) fn new(total_bytes: u64, tell: &'t mut dyn FnMut(Progress) -> Course) -> Self {
        Self { progress: Progress { done_bytes: 0, total_bytes }, tell }
    }

    /// So many more are done.
    pub(crate) fn done(&mut self, bytes: u64) -> Result<(), crate::Error> {
        self.progress.done_bytes += bytes;
        self.progress.total_bytes = self.progress.total_bytes.max(self.progress.done_bytes);
        match (self.tell)(self.progress) {
            Course::GoOn => Ok(()),
            Course::Stop => Err(crate::Error::Stopped),
        }
    }

    /// So many more are to be done.
    pub(crate) fn expect(&mut self, bytes: u64) {
        self.progress.total_bytes += bytes;
    }
}
