//! The task of a webhook: reads, sends, notes.
//!
//! Invariants: the position is written after what it says, and after what was set aside before it.
//! Not here: which event is sent when (`schedule`).

use std::{collections::HashSet, future::pending, sync::Arc, time::Duration};

use outbound::Endpoint;
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    event,
    kept::Kept,
    outcome::Outcome,
    request::Sender,
    schedule::{Call, Progress, Schedule, Settled},
    set_aside::SetAside,
};
use crate::{
    definition::Target,
    feed::{Feed, FeedError, topic_of},
    limits::{CALLS_END_TIMEOUT, READ_BYTES, TRY_AGAIN},
    sinks::{FORMER_SECRET, FORMER_UNTIL, SECRET},
    work::Work,
};

/// A webhook that is delivered.
pub(super) struct Delivery {
    work: Work,
    sender: Arc<Sender>,
    endpoint: Arc<Endpoint>,
    feed: Feed,
    schedule: Schedule,
    set_aside: Arc<SetAside>,
    /// Those that are sent once more.
    replaying: HashSet<u64>,
    calls: JoinSet<(Call, Outcome)>,
    /// The clock that never jumps, and what it is ahead of the wall's.
    ahead_ms: i64,
    /// There may be more to read.
    may_read: bool,
    /// Something is not written yet, and when it may be.
    is_dirty: bool,
    write_at: Instant,
    /// Why the topic cannot be read, or the position not be written, and until when that is so.
    trouble: Option<(String, Instant)>,
}

/// Why the task ends.
enum End {
    Stopped,
    Gone,
    Failed(String),
}

impl Delivery {
    /// Where the sink stands; why it cannot be delivered.
    pub(super) async fn open(work: Work) -> Result<Self, String> {
        let Target::Webhook { url } = &work.sink.target else { return Err("it is no webhook".to_owned()) };
        let endpoint = Endpoint::parse(url).map_err(|error| format!("url: {error}"))?;
        if !work.secrets.contains_key(SECRET) {
            return Err("its secret is not known here, as after a restore without a passphrase: set it".to_owned());
        }
        let app = work.topics.app().name().as_str().to_owned();
        let set_aside = work.folders.set_aside(&app, &work.sink.name).await.map_err(|error| error.to_string())?;
        let folder = work.folders.folder(&app, &work.sink.name);
        let kept = spawn_blocking(move || Kept::read(&folder)).await.map_err(|error| error.to_string())?;
        let kept = kept.map_err(|error| format!("{error}; delete the sink and make it again"))?;
        let position = kept.as_ref().map(Kept::position);
        let feed = Feed::open(&work.topics, &work.sink, position.as_ref()).await.map_err(|error| error.to_string())?;
        let topic = topic_of(&work.topics, &work.sink).map_err(|error| error.to_string())?.name().to_owned();
        let progress = kept.map_or_else(|| Progress::at(&feed.position().next_offsets), |kept| kept.progress);
        let (clock, now) = (&work.host.clock, Instant::now());
        let sender = Sender { app, topic, sink: work.sink.name.clone() };
        let mut delivery = Self {
            ahead_ms: clock.now_ms() as i64 - clock.boot_ms() as i64,
            schedule: Schedule::at(progress, work.pace),
            endpoint: Arc::new(endpoint),
            sender: Arc::new(sender),
            replaying: HashSet::new(),
            calls: JoinSet::new(),
            may_read: true,
            is_dirty: true,
            write_at: now,
            trouble: None,
            work,
            feed,
            set_aside,
        };
        delivery.replay();
        Ok(delivery)
    }

    pub(super) async fn run(mut self) {
        let end = loop {
            if *self.work.stopping.borrow() {
                break End::Stopped;
            }
            if let Err(why) = self.read().await {
                break End::Failed(why);
            }
            self.call();
            self.show();
            self.write_if_due().await;
            let ended = if self.may_read && self.schedule.has_room() && self.trouble.is_none() {
                tokio::task::yield_now().await;
                None
            } else {
                self.wait().await
            };
            if let Some(end) = self.settle_ended(ended) {
                break end;
            }
        };
        self.end(end).await;
    }

    /// Ms since the epoch, by a clock that does not jump.
    fn now_ms(&self) -> u64 {
        self.work.host.clock.boot_ms().saturating_add_signed(self.ahead_ms)
    }

    /// What comes next, if there is room for it; why nothing will ever come.
    async fn read(&mut self) -> Result<(), String> {
        if self.trouble.as_ref().is_some_and(|(_, until)| *until <= Instant::now()) {
            self.trouble = None;
        }
        if !self.schedule.has_room() || self.trouble.is_some() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        match self.feed.read(READ_BYTES).await {
            Ok(batches) => {
                self.may_read = !batches.is_empty();
                self.is_dirty |= self.may_read;
                for batch in batches {
                    match event::events(batch.partition, &batch.piece) {
                        Ok(events) => self.schedule.take(batch.partition, events, batch.piece.next_offset, now_ms),
                        // It was checked where it was read: no second look will find anything else.
                        Err(error) => return Err(format!("an event cannot be read: {error}")),
                    }
                }
            }
            Err(error @ FeedError::Read(_)) => self.troubled(format!("the topic cannot be read: {error}")),
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }

    fn troubled(&mut self, why: String) {
        tracing::warn!(app = self.sender.app, sink = self.sender.sink, why, "the sink waits");
        self.work.status.erred();
        self.trouble = Some((why, Instant::now() + TRY_AGAIN));
    }

    /// Begins what calls have their turn.
    fn call(&mut self) {
        while let Some(call) = self.schedule.next(self.now_ms()) {
            let now_ms = self.work.host.clock.now_ms();
            let signature = outbound::signature(&self.secrets(now_ms), now_ms / 1000, &call.event.value);
            let headers = self.sender.headers(&call.event, call.skipped, &signature);
            let (client, endpoint) = (self.work.outbound.clone(), self.endpoint.clone());
            self.calls.spawn(async move {
                let called = client.post(&endpoint, &headers, call.event.value.clone()).await;
                (call, Outcome::of(called))
            });
        }
    }

    /// Those that sign: the one before does so for a while too.
    fn secrets(&self, now_ms: u64) -> Vec<&str> {
        let secrets = &self.work.secrets;
        let former_until = secrets.get(FORMER_UNTIL).and_then(|until| until.parse().ok()).unwrap_or(0_u64);
        let former = secrets.get(FORMER_SECRET).filter(|_| now_ms < former_until);
        secrets.get(SECRET).into_iter().chain(former).map(String::as_str).collect()
    }

    /// Takes the call that has ended, and whatever others have.
    fn settle_ended(&mut self, mut ended: Option<(Call, Outcome)>) -> Option<End> {
        while let Some((call, outcome)) = ended {
            if let Some(end) = self.settle(&call, outcome) {
                return Some(end);
            }
            ended = self.calls.try_join_next().and_then(Result::ok);
        }
        None
    }

    fn settle(&mut self, call: &Call, outcome: Outcome) -> Option<End> {
        let now_ms = self.now_ms();
        self.is_dirty = true;
        match self.schedule.settle(call, outcome, now_ms, rand::random()) {
            Settled::Delivered => {
                self.work.status.delivered(1, self.schedule.lows());
                if let Some(id) = call.event.replayed {
                    self.replaying.remove(&id);
                    self.set_aside.delivered(id);
                }
            }
            Settled::Later => self.work.status.erred(),
            Settled::SetAside { reason } => {
                self.work.status.erred();
                if let Some(id) = call.event.replayed {
                    self.replaying.remove(&id);
                }
                tracing::warn!(
                    app = self.sender.app,
                    sink = self.sender.sink,
                    key = call.event.key,
                    reason,
                    "an event is set aside"
                );
                let added = self.set_aside.add(&call.event, reason, self.work.host.clock.now_ms());
                if let Err(full) = added {
                    return Some(End::Failed(full.to_string()));
                }
            }
            Settled::Gone => return Some(End::Gone),
        }
        None
    }

    /// Says what it does.
    fn show(&self) {
        let status = &self.work.status;
        status.delivered(0, self.schedule.lows());
        status.delivered_beyond_are(self.schedule.delivered_beyond());
        status.set_aside_are(self.set_aside.count());
        match (&self.trouble, self.schedule.waits()) {
            (Some((why, until)), _) => {
                let wait = until.saturating_duration_since(Instant::now());
                status.waiting(why.clone(), Some(self.now_ms() + wait.as_millis() as u64));
            }
            (None, Some((reason, next_try_ms))) => status.waiting(reason, next_try_ms),
            (None, None) => status.running(),
        }
    }

    /// Until there is something to do.
    async fn wait(&mut self) -> Option<(Call, Outcome)> {
        let now_ms = self.now_ms();
        let due_ms = self.schedule.wake_ms().map(|wake_ms| wake_ms.saturating_sub(now_ms));
        let has_room = self.schedule.has_room() && self.trouble.is_none();
        let trouble_ends = self.trouble.as_ref().map(|(_, until)| *until);
        let Self { work, feed, calls, set_aside, .. } = self;
        let (is_dirty, write_at) = (self.is_dirty, self.write_at);
        let mut ended = None;
        let mut is_replay = false;
        tokio::select! {
            _ = work.stopping.wait_for(|stop| *stop) => {}
            Some(it) = calls.join_next(), if !calls.is_empty() => ended = it.ok(),
            () = set_aside.replays.notified() => is_replay = true,
            () = feed.changed(LOOK_AGAIN), if has_room => self.may_read = true,
            () = sleep(Duration::from_millis(due_ms.unwrap_or(0))), if due_ms.is_some() => {}
            () = sleep_until(write_at), if is_dirty => {}
            () = until(trouble_ends) => self.may_read = true,
        }
        if is_replay {
            self.replay();
        }
        ended
    }

    /// Takes what is to be sent once more.
    fn replay(&mut self) {
        let now_ms = self.now_ms();
        for event in self.set_aside.to_replay() {
            if event.replayed.is_some_and(|id| self.replaying.insert(id)) {
                self.schedule.replay(event, now_ms);
            }
        }
    }

    async fn write_if_due(&mut self) {
        if self.is_dirty && self.write_at <= Instant::now() {
            self.write().await;
        }
    }

    async fn write(&mut self) {
        let kept = Kept::new(self.feed.position_at(self.schedule.lows()), self.schedule.progress());
        let folder = self.work.folders.folder(&self.sender.app, &self.sender.sink);
        let set_aside = self.set_aside.clone();
        let written = spawn_blocking(move || set_aside.write().and_then(|()| kept.write(&folder))).await;
        self.write_at = Instant::now() + self.work.pace.write_every;
        match written {
            Ok(Ok(())) => self.is_dirty = false,
            Ok(Err(error)) => self.troubled(format!("the position cannot be kept: {error}")),
            Err(error) => self.troubled(format!("the position cannot be kept: {error}")),
        }
    }

    /// Waits a while for calls that are under way, and writes the position.
    async fn end(mut self, end: End) {
        let mut end = end;
        let calls_end = async {
            while let Some(ended) = self.calls.join_next().await {
                if let Ok((call, outcome)) = ended
                    && let Some(worse) = self.settle(&call, outcome)
                    && matches!(end, End::Stopped)
                {
                    end = worse;
                }
            }
        };
        drop(timeout(CALLS_END_TIMEOUT, calls_end).await);
        // Beyond what could not be set aside nothing is passed.
        if !matches!(end, End::Failed(_)) {
            self.write().await;
        }
        self.show();
        match end {
            End::Stopped => {}
            End::Gone => self.work.status.paused(Some(GONE.to_owned())),
            End::Failed(why) => self.work.status.failed(why),
        }
    }
}

/// How often a topic is looked at that nobody says has changed.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Why a webhook whose receiver answers 410 is paused.
const GONE: &str = "the receiver answered 410 Gone: it wants no more events";

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
