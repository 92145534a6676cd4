//! Who gives the order of an app's changes, and their commit times.
//!
//! Today the app's own queue does. Where several nodes apply the same order it comes from outside,
//! and every node reads it: then what is answered here is the same everywhere.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::command::Command;
use crate::trusted_clock::{Time, TrustedClock};

/// Gives changes in the order in which they are to be applied.
pub(crate) trait Order: Send {
    /// The next one; `None` if there is none yet, or none any more.
    fn next_now(&mut self) -> Option<Command>;

    /// Waits for the next one. The end is a [`Command::Stop`].
    fn next(&mut self) -> Command;

    /// The time of what comes next.
    fn time(&self) -> Time;

    /// Nothing is taken any more: whoever comes too late is told.
    fn close(&mut self);
}

/// The queue of one app: first come, first served.
pub(crate) struct LocalOrder {
    commands: mpsc::Receiver<Command>,
    clock: Arc<TrustedClock>,
}

impl LocalOrder {
    pub(crate) fn new(commands: mpsc::Receiver<Command>, clock: Arc<TrustedClock>) -> Self {
        Self { commands, clock }
    }
}

impl Order for LocalOrder {
    fn next_now(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    fn next(&mut self) -> Command {
        self.commands.blocking_recv().unwrap_or(Command::Stop)
    }

    fn time(&self) -> Time {
        self.clock.time()
    }

    fn close(&mut self) {
        self.commands.close();
    }
}
