//! The way to the thread of the peer: calls, and what connections say.
//!
//! Invariant: a call is answered after what it wrote is durable, as far as the peer was opened so.

use std::{
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, ThreadId},
};

use peer_core::PeerError;

use crate::{
    Error,
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
    Close,
}

/// Something to do, unless the store cannot be opened, and what is to be said once it is known
/// whether it is durable.
pub(crate) type Job = Box<dyn FnOnce(Result<&mut Core, PeerError>) -> Answer + Send>;
pub(crate) type Answer = Box<dyn FnOnce(Result<(), PeerError>) + Send>;

#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    sender: SyncSender<Message>,
    thread: Arc<OnceLock<ThreadId>>,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = sync_channel(MAILBOX_MAX);
        (Self { sender, thread: Arc::default() }, receiver)
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
        let _ = self.sender.send(message);
    }

    /// Has `work` done there, and waits for what it comes to.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.start(work).wait()
    }

    /// Has `work` done there.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send + 'static,
    ) -> Promise<T> {
        if self.is_own_thread() {
            return Promise::answered(Err(Error::InTransaction));
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
        self.tell(Message::Call(job));
        promise
    }
}
