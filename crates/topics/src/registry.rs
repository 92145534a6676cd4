//! The apps of a server with their topics: each is opened when it is first used, and closed when
//! nobody has used it for a while.
//!
//! Invariants: at most [`OPEN_APPS_MAX`] are open; an app is opened once for all who want it, and
//! on another thread than theirs; one that somebody holds (a waiting fetch, a consumer's
//! connection, a snapshot) is never closed; a look-up of an open app waits for nothing.
//! Not here: which apps there are, and opening their files (`store::DataDir`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use store::{AppName, AppUnavailable, CommitError, DataDir, DeleteAppError};
use tokio::{
    sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    app_topics::AppTopics,
    compressed::KeptBatches,
    limits::{
        CLOSE_IDLE_AFTER, LOOK_FOR_IDLE_EVERY, LOOK_FOR_OLD_EVENTS_EVERY, OPEN_APPS_MAX, OPEN_AT_START_MAX,
        OPENING_RETRIED_AFTER, OPENING_WAIT,
    },
    view::Which,
};

/// How often whoever waits for room looks again whether somebody has let go of an app.
const ROOM_LOOK_EVERY: Duration = Duration::from_millis(50);

/// The topics of all apps of a server.
#[derive(Debug)]
pub struct TopicRegistry {
    data: Arc<DataDir>,
    opening_wait: Duration,
    /// Held for a look-up only.
    open: RwLock<HashMap<String, Opened>>,
    /// One opening or closing of an app at a time.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// One permit for each app that may be open.
    room: Arc<Semaphore>,
    /// What could not be opened, and when: it is not tried again at once, since trying reads its
    /// files.
    failed: Mutex<HashMap<String, (Instant, AppUnavailable)>>,
    stopping: AtomicBool,
    began: Instant,
    kept_batches: Arc<KeptBatches>,
}

/// An open app.
#[derive(Debug)]
struct Opened {
    topics: Arc<AppTopics>,
    /// When it was last asked for, in ms since the registry began.
    used_ms: AtomicU64,
    room: OwnedSemaphorePermit,
}

impl TopicRegistry {
    /// For the apps in `data`, none of which is opened yet.
    pub fn new(data: Arc<DataDir>) -> Arc<Self> {
        Self::with_limits(data, OPEN_APPS_MAX, OPENING_WAIT)
    }

    /// As [`TopicRegistry::new`], with at most so many apps open, and other than [`OPENING_WAIT`].
    pub fn with_limits(data: Arc<DataDir>, open_apps_max: usize, opening_wait: Duration) -> Arc<Self> {
        Arc::new(Self {
            data,
            opening_wait,
            open: RwLock::default(),
            turns: Mutex::default(),
            room: Arc::new(Semaphore::new(open_apps_max)),
            failed: Mutex::default(),
            stopping: AtomicBool::new(false),
            began: Instant::now(),
            kept_batches: Arc::default(),
        })
    }

    /// The topics of the app of that name, which is opened if need be. Waits for that at most
    /// [`OPENING_WAIT`]; the opening goes on.
    pub async fn app(self: &Arc<Self>, name: &str) -> Result<Arc<AppTopics>, AppUnavailable> {
        if let Some(topics) = self.used(name) {
            return Ok(topics);
        }
        let waited = timeout(self.opening_wait, self.open_whole(name)).await;
        waited.unwrap_or_else(|_| {
            let reason = format!("that takes longer than {} s", self.opening_wait.as_secs_f32());
            Err(AppUnavailable::Busy { app: name.to_owned(), reason })
        })
    }

    /// As [`TopicRegistry::app`], however long it takes. Dropping the future does not stop it.
    async fn open_whole(self: &Arc<Self>, name: &str) -> Result<Arc<AppTopics>, AppUnavailable> {
        if !self.data.has_app(name) {
            return Err(AppUnavailable::NotFound { app: name.to_owned() });
        }
        let (registry, app) = (self.clone(), name.to_owned());
        let opening = tokio::spawn(async move { registry.open_in_turn(&app).await });
        opening.await.unwrap_or_else(|error| Err(busy(name, format!("its opening broke off: {error}"))))
    }

    async fn open_in_turn(self: &Arc<Self>, name: &str) -> Result<Arc<AppTopics>, AppUnavailable> {
        let _turn = self.turn(name).lock_owned().await;
        if let Some(topics) = self.used(name) {
            return Ok(topics);
        }
        if let Some(failure) = self.failed_lately(name) {
            return Err(failure);
        }
        let room = self.room(name).await?;
        if self.stopping.load(SeqCst) {
            return Err(AppUnavailable::Stopping);
        }
        let (data, app, kept) = (self.data.clone(), name.to_owned(), self.kept_batches.clone());
        let opened = spawn_blocking(move || open(&data, &app, kept)).await;
        let opened = opened.unwrap_or_else(|error| Err(busy(name, format!("its opening broke off: {error}"))));
        match opened {
            Ok(topics) if self.stopping.load(SeqCst) => {
                topics.stop_evaluating().await;
                Err(AppUnavailable::Stopping)
            }
            Ok(topics) => {
                self.note_failure(name, None);
                let opened = Opened { topics: topics.clone(), used_ms: self.now_ms().into(), room };
                self.open.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), opened);
                Ok(topics)
            }
            Err(error) => {
                self.note_failure(name, Some(error.clone()));
                Err(error)
            }
        }
    }

    /// Whether there is an app of that name, open or not.
    pub fn has_app(&self, name: &str) -> bool {
        self.data.has_app(name)
    }

    /// The app if it is open. It counts as used.
    fn used(&self, name: &str) -> Option<Arc<AppTopics>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let opened = open.get(name)?;
        opened.used_ms.store(self.now_ms(), Relaxed);
        Some(opened.topics.clone())
    }

    /// The topics of an app if it is open; that does not count as a use of it.
    pub fn opened(&self, name: &str) -> Option<Arc<AppTopics>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(name).map(|opened| opened.topics.clone())
    }

    /// The topics of every app that is open, by its name.
    pub fn all_opened(&self) -> Vec<Arc<AppTopics>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = open.values().map(|opened| opened.topics.clone()).collect();
        drop(open);
        all.sort_by(|a, b| a.app().name().cmp(b.app().name()));
        all
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn turn(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default().clone()
    }

    fn failed_lately(&self, name: &str) -> Option<AppUnavailable> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, failure) = failed.get(name)?;
        (at.elapsed() < OPENING_RETRIED_AFTER).then(|| failure.clone())
    }

    fn note_failure(&self, name: &str, failure: Option<AppUnavailable>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(failure) => drop(failed.insert(name.to_owned(), (Instant::now(), failure))),
            None => drop(failed.remove(name)),
        }
    }

    /// Waits until one more app may be open: the one that was not used for longest is closed. When
    /// all are in use it waits for one to be let go of, in all at most [`OPENING_WAIT`].
    async fn room(&self, name: &str) -> Result<OwnedSemaphorePermit, AppUnavailable> {
        let began = Instant::now();
        loop {
            if let Ok(room) = self.room.clone().try_acquire_owned() {
                return Ok(room);
            }
            if self.close_least_used().await {
                continue;
            }
            if began.elapsed() >= self.opening_wait {
                return Err(busy(name, "as many apps as may be open are in use".into()));
            }
            if let Ok(Ok(room)) = timeout(ROOM_LOOK_EVERY, self.room.clone().acquire_owned()).await {
                return Ok(room);
            }
        }
    }

    async fn close_least_used(&self) -> bool {
        for name in self.least_used_first(Duration::ZERO) {
            if self.close_if_unused(&name).await {
                return true;
            }
        }
        false
    }

    /// The open apps that were not used for `at_least`.
    fn least_used_first(&self, at_least: Duration) -> Vec<String> {
        let now_ms = self.now_ms();
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let idle = open.iter().map(|(name, opened)| (opened.used_ms.load(Relaxed), name.clone()));
        let mut idle: Vec<_> =
            idle.filter(|(used_ms, _)| u128::from(now_ms.saturating_sub(*used_ms)) >= at_least.as_millis()).collect();
        drop(open);
        idle.sort();
        idle.into_iter().map(|(_, name)| name).collect()
    }

    /// Closes the app unless somebody holds it, or is about to open or close it.
    async fn close_if_unused(&self, name: &str) -> bool {
        let Ok(turn) = self.turn(name).try_lock_owned() else { return false };
        let Some(opened) = self.take_unused(name) else { return false };
        self.close(opened, turn).await;
        true
    }

    /// Nobody finds it from here on, and nobody holds it who could go on to use it.
    fn take_unused(&self, name: &str) -> Option<Opened> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let topics = &open.get(name)?.topics;
        // What has failed, or is damaged, is so until the server is restarted: opened again it
        // would seem to be well.
        let app = topics.app();
        let is_well = app.damage().is_none() && !matches!(app.write_obstacle(), Some(CommitError::Halted { .. }));
        let is_unused = is_well && Arc::strong_count(topics) == 1 && app.holders() == 1;
        if is_unused { open.remove(name) } else { None }
    }

    async fn close(&self, opened: Opened, turn: OwnedMutexGuard<()>) {
        let Opened { topics, room, .. } = opened;
        topics.stop_evaluating().await;
        let data = self.data.clone();
        let closed = spawn_blocking(move || {
            topics.try_to_note_views(Which::Every);
            let app = topics.app().clone();
            tracing::debug!(app = app.name().as_str(), "closing an app that nobody uses");
            data.close_app(app, move || drop(topics));
            drop((room, turn));
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "an app could not be closed");
        }
    }

    /// Begins to delete an app ([`DataDir::begin_deletion`]): when this returns nobody gets it any
    /// more, and it takes no writes. An opening that is under way ends first.
    pub async fn begin_deletion(&self, name: &str) -> Result<AppName, DeleteAppError> {
        let turn = self.turn(name).lock_owned().await;
        let (data, app) = (self.data.clone(), name.to_owned());
        let begun = spawn_blocking(move || data.begin_deletion(&app)).await;
        let begun = begun.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?;
        let opened = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(opened) = opened {
            opened.topics.stop_evaluating().await;
        }
        self.note_failure(name, None);
        drop(turn);
        Ok(begun)
    }

    /// Opens the app `first`, and a few others, so that what keeps them from opening is known at
    /// once. It does not fail: what cannot be opened is told by [`DataDir::damaged_apps`].
    pub async fn open_at_start(self: &Arc<Self>, first: &AppName) {
        let names = self.data.app_names();
        let others = names.iter().filter(|name| *name != first).take(OPEN_AT_START_MAX - 1);
        for name in std::iter::once(first).chain(others) {
            if let Err(error) = self.open_whole(name.as_str()).await {
                tracing::debug!(app = name.as_str(), %error, "not open");
            }
        }
    }

    /// Closes apps that nobody uses, and opens those that retention has something to do in, until
    /// `stopping` is true.
    pub async fn keep(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut looked_at = Instant::now();
        loop {
            tokio::select! {
                () = sleep(LOOK_FOR_IDLE_EVERY) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
            self.close_unused_for(CLOSE_IDLE_AFTER).await;
            if looked_at.elapsed() >= LOOK_FOR_OLD_EVENTS_EVERY {
                looked_at = Instant::now();
                self.open_for_retention().await;
            }
        }
    }

    /// Closes the apps that nobody has used for `at_least`; how many.
    pub async fn close_unused_for(&self, at_least: Duration) -> usize {
        let mut closed = 0;
        for name in self.least_used_first(at_least) {
            closed += usize::from(self.close_if_unused(&name).await);
        }
        closed
    }

    /// What was written in time past goes though nobody uses the app. Retention looks soon after
    /// the opening.
    pub async fn open_for_retention(self: &Arc<Self>) {
        for name in self.data.app_names() {
            let (data, app) = (self.data.clone(), name.clone());
            let has_old_events = spawn_blocking(move || data.has_old_events(app.as_str())).await;
            if has_old_events.is_ok_and(|has| has)
                && let Err(error) = self.app(name.as_str()).await
            {
                tracing::debug!(app = name.as_str(), %error, "old events stay for now");
            }
        }
    }

    /// Stops looking at new events, and keeps what is known of the live queries with the documents,
    /// so that the next start need not look at the events again. Returns when nothing of this holds
    /// an app any longer but its own [`AppTopics`]. No app is opened any more.
    pub async fn stop(&self) {
        self.stopping.store(true, SeqCst);
        for topics in self.all_opened() {
            topics.stop_evaluating().await;
            topics.try_to_note_views(Which::Every);
        }
    }
}

fn busy(app: &str, reason: String) -> AppUnavailable {
    AppUnavailable::Busy { app: app.to_owned(), reason }
}

/// Blocks on disk.
fn open(data: &DataDir, name: &str, kept: Arc<KeptBatches>) -> Result<Arc<AppTopics>, AppUnavailable> {
    let app = data.app(name)?;
    AppTopics::open(app.clone(), kept).map_err(|error| {
        data.note_damage(name, &error.message);
        data.close_app(app, || {});
        AppUnavailable::Damaged { app: name.to_owned(), reason: error.message }
    })
}
