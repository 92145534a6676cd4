//! A session without sockets, tasks and a clock of its own: for a simulation, which decides what
//! happens when.
//!
//! It lets in, reads and applies by the very same functions as [`crate::SyncEndpoint`]'s sessions
//! do, one after the other, on the thread of whoever calls it. One of an app's writes is under way
//! at a time, so the same calls give the same frames.
//!
//! Invariants: nothing happens but in a call; what is not polled is not read nor applied, as a
//! session waits for a connection that takes nothing.
//! Not here: WebSocket, limits on connections, signs of life, metrics.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use credentials::Credentials;
use document::SiteId;
use permissions::KnownRights;
use store::{App, DeltasWanted, TxnId, WallClock};
use sync_protocol::{
    ByeCode, ChangesPage, Hello, Push, ResyncReason, ServerMachine, ServerOutput, SessionState, SnapshotPage, SubId,
    Subscription,
};

use crate::{
    access::Caller,
    changes::{self, ChangesError},
    digests::Digesting,
    hidden_places::HiddenPlaces,
    page::{ChangesPlace, Holds},
    pushes::{self, Pusher},
    session::{
        OTHER_PERMISSION,
        admission::{self, NotAdmitted},
    },
    snapshot_pages::{self, SnapshotPageError},
    subscription::{Filters, Subscribed},
};

/// By a clock that runs, a page would end now here, now there.
const NO_TURN: Duration = Duration::MAX;

/// How long a peer stays away from a server that takes no writes.
const RETRY_AFTER_MS: u64 = 1_000;

/// What sessions of one app share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DirectEndpoint(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    app: Arc<App>,
    credentials: Arc<Credentials>,
    clock: Arc<dyn WallClock>,
    runtime: tokio::runtime::Runtime,
    filters: Filters,
    rights: KnownRights,
    hidden_places: HiddenPlaces,
    room: Mutex<Room>,
}

#[derive(Debug, Default)]
struct Room {
    last_session: u64,
    /// The session that each site has.
    sites: HashMap<SiteId, Arc<Live>>,
}

/// A session that has a site.
#[derive(Debug)]
struct Live {
    session: u64,
    instance: [u8; 16],
    subject: String,
    /// Whether its peer would give a sign of life.
    answers: AtomicBool,
    is_replaced: AtomicBool,
}

/// What a session's host is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectOutput {
    /// A frame to the peer.
    Send(Vec<u8>),
    /// A ping, which the peer answers.
    Ping,
    /// The end; nothing comes after it.
    Close,
}

/// One session.
#[derive(Debug)]
pub struct DirectSession {
    endpoint: DirectEndpoint,
    number: u64,
    machine: ServerMachine,
    now_ms: u64,
    known: Option<Known>,
    subs: BTreeMap<SubId, Arc<Subscribed>>,
    changes_place: Option<ChangesPlace>,
    /// Not applied yet.
    pushes: Vec<Push>,
    /// The events that the machine was told of.
    events_seen: u64,
    answers: bool,
}

#[derive(Debug)]
struct Known {
    caller: Caller,
    site: SiteId,
    live: Arc<Live>,
    /// While this is here, what is written to documents is kept.
    _deltas: DeltasWanted,
}

impl DirectEndpoint {
    /// Sessions of one app. Without a key anything is allowed until one is made.
    ///
    /// # Errors
    /// There is no room for a runtime, which waits for the app's writes.
    pub fn new(app: Arc<App>, credentials: Arc<Credentials>, clock: Arc<dyn WallClock>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self(Arc::new(Shared {
            app,
            credentials,
            clock,
            runtime,
            filters: Filters::default(),
            rights: KnownRights::default(),
            hidden_places: HiddenPlaces::default(),
            room: Mutex::default(),
        })))
    }

    /// The app.
    pub fn app(&self) -> &Arc<App> {
        &self.0.app
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a site's session, by the rules of `live_sites`.
    fn enter(&self, hello: &Hello, session: u64, subject: String, answers: bool) -> Result<Arc<Live>, NotAdmitted> {
        let mut room = self.room();
        let before = room.sites.get(&hello.site).cloned();
        if let Some(before) = &before {
            let is_another = before.instance != hello.instance && before.answers.load(Relaxed);
            if before.subject != subject || is_another {
                return Err(NotAdmitted::site_reused("the site has another session"));
            }
            if before.session > session {
                return Err(NotAdmitted::busy("the peer has a later connection".to_owned()));
            }
            before.is_replaced.store(true, Relaxed);
        }
        let (answers, is_replaced) = (AtomicBool::new(answers), AtomicBool::new(false));
        let live = Arc::new(Live { session, instance: hello.instance, subject, answers, is_replaced });
        room.sites.insert(hello.site, live.clone());
        Ok(live)
    }
}

impl DirectSession {
    /// A connection that was just made.
    pub fn new(endpoint: &DirectEndpoint, now_ms: u64) -> Self {
        let number = {
            let mut room = endpoint.room();
            room.last_session += 1;
            room.last_session
        };
        Self {
            endpoint: endpoint.clone(),
            number,
            machine: ServerMachine::new(number, now_ms),
            now_ms,
            known: None,
            subs: BTreeMap::new(),
            changes_place: None,
            pushes: Vec::new(),
            events_seen: 0,
            answers: true,
        }
    }

    /// Its number, for logs.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the next frame is to be taken from the connection.
    pub fn wants_frames(&self) -> bool {
        self.machine.wants_frames()
    }

    /// A frame came.
    pub fn handle_frame(&mut self, frame: &[u8], now_ms: u64) {
        self.now_ms = now_ms;
        self.machine.handle_frame(frame, now_ms);
    }

    /// A pong came.
    pub fn heard(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.machine.heard(now_ms);
    }

    /// Time went by.
    pub fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.look_at_caller();
        self.machine.tick(now_ms);
    }

    /// The peer is gone, and the server does not know yet: it would give no sign of life.
    pub fn lose_peer(&mut self) {
        self.answers = false;
        if let Some(known) = &self.known {
            known.live.answers.store(false, Relaxed);
        }
    }

    /// The next thing to do. Whatever the machine wants of the app is done meanwhile.
    pub fn poll(&mut self) -> Option<DirectOutput> {
        loop {
            if let Some(known) = &self.known
                && known.live.is_replaced.swap(false, Relaxed)
            {
                self.machine.refuse(ByeCode::Busy, "the peer has another connection".to_owned(), None);
            }
            match self.machine.poll_output() {
                Some(ServerOutput::Send(frame)) => return Some(DirectOutput::Send(frame)),
                Some(ServerOutput::Ping) => return Some(DirectOutput::Ping),
                Some(ServerOutput::Close) => return Some(DirectOutput::Close),
                Some(output) => self.act(output),
                None if !self.pushes.is_empty() => self.apply(),
                None if !self.tell_events() => return None,
                None => {}
            }
        }
    }

    /// Tells the machine of new events, if there are any.
    fn tell_events(&mut self) -> bool {
        let end = self.endpoint.app().events().high_watermark();
        let is_new = self.known.is_some() && end > self.events_seen;
        if is_new {
            self.events_seen = end;
            self.machine.changes_available();
        }
        is_new
    }

    fn act(&mut self, output: ServerOutput) {
        match output {
            ServerOutput::Authorise(hello) => self.admit(&hello),
            ServerOutput::Reauthorise { token } => self.reauthorise(&token),
            ServerOutput::Subscribed(subscription) => self.subscribe(&subscription),
            ServerOutput::Unsubscribed(sub) => drop(self.subs.remove(&sub)),
            ServerOutput::WantChanges { request, after, bytes_max } => {
                self.read_changes(request, TxnId(after.0), bytes_max);
            }
            ServerOutput::WantSnapshot { request, sub, page, bytes_max } => {
                self.read_snapshot(request, sub, page.as_deref(), bytes_max);
            }
            ServerOutput::Apply(push) => self.pushes.push(push),
            ServerOutput::Send(_) | ServerOutput::Ping | ServerOutput::Close => {}
            ServerOutput::WantDigest { subs } => self.make_digests(&subs),
            ServerOutput::DigestReply(_) | ServerOutput::Applied { .. } | ServerOutput::Ignored { .. } => {}
        }
    }

    fn admit(&mut self, hello: &Hello) {
        let shared = &self.endpoint.0;
        let app = &shared.app;
        let admitted = || {
            let caller = admission::caller_of(
                &shared.credentials,
                &shared.rights,
                true,
                app.name().as_str(),
                hello,
                shared.clock.now_ms(),
            )?;
            let sites = admission::Sites::look_up(app, hello.site, hello.former, &caller)?;
            let live = self.endpoint.enter(hello, self.number, caller.subject(), self.answers)?;
            let authorised = admission::authorised(app, &caller, hello, sites, shared.clock.now_ms());
            Ok((Known { caller, site: hello.site, live, _deltas: app.want_deltas() }, authorised))
        };
        match admitted() {
            Ok((known, authorised)) => {
                self.events_seen = app.events().high_watermark();
                self.known = Some(known);
                self.machine.authorised(authorised, self.now_ms);
            }
            Err(NotAdmitted { code, message, retry_after_ms }) => {
                self.machine.refuse(code, message, retry_after_ms.map(|_| RETRY_AFTER_MS));
            }
        }
    }

    /// Ends the session if its key was revoked, or keys are needed now.
    fn look_at_caller(&mut self) -> bool {
        let Some(known) = &self.known else { return true };
        let is_valid = known.caller.is_valid(&self.endpoint.0.credentials, self.endpoint.0.clock.now_ms());
        if !is_valid {
            self.machine.refuse(ByeCode::Denied, "the token or key is not valid any more".to_owned(), None);
        }
        is_valid
    }

    fn reauthorise(&mut self, token: &str) {
        let Some(known) = &mut self.known else { return };
        let now_ms = self.endpoint.0.clock.now_ms();
        let shared = &self.endpoint.0;
        match Caller::identify(&shared.credentials, &shared.rights, true, Some(token), now_ms) {
            Ok(caller) if caller.subject() == known.caller.subject() => {
                let app = self.endpoint.app().name().as_str();
                let permission = caller.permission_hash(app);
                if permission != known.caller.permission_hash(app) {
                    return self.machine.refuse(ByeCode::Busy, OTHER_PERMISSION.to_owned(), Some(0));
                }
                known.caller = caller;
                self.machine.grant(permission, known.caller.remaining_ms(now_ms), &[]);
            }
            Ok(_) => self.machine.refuse(ByeCode::Denied, "the token is of somebody else".to_owned(), None),
            Err(message) => self.machine.refuse(ByeCode::Denied, message, None),
        }
    }

    fn subscribe(&mut self, subscription: &Subscription) {
        let Some(known) = &self.known else { return };
        let subscribed =
            self.endpoint.0.filters.subscribe(subscription, &known.caller, self.endpoint.app().name().as_str());
        match subscribed {
            Ok(subscribed) => drop(self.subs.insert(subscription.sub, subscribed)),
            Err(message) => {
                self.subs.remove(&subscription.sub);
                self.machine.resync(subscription.sub, ResyncReason::Refused, message);
            }
        }
    }

    fn read_changes(&mut self, request: u64, after: TxnId, bytes_max: u64) {
        if self.known.is_none() || !self.look_at_caller() {
            return;
        }
        let app = self.endpoint.app();
        let place = self.changes_place.filter(|place| place.through == after);
        let offset = place.map(|place| place.next_offset);
        let holds = Holds::of(&self.machine, self.subs.keys(), place);
        let subs = self.subs.values().cloned().collect();
        let may_begin_again = self.changes_place.is_none() && self.machine.state() != SessionState::Live;
        let question = changes::Question { subs, after, offset, bytes_max, holds, may_begin_again, turn: NO_TURN };
        match changes::read(app, &question) {
            Ok(changes::Page { items, through, caught_up, next_offset, debts }) => {
                self.changes_place = Some(ChangesPlace { through, next_offset, debts });
                let through = sync_protocol::TxnId(through.0);
                self.machine.handle_changes(ChangesPage { request, items, through, caught_up });
            }
            Err(error @ ChangesError::Trimmed) => {
                self.changes_place = None;
                let newest = sync_protocol::TxnId(self.endpoint.app().newest_txn().0);
                self.machine.resync_all(newest, ResyncReason::Trimmed, error.to_string());
            }
            Err(error) => self.fail(&error),
        }
    }

    fn read_snapshot(&mut self, request: u64, sub: SubId, page: Option<&[u8]>, bytes_max: u64) {
        if !self.look_at_caller() {
            return;
        }
        let Some(subscribed) = self.subs.get(&sub).cloned() else { return };
        match snapshot_pages::read(
            self.endpoint.app(),
            &subscribed.asked,
            &self.endpoint.0.hidden_places,
            page,
            bytes_max,
            NO_TURN,
        ) {
            Ok(snapshot_pages::Page { items, next, at }) => {
                let at = sync_protocol::TxnId(at.0);
                self.machine.handle_snapshot(SnapshotPage { request, items, next, at });
            }
            Err(error @ SnapshotPageError::Place) => {
                self.machine.refuse(ByeCode::Protocol, format!("subscription {}: {error}", sub.0), None);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn make_digests(&mut self, asked: &[SubId]) {
        let subs = asked.iter().filter_map(|sub| self.subs.get(sub).cloned()).collect();
        let made = Digesting::of(self.endpoint.app(), subs).and_then(|mut digesting| {
            loop {
                if let Some(reply) = digesting.go_on()? {
                    return Ok(reply);
                }
            }
        });
        match made {
            Ok(reply) => self.machine.handle_digest(reply),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &dyn std::fmt::Display) {
        self.machine.refuse(ByeCode::Busy, format!("the server cannot read: {error}"), Some(RETRY_AFTER_MS));
    }

    fn apply(&mut self) {
        let pushes = std::mem::take(&mut self.pushes);
        if self.machine.state() == SessionState::Closed || !self.look_at_caller() {
            return;
        }
        let Some(known) = &self.known else { return };
        let shared = &self.endpoint.0;
        let pusher = Pusher { caller: known.caller.clone(), site: known.site };
        let verdicts = match shared.runtime.block_on(pushes::apply(&shared.app, &pusher, pushes)) {
            Ok(verdicts) => verdicts,
            Err(error) => return self.machine.refuse(ByeCode::Busy, error.to_string(), Some(RETRY_AFTER_MS)),
        };
        for verdict in verdicts {
            if !verdict.tell(&mut self.machine) {
                return;
            }
        }
    }
}

impl Drop for DirectSession {
    fn drop(&mut self) {
        if let Some(known) = &self.known {
            let mut room = self.endpoint.room();
            if room.sites.get(&known.site).is_some_and(|live| Arc::ptr_eq(live, &known.live)) {
                room.sites.remove(&known.site);
            }
        }
    }
}
