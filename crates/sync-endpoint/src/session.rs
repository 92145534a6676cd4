//! One session: the machine, and what it asks for.
//!
//! Invariants: one question is read at a time, and pushes are applied in their order, one batch at a
//! time; a batch that was handed on is applied also if the connection ends; a page of an older
//! question is thrown away by the machine.
//! Not here: the protocol (`sync_protocol::ServerMachine`), sockets (`socket`), what is read for a
//! question (`reading`).

pub(crate) mod admission;
mod reading;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::Arc,
    time::Duration,
};

use document::SiteId;
use store::{App, CommitError, DeltasWanted, SnapshotError};
use sync_protocol::{
    ByeCode, DigestReply, Push, ResyncReason, ServerMachine, ServerOutput, SessionState, SubId, Subscription,
    limits::{FRAME_BYTES_MAX, HELLO_BYTES_MAX},
    websocket::{Incoming, Outgoing},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

use self::{
    admission::{Admitted, NotAdmitted, admit},
    reading::Answer,
};
use crate::{
    access::Caller,
    endpoint::{Arrival, Place, Shared},
    limits::{RETRY_AFTER_MS, RETRY_WRITES_AFTER_MS},
    live::{LiveFeed, Seat},
    live_sites::SitePlace,
    page::ChangesPlace,
    peers::LivePeer,
    pushes::{self, Pusher, Verdict},
    socket::{Socket, SocketError},
    subscription::Subscribed,
};

/// Said to a peer whose next token allows something else. What is read, kept and under way here is as the one before
/// allowed; when the peer comes again, which it does at once, its subscriptions begin again.
pub(crate) const OTHER_PERMISSION: &str = "the token allows something else than the one before; connect again with it";

const CLOSED: u16 = 1000;
const BROKE_THE_PROTOCOL: u16 = 1002;

/// Runs a session to its end.
pub(crate) async fn run<S>(shared: &Arc<Shared>, place: Place, arrival: Arrival, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let number = place.session;
    let mut socket = Socket::new(stream);
    let mut session = Session {
        shared: shared.clone(),
        machine: ServerMachine::new(number, shared.now_ms()),
        place,
        arrival,
        known: None,
        subs: BTreeMap::new(),
        changes_place: None,
        admitting: None,
        reading: None,
        digesting: None,
        digests_due: BTreeSet::new(),
        seat: None,
        pushes: Vec::new(),
        applying: None,
        stopping: shared.stopping.clone(),
    };
    let ended = session.run(&mut socket).await;
    session.machine.disconnected();
    let status = match ended {
        Ok(()) => CLOSED,
        Err(SocketError::WebSocket(_)) => BROKE_THE_PROTOCOL,
        Err(_) => return,
    };
    drop(session);
    socket.close(status).await;
}

struct Session {
    shared: Arc<Shared>,
    machine: ServerMachine,
    place: Place,
    arrival: Arrival,
    /// Who it is of, once that is known.
    known: Option<Known>,
    subs: BTreeMap<SubId, Arc<Subscribed>>,
    changes_place: Option<ChangesPlace>,
    admitting: Option<JoinHandle<Result<Box<Admitted>, NotAdmitted>>>,
    reading: Option<JoinHandle<Answer>>,
    digesting: Option<JoinHandle<Result<DigestReply, SnapshotError>>>,
    /// Digests that are asked for while others are made.
    digests_due: BTreeSet<SubId>,
    /// Where it is told what happens, once it has everything.
    seat: Option<Seat>,
    /// Not handed on yet.
    pushes: Vec<Push>,
    applying: Option<JoinHandle<Result<Vec<Verdict>, CommitError>>>,
    stopping: watch::Receiver<bool>,
}

struct Known {
    app: Arc<App>,
    caller: Caller,
    site: SiteId,
    site_place: SitePlace,
    feed: Arc<LiveFeed>,
    events: watch::Receiver<u64>,
    /// What is written is told by parts.
    _deltas: DeltasWanted,
}

/// What happened.
enum Event {
    Incoming(Result<Incoming, SocketError>),
    Admitted(Result<Box<Admitted>, NotAdmitted>),
    Read(Answer),
    Digests(Result<DigestReply, SnapshotError>),
    Applied(Result<Vec<Verdict>, CommitError>),
    /// There are more events.
    Events,
    Tick,
    Stopping,
    /// Another session asks for a sign of life.
    Probe,
    /// Another session has taken the place.
    Replaced,
    /// The peer is shut out.
    Revoked,
    /// A task of it broke off.
    Failed,
}

impl Session {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(&mut self, socket: &mut Socket<S>) -> Result<(), SocketError> {
        loop {
            while let Some(output) = self.machine.poll_output() {
                if !self.act(output, socket).await? {
                    return Ok(());
                }
            }
            if !self.hand_pushes_on() {
                continue; // it is over
            }
            let event = self.next(socket).await;
            let now_ms = self.shared.now_ms();
            match event {
                Event::Incoming(incoming) => {
                    if let Some(known) = &self.known {
                        known.site_place.live.heard();
                    }
                    match incoming? {
                        Incoming::Binary(frame) => {
                            self.note(|peer| peer.received(frame.len()));
                            self.machine.handle_frame(&frame, now_ms);
                        }
                        Incoming::Ping(bytes) => {
                            self.machine.heard(now_ms);
                            socket.send(Outgoing::Pong(&bytes)).await?;
                        }
                        Incoming::Pong => self.machine.heard(now_ms),
                        Incoming::Close => return Ok(()),
                    }
                }
                Event::Admitted(Ok(admitted)) => self.welcome(*admitted, now_ms),
                Event::Admitted(Err(NotAdmitted { code, message, retry_after_ms })) => {
                    self.shared.metrics.not_admitted.inc();
                    let (app, address) = (&self.arrival.app, self.arrival.address);
                    tracing::info!(session = self.place.session, %app, %address, code = code.as_str(), "a peer is not let in: {message}");
                    self.machine.refuse(code, message, retry_after_ms);
                }
                Event::Read(answer) => self.answer(answer),
                Event::Digests(made) => self.answer_digests(made),
                Event::Applied(applied) => self.verdicts(applied),
                Event::Events => self.machine.changes_available(),
                Event::Tick => {
                    self.look_at_caller();
                    if self.seat.is_some() {
                        // What the peer is told with a ping is where all live sessions are.
                        self.machine.changes_available();
                        while let Some(output) = self.machine.poll_output() {
                            if !self.act(output, socket).await? {
                                return Ok(());
                            }
                        }
                    }
                    self.machine.tick(now_ms);
                }
                Event::Stopping => self.machine.drain(retry_after_ms(RETRY_AFTER_MS), now_ms),
                Event::Probe => socket.send(Outgoing::Ping).await?,
                Event::Replaced => {
                    let message = "the peer has another connection".to_owned();
                    self.machine.refuse(ByeCode::Busy, message, None);
                }
                Event::Revoked => {
                    let is_deleted = !self.shared.topics.has_app(&self.arrival.app);
                    let why = if is_deleted { "the app was deleted" } else { "the peer is revoked" };
                    self.machine.refuse(ByeCode::Denied, why.to_owned(), None);
                }
                Event::Failed => {
                    let message = "the server failed".to_owned();
                    self.machine.refuse(ByeCode::Busy, message, Some(retry_after_ms(RETRY_WRITES_AFTER_MS)));
                }
            }
        }
    }

    /// Waits for what happens next.
    async fn next<S: AsyncRead + AsyncWrite + Unpin>(&mut self, socket: &mut Socket<S>) -> Event {
        let is_unknown = self.machine.state() == SessionState::Greeted;
        self.note(|peer| peer.stands(self.subs.len(), self.machine.state() == SessionState::Live));
        let bytes_max = if is_unknown { HELLO_BYTES_MAX } else { FRAME_BYTES_MAX };
        let wants_frames = self.machine.wants_frames();
        let wait_ms = self.machine.next_tick_ms().map(|tick_ms| tick_ms.saturating_sub(self.shared.now_ms()));
        let tick = async {
            match wait_ms {
                Some(wait_ms) => sleep(Duration::from_millis(wait_ms)).await,
                None => pending().await,
            }
        };
        let is_draining = matches!(self.machine.state(), SessionState::Draining | SessionState::Closed);
        let stopping = &mut self.stopping;
        let stop = async {
            if is_draining || stopping.wait_for(|stopping| *stopping).await.is_err() {
                pending::<()>().await;
            }
        };
        let (known, seat) = (&mut self.known, &self.seat);
        let of_known = async {
            let Some(Known { events, site_place, .. }) = known else { return pending().await };
            let more = async {
                match seat {
                    Some(seat) => {
                        seat.woken.notified().await;
                        Ok(())
                    }
                    None => events.changed().await,
                }
            };
            tokio::select! {
                () = site_place.live.replaced.notified() => Event::Replaced,
                () = site_place.live.probe.notified() => Event::Probe,
                () = site_place.live.revoked.notified() => Event::Revoked,
                more = more => match more {
                    Ok(()) => Event::Events,
                    Err(_) => pending().await,
                },
            }
        };
        tokio::select! {
            event = of_known => event,
            admitted = finished(&mut self.admitting) => admitted.map_or(Event::Failed, Event::Admitted),
            applied = finished(&mut self.applying) => applied.map_or(Event::Failed, Event::Applied),
            answer = finished(&mut self.reading) => answer.map_or(Event::Failed, Event::Read),
            made = finished(&mut self.digesting) => made.map_or(Event::Failed, Event::Digests),
            incoming = socket.receive(bytes_max), if wants_frames => Event::Incoming(incoming),
            () = tick => Event::Tick,
            () = stop => Event::Stopping,
        }
    }

    /// Does what the machine says; `false` at the end.
    async fn act<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        output: ServerOutput,
        socket: &mut Socket<S>,
    ) -> Result<bool, SocketError> {
        match output {
            ServerOutput::Authorise(hello) => {
                let (shared, arrival, session) = (self.shared.clone(), self.arrival.clone(), self.place.session);
                self.admitting =
                    Some(tokio::spawn(async move { admit(&shared, &arrival, session, &hello).await.map(Box::new) }));
            }
            ServerOutput::Reauthorise { token } => self.reauthorise(&token),
            ServerOutput::Send(frame) => {
                self.note(|peer| peer.sent(frame.len()));
                socket.send(Outgoing::Binary(&frame)).await?;
            }
            ServerOutput::Ping => socket.send(Outgoing::Ping).await?,
            ServerOutput::Close => return Ok(false),
            ServerOutput::Subscribed(subscription) => self.subscribe(&subscription),
            ServerOutput::Unsubscribed(sub) => {
                self.seat = None;
                self.subs.remove(&sub);
            }
            ServerOutput::WantChanges { request, after, bytes_max } => self.read_changes(request, after, bytes_max),
            ServerOutput::WantSnapshot { request, sub, page, bytes_max } => {
                self.read_snapshot(request, sub, page, bytes_max);
            }
            ServerOutput::Apply(push) => {
                self.note(|peer| peer.pushed(push.seq));
                self.pushes.push(push);
            }
            ServerOutput::WantDigest { subs } if self.look_at_caller() => self.make_digests(subs),
            // This server asks for none.
            ServerOutput::WantDigest { .. } | ServerOutput::DigestReply(_) => {}
            ServerOutput::Applied { through } => self.note(|peer| peer.applied(through)),
            ServerOutput::Ignored { number } => {
                tracing::debug!(session = self.place.session, number, "a message of a later version is ignored");
            }
        }
        Ok(true)
    }

    /// Notes something of the peer, once it is known.
    fn note(&self, note: impl FnOnce(&LivePeer)) {
        if let Some(known) = &self.known {
            note(known.site_place.live.peer());
        }
    }

    fn welcome(&mut self, admitted: Admitted, now_ms: u64) {
        let Admitted { app, caller, site, site_place, authorised } = admitted;
        let mut events = app.events().watch();
        events.mark_unchanged();
        let deltas = app.want_deltas();
        let feed = self.shared.live_feeds.of(&app);
        self.known = Some(Known { app, caller, site, site_place, feed, events, _deltas: deltas });
        self.place.is_known();
        self.machine.authorised(authorised, now_ms);
    }

    /// Ends the session if its key was revoked, or keys are needed now.
    fn look_at_caller(&mut self) -> bool {
        let Some(known) = &self.known else { return true };
        let is_valid = known.caller.is_valid(&self.shared.credentials, self.shared.clock.now_ms());
        if !is_valid {
            self.machine.refuse(ByeCode::Denied, "the token or key is not valid any more".to_owned(), None);
        }
        is_valid
    }

    fn reauthorise(&mut self, token: &str) {
        let Some(known) = &mut self.known else { return };
        let (app, now_ms) = (known.app.name().as_str(), self.shared.clock.now_ms());
        let (credentials, rights) = (&self.shared.credentials, &self.shared.rights);
        match Caller::identify(credentials, rights, self.arrival.is_open, Some(token), now_ms) {
            Ok(caller) if caller.subject() == known.caller.subject() && caller.may_anything(app) => {
                let permission = caller.permission_hash(app);
                if permission != known.caller.permission_hash(app) {
                    return self.machine.refuse(ByeCode::Busy, OTHER_PERMISSION.to_owned(), Some(0));
                }
                known.caller = caller;
                self.machine.grant(permission, known.caller.remaining_ms(now_ms), &[]);
            }
            Ok(_) => {
                let message = "the token is of somebody else; connect again with it".to_owned();
                self.machine.refuse(ByeCode::Denied, message, None);
            }
            Err(message) => self.machine.refuse(ByeCode::Denied, message, None),
        }
    }

    fn subscribe(&mut self, subscription: &Subscription) {
        self.seat = None;
        let Some(known) = &self.known else { return };
        let subscribed = self.shared.filters.subscribe(subscription, &known.caller, known.app.name().as_str());
        match subscribed {
            Ok(subscribed) => drop(self.subs.insert(subscription.sub, subscribed)),
            Err(message) => {
                self.subs.remove(&subscription.sub);
                self.machine.resync(subscription.sub, ResyncReason::Refused, message);
            }
        }
    }

    /// Hands what was pushed on, as long as nothing before it is under way; `false` if that ends the
    /// session.
    fn hand_pushes_on(&mut self) -> bool {
        if self.pushes.is_empty() || self.applying.is_some() || self.machine.state() == SessionState::Closed {
            return true;
        }
        if !self.look_at_caller() {
            return false;
        }
        let Some(known) = &self.known else { return true };
        let (app, pushes) = (known.app.clone(), std::mem::take(&mut self.pushes));
        let pusher = Pusher { caller: known.caller.clone(), site: known.site };
        self.applying = Some(tokio::spawn(async move { pushes::apply(&app, &pusher, pushes).await }));
        true
    }

    fn verdicts(&mut self, applied: Result<Vec<Verdict>, CommitError>) {
        let metrics = &self.shared.metrics;
        let verdicts = match applied {
            Ok(verdicts) => verdicts,
            Err(error) => {
                metrics.unanswered.inc();
                let retry_after_ms = Some(retry_after_ms(RETRY_WRITES_AFTER_MS));
                return self.machine.refuse(ByeCode::Busy, error.to_string(), retry_after_ms);
            }
        };
        for verdict in verdicts {
            self.note(LivePeer::answered);
            match &verdict {
                Verdict::Taken { is_new: true, .. } => drop(metrics.taken.inc()),
                Verdict::Taken { .. } => drop(metrics.repeated.inc()),
                Verdict::Refused { .. } => drop(metrics.refused.inc()),
                Verdict::SiteReused => {}
            }
            if !verdict.tell(&mut self.machine) {
                return;
            }
        }
    }
}

impl Drop for Session {
    /// What was asked for is of no use any more; what was pushed is applied.
    fn drop(&mut self) {
        self.reading.iter().for_each(JoinHandle::abort);
        self.digesting.iter().for_each(JoinHandle::abort);
    }
}

/// What a task comes to, once there is one and it ends; `None` if it broke off.
async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    let Some(running) = task else { return pending().await };
    let finished = running.await;
    *task = None;
    finished.ok()
}

/// At least so much, and at most twice.
fn retry_after_ms(least_ms: u64) -> u64 {
    least_ms + rand::random_range(0..=least_ms)
}
