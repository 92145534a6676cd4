//! The pipeline of one app's writes: from whoever writes to the journal, the documents and the
//! readers.
//!
//! ```text
//!  writers ── queue (bounded) ──> order ──> SEQUENCER ──── a group ────> COMMITTER ──> answers
//!     App::commit, …                        applies what               journal (one fsync), documents,
//!                                           comes as one group         readers woken, writers answered
//!                                               ^                          |
//!                                               +──── "I am idle" ─────────+
//! ```
//! The sequencer and the committer are a thread each. A group stays open while the committer is
//! busy with the one before, so a lone write is handed on at once, and under load one sync serves
//! many. At most one group waits between them: with it the sequencer waits, its queue fills, and
//! writers wait for a place in it. A group that was refused leaves no trace; one that was handed on
//! is committed in its order or, after a failure, not at all, and nothing after it.
//!
//! An app that is only read has neither: the first write starts them.
//! Not here: what a changeset does (crate `rules`).

mod command;
mod committer;
mod open_group;
mod order;
mod recent;
mod sequencer;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    thread::JoinHandle,
};

use tokio::sync::{mpsc, oneshot};

pub(crate) use self::command::{Answer, Command, CommitCommand, RequestToKeep};
use self::{order::LocalOrder, sequencer::Sequencer};
use crate::{commit::CommitError, limits::QUEUE_CHANGESETS_MAX, position::Position, shared::Shared};

/// The way in for whoever writes. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    /// Bounded by [`QUEUE_CHANGESETS_MAX`]: a writer that finds it full waits for a place.
    queue: mpsc::Sender<Command>,
    writing: Mutex<Writing>,
    /// Set once the sequencer runs; it is asked before the mutex.
    is_writing: AtomicBool,
}

/// The sequencer and its committer: an app that is only read has no threads for them.
#[derive(Debug)]
enum Writing {
    /// Nothing was written since the app was opened.
    NotYet {
        commands: mpsc::Receiver<Command>,
        position: Position,
    },
    Running(JoinHandle<()>),
    /// They could not be started.
    Failed,
    Stopped,
}

impl Pipeline {
    /// A pipeline behind `position` that nobody has written to yet.
    pub(crate) fn new(shared: Arc<Shared>, position: Position) -> Arc<Self> {
        let (queue, commands) = mpsc::channel(QUEUE_CHANGESETS_MAX);
        let writing = Mutex::new(Writing::NotYet { commands, position });
        Arc::new(Self { shared, queue, writing, is_writing: AtomicBool::new(false) })
    }

    /// Sends a command and waits for its answer. Dropping the future does not undo what was queued.
    pub(crate) async fn send<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, CommitError> {
        let (answer, answered) = oneshot::channel();
        let command = command(answer);
        self.start()?;
        self.queue.send(command).await.map_err(|_| self.gone())?;
        answered.await.map_err(|_| self.gone_with_it())?
    }

    /// [`Pipeline::send`] on this thread, which must be no task's.
    pub(crate) fn send_blocking<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, CommitError> {
        let (answer, answered) = oneshot::channel();
        let command = command(answer);
        self.start()?;
        self.queue.blocking_send(command).map_err(|_| self.gone())?;
        answered.blocking_recv().map_err(|_| self.gone_with_it())?
    }

    /// Starts the threads without a write: there is an index to build. Why they cannot be started the first writer is
    /// told.
    pub(crate) fn go_on(&self) {
        drop(self.start());
    }

    /// The first write starts the threads.
    fn start(&self) -> Result<(), CommitError> {
        if self.is_writing.load(Acquire) {
            return Ok(());
        }
        let mut writing = self.writing.lock().expect("not poisoned");
        // Until they run: whoever stops the app has the rest of it to stop, whatever fails here.
        let (commands, position) = match std::mem::replace(&mut *writing, Writing::Failed) {
            Writing::NotYet { commands, position } => (commands, position),
            // Somebody else has started it meanwhile, or the app stops: sending the command tells.
            other => {
                *writing = other;
                return Ok(());
            }
        };
        let kept = self.shared.engine.requests_kept();
        let kept =
            kept.map_err(|error| self.shared.halt(format!("the requests that are kept cannot be read: {error}")))?;
        let order = LocalOrder::new(commands, self.shared.clock.clone());
        let started = Sequencer::spawn(self.shared.clone(), self.queue.clone(), Box::new(order), position, kept);
        let thread = started.map_err(|error| self.shared.halt(format!("cannot start the sequencer: {error}")))?;
        *writing = Writing::Running(thread);
        self.is_writing.store(true, Release);
        Ok(())
    }

    /// What writers are told when nobody takes their command any more.
    fn gone(&self) -> CommitError {
        if matches!(*self.writing.lock().expect("not poisoned"), Writing::Stopped) {
            return CommitError::Stopping;
        }
        self.shared.obstacle().unwrap_or_else(|| self.shared.halt("the sequencer panicked, see the log".into()))
    }

    /// What writers are told whose command was taken by somebody who is gone: the journal may hold
    /// it.
    fn gone_with_it(&self) -> CommitError {
        CommitError::Unknown { reason: self.gone().to_string() }
    }

    /// Finishes queued writes; later ones get [`CommitError::Stopping`]. `false` if it was stopped
    /// before.
    pub(crate) fn stop(&self) -> bool {
        let writing = std::mem::replace(&mut *self.writing.lock().expect("not poisoned"), Writing::Stopped);
        match writing {
            Writing::Stopped => return false,
            Writing::NotYet { .. } | Writing::Failed => {}
            Writing::Running(thread) => self.stop_sequencer(thread),
        }
        true
    }

    fn stop_sequencer(&self, thread: JoinHandle<()>) {
        let mut stop = Command::Stop;
        while let Err(mpsc::error::TrySendError::Full(back)) = self.queue.try_send(stop) {
            stop = back;
            std::thread::yield_now();
        }
        if thread.join().is_err() {
            tracing::error!(app = self.shared.name.as_str(), "the sequencer panicked");
        }
    }

    /// As if a stamp of that time had been seen.
    #[cfg(test)]
    pub(crate) fn set_stamp_last(&self, time: u64) {
        if let Writing::NotYet { position, .. } = &mut *self.writing.lock().expect("not poisoned") {
            position.stamp_last = time;
        }
    }
}
