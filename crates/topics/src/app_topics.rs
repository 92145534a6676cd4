//! The topics of an app: the main one and those of its live queries, which come and go while the
//! server runs.

use std::sync::{
    Arc, Mutex, RwLock,
    atomic::{
        AtomicBool,
        Ordering::{Relaxed, SeqCst},
    },
};

use store::{App, CommitError, DefinitionKind, SnapshotError, TakeOverError};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    definition::{self, Defined},
    evaluator,
    limits::LIVE_QUERIES_MAX,
    live_query::{LiveQuery, LiveQueryError, MAIN, OnGap, SharedOnGap},
    matcher::Matcher,
    progress::Progress,
    topic::{Topic, TopicError},
    trim,
    view::{State, View},
    views::Views,
};

/// The topics of one app. Methods that say so must be called within a tokio runtime.
#[derive(Debug)]
pub struct AppTopics {
    app: Arc<App>,
    defined: RwLock<Defined>,
    /// They are in the file of an older version still: before one is changed it has to go.
    is_to_be_taken_over: AtomicBool,
    views: RwLock<Arc<Views>>,
    main_on_gap: SharedOnGap,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
    /// Who notes something of live queries notes it of those that there are: what was noted of one
    /// is forgotten when it is deleted.
    noting: Mutex<()>,
    evaluator: Mutex<Option<JoinHandle<()>>>,
    stopping: AtomicBool,
    pub(crate) progress: Arc<Progress>,
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
    /// There are too many.
    #[error("an app has at most {LIVE_QUERIES_MAX} live queries")]
    TooMany,
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
    pub(crate) fn open(app: Arc<App>) -> Result<Arc<Self>, TopicError> {
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
        let (mut views, progress) = (Vec::new(), Arc::default());
        for query in &defined.live_queries {
            views.push(Arc::new(
                view(&app, &progress, query.clone())
                    .map_err(|e| failed(format!("live query {:?}: {e}", query.name)))?,
            ));
        }
        let topics = Arc::new(Self {
            app,
            main_on_gap: SharedOnGap::new(defined.main_on_gap),
            defined: RwLock::new(defined),
            is_to_be_taken_over: AtomicBool::new(is_to_be_taken_over),
            views: RwLock::new(Arc::new(Views::new(views))),
            changing: tokio::sync::Mutex::default(),
            noting: Mutex::default(),
            evaluator: Mutex::default(),
            stopping: AtomicBool::new(false),
            progress,
        });
        topics.app.observe_trims(Box::new(trim::Observer::of(&topics)));
        topics.start_evaluating();
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
        self.all().into_iter().find(|topic| topic.id() == id)
    }

    /// The live queries by name, the main feed (as [`MAIN`]) first.
    pub fn live_queries(&self) -> Vec<LiveQuery> {
        let main = LiveQuery {
            name: MAIN.to_owned(),
            collection: None,
            query: None,
            partitions: 1,
            on_gap: self.main_on_gap.get(),
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
            if defined.live_queries.iter().any(|known| known.name == live_query.name) {
                return Err(ChangeError::Exists(live_query.name));
            }
            if defined.live_queries.len() >= LIVE_QUERIES_MAX {
                return Err(ChangeError::TooMany);
            }
            // A kill while another one of that name was deleted may have left something.
            topics.forget(&live_query).await?;
            topics.define(&live_query.name, definition::body_of(&live_query)).await?;
            defined.live_queries.push(live_query);
            defined.live_queries.sort_by(|a, b| a.name.cmp(&b.name));
            topics.put_in_force(defined)
        })
        .await
    }

    /// Sets what a gap gets; of the main feed too.
    pub async fn set_on_gap(self: &Arc<Self>, name: &str, on_gap: OnGap) -> Result<(), ChangeError> {
        let (topics, name) = (self.clone(), name.to_owned());
        to_its_end(async move {
            let _one = topics.changing.lock().await;
            topics.take_over_first().await?;
            let mut defined = topics.defined();
            let body = if name == MAIN {
                defined.main_on_gap = on_gap;
                definition::body_of_main(on_gap)
            } else {
                let known = defined.live_queries.iter_mut().find(|known| known.name == name);
                let known = known.ok_or_else(|| ChangeError::NotFound(name.clone()))?;
                known.on_gap = on_gap;
                definition::body_of(known)
            };
            topics.define(&name, body).await?;
            topics.put_in_force(defined)
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
            let Some(at) = defined.live_queries.iter().position(|known| known.name == name) else {
                return Err(ChangeError::NotFound(name));
            };
            let deleted = defined.live_queries.remove(at);
            topics.app.forget_definition(DefinitionKind::LiveQuery, &name).await?;
            topics.put_in_force(defined)?;
            if let Err(error) = topics.forget(&deleted).await {
                tracing::warn!(app = topics.app.name().as_str(), name, %error, "something of a deleted live query is left");
            }
            Ok(())
        })
        .await
    }

    /// Forgets what was noted of a live query that is not there, and what groups have committed on
    /// its topic.
    async fn forget(&self, live_query: &LiveQuery) -> Result<(), ChangeError> {
        {
            let _noting = self.noting.lock().expect("not poisoned");
            self.app.note_view(&live_query.name, None).map_err(std::io::Error::other)?;
        }
        let topic = self.topic_of(live_query);
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
    fn put_in_force(self: &Arc<Self>, defined: Defined) -> Result<(), ChangeError> {
        let known = self.views();
        let mut views = Vec::new();
        for query in &defined.live_queries {
            let is_same =
                |known: &&Arc<View>| known.query.name == query.name && known.query.created_ms == query.created_ms;
            views.push(match known.iter().find(is_same) {
                // What a gap gets is all that changes: whoever waits for it goes on with it.
                Some(view) => {
                    view.set_on_gap(query.on_gap);
                    view.clone()
                }
                None => Arc::new(view(&self.app, &self.progress, query.clone())?),
            });
        }
        self.main_on_gap.set(defined.main_on_gap);
        let ended: Vec<_> =
            known.iter().filter(|known| views.iter().all(|view| view.id != known.id)).cloned().collect();
        *self.views.write().expect("not poisoned") = Arc::new(Views::new(views));
        *self.defined.write().expect("not poisoned") = defined;
        ended.iter().for_each(|view| view.end());
        self.start_evaluating();
        Ok(())
    }

    /// Keeps what is known with the documents.
    pub(crate) fn note_views(&self) {
        let _noting = self.noting.lock().expect("not poisoned");
        let log_start = self.app.events().log_start();
        for view in self.views().iter() {
            view.forget_below(log_start);
            let state = view.state().encode(view.query.created_ms);
            if let Err(error) = self.app.note_view(&view.query.name, Some(&state)) {
                tracing::warn!(app = self.app.name().as_str(), %error, "what is known of a live query cannot be kept");
            }
        }
    }

    /// Notes documents that left `view`, as [`App::note_departures`] does, if it was not deleted
    /// meanwhile.
    pub(crate) fn note_departures(&self, view: &View, left: &[(u64, String, String)]) -> Result<(), SnapshotError> {
        let _noting = self.noting.lock().expect("not poisoned");
        let is_there = self.views().iter().any(|known| known.id == view.id);
        if is_there { self.app.note_departures(&view.query.name, left) } else { Ok(()) }
    }

    /// None is made, changed or deleted until `act`, which is quick, returns.
    pub(crate) fn with_views<T>(&self, act: impl FnOnce(&Views) -> T) -> T {
        act(&self.views.read().expect("not poisoned"))
    }

    /// None is made, changed or deleted until `act` returns, which may wait for the store: who
    /// wants to waits as a task, and who reads does not wait at all. On a thread that is no task's.
    pub(crate) fn while_none_changes<T>(&self, act: impl FnOnce(&Views) -> T) -> T {
        let _none = self.changing.blocking_lock();
        act(&self.views())
    }

    pub(crate) fn views(&self) -> Arc<Views> {
        self.views.read().expect("not poisoned").clone()
    }
}

/// Runs `change` to its end, whether or not the caller waits for it: half of a change would be on
/// disk only.
async fn to_its_end(change: impl Future<Output = Result<(), ChangeError>> + Send + 'static) -> Result<(), ChangeError> {
    tokio::spawn(change).await.map_err(std::io::Error::other)?
}

fn view(app: &App, progress: &Arc<Progress>, query: LiveQuery) -> Result<View, LiveQueryError> {
    let noted = app.view(&query.name).ok().flatten();
    let state = noted.and_then(|bytes| State::decode(&bytes, query.created_ms, query.partitions));
    let state = state.unwrap_or_else(|| State::new(query.partitions));
    let matcher = Matcher {
        collection: query.collection.clone(),
        filter: query.check()?,
        partitions: query.partitions,
        given_up: progress.given_up.clone(),
    };
    let topic = query.topic(app.name());
    // One that is made again under its name is another topic (KIP-516).
    let named = format!("{topic} {}", query.created_ms);
    let id = Uuid::new_v5(&Uuid::from_bytes(app.instance()), named.as_bytes());
    Ok(View::new(query, topic, id, matcher, state, progress.clone()))
}
