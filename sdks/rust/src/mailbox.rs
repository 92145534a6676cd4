//! The way to the thread of the peer: calls, and what connections say.
//!
//! Invariant: a call is answered after what it wrote is durable, as far as the peer was opened so.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, ThreadId},
    time::Duration,
};

use peer_core::PeerError;

use crate::{
    Error,
    attachments::Uploaded,
    connection::Link,
    core::Core,
    limits::MAILBOX_MAX,
    promise::{Promise, promise},
};

/// What the thread of the peer is told.
pub(crate) enum Message {
    Call(Job),
    Connected {
        number: u64,
        link: Link,
    },
    Received {
        number: u64,
        frame: Vec<u8>,
    },
    /// A ping or a pong.
    Heard {
        number: u64,
    },
    Lost {
        number: u64,
        /// None if the server closed it in good order.
        why: Option<String>,
    },
    Uploaded {
        id: String,
        uploaded: Uploaded,
    },
    Close,
}

/// Something to do, unless the store cannot be opened, and what is to be said once it is known
/// whether it is durable.
pub(crate) type Job = Box<dyn FnOnce(Result<&mut Core, PeerError>) -> Answer + Send>;
pub(crate) type Answer = Box<dyn FnOnce(Result<(), PeerError>) + Send>;

#[derive(Clone)]
pub(crate) struct Mailbox {
    queue: Arc<Queue>,
    thread: Arc<OnceLock<ThreadId>>,
}

/// The end at which it is read. Once it is dropped, nobody hears anything any more.
pub(crate) struct Inbox(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    is_over: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, mut state: MutexGuard<'_, State>, message: Message) {
        if state.is_over {
            drop(state);
            return drop(message); // what it holds may want this lock
        }
        state.messages.push_back(message);
        drop(state);
        self.filled.notify_one();
    }

    fn took(&self, mut state: MutexGuard<'_, State>) -> Option<Message> {
        let message = state.messages.pop_front();
        let has_room_again = state.messages.len() + 1 == MAILBOX_MAX;
        if state.messages.is_empty() && state.messages.capacity() > MAILBOX_MAX {
            state.messages = VecDeque::new(); // many came at once
        }
        drop(state);
        if has_room_again {
            self.emptied.notify_all();
        }
        message
    }
}

impl Inbox {
    /// The next message, if it comes in time.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Message> {
        let state = self.0.state();
        let is_empty = |state: &mut State| state.messages.is_empty();
        let state = match timeout {
            Some(timeout) => {
                let waited = self.0.filled.wait_timeout_while(state, timeout, is_empty);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.0.filled.wait_while(state, is_empty).unwrap_or_else(PoisonError::into_inner),
        };
        self.0.took(state)
    }

    /// The next message, if there is one.
    pub(crate) fn take(&self) -> Option<Message> {
        self.0.took(self.0.state())
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_over = true;
        let left = std::mem::take(&mut state.messages);
        drop(state);
        self.0.emptied.notify_all();
        drop(left); // whoever waits in it is answered
    }
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Inbox) {
        let queue = Arc::new(Queue::default());
        (Self { queue: queue.clone(), thread: Arc::default() }, Inbox(queue))
    }

    /// This thread is the peer's.
    pub(crate) fn is_read_here(&self) {
        self.thread.get_or_init(|| thread::current().id());
    }

    /// Whether this thread is the peer's: nothing may wait for the peer here.
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread.get() == Some(&thread::current().id())
    }

    /// Waits while there is no room. After the end nobody hears it.
    pub(crate) fn tell(&self, message: Message) {
        let is_full = |state: &mut State| state.messages.len() >= MAILBOX_MAX && !state.is_over;
        let state = self.queue.emptied.wait_while(self.queue.state(), is_full);
        self.queue.put(state.unwrap_or_else(PoisonError::into_inner), message);
    }

    /// The same without waiting.
    pub(crate) fn post(&self, message: Message) {
        self.queue.put(self.queue.state(), message);
    }

    /// How many messages wait.
    #[cfg(feature = "bindings")]
    pub(crate) fn waiting(&self) -> usize {
        self.queue.state().messages.len()
    }

    /// Has `work` done there, and waits for what it comes to.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (work, promise) = self.job(work);
        if let Some(work) = work {
            self.tell(work);
        }
        promise.wait()
    }

    /// Has `work` done there. Does not wait: how much is begun is bounded by who begins it.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send + 'static,
    ) -> Promise<T> {
        let (work, promise) = self.job(work);
        if let Some(work) = work {
            self.post(work);
        }
        promise
    }

    /// The message that has it done, but not to the thread that reads it, and the answer.
    fn job<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send + 'static,
    ) -> (Option<Message>, Promise<T>) {
        if self.is_own_thread() {
            return (None, Promise::answered(Err(Error::InTransaction)));
        }
        let (resolver, promise) = promise();
        let job: Job = Box::new(move |core| {
            let result = core.map_err(Error::from).and_then(|core| {
                let result = work(core);
                if let Some(error) = result.as_ref().err().and_then(Error::of_the_store) {
                    core.store_failed(error);
                }
                result
            });
            Box::new(move |durable: Result<(), PeerError>| {
                resolver.resolve(result.and_then(|it| durable.map(|()| it).map_err(Error::from)));
            })
        });
        (Some(Message::Call(job)), promise)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").finish_non_exhaustive()
    }
}
