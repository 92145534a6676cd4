//! The thread that owns the peer: it does what comes into the mailbox, and what the peer says.
//!
//! Invariants: what waits in the mailbox together is persisted together, before anybody is answered
//! and before a frame goes out. A store that cannot persist ends the connection, and callers are
//! told.
//! Not here: sockets (`connection`), callbacks (`callbacks`).

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use peer_core::{Output, Peer, PeerError};
use sync_protocol::websocket::Outgoing;

use crate::{
    callbacks::Callbacks,
    clock::Clock,
    config::Endpoint,
    connection::{self, Link},
    limits::{BATCH_MAX, STORE_RETRY_MS},
    mailbox::{Answer, Mailbox, Message},
    waiters::Waiters,
};

pub(crate) struct Core {
    pub(crate) peer: Peer,
    pub(crate) clock: Clock,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) waiters: Waiters,
    pub(crate) callbacks: Arc<Callbacks>,
    /// For connections.
    mailbox: Mailbox,
    link: Option<Link>,
    /// Of the newest connection; what others say is late.
    number: u64,
    pub(crate) is_sync_wanted: bool,
    /// When sync is to be tried again, after the store failed.
    retry_ms: Option<u64>,
    is_closing: bool,
}

impl Core {
    pub(crate) fn new(peer: Peer, endpoint: Option<Endpoint>, callbacks: Arc<Callbacks>, mailbox: Mailbox) -> Self {
        Self {
            peer,
            clock: Clock::new(),
            endpoint,
            waiters: Waiters::default(),
            callbacks,
            mailbox,
            link: None,
            number: 0,
            is_sync_wanted: false,
            retry_ms: None,
            is_closing: false,
        }
    }

    /// Until it is told to close.
    pub(crate) fn run(mut self, inbox: &Receiver<Message>) {
        while !self.is_closing {
            let first = match self.wait() {
                Some(wait) => inbox.recv_timeout(wait),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let mut answers = Vec::new();
            for message in first.ok().into_iter().chain(inbox.try_iter().take(BATCH_MAX)) {
                answers.extend(self.handle(message));
            }
            self.tick();
            let durable = self.follow();
            for answer in answers {
                answer(durable.clone());
            }
            self.waiters.settle(&self.peer);
        }
    }

    /// How long nothing is to be done unless something comes.
    fn wait(&self) -> Option<Duration> {
        let due_ms = [self.peer.next_tick_ms(), self.retry_ms].into_iter().flatten().min()?;
        Some(Duration::from_millis(due_ms.saturating_sub(self.clock.now().steady_ms)))
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        if self.peer.next_tick_ms().is_some_and(|due_ms| due_ms <= now.steady_ms) {
            self.peer.tick(now);
        }
        if self.retry_ms.take_if(|due_ms| *due_ms <= now.steady_ms).is_some() && self.is_sync_wanted {
            self.peer.start_sync(now);
        }
    }

    fn handle(&mut self, message: Message) -> Option<Answer> {
        let now = self.clock.now();
        match message {
            Message::Call(job) => return Some(job(self)),
            Message::Connected { number, link } if number == self.number => {
                self.link = Some(link);
                if self.peer.connected(now).is_err() {
                    self.store_failed();
                }
            }
            Message::Received { number, frame } if number == self.number => self.peer.handle_frame(now, &frame),
            Message::Heard { number, ping } if number == self.number => {
                self.peer.heard(now);
                if let Some(bytes) = ping {
                    self.send(Outgoing::Pong(&bytes));
                }
            }
            Message::Lost { number } if number == self.number => self.lost(),
            Message::Close => {
                self.peer.stop_sync();
                self.is_closing = true;
            }
            _ => {} // of a connection that was given up
        }
        None
    }

    /// Does what the peer says. Whether all is durable.
    fn follow(&mut self) -> Result<(), PeerError> {
        loop {
            let now = self.clock.now();
            let mut outputs = Vec::new();
            loop {
                match self.peer.poll_output(now) {
                    Ok(Some(output)) => outputs.push(output),
                    Ok(None) => break,
                    Err(_) => self.store_failed(), // the peer itself has let the connection go
                }
            }
            let durable = if self.peer.is_persist_due() { self.peer.persist() } else { Ok(()) };
            if durable.is_err() {
                // No frame may say more than the disk has.
                outputs.retain(|it| !matches!(it, Output::Connect | Output::Disconnect | Output::Send(_)));
                self.lost();
                self.store_failed();
            }
            let is_last = outputs.is_empty() || durable.is_err();
            for output in outputs {
                self.act(output);
            }
            if is_last {
                return durable;
            }
        }
    }

    fn act(&mut self, output: Output) {
        match output {
            Output::Connect => self.connect(),
            Output::Disconnect => self.give_up(),
            Output::Send(frame) => self.send(Outgoing::Binary(&frame)),
            Output::Committed { seq, txn } => self.waiters.committed(seq, txn),
            Output::Rejected { seq, faults } => self.waiters.rejected(seq, &faults),
            Output::Renumbered { from, to } => self.waiters.renumbered(from, to),
            Output::Observed(observer) => self.callbacks.observed(observer),
            // Told to whoever asks.
            Output::State(_)
            | Output::SubscriptionComplete(_)
            | Output::SubscriptionRefused { .. }
            | Output::Granted { .. }
            | Output::Digest { .. }
            | Output::SiteRenewed => {}
        }
    }

    fn connect(&mut self) {
        self.give_up();
        let started = self.endpoint.clone().map(|it| connection::start(it, self.number, self.mailbox.clone()));
        if !matches!(started, Some(Ok(()))) {
            self.lost();
        }
    }

    /// Nothing is heard of the connection any more; what was sent goes out.
    fn give_up(&mut self) {
        self.link = None;
        self.number += 1;
    }

    fn lost(&mut self) {
        self.give_up();
        self.peer.disconnected(self.clock.now());
    }

    fn send(&mut self, message: Outgoing<'_>) {
        if self.link.as_ref().is_some_and(|link| !link.send(message)) {
            self.lost();
        }
    }

    fn store_failed(&mut self) {
        self.retry_ms = Some(self.clock.now().steady_ms.saturating_add(STORE_RETRY_MS));
    }
}
