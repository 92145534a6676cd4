//! The way to the thread of the peer: calls, and what connections say.
//!
//! Invariant: a call is answered after what it saw is durable.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use peer_core::PeerError;

use crate::{Error, connection::Link, core::Core, limits::MAILBOX_MAX};

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
    /// A pong, or a ping with these bytes.
    Heard {
        number: u64,
        ping: Option<Vec<u8>>,
    },
    Lost {
        number: u64,
    },
    Close,
}

/// Something to do, and what is to be said once it is known whether it is durable.
pub(crate) type Job = Box<dyn FnOnce(&mut Core) -> Answer + Send>;
pub(crate) type Answer = Box<dyn FnOnce(Result<(), PeerError>) + Send>;

#[derive(Debug, Clone)]
pub(crate) struct Mailbox {
    sender: SyncSender<Message>,
}

impl Mailbox {
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, receiver) = sync_channel(MAILBOX_MAX);
        (Self { sender }, receiver)
    }

    /// Waits while there is no room. After the end nobody hears it.
    pub(crate) fn tell(&self, message: Message) {
        let _ = self.sender.send(message);
    }

    /// Has `work` done there, and waits for what it comes to. Never to be called on that thread.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Core) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = sync_channel(1);
        let job: Job = Box::new(move |core| {
            let result = work(core);
            Box::new(move |durable: Result<(), PeerError>| {
                let _ = sender.send(result.and_then(|it| durable.map(|()| it).map_err(Error::from)));
            })
        });
        self.sender.send(Message::Call(job)).map_err(|_| Error::Closed)?;
        receiver.recv().map_err(|_| Error::Closed)?
    }
}
