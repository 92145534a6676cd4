//! The thread that owns the peer: it does what comes into the mailbox, and what the peer says.
//!
//! Invariants: what waits in the mailbox together is persisted together, before anybody is answered
//! and before a frame goes out (where durability is relaxed, before a frame goes out and within
//! 100 ms). A store that fails is opened again, as it was persisted last: whoever wrote since is told
//! so, and nothing of that is seen any more.
//! Not here: sockets (`connection`), callbacks (`callbacks`), the opening (`opener`).

mod slot;
mod sweep;
pub(crate) mod token;
mod uploads;

use std::{sync::Arc, time::Duration};

use peer_core::{Output, Peer, PeerError};
use sync_protocol::{PeerState, Seq};

use self::{
    slot::Slot,
    token::{Remaining, TokenRefresh},
    uploads::Uploads,
};
use crate::{
    Error, State,
    attachments::{Attachments, Uploaded},
    clock::Clock,
    connection::{self, Link, Server},
    limits::{BATCH_MAX, RELAXED_MS, STORE_RETRY_MS, SWEEP_MS},
    mailbox::{Answer, Inbox, Mailbox, Message},
    opener::Opener,
    readers::Readers,
    waiters::Waiters,
    watch::{Target, Watches},
};

pub(crate) struct Core {
    pub(crate) peer: Slot,
    pub(crate) clock: Clock,
    pub(crate) server: Option<Server>,
    pub(crate) waiters: Waiters,
    pub(crate) watches: Watches,
    pub(crate) attachments: Arc<Attachments>,
    uploads: Uploads,
    /// When files are to be looked for that nobody needs.
    sweep_ms: u64,
    is_sync_wanted: bool,
    pub(crate) token: Option<String>,
    opener: Opener,
    readers: Arc<Readers>,
    is_relaxed: bool,
    /// When what was written has to be durable, if that is not at once.
    persist_due_ms: Option<u64>,
    token_refresh: TokenRefresh,
    /// For connections.
    mailbox: Mailbox,
    link: Option<Link>,
    /// Of the newest connection; what others say is late.
    number: u64,
    /// When sync is to be tried again, after the store failed.
    retry_ms: Option<u64>,
    /// The store failed, and is to be opened again.
    failed: Option<PeerError>,
    /// Why it does not sync, for people.
    pub(crate) trouble: Option<String>,
    is_closing: bool,
}

/// What a core is made of.
pub(crate) struct Parts {
    pub(crate) peer: Peer,
    pub(crate) opener: Opener,
    pub(crate) readers: Arc<Readers>,
    pub(crate) server: Option<Server>,
    pub(crate) attachments: Arc<Attachments>,
    pub(crate) token: Option<String>,
    pub(crate) token_source: Option<Target>,
    pub(crate) token_remaining: Remaining,
    pub(crate) is_relaxed: bool,
    pub(crate) mailbox: Mailbox,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            peer,
            opener,
            readers,
            server,
            attachments,
            token,
            token_source,
            token_remaining,
            is_relaxed,
            mailbox,
        } = parts;
        let clock = Clock::new();
        let mut core = Self {
            peer: Slot::new(peer),
            sweep_ms: clock.now().steady_ms + SWEEP_MS[0],
            clock,
            uploads: Uploads::new(attachments.clone()),
            attachments,
            server,
            waiters: Waiters::default(),
            watches: Watches::default(),
            is_sync_wanted: false,
            token,
            opener,
            readers,
            is_relaxed,
            persist_due_ms: None,
            token_refresh: TokenRefresh::new(token_source, token_remaining),
            mailbox,
            link: None,
            number: 0,
            retry_ms: None,
            failed: None,
            trouble: None,
            is_closing: false,
        };
        core.tell_attachments();
        core
    }

    /// Until it is told to close.
    pub(crate) fn run(mut self, inbox: &Inbox) {
        self.mailbox.is_read_here();
        while !self.is_closing {
            let first = inbox.wait(self.wait());
            let mut answers = Vec::new();
            for message in first.into_iter().chain(std::iter::from_fn(|| inbox.take()).take(BATCH_MAX)) {
                answers.extend(self.handle(message));
            }
            self.tick();
            let durable = self.follow();
            for answer in answers {
                answer(durable.clone());
            }
            if self.peer.is_open() {
                self.waiters.settle(&self.peer);
            }
        }
        self.close();
    }

    /// Once this is over, another may have the files open.
    fn close(&mut self) {
        self.link = None;
        if self.peer.is_open() && self.peer.is_persist_due() {
            let _ = self.peer.persist(); // only where durability is relaxed: nobody was promised it
        }
        self.attachments.close();
        self.watches.end();
        self.readers.close();
        self.peer.close();
    }

    /// How long nothing is to be done unless something comes.
    fn wait(&self) -> Option<Duration> {
        let tick_ms = if self.peer.is_open() { self.peer.next_tick_ms() } else { None };
        let due = [tick_ms, self.retry_ms, self.persist_due_ms, self.token_refresh.due_ms(), self.uploads.due_ms()];
        let due_ms = due.into_iter().flatten().fold(self.sweep_ms, u64::min);
        Some(Duration::from_millis(due_ms.saturating_sub(self.clock.now().steady_ms)))
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        if self.peer.is_open() && self.peer.next_tick_ms().is_some_and(|due_ms| due_ms <= now.steady_ms) {
            self.peer.tick(now);
        }
        if self.retry_ms.take_if(|due_ms| *due_ms <= now.steady_ms).is_some() {
            match self.ensure_open() {
                Ok(()) if self.is_sync_wanted => self.peer.start_sync(now),
                Ok(()) => {}
                Err(_) => self.retry_later(),
            }
        }
        self.token_refresh.tick(now.steady_ms);
        self.uploads.tick(now.steady_ms, &self.mailbox);
        self.sweep_when_due(now.steady_ms);
    }

    fn handle(&mut self, message: Message) -> Option<Answer> {
        let now = self.clock.now();
        if let Message::Call(job) = message {
            let core = match self.ensure_open() {
                Ok(()) => Ok(self),
                Err(error) => Err(error),
            };
            return Some(job(core));
        }
        match message {
            Message::Close => {
                if self.peer.is_open() {
                    self.peer.stop_sync();
                }
                self.is_closing = true;
            }
            Message::Connected { number, link } if number == self.number => {
                self.link = Some(link);
                if let Err(error) = self.peer.connected(now) {
                    self.sync_failed(&error);
                }
            }
            Message::Received { number, frame } if number == self.number => self.peer.handle_frame(now, &frame),
            Message::Heard { number } if number == self.number => self.peer.heard(now),
            Message::Lost { number, why } if number == self.number => {
                self.trouble = why.or_else(|| self.trouble.take());
                self.lost();
            }
            Message::Uploaded { id, uploaded } => self.uploaded(&id, &uploaded),
            _ => {} // of a connection that was given up
        }
        None
    }

    /// Does what the peer says. Whether all is as durable as it is to be.
    fn follow(&mut self) -> Result<(), PeerError> {
        while self.peer.is_open() {
            let mut outputs = Vec::new();
            loop {
                match self.peer.poll_output(self.clock.now()) {
                    Ok(Some(output)) => outputs.push(output),
                    Ok(None) => break,
                    Err(error) => self.sync_failed(&error), // the peer itself has let the connection go
                }
            }
            // A refusal that is told and then lost would be pushed again, and might be taken.
            let is_pressing = outputs.iter().any(|it| is_for_server(it) || matches!(it, Output::Rejected { .. }));
            let durable = self.make_durable(is_pressing);
            if durable.is_err() {
                // No frame may say more than the disk has. What the server said is true in any case.
                outputs.retain(|it| !is_for_server(it) && !matches!(it, Output::Renumbered { .. }));
            }
            let is_last = outputs.is_empty();
            self.act(outputs);
            if let Err(error) = durable {
                self.recover(&error);
                return Err(error);
            }
            if is_last {
                break;
            }
        }
        self.tell_state();
        Ok(())
    }

    fn make_durable(&mut self, is_pressing: bool) -> Result<(), PeerError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.peer.is_persist_due() {
            if self.is_relaxed && !is_pressing {
                let now_ms = self.clock.now().steady_ms;
                if *self.persist_due_ms.get_or_insert(now_ms + RELAXED_MS) > now_ms {
                    return Ok(());
                }
            }
            self.peer.persist()?;
        }
        self.persist_due_ms = None;
        Ok(())
    }

    fn act(&mut self, outputs: Vec<Output>) {
        let mut refused = Vec::new();
        for output in outputs {
            match output {
                Output::Connect => self.connect(),
                Output::Disconnect => self.give_up(),
                Output::Send(frame) => self.send(frame),
                Output::Upload { id } => self.uploads.ask(id, &self.mailbox),
                Output::Committed { seq, txn } => self.waiters.committed(seq, txn),
                Output::Rejected { seq, faults } => {
                    self.waiters.rejected(seq, faults);
                    refused.push(seq);
                }
                Output::Renumbered { from, to } => self.waiters.renumbered(from, to),
                Output::Observed(observer) => self.watches.observed(observer),
                Output::State(state) => {
                    self.note_trouble(state);
                    self.token_refresh.state_is(state, self.clock.now().steady_ms);
                }
                Output::Granted { expires_ms } => self.token_refresh.granted(expires_ms, self.clock.now().steady_ms),
                // Told to whoever asks.
                Output::SubscriptionComplete(_)
                | Output::SubscriptionRefused { .. }
                | Output::Digest { .. }
                | Output::SiteRenewed => {}
            }
        }
        self.tell_rejected(&refused);
    }

    fn note_trouble(&mut self, state: PeerState) {
        if matches!(state, PeerState::CatchingUp | PeerState::Live) {
            self.trouble = None;
        } else if let Some(bye) = self.peer.last_bye() {
            self.trouble = Some(format!("the server says {}: {}", bye.code.as_str(), bye.message));
        }
    }

    fn tell_rejected(&self, seqs: &[Seq]) {
        if seqs.is_empty() || !self.watches.wants_rejections() {
            return;
        }
        // Those who cannot be told now find it in the list.
        let Ok(all) = self.peer.rejected() else { return };
        let refused: Vec<_> = all.into_iter().filter(|it| seqs.contains(&it.seq)).collect();
        self.watches.rejected(&refused);
    }

    /// Where sync stands.
    pub(crate) fn state(&self) -> State {
        let state = if self.peer.is_open() { self.peer.sync_state() } else { PeerState::Stopped };
        match State::from(state) {
            State::Stopped if self.is_sync_wanted => State::Waiting, // for the store
            state => state,
        }
    }

    fn tell_state(&mut self) {
        let state = self.state();
        self.watches.state_is(state);
    }

    fn connect(&mut self) {
        self.give_up();
        let started = self.server.clone().map(|it| connection::start(it, self.number, self.mailbox.clone()));
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
        if self.peer.is_open() {
            self.peer.disconnected(self.clock.now());
        }
    }

    fn send(&mut self, frame: Vec<u8>) {
        if self.link.as_ref().is_some_and(|link| !link.send(frame)) {
            self.lost();
        }
    }

    pub(crate) fn start_sync(&mut self) -> Result<(), Error> {
        if self.server.is_none() {
            return Err(Error::NoServer);
        }
        self.is_sync_wanted = true;
        self.peer.start_sync(self.clock.now());
        Ok(())
    }

    pub(crate) fn stop_sync(&mut self) {
        self.is_sync_wanted = false;
        self.uploads.stop();
        self.peer.stop_sync();
    }

    /// A newer token.
    pub(crate) fn authenticate(&mut self, token: String) {
        self.token = Some(token.clone());
        self.attachments.authenticate(token.clone());
        self.peer.authenticate(self.clock.now(), token);
    }

    /// Who is asked for a newer token from now on.
    pub(crate) fn ask_for_tokens(&mut self, source: Target) {
        self.token_refresh.ask(source);
    }

    /// The store could not be read or written, by whatever was done.
    pub(crate) fn store_failed(&mut self, error: &PeerError) {
        self.failed = Some(error.clone());
    }

    /// What the server sent could not be stored.
    fn sync_failed(&mut self, error: &PeerError) {
        self.trouble = Some(error.to_string());
        if matches!(error, PeerError::Store(_)) {
            self.store_failed(error);
        }
        self.retry_later();
    }

    fn retry_later(&mut self) {
        self.retry_ms = Some(self.clock.now().steady_ms.saturating_add(STORE_RETRY_MS));
    }

    /// The store goes back to what it was persisted as.
    fn recover(&mut self, error: &PeerError) {
        self.give_up();
        self.persist_due_ms = None;
        self.readers.fail(error.clone());
        self.peer.close();
        let _ = self.ensure_open(); // or with the next call
        self.retry_later();
        self.tell_state();
    }

    fn ensure_open(&mut self) -> Result<(), PeerError> {
        if self.peer.is_open() {
            return Ok(());
        }
        let mut peer = self.opener.open(self.token.clone())?;
        self.readers.open(peer.reader());
        self.waiters.reopened(&peer);
        self.watches.observe_again(&mut peer);
        self.peer.open(peer);
        self.tell_attachments();
        Ok(())
    }

    /// The peer is to know which files are here.
    fn tell_attachments(&mut self) {
        // What cannot be read of the folder cannot be uploaded either.
        for id in self.attachments.folder.ids().unwrap_or_default() {
            self.peer.attachment_is_kept(id);
        }
    }

    /// What came of an upload.
    fn uploaded(&mut self, id: &str, uploaded: &Uploaded) {
        let now = self.clock.now();
        self.uploads.ended(uploaded, now.steady_ms, &self.mailbox);
        if !self.peer.is_open() {
            return;
        }
        match uploaded {
            Uploaded::Done => self.peer.attachment_is_uploaded(id),
            Uploaded::Failed(why) => self.trouble = Some(why.clone()),
            Uploaded::Refused(code, why) => {
                if let Err(error) = self.peer.attachment_is_refused(now, id, code.clone(), why) {
                    self.sync_failed(&error);
                }
            }
        }
    }
}

fn is_for_server(output: &Output) -> bool {
    matches!(output, Output::Connect | Output::Disconnect | Output::Send(_))
}
