//! Wakes the retention of an app.
//!
//! Not here: what it does then (`retention`).

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Wakes the thread; it ends when this is dropped.
#[derive(Debug, Clone)]
pub(crate) struct RetentionWaker(SyncSender<()>);

impl RetentionWaker {
    /// Has it look now.
    pub(crate) fn wake(&self) {
        // Full: it is about to look anyway. Closed: the app stops.
        if let Err(TrySendError::Full(()) | TrySendError::Disconnected(())) = self.0.try_send(()) {}
    }
}

/// The waker and what it wakes.
pub(crate) fn channel() -> (RetentionWaker, Receiver<()>) {
    let (waker, woken) = sync_channel(1);
    (RetentionWaker(waker), woken)
}
