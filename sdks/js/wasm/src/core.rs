//! The peer, and what a script's calls do with it.
//!
//! Invariants: each call has one answer; whatever the script says, [`Core::follow`] comes after it and
//! before anything is sent or answered. The store fails only outside, in the script: then the peer is
//! opened again as what is durable says, and whoever waits or watches stays.

use std::collections::BTreeMap;

use document::Value;
use key_values::LoggedMemory;
use peer_calls::{ABI, Answer, Call, CallError, Code, Format, Opening, Watch, all_rejected, encode_result, evict};
use peer_core::{Answered, Now, Options, Output, Peer, PeerError, Reader, TokenRefresh, Verdict, Waiters};
use sync_protocol::{PeerState, Seq, limits::PING_AFTER_MS};

use crate::limits::RETRY_MS;
use crate::outputs::{Outputs, kind};
use crate::transactions::Transactions;
use crate::watches::Watches;

/// Why there are no attachments here.
pub(crate) const NO_FILES: &str = "a peer in a browser keeps no files: upload and fetch attachments over HTTP";

/// A call that is answered later.
type Waiting = (u32, Format);

/// How a peer is opened, and opened again.
#[derive(Debug, Clone)]
pub struct CoreOptions {
    opening: Opening,
    token: Option<String>,
}

/// A small peer, and who waits for it.
pub struct Core {
    options: CoreOptions,
    store: LoggedMemory,
    peer: Peer,
    reader: Reader,
    transactions: Transactions,
    waiters: Waiters<Waiting>,
    /// Until when calls wait, by the clock that never goes back.
    timed: BTreeMap<(u64, u32), Format>,
    watches: Watches,
    token_refresh: TokenRefresh,
    is_sync_wanted: bool,
    /// When the server was heard or asked last: a browser does not show its pings.
    heard_ms: u64,
    /// When sync is to be tried again.
    retry_ms: Option<u64>,
    /// Why it does not sync, for people.
    trouble: Option<String>,
    /// What is to be done.
    pub outputs: Outputs,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("options", &self.options).finish_non_exhaustive()
    }
}

impl CoreOptions {
    /// Of a configuration, as its message says it.
    ///
    /// # Errors
    /// It is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, CallError> {
        let opening = Opening::decode(bytes)?;
        if !opening.ca_certificates.is_empty() {
            return Err(CallError::new(Code::Unsupported, "a browser knows its certificates itself"));
        }
        let token = opening.token.clone();
        Ok(Self { opening, token })
    }

    fn open(&self, store: &LoggedMemory, seed: [u64; 2]) -> Result<Peer, PeerError> {
        let name = self.opening.sdk.as_deref().unwrap_or("js");
        let sdk = format!("{name}-browser/{}", env!("CARGO_PKG_VERSION"));
        let options = Options { sdk, token: self.token.clone(), strict: self.opening.strict };
        Peer::open(Box::new(store.clone()), options, seed)
    }
}

impl Core {
    /// Opens the peer on what was loaded. `seed` is random.
    ///
    /// # Errors
    /// What was loaded is damaged, or a newer program's.
    pub fn open(options: CoreOptions, store: LoggedMemory, seed: [u64; 2]) -> Result<Self, CallError> {
        let peer = options.open(&store, seed)?;
        let reader = peer.reader();
        Ok(Self {
            options,
            store,
            peer,
            reader,
            transactions: Transactions::new(seed[0]),
            waiters: Waiters::default(),
            timed: BTreeMap::new(),
            watches: Watches::default(),
            token_refresh: TokenRefresh::default(),
            is_sync_wanted: false,
            heard_ms: 0,
            retry_ms: None,
            trouble: None,
            outputs: Outputs::default(),
        })
    }

    /// What was written since could not be made durable, for that reason: the peer is what was loaded
    /// again. Whoever waits or watches stays.
    ///
    /// # Errors
    /// As [`Core::open`]; the peer is as it was.
    pub fn open_again(&mut self, store: LoggedMemory, seed: [u64; 2], now: Now, why: &str) -> Result<(), CallError> {
        let mut peer = self.options.open(&store, seed)?;
        self.waiters.reopened(&peer);
        self.watches.observe_again(&mut peer);
        self.transactions.end();
        self.reader = peer.reader();
        self.store = store;
        self.peer = peer;
        self.trouble = Some(why.to_owned());
        self.retry_later(now);
        self.follow(now);
        Ok(())
    }

    /// What was written, and is to be made durable before anything is sent or answered.
    pub fn take_log(&mut self) -> Vec<u8> {
        let _ = self.peer.persist(); // it is the script that does
        self.store.take_log()
    }

    /// The spaces, with their log.
    pub fn store(&self) -> &LoggedMemory {
        &self.store
    }

    /// Whether a transaction is open: writes that are no part of it, and frames, are to wait.
    pub fn is_transaction_open(&self) -> bool {
        self.transactions.is_open()
    }

    /// A message.
    pub fn call(&mut self, now: Now, number: u32, message: &[u8]) {
        let format = Format::of(message);
        let result = match Call::decode(message) {
            Ok(Call::Committed(seq, timeout)) => {
                self.time(now, number, format, timeout);
                self.waiters.wait_for_one(&self.peer, seq, (number, format)).map(|answered| self.verdicts(answered))
            }
            Ok(Call::Flushed(timeout)) => {
                self.time(now, number, format, timeout);
                self.waiters.wait_for_all(&self.peer, (number, format)).map(|answered| self.verdicts(answered))
            }
            Ok(call) => {
                let result = self.run(now, call);
                self.outputs.add(kind::ANSWER, number, &encode_result(format, &result));
                return;
            }
            Err(error) => {
                self.outputs.add(kind::ANSWER, number, &encode_result(format, &Err(error)));
                return;
            }
        };
        if let Err(error) = result {
            self.timed.retain(|(_, it), _| *it != number);
            self.outputs.add(kind::ANSWER, number, &encode_result(format, &Err(error.into())));
        }
    }

    fn run(&mut self, now: Now, call: Call) -> Result<Answer, CallError> {
        match call {
            Call::Echo(value) => Ok(Answer::new().with("value", value)),
            Call::Info => {
                let version = Value::String(env!("CARGO_PKG_VERSION").to_owned());
                Ok(Answer::new().with_number("abi", ABI).with("version", version))
            }
            Call::Read(read) => read.run(&self.reader, now),
            Call::Write(write) => write.run(&mut self.peer, now),
            Call::Evict(collection, which) => evict(&mut self.peer, &collection, &which),
            Call::Begin => self.transactions.begin(&mut self.peer, now),
            Call::Within(transaction, step) => self.transactions.step(&mut self.peer, now, transaction, step),
            Call::Commit(transaction) => self.transactions.commit(&mut self.peer, transaction),
            Call::Rollback(transaction) => self.transactions.roll_back(transaction),
            Call::NewAttachment { .. } => Err(CallError::new(Code::Unsupported, NO_FILES)),
            Call::Rejected => all_rejected(&self.peer),
            Call::ForgetRejected(seq) => {
                self.peer.forget_rejected(seq)?;
                Ok(Answer::new())
            }
            sync => self.run_sync(now, sync),
        }
    }

    fn run_sync(&mut self, now: Now, call: Call) -> Result<Answer, CallError> {
        match call {
            Call::Subscribe(request) => {
                let sub = self.peer.subscribe(request)?;
                return Ok(Answer::new().with_number("subscription", sub.0));
            }
            Call::Subscription(sub) => {
                let complete = Value::Bool(self.peer.is_complete(sub));
                let refused = self.peer.subscriptions().find(|(it, ..)| *it == sub).and_then(|(.., why)| why);
                let refused = refused.map(|why| Value::String(why.to_owned()));
                return Ok(Answer::new().with("complete", complete).with_some("refused", refused));
            }
            Call::State => {
                let answer = Answer::new().with("state", Value::String(self.state().to_owned()));
                let answer = answer.with_number("pending", self.peer.pending_len() as u64);
                return Ok(answer.with_some("last_error", self.trouble.clone().map(Value::String)));
            }
            Call::Unsubscribe(sub) => self.peer.unsubscribe(sub)?,
            Call::StartSync if self.options.opening.server.is_none() => {
                return Err(no_server());
            }
            Call::StartSync => {
                self.is_sync_wanted = true;
                self.peer.start_sync(now);
            }
            Call::StopSync => {
                self.is_sync_wanted = false;
                self.peer.stop_sync();
            }
            Call::Authenticate(token) => {
                self.options.token = Some(token.clone());
                self.peer.authenticate(now, token);
            }
            Call::Login { .. } if self.options.opening.server.is_none() => return Err(no_server()),
            Call::Login { .. } => {
                return Err(CallError::new(
                    Code::Unsupported,
                    "who opens the peer asks the server, and calls authenticate",
                ));
            }
            _ => unreachable!("it is done elsewhere"),
        }
        Ok(Answer::new())
    }

    /// Has events come, as `number`, until [`Core::unsubscribe`]. What cannot be watched has one event,
    /// its error.
    pub fn subscribe(&mut self, now: Now, number: u32, message: &[u8]) {
        let format = Format::of(message);
        let added = Watch::decode(message).and_then(|watch| {
            let query = watch.observed(&self.reader, now)?;
            self.watches.add(&mut self.peer, number, format, &watch, query)
        });
        if let Err(error) = added {
            Watches::refuse(number, format, &error, &mut self.outputs);
        }
        self.token_tick(now);
    }

    /// Nothing is told of it from here on.
    pub fn unsubscribe(&mut self, number: u32) {
        self.watches.cancel(&mut self.peer, number);
    }

    /// The script took the last event of a watch: the next may come.
    pub fn told(&mut self, number: u32) {
        self.watches.told(number);
    }

    /// Whether there are events to tell.
    pub fn is_event_due(&self) -> bool {
        self.watches.is_due()
    }

    /// Puts the events of the watches that are due out.
    pub fn tell(&mut self) {
        self.watches.tell(&self.reader, &mut self.outputs);
    }

    /// The connection that was asked for is there.
    pub fn connected(&mut self, now: Now) {
        self.heard_ms = now.steady_ms;
        if let Err(error) = self.peer.connected(now) {
            self.sync_failed(now, &error);
        }
    }

    /// It is gone, or could not be made. `why` may be empty.
    pub fn disconnected(&mut self, now: Now, why: &str) {
        if !why.is_empty() {
            self.trouble = Some(why.to_owned());
        }
        self.peer.disconnected(now);
    }

    /// A frame came.
    pub fn frame(&mut self, now: Now, frame: &[u8]) {
        self.heard_ms = now.steady_ms;
        self.peer.handle_frame(now, frame);
    }

    /// When [`Core::tick`] is to be called, by the clock that never goes back.
    pub fn next_tick_ms(&self) -> Option<u64> {
        let token_ms = self.token_refresh.due_ms().filter(|_| self.watches.wants_token());
        let timed_ms = self.timed.keys().next().map(|(due_ms, _)| *due_ms);
        let peer_ms = self.peer.next_tick_ms();
        let due = [peer_ms, self.probe_ms(), self.retry_ms, self.transactions.due_ms(), token_ms, timed_ms];
        due.into_iter().flatten().min()
    }

    /// When the server is asked for a sign of life.
    fn probe_ms(&self) -> Option<u64> {
        let is_connected = matches!(self.peer.sync_state(), PeerState::CatchingUp | PeerState::Live);
        is_connected.then(|| self.heard_ms.saturating_add(PING_AFTER_MS))
    }

    /// Time went by.
    pub fn tick(&mut self, now: Now) {
        if self.peer.next_tick_ms().is_some_and(|due_ms| due_ms <= now.steady_ms) {
            self.peer.tick(now);
        }
        if self.probe_ms().is_some_and(|due_ms| due_ms <= now.steady_ms) {
            self.heard_ms = now.steady_ms;
            self.peer.probe();
        }
        if self.retry_ms.take_if(|due_ms| *due_ms <= now.steady_ms).is_some() && self.is_sync_wanted {
            self.peer.start_sync(now);
        }
        self.transactions.tick(now);
        self.token_tick(now);
        while let Some(entry) = self.timed.first_entry().filter(|it| it.key().0 <= now.steady_ms) {
            let ((_, number), format) = entry.remove_entry();
            self.waiters.forget(|(it, _)| *it == number);
            let error = CallError::new(Code::TimedOut, "the server has said nothing within that time");
            self.outputs.add(kind::VERDICT, number, &encode_result(format, &Err(error)));
        }
    }

    fn token_tick(&mut self, now: Now) {
        if self.watches.wants_token() && self.token_refresh.tick(now.steady_ms) {
            self.watches.tell_token(self.token_refresh.remaining_ms(now.steady_ms), &mut self.outputs);
        }
    }

    /// Does what the peer says, until it says nothing more.
    pub fn follow(&mut self, now: Now) {
        let mut refused = Vec::new();
        loop {
            match self.peer.poll_output(now) {
                Ok(Some(output)) => self.act(now, output, &mut refused),
                Ok(None) => break,
                Err(error) => self.sync_failed(now, &error), // the peer itself has let the connection go
            }
        }
        self.tell_rejected(&refused);
        let settled = self.waiters.settle(&self.peer);
        self.verdicts(settled);
        let state = self.state();
        self.watches.state_is(state);
    }

    fn act(&mut self, now: Now, output: Output, refused: &mut Vec<Seq>) {
        match output {
            Output::Connect => self.outputs.add(kind::CONNECT, 0, &[]),
            Output::Disconnect => self.outputs.add(kind::DISCONNECT, 0, &[]),
            Output::Send(frame) => self.outputs.add(kind::SEND, 0, &frame),
            Output::Committed { seq, txn } => {
                let answered = self.waiters.committed(seq, txn);
                self.verdicts(answered);
            }
            Output::Rejected { seq, faults } => {
                let answered = self.waiters.rejected(seq, faults);
                self.verdicts(answered);
                refused.push(seq);
            }
            Output::Renumbered { from, to } => self.waiters.renumbered(from, to),
            Output::Observed(observer) => self.watches.observed(observer),
            Output::State(state) => {
                self.note_trouble(state);
                self.token_refresh.state_is(state, now.steady_ms);
            }
            Output::Granted { expires_ms } => self.token_refresh.granted(expires_ms, now.steady_ms),
            // Told to whoever asks.
            Output::SubscriptionComplete(_)
            | Output::SubscriptionRefused { .. }
            | Output::Digest { .. }
            // There are no files here, so that none holds anything up.
            | Output::Upload { .. }
            | Output::SiteRenewed => {}
        }
    }

    fn note_trouble(&mut self, state: PeerState) {
        if matches!(state, PeerState::CatchingUp | PeerState::Live) {
            self.trouble = None;
        } else if let Some(bye) = self.peer.last_bye() {
            self.trouble = Some(format!("the server says {}: {}", bye.code.as_str(), bye.message));
        }
    }

    fn tell_rejected(&mut self, seqs: &[Seq]) {
        if seqs.is_empty() || !self.watches.wants_rejected() {
            return;
        }
        // Those who cannot be told now find it in the list.
        let Ok(mut all) = self.peer.rejected() else { return };
        all.retain(|it| seqs.contains(&it.seq));
        self.watches.tell_rejected(&all, &mut self.outputs);
    }

    /// Where sync stands, as messages name it.
    fn state(&self) -> &'static str {
        match self.peer.sync_state() {
            PeerState::Stopped if self.is_sync_wanted => "waiting",
            PeerState::Stopped => "stopped",
            PeerState::Connecting | PeerState::Greeted => "connecting",
            PeerState::CatchingUp => "catching_up",
            PeerState::Live => "live",
            PeerState::Backoff { .. } => "waiting",
            PeerState::NeedsAuth => "needs_token",
            PeerState::Refused => "refused",
        }
    }

    fn time(&mut self, now: Now, number: u32, format: Format, timeout: Option<std::time::Duration>) {
        if let Some(timeout) = timeout {
            let wait_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            self.timed.insert((now.steady_ms.saturating_add(wait_ms), number), format);
        }
    }

    fn verdicts(&mut self, answered: Answered<Waiting>) {
        for ((number, format), verdict) in answered {
            self.timed.retain(|(_, it), _| *it != number);
            let result = match verdict {
                Verdict::Taken(Some(txn)) => Ok(Answer::new().with_number("txn", txn.0)),
                Verdict::Taken(None) => Ok(Answer::new()),
                Verdict::Refused { seq, faults } => {
                    let why = peer_core::reasons(&faults);
                    Err(CallError::new(Code::Rejected, format!("the server refused transaction {}: {why}", seq.0)))
                }
            };
            self.outputs.add(kind::VERDICT, number, &encode_result(format, &result));
        }
    }

    /// What the server sent could not be taken.
    fn sync_failed(&mut self, now: Now, error: &PeerError) {
        self.trouble = Some(error.to_string());
        self.retry_later(now);
    }

    fn retry_later(&mut self, now: Now) {
        self.retry_ms = Some(now.steady_ms.saturating_add(RETRY_MS));
    }
}

fn no_server() -> CallError {
    CallError::new(Code::NoServer, "no server was named when the peer was opened")
}
