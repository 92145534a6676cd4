//! The server's side of one session as a state machine.
//!
//! ```text
//! Greeted -> Authorising -> CatchingUp -> Live -> Draining -> Closed
//! ```
//!
//! Invariants: nothing is read, made or told before a valid hello; data are asked for only while
//! there is credit, one page at a time, so a slow peer costs a session and no more; pushes are
//! applied in their order, and each gets one verdict; what the session keeps is bounded.
//! Not here: tokens, permissions, documents, the journal, sockets: the host does what
//! [`ServerMachine::poll_output`] says.

mod feed;
mod inbox;
mod message;
mod output;
mod verdicts;

use std::collections::VecDeque;

pub use self::feed::{ChangesPage, SnapshotPage};
pub use self::output::{Authorised, ServerOutput};
use self::{feed::Feed, inbox::Inbox, verdicts::Verdicts};
use crate::frame::{Codec, decode_frame, encode_frame};
use crate::limits::{
    DEAD_AFTER_MS, DRAIN_WAIT_MS, FRAME_BYTES_MAX, HELLO_BYTES_MAX, HELLO_WAIT_MS, PING_AFTER_MS, PUSH_WINDOW_BYTES,
    REASON_BYTES_MAX,
};
use crate::message::{
    Bye, ByeCode, Digest, DigestReply, Fault, Granted, Hello, Message, Rest, Resync, ResyncReason, Seq, SubId, TxnId,
    Welcome,
};
use crate::reason::shortened;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// A connection that has said nothing yet.
    Greeted,
    /// Its hello is with the host.
    Authorising,
    /// Welcomed; it gets what it missed.
    CatchingUp,
    /// It has everything.
    Live,
    /// It gets the verdicts of what it pushed, and then a bye.
    Draining,
    /// Over.
    Closed,
}

impl SessionState {
    fn is_welcomed(self) -> bool {
        matches!(self, Self::CatchingUp | Self::Live)
    }
}

/// The machine.
#[derive(Debug)]
pub struct ServerMachine {
    session: u64,
    state: SessionState,
    /// When the state began that waits for something.
    since_ms: u64,
    heard_ms: u64,
    pinged_ms: u64,
    codec: Codec,
    hello: Option<Box<Hello>>,
    inbox: Inbox,
    permission: u64,
    feed: Feed,
    verdicts: Verdicts,
    /// Waits until what happened before it was made is sent. A later one replaces it.
    digest: Option<DigestReply>,
    retry_after_ms: Option<u64>,
    outputs: VecDeque<ServerOutput>,
}

impl ServerMachine {
    /// A connection that was just made. `session` is a number for logs.
    pub fn new(session: u64, now_ms: u64) -> Self {
        Self {
            session,
            state: SessionState::Greeted,
            since_ms: now_ms,
            heard_ms: now_ms,
            pinged_ms: now_ms,
            codec: Codec::Plain,
            hello: None,
            inbox: Inbox::default(),
            permission: 0,
            feed: Feed::default(),
            verdicts: Verdicts::default(),
            digest: None,
            retry_after_ms: None,
            outputs: VecDeque::new(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> SessionState {
        self.state
    }

    /// Whether the peer was given all of the subscription, up to the session's position: changes of
    /// its documents may be told by parts.
    pub fn is_whole(&self, sub: SubId) -> bool {
        self.feed.is_whole(sub)
    }

    /// Whether the next frame is to be read from the connection. A host that reads on while it is
    /// not may lose the session.
    pub fn wants_frames(&self) -> bool {
        self.state != SessionState::Authorising && self.state != SessionState::Closed
    }

    /// The next thing to do. To be called until there is none after every other call.
    pub fn poll_output(&mut self) -> Option<ServerOutput> {
        if self.outputs.is_empty() {
            self.find_work();
        }
        self.outputs.pop_front()
    }

    /// When [`ServerMachine::tick`] is to be called, at the latest.
    pub fn next_tick_ms(&self) -> Option<u64> {
        let (since_ms, wait_ms) = match self.state {
            SessionState::Greeted => (self.since_ms, HELLO_WAIT_MS),
            SessionState::Draining => (self.since_ms, DRAIN_WAIT_MS),
            SessionState::Authorising => (self.since_ms, DEAD_AFTER_MS),
            SessionState::CatchingUp | SessionState::Live => {
                let ping_ms = self.heard_ms.max(self.pinged_ms).saturating_add(PING_AFTER_MS);
                return Some(ping_ms.min(self.heard_ms.saturating_add(DEAD_AFTER_MS)));
            }
            SessionState::Closed => return None,
        };
        Some(since_ms.saturating_add(wait_ms))
    }

    /// Something was heard that is no frame: a pong.
    pub fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// A frame came.
    pub fn handle_frame(&mut self, frame: &[u8], now_ms: u64) {
        self.heard_ms = now_ms;
        let handled = match self.state {
            SessionState::Closed => return,
            SessionState::Authorising => {
                if self.inbox.hold(frame) {
                    Ok(())
                } else {
                    Err("too much before the welcome".to_owned())
                }
            }
            SessionState::Greeted => self.read(frame, HELLO_BYTES_MAX, now_ms),
            _ => self.read(frame, FRAME_BYTES_MAX, now_ms),
        };
        if let Err(fault) = handled {
            self.close(ByeCode::Protocol, fault, None);
        }
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.outputs.clear();
        self.feed.end();
        self.state = SessionState::Closed;
    }

    /// Time went by.
    pub fn tick(&mut self, now_ms: u64) {
        if self.next_tick_ms().is_none_or(|tick_ms| now_ms < tick_ms) {
            return;
        }
        match self.state {
            SessionState::Greeted => self.close(ByeCode::Busy, "no hello came in time".to_owned(), None),
            SessionState::Authorising => {
                self.close(ByeCode::Busy, "the token could not be looked at in time".to_owned(), None);
            }
            SessionState::Draining => self.close(ByeCode::Draining, DRAINING.to_owned(), self.retry_after_ms),
            SessionState::CatchingUp | SessionState::Live if now_ms.saturating_sub(self.heard_ms) >= DEAD_AFTER_MS => {
                self.outputs.push_back(ServerOutput::Close);
                self.disconnect();
            }
            SessionState::CatchingUp | SessionState::Live => {
                self.pinged_ms = now_ms;
                self.outputs.push_back(ServerOutput::Ping);
                self.feed.tell_position();
            }
            SessionState::Closed => {}
        }
    }

    /// The hello's token is good. An answer to nothing is ignored.
    pub fn authorised(&mut self, it: Authorised, now_ms: u64) {
        if self.state != SessionState::Authorising {
            return;
        }
        let Some(hello) = self.hello.take() else { return };
        let is_known = hello.lineage.as_ref().is_none_or(|lineage| lineage.knows(it.site_seq));
        if it.site_seq > hello.last_seq || !is_known {
            let message = "this server knows other transactions of the site";
            return self.close(ByeCode::SiteReused, message.to_owned(), None);
        }
        self.permission = it.permission;
        self.codec = Codec::for_reader(&hello.codecs);
        self.state = SessionState::CatchingUp;
        self.pinged_ms = now_ms;
        self.send(Welcome {
            session: self.session,
            incarnation: it.incarnation,
            newest: it.newest,
            floor: it.floor,
            fork: it.fork,
            site_seq: it.site_seq,
            former: it.former.clone(),
            wall_ms: it.wall_ms,
            permission: it.permission,
            expires_ms: it.expires_ms,
            push_window: PUSH_WINDOW_BYTES,
            frame_bytes_max: FRAME_BYTES_MAX as u64,
            codecs: Codec::offered(),
            rest: Rest::default(),
        });
        self.begin_feed(*hello, &it);
        for frame in self.inbox.take() {
            self.handle_frame(&frame, now_ms);
        }
    }

    /// The hello's token, or a later one, is not taken, or the session may not go on.
    pub fn refuse(&mut self, code: ByeCode, message: String, retry_after_ms: Option<u64>) {
        if self.state != SessionState::Closed {
            self.close(code, message, retry_after_ms);
        }
    }

    /// What the peer may do from now on. Subscriptions whose documents this changes begin again: the peer is told so
    /// first, and so never takes what it has under the former permission for what it may have under this one.
    pub fn grant(&mut self, permission: u64, expires_ms: Option<u64>, changed: &[SubId]) {
        if self.state.is_welcomed() {
            self.permission = permission;
            for sub in changed {
                self.resync(*sub, ResyncReason::Permission, String::new());
            }
            self.send(Granted { permission, expires_ms, rest: Rest::default() });
        }
    }

    /// A subscription begins again; one that is refused gets nothing more.
    pub fn resync(&mut self, sub: SubId, reason: ResyncReason, message: String) {
        if self.state.is_welcomed() {
            match reason {
                ResyncReason::Refused => self.feed.remove(sub),
                _ => self.feed.begin(sub, None),
            }
            self.send_resync(Some(sub), reason, message);
        }
    }

    /// All subscriptions begin again, and changes go on after `position`: what lies before cannot be
    /// told any more.
    pub fn resync_all(&mut self, position: TxnId, reason: ResyncReason, message: String) {
        if self.state.is_welcomed() {
            self.feed.begin_all(position);
            self.send_resync(None, reason, message);
        }
    }

    /// There are transactions that the session was not given.
    pub fn changes_available(&mut self) {
        self.feed.changes_available();
    }

    /// The answer to [`ServerOutput::WantChanges`]. One to an older question is ignored.
    pub fn handle_changes(&mut self, page: ChangesPage) {
        self.feed.take_changes(page, self.codec);
    }

    /// The answer to [`ServerOutput::WantSnapshot`]. One to an older question is ignored.
    pub fn handle_snapshot(&mut self, page: SnapshotPage) {
        self.feed.take_snapshot(page, self.codec);
    }

    /// The push is durable as this transaction; 0 if it was taken before and is no longer known.
    pub fn applied(&mut self, seq: Seq, txn: TxnId) {
        self.verdicts.taken(seq, txn);
    }

    /// The push is refused.
    pub fn rejected(&mut self, seq: Seq, faults: Vec<Fault>, at: TxnId) {
        if self.state.is_welcomed() || self.state == SessionState::Draining {
            let shorter = |it: Fault| Fault { message: shortened(it.message, REASON_BYTES_MAX), ..it };
            self.verdicts.refused(seq, faults.into_iter().map(shorter).collect(), at);
        }
    }

    /// Asks the peer for digests.
    pub fn ask_digest(&mut self, subs: Vec<SubId>) {
        if self.state == SessionState::Live {
            self.send(Digest { subs, rest: Rest::default() });
        }
    }

    /// The answer to [`ServerOutput::WantDigest`]. It goes out after what happened up to its
    /// transaction.
    pub fn handle_digest(&mut self, reply: DigestReply) {
        if self.state.is_welcomed() {
            self.digest = Some(reply);
            self.feed.changes_available();
        }
    }

    /// The session is to end once what was pushed has its verdicts.
    pub fn drain(&mut self, retry_after_ms: u64, now_ms: u64) {
        self.retry_after_ms = Some(retry_after_ms);
        match self.state {
            SessionState::CatchingUp | SessionState::Live => {
                self.feed.end();
                self.state = SessionState::Draining;
                self.since_ms = now_ms;
            }
            SessionState::Greeted | SessionState::Authorising => {
                self.close(ByeCode::Draining, DRAINING.to_owned(), self.retry_after_ms);
            }
            SessionState::Draining | SessionState::Closed => {}
        }
    }

    fn read(&mut self, frame: &[u8], bytes_max: usize, now_ms: u64) -> Result<(), String> {
        let frame = decode_frame(frame, bytes_max).map_err(|error| error.to_string())?;
        self.handle_message(frame.message, frame.message_bytes, now_ms)
    }

    /// Verdicts first, then what the credit allows.
    fn find_work(&mut self) {
        if self.state == SessionState::Closed {
            return;
        }
        if let Some(message) = self.verdicts.poll() {
            self.send(message);
        } else if self.state == SessionState::Draining && self.verdicts.is_empty() {
            self.close(ByeCode::Draining, DRAINING.to_owned(), self.retry_after_ms);
        } else if self.state.is_welcomed() {
            if let Some(reply) = self.digest.take_if(|reply| self.feed.has_sent(reply.at)) {
                return self.send(reply);
            }
            let Some(output) = self.feed.poll() else { return };
            if self.feed.is_caught_up() {
                self.state = SessionState::Live;
            }
            self.outputs.push_back(output);
        }
    }

    fn send(&mut self, message: impl Into<Message>) {
        let (frame, _) = encode_frame(&message.into(), self.codec);
        self.outputs.push_back(ServerOutput::Send(frame));
    }

    fn send_resync(&mut self, sub: Option<SubId>, reason: ResyncReason, message: String) {
        self.send(Resync { sub, reason, message: shortened(message, REASON_BYTES_MAX), rest: Rest::default() });
    }

    fn close(&mut self, code: ByeCode, message: String, retry_after_ms: Option<u64>) {
        let message = shortened(message, REASON_BYTES_MAX);
        self.send(Bye { code, message, retry_after_ms, rest: Rest::default() });
        self.outputs.push_back(ServerOutput::Close);
        self.disconnect();
    }

    fn disconnect(&mut self) {
        self.feed.end();
        self.inbox.take();
        self.state = SessionState::Closed;
    }
}

const DRAINING: &str = "this server stops";
