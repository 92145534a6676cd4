//! The group coordinator: the sockets' side of [`crate::coordination`].
//!
//! Invariant: the lock is held for one step of the state machine, never across an await.
//! Not here: any rule about groups, what is noted of them durably (`generations`), calling it after
//! time has passed (`group_timer`).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use topics::TopicLayout;
use uuid::Uuid;

use crate::{
    consumer_groups::{
        self, ConsumerGroupError, ConsumerGroupState, ConsumerGroupView, Heartbeat, HeartbeatAnswer, Noted,
    },
    coordination::{CommitRefusal, Committer, Coordination},
    groups::{
        Answer, GroupError, GroupKey, GroupState, GroupView, Join, JoinAnswer, Leaver, Settings, Sync, SyncAnswer,
        Token,
    },
    limits, noted_name,
};

/// Every group of every app, for all connections.
#[derive(Debug)]
pub(crate) struct Coordinator {
    started: Instant,
    inner: Mutex<Inner>,
    /// The machine's next timeout has come nearer than what the timer sleeps for.
    timer: Notify,
    groups_gauge: Gauge,
}

#[derive(Debug)]
struct Inner {
    groups: Coordination,
    waiting: HashMap<Token, oneshot::Sender<Answer>>,
    tokens: u64,
    timer_wakes_ms: u64,
}

impl Coordinator {
    /// `initial_delay`: how long the first rebalance of an empty group waits for more members. `groups_gauge` follows
    /// how many there are.
    pub(crate) fn new(initial_delay: Duration, groups_gauge: Gauge) -> Arc<Self> {
        let initial_delay_ms = u64::try_from(initial_delay.as_millis()).unwrap_or(u64::MAX);
        let adopts_until_ms = limits::ADOPTION_MS;
        let consumer = consumer_groups::Settings {
            session_timeout_ms: limits::CONSUMER_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms: limits::CONSUMER_HEARTBEAT_INTERVAL_MS,
            adopts_until_ms,
            noted_name: noted_name::noted_name,
        };
        let groups = Coordination::new(Settings { initial_delay_ms, adopts_until_ms }, consumer);
        let inner = Inner { groups, waiting: HashMap::new(), tokens: 0, timer_wakes_ms: u64::MAX };
        Arc::new(Self { started: Instant::now(), inner: Mutex::new(inner), timer: Notify::new(), groups_gauge })
    }

    /// Calls the machine after time has passed; the groups that have lost their last member since.
    pub(crate) fn poll(&self) -> Vec<GroupKey> {
        self.step(|groups, now_ms| groups.poll(now_ms));
        self.lock().groups.take_emptied().into_iter().collect()
    }

    /// Waits until the machine must be called again, at the latest at `latest_ms` since the start.
    pub(crate) async fn wait_for_time(&self, latest_ms: u64) {
        let wakes_ms = self.plan_timer().min(latest_ms);
        let sleep = async {
            match wakes_ms {
                u64::MAX => std::future::pending().await,
                _ => tokio::time::sleep_until(self.started + Duration::from_millis(wakes_ms)).await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = self.timer.notified() => {}
        }
    }

    /// Closes every group.
    pub(crate) fn close(&self) {
        self.step(|groups, now_ms| groups.close(now_ms));
    }

    pub(crate) fn consumer_heartbeat(
        &self,
        key: &GroupKey,
        heartbeat: Heartbeat,
        layout: &Arc<TopicLayout>,
        noted: impl FnOnce() -> Option<Noted>,
    ) -> Result<HeartbeatAnswer, ConsumerGroupError> {
        self.step(|groups, now_ms| groups.handle_consumer_heartbeat(now_ms, key, heartbeat, layout, noted))
    }

    pub(crate) async fn join(&self, key: &GroupKey, join: Join, layout: &Arc<TopicLayout>) -> JoinAnswer {
        let member_id = join.member_id.clone();
        match self.wait(key, |groups, now_ms, token| groups.handle_join(now_ms, key, token, join, layout)).await {
            Some(Answer::Join(answer)) => answer,
            _ => JoinAnswer::refused(GroupError::CoordinatorNotAvailable, member_id),
        }
    }

    pub(crate) async fn sync(&self, key: &GroupKey, sync: Sync) -> SyncAnswer {
        match self.wait(key, |groups, now_ms, token| groups.handle_sync(now_ms, key, token, sync)).await {
            Some(Answer::Sync(answer)) => answer,
            _ => SyncAnswer::refused(GroupError::CoordinatorNotAvailable),
        }
    }

    /// `member`: its id, static name and generation.
    pub(crate) fn heartbeat(
        &self,
        key: &GroupKey,
        member: (&str, Option<&str>, i32),
        layout: &Arc<TopicLayout>,
        noted: impl FnOnce() -> Option<i32>,
    ) -> Result<(), GroupError> {
        self.step(|groups, now_ms| groups.handle_heartbeat(now_ms, key, member, layout, noted))
    }

    pub(crate) fn leave(&self, key: &GroupKey, leavers: &[Leaver]) -> Vec<Result<(), GroupError>> {
        self.step(|groups, now_ms| groups.handle_leave(now_ms, key, leavers))
    }

    pub(crate) fn check_commit(
        &self,
        key: &GroupKey,
        by: Committer<'_>,
        noted: impl FnOnce() -> Option<i32>,
    ) -> Result<(), CommitRefusal> {
        self.step(|groups, now_ms| groups.check_commit(now_ms, key, by, noted))
    }

    /// Whether a member may commit an offset of this partition (by topic id) in an epoch that has passed.
    pub(crate) fn may_commit_late(&self, key: &GroupKey, member_id: &str, epoch: i32, partition: (Uuid, i32)) -> bool {
        self.lock().groups.may_commit_late(key, member_id, epoch, partition)
    }

    pub(crate) fn check_fetch(
        &self,
        key: &GroupKey,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ConsumerGroupError> {
        self.lock().groups.check_fetch(key, member_id, epoch)
    }

    /// The group's present generation, with the ids of its members; `None` if it has none.
    pub(crate) fn roster(&self, key: &GroupKey) -> Option<(i32, Vec<String>)> {
        self.lock().groups.roster(key)
    }

    /// Whether the group has members, or somebody who was told to come back as one.
    pub(crate) fn is_in_use(&self, key: &GroupKey) -> bool {
        self.lock().groups.is_in_use(key)
    }

    /// Whether the group has members.
    pub(crate) fn has_members(&self, key: &GroupKey) -> bool {
        self.lock().groups.has_members(key)
    }

    /// Whether the group has members, or had some lately.
    pub(crate) fn knows(&self, key: &GroupKey) -> bool {
        self.lock().groups.knows(key)
    }

    /// The classic group, if it has members or had some lately.
    pub(crate) fn describe(&self, key: &GroupKey) -> Option<GroupView> {
        self.lock().groups.classic().describe(key)
    }

    /// The consumer group, if it has members or had some lately, and the topics that it knows of.
    pub(crate) fn describe_consumer(&self, key: &GroupKey) -> Option<(ConsumerGroupView, Arc<TopicLayout>)> {
        self.lock().groups.consumer().describe(key)
    }

    /// The app's classic groups that have members or had some lately, sorted: name, state, protocol type.
    pub(crate) fn list(&self, app: &Arc<str>) -> Vec<(Arc<str>, GroupState, String)> {
        self.lock().groups.classic().list(app)
    }

    /// The app's consumer groups that have members or had some lately, sorted: name and state.
    pub(crate) fn list_consumer(&self, app: &Arc<str>) -> Vec<(Arc<str>, ConsumerGroupState)> {
        self.lock().groups.consumer().list(app)
    }

    /// When the timer must wake; steps that bring that nearer notify it.
    fn plan_timer(&self) -> u64 {
        let mut inner = self.lock();
        inner.timer_wakes_ms = inner.groups.poll_timeout().unwrap_or(u64::MAX);
        inner.timer_wakes_ms
    }

    async fn wait(&self, key: &GroupKey, ask: impl FnOnce(&mut Coordination, u64, Token)) -> Option<Answer> {
        let (sender, receiver) = oneshot::channel();
        let token = {
            let mut inner = self.lock();
            inner.tokens += 1;
            let token = Token(inner.tokens);
            inner.waiting.insert(token, sender);
            token
        };
        let mut abandoned = AbandonOnDrop { coordinator: self, key, token, answered: false };
        self.step(|groups, now_ms| ask(groups, now_ms, token));
        let answer = receiver.await.ok();
        abandoned.answered = true;
        answer
    }

    /// One step of the machine; what it answers is sent on.
    fn step<T>(&self, run: impl FnOnce(&mut Coordination, u64) -> T) -> T {
        let mut inner = self.lock();
        let now_ms = self.now_ms();
        let result = run(&mut inner.groups, now_ms);
        while let Some((token, answer)) = inner.groups.poll_answer() {
            if let Some(sender) = inner.waiting.remove(&token) {
                let _ = sender.send(answer); // a receiver that has gone abandons its token by itself
            }
        }
        self.groups_gauge.set(i64::try_from(inner.groups.len()).unwrap_or(i64::MAX));
        let is_due_before = inner.groups.poll_timeout().is_some_and(|due_ms| due_ms < inner.timer_wakes_ms);
        if is_due_before || inner.groups.has_emptied() {
            self.timer.notify_one();
        }
        result
    }

    /// Since the start.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic inside a step leaves at worst one group odd; its members' sessions end.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the machine when a request's connection ends before its answer came.
struct AbandonOnDrop<'a> {
    coordinator: &'a Coordinator,
    key: &'a GroupKey,
    token: Token,
    answered: bool,
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.coordinator.lock().waiting.remove(&self.token);
            self.coordinator.step(|groups, now_ms| groups.handle_abandoned(now_ms, self.key, self.token));
        }
    }
}
