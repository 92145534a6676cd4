//! A peer's side of a session as a state machine.
//!
//! ```text
//! Stopped -> Connecting -> Greeted -> CatchingUp -> Live
//!               ^             |           |          |
//!               +-- Backoff <-+-----------+----------+--> NeedsAuth, Refused
//! ```
//!
//! Invariants: hello and pending pushes go out in one flight; a push has one verdict, and none is sent again in a
//! connection; what was delivered moves the cursor only when it is stored, in the order of delivery, and before the
//! next connection. Never more than the push window is unanswered, nor more than the credit delivered and not stored.
//! Not here: local transactions, documents and their storage, sockets: the host does what
//! [`PeerMachine::poll_output`] says.

mod backoff;
mod deliveries;
mod message;
mod output;
mod pushes;

use std::collections::VecDeque;

use document::SiteId;

pub use self::output::PeerOutput;
use self::{
    backoff::Backoff,
    deliveries::{Deliveries, Effect},
    pushes::Pushes,
};
use crate::frame::{Codec, decode_frame, encode_frame};
use crate::limits::{
    DEAD_AFTER_MS, FRAME_BYTES_AIM, FRAME_BYTES_MAX, HELLO_BYTES_MAX, PROTOCOL_VERSION, REASON_BYTES_MAX,
    WELCOME_WAIT_MS,
};
use crate::message::{
    Applied, Auth, Bye, ByeCode, Cursor, Digest, DigestReply, Hello, Lineage, Message, Push, Rest, Seq, Sub, SubId,
    Subscription, TxnId, Unsub,
};
use crate::{Moment, reason::shortened};

/// Who a peer is and what it has: its store says so when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its site.
    pub site: SiteId,
    /// Random, new each time the store is opened.
    pub instance: [u8; 16],
    /// Which program this is, for people.
    pub sdk: String,
    /// A token or key.
    pub token: Option<String>,
    /// Up to where it has everything.
    pub cursor: Option<Cursor>,
    /// What it wants to have, and how far each has come.
    pub subs: Vec<Subscription>,
}

/// Where a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// It does not want to be connected.
    Stopped,
    /// A connection was asked for.
    Connecting,
    /// Hello and pushes are out.
    Greeted,
    /// Welcome is here; what happened meanwhile is coming.
    CatchingUp,
    /// It has everything that there is.
    Live,
    /// It waits before it tries again.
    Backoff {
        /// Until when.
        until_ms: u64,
    },
    /// The token is not taken. Local work goes on; [`PeerMachine::authenticate`] leads out.
    NeedsAuth,
    /// This store, or this version, is not taken. [`PeerMachine::renew_site`] or
    /// [`PeerMachine::start`] leads out.
    Refused,
}

impl PeerState {
    /// Whether there is a connection.
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Greeted | Self::CatchingUp | Self::Live)
    }

    fn is_welcomed(self) -> bool {
        matches!(self, Self::CatchingUp | Self::Live)
    }
}

/// The machine.
#[derive(Debug)]
pub struct PeerMachine {
    identity: Identity,
    lineage: Option<Lineage>,
    former: Option<SiteId>,
    state: PeerState,
    link: Link,
    pushes: Pushes,
    deliveries: Deliveries,
    backoff: Backoff,
    /// What the server said when it ended the last connection, until another is asked for.
    last_bye: Option<Bye>,
    outputs: VecDeque<PeerOutput>,
}

/// What is true of one connection.
#[derive(Debug, Default)]
struct Link {
    /// When the state began that waits for something.
    since_ms: u64,
    /// When anything was last heard.
    heard_ms: u64,
    /// The wall clock when the connection was there.
    wall_ms: u64,
    last_seq: Seq,
    codec: Codec,
    incarnation: [u8; 16],
    permission: u64,
    /// Of the welcome: the last of the site's transactions that was taken, and the newest of all.
    site_seq: Seq,
    newest: TxnId,
    /// The cursor of what was delivered.
    through: TxnId,
    /// Subscriptions that had no room in the hello.
    late_subs: Vec<SubId>,
}

impl PeerMachine {
    /// A machine that is stopped.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            lineage: None,
            former: None,
            state: PeerState::Stopped,
            link: Link::default(),
            pushes: Pushes::default(),
            deliveries: Deliveries::default(),
            backoff: Backoff::default(),
            last_bye: None,
            outputs: VecDeque::new(),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> PeerState {
        self.state
    }

    /// Who it is and how far it has come, as of what is stored.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Why the server ended the last connection, if it did and said so, until another is asked for.
    pub fn last_bye(&self) -> Option<&Bye> {
        self.last_bye.as_ref()
    }

    /// The next thing to do. To be called until there is none after every other call.
    pub fn poll_output(&mut self) -> Option<PeerOutput> {
        self.outputs.pop_front()
    }

    /// When [`PeerMachine::tick`] is to be called, at the latest. To be asked after every other call.
    pub fn next_tick_ms(&self) -> Option<u64> {
        match self.state {
            PeerState::Backoff { .. } if self.deliveries.is_open() => None,
            PeerState::Backoff { until_ms } => Some(until_ms),
            PeerState::Connecting | PeerState::Greeted => Some(self.link.since_ms.saturating_add(WELCOME_WAIT_MS)),
            PeerState::CatchingUp | PeerState::Live => Some(self.link.heard_ms.saturating_add(DEAD_AFTER_MS)),
            PeerState::Stopped | PeerState::NeedsAuth | PeerState::Refused => None,
        }
    }

    /// Sync is wanted. Also ends a wait, and tries again after a refusal.
    pub fn start(&mut self, at: Moment) {
        match self.state {
            PeerState::Stopped | PeerState::Backoff { .. } | PeerState::NeedsAuth | PeerState::Refused => {
                self.backoff = Backoff::default();
                self.connect(at);
            }
            PeerState::Connecting | PeerState::Greeted | PeerState::CatchingUp | PeerState::Live => {}
        }
    }

    /// Sync is not wanted any more.
    pub fn stop(&mut self) {
        if self.state.is_connected() {
            self.send_bye(ByeCode::Stopped, "the peer stops".to_owned());
        }
        if self.state.is_connected() || self.state == PeerState::Connecting {
            self.outputs.push_back(PeerOutput::Disconnect);
        }
        self.enter(PeerState::Stopped);
    }

    /// The connection that was asked for is there. `last_seq` is the greatest sequence number that
    /// the store ever gave; up to `settled` all have a verdict that it keeps.
    pub fn connected(&mut self, at: Moment, wall_ms: u64, last_seq: Seq, settled: Seq) {
        if self.state != PeerState::Connecting {
            self.outputs.push_back(PeerOutput::Disconnect);
            return;
        }
        let through = self.identity.cursor.as_ref().map(|it| it.txn).unwrap_or_default();
        self.link = Link { since_ms: at.now_ms, heard_ms: at.now_ms, wall_ms, last_seq, through, ..Link::default() };
        self.pushes = Pushes::after(&self.pushes);
        self.deliveries.begin_session();
        self.enter(PeerState::Greeted);
        let hello = self.hello(settled);
        self.send(hello);
        self.want_pending();
    }

    /// The connection is gone, or could not be made. Not to be called after
    /// [`PeerOutput::Disconnect`].
    pub fn disconnected(&mut self, at: Moment) {
        if self.state.is_connected() || self.state == PeerState::Connecting {
            self.outputs.retain(|it| !it.is_of_connection());
            self.back_off(at, None);
        }
    }

    /// Something was heard that is no frame: a ping or pong.
    pub fn heard(&mut self, at: Moment) {
        self.link.heard_ms = at.now_ms;
    }

    /// A frame came.
    pub fn handle_frame(&mut self, frame: &[u8], at: Moment) {
        if !self.state.is_connected() {
            return;
        }
        self.heard(at);
        let handled = match decode_frame(frame, FRAME_BYTES_MAX) {
            Ok(frame) => self.handle_message(frame.message, frame.message_bytes, at),
            Err(error) => Err(error.to_string()),
        };
        if let Err(fault) = handled {
            self.send_bye(ByeCode::Protocol, fault);
            self.outputs.push_back(PeerOutput::Disconnect);
            self.back_off(at, None);
        }
    }

    /// Time went by.
    pub fn tick(&mut self, at: Moment) {
        if self.next_tick_ms().is_none_or(|tick_ms| at.now_ms < tick_ms) {
            return;
        }
        match self.state {
            PeerState::Backoff { .. } => self.connect(at),
            PeerState::Stopped | PeerState::NeedsAuth | PeerState::Refused => {}
            PeerState::Connecting | PeerState::Greeted | PeerState::CatchingUp | PeerState::Live => {
                self.outputs.push_back(PeerOutput::Disconnect);
                self.back_off(at, None);
            }
        }
    }

    /// There are local transactions that have not been asked for.
    pub fn pushes_available(&mut self, last_seq: Seq) {
        self.link.last_seq = self.link.last_seq.max(last_seq);
        self.pushes.may_have_more();
        self.want_pending();
    }

    /// A transaction before which, or as which, the server took `seq`, if it took it before this
    /// connection; none if the welcome does not say.
    pub fn taken_by(&self, seq: Seq) -> Option<TxnId> {
        (seq <= self.link.site_seq).then_some(self.link.newest)
    }

    /// The answer to [`PeerOutput::WantPending`]: the next pending transactions in order, at least
    /// one if there is one, whatever its size; none if there is none. One to an older request is
    /// ignored.
    pub fn handle_pending(&mut self, request: u64, pushes: Vec<Push>) {
        if !self.state.is_connected() || !self.pushes.take_answer(request, pushes.is_empty()) {
            return;
        }
        let (mut together, mut together_bytes) = (Vec::new(), 0);
        for push in pushes {
            self.link.last_seq = self.link.last_seq.max(push.seq);
            let (seq, bytes) = (push.seq, push.message_bytes());
            if self.pushes.is_too_large(bytes) {
                self.pushes.pass_over(seq);
                self.outputs.push_back(PeerOutput::too_large(seq, bytes));
            } else if self.pushes.take(seq, bytes) {
                if together_bytes + bytes > FRAME_BYTES_AIM as u64 {
                    self.send_pushes(std::mem::take(&mut together));
                    together_bytes = 0;
                }
                together.push(push);
                together_bytes += bytes;
            } else {
                break;
            }
        }
        self.send_pushes(together);
        self.want_pending();
    }

    /// In one frame, compressed also before the welcome: every server reads that.
    fn send_pushes(&mut self, mut pushes: Vec<Push>) {
        let message = match pushes.len() {
            0 => return,
            1 => Message::Push(pushes.remove(0)),
            _ => Message::Pushes(crate::message::Pushes { pushes, rest: Rest::default() }),
        };
        let codec = if self.state == PeerState::Greeted { Codec::best() } else { self.link.codec };
        self.outputs.push_back(PeerOutput::Send(encode_frame(&message, codec).0));
    }

    /// A new subscription, or one begun again.
    pub fn subscribe(&mut self, subscription: Subscription) {
        let sub = subscription.sub;
        self.identity.subs.retain(|it| it.sub != sub);
        self.identity.subs.push(begun_anew(subscription));
        self.deliveries.forget_pages(sub);
        match self.state {
            PeerState::CatchingUp | PeerState::Live => self.send_sub(sub),
            PeerState::Greeted if !self.link.late_subs.contains(&sub) => self.link.late_subs.push(sub),
            _ => {}
        }
    }

    /// A subscription ends.
    pub fn unsubscribe(&mut self, sub: SubId) {
        self.identity.subs.retain(|it| it.sub != sub);
        self.link.late_subs.retain(|it| *it != sub);
        if self.state.is_connected() {
            self.send(Unsub { sub, rest: Rest::default() });
        }
    }

    /// A newer token.
    pub fn authenticate(&mut self, token: String, at: Moment) {
        self.identity.token = Some(token.clone());
        match self.state {
            PeerState::Greeted | PeerState::CatchingUp | PeerState::Live => {
                self.send(Auth { token, rest: Rest::default() });
            }
            PeerState::NeedsAuth => self.connect(at),
            _ => {}
        }
    }

    /// What the next hello says of the transactions that the server can have taken.
    pub fn tell_lineage(&mut self, lineage: Lineage) {
        self.lineage = Some(lineage);
    }

    /// Pending transactions bear this site, which is not the peer's any more. Nothing is pushed until
    /// [`PeerOutput::Former`] is answered.
    pub fn begin_former(&mut self, site: SiteId) {
        self.former = Some(site);
    }

    /// What the former site left is settled: pending transactions bear the peer's own site.
    pub fn former_settled(&mut self, last_seq: Seq) {
        self.former = None;
        self.pushes_available(last_seq);
    }

    /// The site that replaces one that is somebody else's too. What is pending was stamped anew.
    pub fn renew_site(&mut self, site: SiteId, instance: [u8; 16], at: Moment) {
        self.identity.site = site;
        self.identity.instance = instance;
        if self.state == PeerState::Refused {
            self.connect(at);
        }
    }

    /// All deliveries up to this one are durable. After a connection's end too: no other is asked for
    /// before.
    pub fn stored(&mut self, delivery: u64) {
        for effect in self.deliveries.stored(delivery) {
            self.take_effect(effect);
        }
        if self.state.is_welcomed() && self.deliveries.is_applied_due() {
            let through = self.identity.cursor.as_ref().map(|it| it.txn).unwrap_or_default();
            let bytes = self.deliveries.tell();
            self.send(Applied { through, bytes, rest: Rest::default() });
        }
    }

    /// Asks for digests, to find out whether both sides have the same. Only while it is live.
    pub fn ask_digest(&mut self, subs: Vec<SubId>) {
        if self.state == PeerState::Live {
            self.send(Digest { subs, rest: Rest::default() });
        }
    }

    /// The answer to [`PeerOutput::WantDigest`].
    pub fn handle_digest(&mut self, reply: DigestReply) {
        if self.state.is_welcomed() {
            self.send(reply);
        }
    }

    fn enter(&mut self, state: PeerState) {
        if self.state != state {
            self.state = state;
            self.outputs.push_back(PeerOutput::State(state));
        }
    }

    /// Once everything that was delivered is stored: a `Backoff` until then.
    fn connect(&mut self, at: Moment) {
        if self.deliveries.is_open() {
            return self.enter(PeerState::Backoff { until_ms: at.now_ms });
        }
        self.link.since_ms = at.now_ms;
        self.last_bye = None;
        self.enter(PeerState::Connecting);
        self.outputs.push_back(PeerOutput::Connect);
    }

    fn back_off(&mut self, at: Moment, retry_after_ms: Option<u64>) {
        let until_ms = at.now_ms.saturating_add(self.backoff.next_wait_ms(at.jitter, retry_after_ms));
        self.enter(PeerState::Backoff { until_ms });
    }

    fn send(&mut self, message: impl Into<Message>) {
        let (frame, _) = encode_frame(&message.into(), self.link.codec);
        self.outputs.push_back(PeerOutput::Send(frame));
    }

    fn send_bye(&mut self, code: ByeCode, message: String) {
        let message = shortened(message, REASON_BYTES_MAX);
        self.send(Bye { code, message, retry_after_ms: None, rest: Rest::default() });
    }

    fn send_sub(&mut self, sub: SubId) {
        if let Some(subscription) = self.identity.subs.iter_mut().find(|it| it.sub == sub) {
            *subscription = begun_anew(subscription.clone());
            let subscription = subscription.clone();
            self.send(Sub { subscription, rest: Rest::default() });
        }
    }

    fn want_pending(&mut self) {
        if self.state.is_connected()
            && self.former.is_none()
            && let Some(want) = self.pushes.want()
        {
            self.outputs.push_back(want);
        }
    }

    /// With as many subscriptions as have room; the others follow the welcome.
    fn hello(&mut self, settled: Seq) -> Message {
        let mut hello = Hello {
            proto: PROTOCOL_VERSION,
            site: self.identity.site,
            instance: self.identity.instance,
            token: self.identity.token.clone(),
            wall_ms: self.link.wall_ms,
            sdk: shortened(self.identity.sdk.clone(), REASON_BYTES_MAX),
            codecs: Codec::offered(),
            cursor: self.identity.cursor.clone(),
            subs: Vec::new(),
            last_seq: self.link.last_seq,
            settled,
            lineage: self.lineage.clone(),
            former: self.former,
            rest: Rest::default(),
        };
        let heads_bytes = 16; // a longer head of the list of subscriptions
        let mut bytes = encode_frame(&hello.clone().into(), Codec::Plain).0.len() + heads_bytes;
        for subscription in &self.identity.subs {
            let sub = Sub { subscription: subscription.clone(), rest: Rest::default() };
            bytes += encode_frame(&sub.into(), Codec::Plain).0.len();
            if bytes <= HELLO_BYTES_MAX {
                hello.subs.push(subscription.clone());
            } else {
                self.link.late_subs.push(subscription.sub);
            }
        }
        hello.into()
    }

    /// What was stored moves what the next hello says.
    fn take_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Cursor(cursor) => self.identity.cursor = Some(cursor),
            Effect::Page { sub, hash, page } => {
                if let Some(subscription) = self.identity.subs.iter_mut().find(|it| it.sub == sub) {
                    subscription.hash = Some(hash);
                    subscription.page = page;
                }
            }
            Effect::Stored | Effect::Nothing => {}
        }
    }
}

fn begun_anew(subscription: Subscription) -> Subscription {
    Subscription { hash: None, page: None, ..subscription }
}
