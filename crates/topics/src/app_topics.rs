//! The topics of an app: the main one and those of its live queries, which come and go while the
//! server runs.

use std::{
    sync::{
        Arc, Mutex, RwLock,
        atomic::{
            AtomicBool,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use store::{App, CommitError, DefinitionKind, SnapshotError, TakeOverError, ViewId, ViewNotes};
use tokio::{sync::OwnedMutexGuard, task::JoinHandle};
use uuid::Uuid;

use crate::{
    compressed::{Compressed, KeptBatches},
    definition::{self, Defined, DefinedQuery},
    evaluator,
    lag::WrittenTimes,
    layout::TopicLayout,
    limits::{LIVE_QUERIES_MAX, PARTITIONS_PER_APP_MAX},
    live_query::{Compression, LiveQuery, LiveQueryError, MAIN, OnGap, QueryLanguage, SharedOnGap},
    preparing,
    progress::Progress,
    topic::{Topic, TopicError},
    trim,
    view::{View, Which},
    views::Views,
};

/// How long what is left of deleted live queries stays, at least.
const SWEEP_DELAY: Duration = Duration::from_secs(10);

/// The topics of one app. Methods that say so must be called within a tokio runtime.
#[derive(Debug)]
pub struct AppTopics {
    app: Arc<App>,
    defined: RwLock<Defined>,
    /// They are in the file of an older version still: before one is changed it has to go.
    is_to_be_taken_over: AtomicBool,
    views: RwLock<Arc<Views>>,
    layout: RwLock<Arc<TopicLayout>>,
    main_on_gap: SharedOnGap,
    /// One change at a time, and none during a step of a trim.
    changing: Arc<tokio::sync::Mutex<()>>,
    /// One looks at events at a time.
    pub(crate) evaluating: Mutex<()>,
    /// Who notes something of live queries notes it of those that there are: what was noted of one
    /// is forgotten when it is deleted.
    pub(crate) noting: Mutex<()>,
    evaluator: Mutex<Option<JoinHandle<()>>>,
    stopping: AtomicBool,
    is_sweep_due: AtomicBool,
    /// A trim may have noted something of a live query after it was forgotten.
    is_rest_of_trim: AtomicBool,
    pub(crate) written_times: WrittenTimes,
    pub(crate) progress: Arc<Progress>,
}

/// What is to be changed of a live query; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveQueryChange {
    /// What a gap gets.
    pub on_gap: Option<OnGap>,
    /// How its batches are compressed.
    pub compression: Option<Compression>,
}

/// Why a live query was not made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It cannot be.
    #[error(transparent)]
    Invalid(#[from] LiveQueryError),
    /// There is one of that name.
    #[error("there is a live query {0:?} already")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no live query {0:?}")]
    NotFound(String),
    /// The main feed stays.
    #[error("the main feed cannot be deleted")]
    Main,
    /// The main feed is served as it is stored.
    #[error("compression: the main feed is served as it is stored, uncompressed; make a live query, which can be")]
    MainCompression,
    /// There are too many.
    #[error("an app has at most {LIVE_QUERIES_MAX} live queries")]
    TooMany,
    /// They have too many partitions.
    #[error("all live queries of an app have at most {PARTITIONS_PER_APP_MAX} partitions")]
    TooManyPartitions,
    /// Documents, or what is known of live queries, could not be read or written.
    #[error("the live query cannot be prepared: {0}")]
    Prepare(#[from] SnapshotError),
    /// It could not be committed.
    #[error("the live query cannot be kept: {0}")]
    Commit(#[from] CommitError),
    /// What belongs to it could not be read or written.
    #[error("what is known of the live query cannot be kept: {0}")]
    Io(#[from] std::io::Error),
}

impl From<TakeOverError> for ChangeError {
    fn from(error: TakeOverError) -> Self {
        match error {
            TakeOverError::Commit(error) => Self::Commit(error),
            TakeOverError::Io(error) => Self::Io(error),
        }
    }
}

impl AppTopics {
    pub(crate) fn open(app: Arc<App>, kept: Arc<KeptBatches>) -> Result<Arc<Self>, TopicError> {
        let failed = |message: String| TopicError { message };
        let older = definition::of_older_version(&app);
        let older = older.map_err(|e| failed(format!("the live queries cannot be read: {e}")))?;
        let taken_over = older.as_ref().map(|older| definition::take_over(&app, older));
        // Where nothing can be written now, on a full disk say, they are in force as they are.
        let is_to_be_taken_over = taken_over.is_some_and(|taken| {
            taken
                .inspect_err(
                    |error| tracing::warn!(app = app.name().as_str(), %error, "live queries stay in their file"),
                )
                .is_err()
        });
        let defined = match older.filter(|_| is_to_be_taken_over) {
            Some(older) => older,
            None => Defined::of(&app.definitions(DefinitionKind::LiveQuery)).map_err(failed)?,
        };
        let progress = Arc::new(Progress::new(Compressed::new(kept)));
        let (views, has_rest) = preparing::open(&app, &progress, &defined.live_queries).map_err(failed)?;
        let layout = RwLock::new(layout_of(&app, &views));
        let topics = Arc::new(Self {
            app,
            layout,
            main_on_gap: SharedOnGap::new(defined.main_on_gap),
            defined: RwLock::new(defined),
            is_to_be_taken_over: AtomicBool::new(is_to_be_taken_over),
            views: RwLock::new(Arc::new(Views::new(views))),
            changing: Arc::default(),
            evaluating: Mutex::default(),
            noting: Mutex::default(),
            evaluator: Mutex::default(),
            stopping: AtomicBool::new(false),
            is_sweep_due: AtomicBool::new(false),
            is_rest_of_trim: AtomicBool::new(false),
            written_times: WrittenTimes::default(),
            progress,
        });
        topics.app.observe_trims(Box::new(trim::Observer::of(&topics)));
        topics.start_evaluating();
        if has_rest {
            topics.sweep();
        }
        Ok(topics)
    }

    /// The first live query starts the task; without one there is nothing to do.
    fn start_evaluating(self: &Arc<Self>) {
        let mut evaluator = self.evaluator.lock().expect("not poisoned");
        if evaluator.is_none() && !self.views().is_empty() && !self.is_stopping() {
            *evaluator = Some(tokio::spawn(evaluator::run(Arc::downgrade(self))));
        }
        self.progress.want();
    }

    /// Returns when the task has ended and let go of the app.
    pub(crate) async fn stop_evaluating(&self) {
        self.stopping.store(true, SeqCst);
        self.progress.want();
        let task = self.evaluator.lock().expect("not poisoned").take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(app = self.app.name().as_str(), %error, "the evaluator of live queries failed");
        }
    }

    /// Why live queries do not get on with new events; `None` while they do.
    pub fn stopped(&self) -> Option<String> {
        self.views()
            .iter()
            .find_map(|view| view.stopped().map(|why| format!("live query {:?}: {why}", view.query.name)))
    }

    /// How often a live query's filter was too expensive on a document since the start, which then
    /// counted as matching.
    pub fn filters_given_up(&self) -> u64 {
        self.progress.given_up.load(Relaxed)
    }

    /// Batches that were compressed for Kafka clients since the start.
    pub fn batches_compressed(&self) -> u64 {
        self.progress.compressed.made.load(Relaxed)
    }

    /// How often a Kafka client got a compressed batch that had been made before.
    pub fn compressed_batches_reused(&self) -> u64 {
        self.progress.compressed.reused.load(Relaxed)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// The app.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Every topic, the main one first, the others by name.
    pub fn all(&self) -> Vec<Topic> {
        let main = std::iter::once(self.main());
        main.chain(self.views().iter().map(|view| Topic::of_view(self.app.clone(), view.clone()))).collect()
    }

    /// Which topics there are. The same `Arc` until a live query is made or deleted.
    pub fn layout(&self) -> Arc<TopicLayout> {
        self.layout.read().expect("not poisoned").clone()
    }

    /// The main topic.
    pub fn main(&self) -> Topic {
        Topic::main(self.app.clone(), self.main_on_gap.clone())
    }

    /// The topic of that name.
    pub fn by_name(&self, name: &str) -> Option<Topic> {
        let main = self.main();
        if main.name() == name {
            return Some(main);
        }
        let views = self.views();
        let view = views.iter().find(|view| view.topic == name)?;
        Some(Topic::of_view(self.app.clone(), view.clone()))
    }

    /// The topic of that id.
    pub fn by_id(&self, id: Uuid) -> Option<Topic> {
        let main = self.main();
        if main.id() == id {
            return Some(main);
        }
        let views = self.views();
        let view = views.iter().find(|view| view.id == id)?;
        Some(Topic::of_view(self.app.clone(), view.clone()))
    }

    /// The live queries by name, the main feed (as [`MAIN`]) first.
    pub fn live_queries(&self) -> Vec<LiveQuery> {
        let main = LiveQuery {
            name: MAIN.to_owned(),
            collection: None,
            query: None,
            query_language: QueryLanguage::Legacy,
            partitions: 1,
            on_gap: self.main_on_gap.get(),
            compression: Compression::None,
            permission: None,
            created_ms: 0,
        };
        std::iter::once(main).chain(self.views().iter().map(|view| view.live_query())).collect()
    }

    /// The topic of the live query of that name.
    pub fn topic_of(&self, live_query: &LiveQuery) -> String {
        if live_query.name == MAIN { self.app.name().main_topic() } else { live_query.topic(self.app.name()) }
    }

    /// Makes a live query; its topic has its whole history at once. Done to its end even if nobody
    /// waits for it, as all changes are.
    pub async fn create(self: &Arc<Self>, live_query: LiveQuery) -> Result<(), ChangeError> {
        live_query.check()?;
        let topics = self.clone();
        to_its_end(async move {
            let _one = topics.changing.lock().await;
            topics.take_over_first().await?;
            let mut defined = topics.defined();
            if defined.live_queries.iter().any(|known| known.query.name == live_query.name) {
                return Err(ChangeError::Exists(live_query.name));
            }
            if defined.live_queries.len() >= LIVE_QUERIES_MAX {
                return Err(ChangeError::TooMany);
            }
            let partitions = defined.live_queries.iter().map(|known| usize::from(known.query.partitions));
            if partitions.sum::<usize>() + usize::from(live_query.partitions) > PARTITIONS_PER_APP_MAX {
                return Err(ChangeError::TooManyPartitions);
            }
            // A kill while another one of that name was deleted may have left something.
            topics.forget_offsets(&topics.topic_of(&live_query)).await?;
            topics.define(&live_query.name, definition::body_of(&live_query, false)).await?;
            // Nothing is trimmed until it is prepared: the origin is the oldest event that is kept.
            let origin = topics.app.definitions(DefinitionKind::LiveQuery);
            let origin = origin.into_iter().find(|one| one.name == live_query.name).map_or(0, |one| one.origin);
            defined.live_queries.push(DefinedQuery { query: live_query, origin, is_sparse: false });
            defined.live_queries.sort_by(|a, b| a.query.name.cmp(&b.query.name));
            topics.put_in_force(defined).await
        })
        .await
    }

    /// Sets what a gap gets; of the main feed too.
    pub async fn set_on_gap(self: &Arc<Self>, name: &str, on_gap: OnGap) -> Result<(), ChangeError> {
        self.change(name, LiveQueryChange { on_gap: Some(on_gap), compression: None }).await
    }

    /// Changes what can be changed of a live query; of the main feed, what a gap gets.
    pub async fn change(self: &Arc<Self>, name: &str, change: LiveQueryChange) -> Result<(), ChangeError> {
        if name == MAIN && change.compression.is_some_and(|compression| !compression.is_none()) {
            return Err(ChangeError::MainCompression);
        }
        let (topics, name) = (self.clone(), name.to_owned());
        to_its_end(async move {
            let _one = topics.changing.lock().await;
            topics.take_over_first().await?;
            let mut defined = topics.defined();
            let body = if name == MAIN {
                defined.main_on_gap = change.on_gap.unwrap_or(defined.main_on_gap);
                definition::body_of_main(defined.main_on_gap)
            } else {
                let known = defined.live_queries.iter_mut().find(|known| known.query.name == name);
                let known = known.ok_or_else(|| ChangeError::NotFound(name.clone()))?;
                known.query.on_gap = change.on_gap.unwrap_or(known.query.on_gap);
                known.query.compression = change.compression.unwrap_or(known.query.compression);
                definition::body_of(&known.query, known.is_sparse)
            };
            topics.define(&name, body).await?;
            topics.put_in_force(defined).await
        })
        .await
    }

    /// Deletes a live query, its topic, and what groups have committed on it.
    pub async fn delete(self: &Arc<Self>, name: &str) -> Result<(), ChangeError> {
        if name == MAIN {
            return Err(ChangeError::Main);
        }
        let (topics, name) = (self.clone(), name.to_owned());
        to_its_end(async move {
            // Until all of it is gone nobody makes another one of that name.
            let _one = topics.changing.lock().await;
            topics.take_over_first().await?;
            let mut defined = topics.defined();
            let Some(at) = defined.live_queries.iter().position(|known| known.query.name == name) else {
                return Err(ChangeError::NotFound(name));
            };
            let deleted = defined.live_queries.remove(at).query;
            let number = topics.views().iter().find(|view| view.query.name == name).map(|view| view.number);
            topics.app.forget_definition(DefinitionKind::LiveQuery, &name).await?;
            topics.put_in_force(defined).await?;
            topics.forget(&deleted, number).await;
            Ok(())
        })
        .await
    }

    /// Forgets what was noted of a live query that is gone, and what groups have committed on its
    /// topic. What cannot be forgotten now, the next start does.
    async fn forget(self: &Arc<Self>, live_query: &LiveQuery, number: Option<ViewId>) {
        if let Err(error) = self.forget_offsets(&self.topic_of(live_query)).await {
            self.warn_of_rest(&live_query.name, &error);
        }
        let Some(number) = number else { return };
        let topics = self.clone();
        let forgetting = tokio::task::spawn_blocking(move || {
            let _noting = topics.noting.lock().expect("not poisoned");
            topics.app.forget_view(number)
        });
        match forgetting.await {
            Ok(Ok(())) => self.sweep(),
            Ok(Err(error)) => self.warn_of_rest(&live_query.name, &error),
            Err(error) => self.warn_of_rest(&live_query.name, &error),
        }
    }

    fn warn_of_rest(&self, name: &str, error: &dyn std::fmt::Display) {
        tracing::warn!(app = self.app.name().as_str(), name, %error, "something of a deleted live query is left");
    }

    /// Takes out the leaves of live queries that are gone, beside everything else: it reads all
    /// leaves, so once for many that go one after the other.
    fn sweep(self: &Arc<Self>) {
        if self.is_sweep_due.swap(true, SeqCst) {
            return;
        }
        let topics = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(SWEEP_DELAY).await;
            let sweep = move || {
                let Some(topics) = topics.upgrade().filter(|topics| !topics.is_stopping()) else { return };
                topics.is_sweep_due.store(false, SeqCst);
                if let Err(error) = topics.sweep_now() {
                    topics.warn_of_rest("", &error);
                }
            };
            tokio::task::spawn_blocking(sweep).await
        });
    }

    /// Says that a trim may have noted something of a live query that is gone: what is forgotten when
    /// it is deleted, and swept then, may come too early for that.
    pub(crate) fn leaves_a_rest(&self) {
        self.is_rest_of_trim.store(true, SeqCst);
    }

    /// Takes out what [`AppTopics::leaves_a_rest`] told of. On a thread that is no task's, and that
    /// trims: nothing is noted of one that is gone meanwhile.
    pub(crate) fn sweep_rest(&self) -> Result<(), SnapshotError> {
        if self.is_rest_of_trim.swap(false, SeqCst) {
            self.sweep_now().inspect_err(|_| self.leaves_a_rest())?;
        }
        Ok(())
    }

    fn sweep_now(&self) -> Result<(), SnapshotError> {
        let (known, last) = self.while_none_is_made()?;
        self.app.sweep_views(&known, last)
    }

    /// Those that there are, sorted, and the last number that was given: what has another one, up to
    /// that, is gone.
    fn while_none_is_made(&self) -> Result<(Vec<ViewId>, ViewId), SnapshotError> {
        let _none_changes = self.while_none_changes();
        let mut known: Vec<ViewId> = self.views().iter().map(|view| view.number).collect();
        known.sort_unstable();
        Ok((known, self.app.last_view()?))
    }

    /// Forgets what groups have committed on a topic.
    async fn forget_offsets(&self, topic: &str) -> Result<(), CommitError> {
        for group in self.app.groups_with_offsets() {
            let committed = self.app.committed_offsets(&group).into_iter();
            let of_topic = committed.filter(|(of, ..)| *of == topic).map(|(of, partition, _)| (of, partition));
            self.app.delete_offsets(&group, Some(of_topic.collect())).await?;
        }
        Ok(())
    }

    /// The caller has `changing`.
    async fn take_over_first(self: &Arc<Self>) -> Result<(), ChangeError> {
        if self.is_to_be_taken_over.load(SeqCst) {
            let topics = self.clone();
            let taken = tokio::task::spawn_blocking(move || definition::take_over(&topics.app, &topics.defined()));
            taken.await.map_err(std::io::Error::other)??;
            self.is_to_be_taken_over.store(false, SeqCst);
        }
        Ok(())
    }

    fn defined(&self) -> Defined {
        self.defined.read().expect("not poisoned").clone()
    }

    async fn define(&self, name: &str, body: String) -> Result<(), CommitError> {
        self.app.define(DefinitionKind::LiveQuery, name, body).await
    }

    /// What was committed goes into force. The caller has `changing`.
    async fn put_in_force(self: &Arc<Self>, defined: Defined) -> Result<(), ChangeError> {
        let known = self.views();
        let mut views = Vec::new();
        for one in &defined.live_queries {
            let query = &one.query;
            let is_same =
                |known: &&Arc<View>| known.query.name == query.name && known.query.created_ms == query.created_ms;
            views.push(match known.iter().find(is_same) {
                // It is the same topic still: whoever waits for it goes on with it.
                Some(view) => {
                    view.set_on_gap(query.on_gap);
                    view.set_compression(query.compression);
                    view.clone()
                }
                None => {
                    let (topics, one) = (self.clone(), one.clone());
                    let made =
                        tokio::task::spawn_blocking(move || preparing::make(&topics.app, &topics.progress, &one));
                    Arc::new(made.await.map_err(std::io::Error::other)??)
                }
            });
        }
        self.main_on_gap.set(defined.main_on_gap);
        let ended: Vec<_> =
            known.iter().filter(|known| views.iter().all(|view| view.number != known.number)).cloned().collect();
        let layout = layout_of(&self.app, &views);
        *self.views.write().expect("not poisoned") = Arc::new(Views::new(views));
        *self.layout.write().expect("not poisoned") = layout;
        *self.defined.write().expect("not poisoned") = defined;
        ended.iter().for_each(|view| view.end());
        self.start_evaluating();
        Ok(())
    }

    /// Notes what is known of the live queries with the documents.
    pub(crate) fn note_views(&self, which: Which) -> Result<(), SnapshotError> {
        let (_noting, mut notes) = (self.noting.lock().expect("not poisoned"), ViewNotes::default());
        let (views, spans) = {
            // What is counted and the leaves that were seen are of one moment. So are the views: the
            // leaves of one that is not among them are dropped, as if it had been deleted.
            let _evaluating = self.evaluating.lock().expect("not poisoned");
            let views = self.views();
            notes.leaves(self.progress.leaves.to_note(|number| views.iter().any(|view| view.number == number)));
            let spans: Vec<_> = views.iter().map(|view| view.to_note(&mut notes, which)).collect();
            (views, spans)
        };
        if notes.is_empty() {
            return Ok(());
        }
        let noted = self.app.note_views(notes);
        let each = views.iter().zip(&spans).filter_map(|(view, spans)| Some((view, spans.as_ref()?)));
        each.for_each(|(view, spans)| view.noted(spans, noted.is_ok()));
        if noted.is_ok() {
            self.progress.leaves.noted();
        }
        noted
    }

    /// How much of what was found is not noted yet.
    pub(crate) fn unnoted(&self) -> usize {
        self.progress.leaves.len() + self.views().iter().map(|view| view.unnoted()).sum::<usize>()
    }

    /// As [`AppTopics::note_views`]; what cannot be noted now is looked at again after the next
    /// start.
    pub(crate) fn try_to_note_views(&self, which: Which) {
        if let Err(error) = self.note_views(which) {
            tracing::warn!(app = self.app.name().as_str(), %error, "what is known of a live query cannot be kept");
        }
    }

    /// None is made, changed or deleted while what it gives is held: who wants to waits as a task,
    /// and who reads does not wait at all. On a thread that is no task's.
    pub(crate) fn while_none_changes(&self) -> OwnedMutexGuard<()> {
        self.changing.clone().blocking_lock_owned()
    }

    pub(crate) fn views(&self) -> Arc<Views> {
        self.views.read().expect("not poisoned").clone()
    }
}

fn layout_of(app: &Arc<App>, views: &[Arc<View>]) -> Arc<TopicLayout> {
    let main = Topic::main(app.clone(), SharedOnGap::default());
    let main = (main.name().to_owned(), main.id(), main.partitions());
    let live = views.iter().map(|view| (view.topic.clone(), view.id, view.query.partitions));
    Arc::new(TopicLayout::new(std::iter::once(main).chain(live)))
}

/// Runs `change` to its end, whether or not the caller waits for it: half of a change would be on
/// disk only.
async fn to_its_end(change: impl Future<Output = Result<(), ChangeError>> + Send + 'static) -> Result<(), ChangeError> {
    tokio::spawn(change).await.map_err(std::io::Error::other)?
}
