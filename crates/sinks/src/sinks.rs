//! The sinks of a server: what is defined, and a task for each that is in force.
//!
//! Invariants: a sink has one task at most; one that is paused or has failed has none, nor has any where the host
//! does not deliver. A change is in the order before its task sees it.
//! Not here: what a task does (`work`).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use store::{CommitError, DefinitionKind};
use tokio::{
    sync::{Notify, watch},
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};
use topics::{AppTopics, GroupLags, TopicRegistry};
use wire::admin::{HIDDEN, NewSink, SinkChange, SinkFormat, SinkReply, SinkState, SinkTarget};

use crate::{
    definition::{Sink, Target},
    feed,
    host::Host,
    limits::{CONFIG_BYTES_MAX, LOOK_EVERY, NAME_BYTES_MAX, SINKS_MAX, STOP_TIMEOUT},
    secrets::SecretStore,
    status::{Doing, Status},
    webhook::{Folders, Pace, SetAside, SetAsideEvent},
    work::{self, Work},
};

/// The secret of a webhook, and the one before while it still signs beside it.
pub(crate) const SECRET: &str = "secret";
pub(crate) const FORMER_SECRET: &str = "secret.former";
/// Until when the former one signs, ms since the epoch.
pub(crate) const FORMER_UNTIL: &str = "secret.former.until";

/// How long the former secret of a webhook signs beside the new one.
const ROTATION_MS: u64 = 24 * 60 * 60 * 1000;

/// Why a sink was not made, changed or found.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// It cannot be.
    #[error("{0}")]
    Invalid(String),
    /// There is one of that name.
    #[error("there is a sink {0:?} already")]
    Exists(String),
    /// There is none of that name.
    #[error("there is no sink {0:?}")]
    NotFound(String),
    /// There are too many.
    #[error("an app has at most {SINKS_MAX} sinks")]
    TooMany,
    /// It could not be committed.
    #[error("the sink cannot be kept: {0}")]
    Commit(#[from] CommitError),
    /// Its secrets could not be written.
    #[error("the sink's secrets cannot be kept: {0}")]
    Io(#[from] io::Error),
}

/// What metrics say of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkFigures {
    /// The app.
    pub app: String,
    /// The sink.
    pub sink: String,
    /// `kafka` or `webhook`.
    pub kind: &'static str,
    /// What it does.
    pub state: SinkState,
    /// Events that are not delivered; `None` while that is not known.
    pub lag_events: Option<u64>,
    /// Since when the oldest of them is there, in ms; `None` while that is not known.
    pub lag_ms: Option<u64>,
    /// Events that were delivered since the start.
    pub events: u64,
    /// Tries that failed since the start.
    pub errors: u64,
    /// Events that are set aside.
    pub set_aside: u64,
}

/// A sink that has, or had, a task.
#[derive(Debug)]
struct Running {
    /// What it was begun with.
    sink: Sink,
    secrets: BTreeMap<String, String>,
    status: Arc<Status>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// The sinks of a server.
#[derive(Debug)]
pub struct Sinks {
    topics: Arc<TopicRegistry>,
    host: Arc<Host>,
    secrets: Arc<SecretStore>,
    outbound: Arc<outbound::Client>,
    folders: Arc<Folders>,
    pace: Pace,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
    /// By app and sink.
    running: Mutex<HashMap<(String, String), Running>>,
    changed: Notify,
}

impl Sinks {
    /// Those of the apps in `topics`; none is begun before [`Sinks::keep`].
    ///
    /// # Errors
    /// The file of secrets cannot be read.
    pub fn open(topics: Arc<TopicRegistry>, host: Host) -> io::Result<Arc<Self>> {
        Self::open_with(topics, host, Pace::default())
    }

    /// The same, with webhooks that are called at this pace.
    ///
    /// # Errors
    /// The file of secrets cannot be read.
    pub fn open_with(topics: Arc<TopicRegistry>, host: Host, pace: Pace) -> io::Result<Arc<Self>> {
        let secrets = Arc::new(SecretStore::open(&host.data_dir)?);
        let outbound = outbound::Client::new(host.listeners.clone())?.with_timeout(pace.call_timeout);
        Ok(Arc::new(Self {
            topics,
            outbound: Arc::new(outbound),
            folders: Folders::new(host.data_dir.clone()),
            pace,
            host: Arc::new(host),
            secrets,
            changing: tokio::sync::Mutex::default(),
            running: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Who makes the server's calls: one for all, since it keeps connections and knows where the server itself listens.
    pub fn outbound(&self) -> &Arc<outbound::Client> {
        &self.outbound
    }

    /// Has a task for each sink that is in force, until `stopping` is true; ends when they have.
    pub async fn keep(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        for app in self.secrets.apps() {
            if let Err(error) = self.topics.app(&app).await {
                tracing::warn!(app, %error, "its sinks wait until it can be opened");
            }
        }
        while !*stopping.borrow() {
            self.reconcile().await;
            self.measure().await;
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.changed.notified() => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        }
        self.note_pauses().await;
        let all: Vec<_> = self.lock().drain().map(|(_, running)| running).collect();
        for running in &all {
            running.stop.send_replace(true);
        }
        for running in all {
            end(running).await;
        }
    }

    /// Begins what is to run and does not, ends what is not to run and does.
    async fn reconcile(&self) {
        let _one = self.changing.lock().await;
        self.note_pauses().await;
        let opened = self.topics.all_opened();
        let names: HashSet<_> = opened.iter().map(|topics| topics.app().name().as_str().to_owned()).collect();
        let mut wanted = HashMap::new();
        for topics in opened {
            for definition in topics.app().definitions(DefinitionKind::Sink) {
                let key = (topics.app().name().as_str().to_owned(), definition.name.clone());
                match Sink::of(&definition) {
                    Ok(sink) => drop(wanted.insert(key, (topics.clone(), sink))),
                    Err(error) => tracing::error!(app = key.0, error, "the sink is not begun"),
                }
            }
        }
        let gone: Vec<_> = {
            let mut running = self.lock();
            let is_gone = |key: &(String, String)| !wanted.contains_key(key);
            let keys: Vec<_> = running.keys().filter(|key| is_gone(key)).cloned().collect();
            keys.into_iter().filter_map(|key| running.remove(&key)).collect()
        };
        for running in gone {
            end(running).await;
        }
        for (key, (topics, sink)) in wanted {
            self.bring_into_force(key, topics, sink).await;
        }
        self.forget_deleted(&names).await;
    }

    /// What ended since its target wants no more is paused for good.
    async fn note_pauses(&self) {
        let asked: Vec<_> = {
            let running = self.lock();
            let ended = running.iter().filter(|(_, it)| it.task.as_ref().is_some_and(JoinHandle::is_finished));
            let paused = ended.map(|(key, it)| (key.0.clone(), it.sink.clone(), it.status.doing()));
            paused.filter(|(_, _, doing)| doing.state == SinkState::Paused).collect()
        };
        for (app, sink, doing) in asked {
            let Some(topics) = self.topics.opened(&app) else { continue };
            // Somebody was faster.
            if find(&topics, &sink.name).ok().as_ref() != Some(&sink) || sink.is_paused {
                continue;
            }
            let paused = Sink { is_paused: true, pause_reason: doing.reason, ..sink };
            let noted = topics.app().define(DefinitionKind::Sink, &paused.name, paused.body()).await;
            if let Err(error) = noted {
                tracing::warn!(app, sink = paused.name, %error, "that it is paused cannot be noted");
            }
        }
    }

    /// How far behind in time each is, as of now.
    async fn measure(&self) {
        let opened: HashMap<_, _> = self.topics.all_opened().into_iter().map(|it| (name_of(&it), it)).collect();
        let measured: Vec<_> = {
            let running = self.lock();
            let with_topics = |(key, it): (&(String, String), &Running)| {
                Some((opened.get(&key.0)?.clone(), it.sink.clone(), it.status.clone()))
            };
            running.iter().filter_map(with_topics).collect()
        };
        let looked = spawn_blocking(move || {
            for (topics, sink, status) in measured {
                status.look();
                status.set_lag_ms(lag_ms(&topics, &sink, &status));
            }
        });
        drop(looked.await);
    }

    async fn bring_into_force(&self, key: (String, String), topics: Arc<AppTopics>, sink: Sink) {
        let secrets = self.secrets.of(&key.0, &key.1).unwrap_or_default();
        let former = {
            let mut running = self.lock();
            match running.get(&key) {
                Some(known) if known.sink == sink && known.secrets == secrets => return,
                _ => running.remove(&key),
            }
        };
        let status = match former {
            Some(former) => {
                let status = former.status.clone();
                end(former).await;
                status
            }
            None => Arc::default(),
        };
        let (stop, stopping) = watch::channel(false);
        let task = if sink.is_paused || !self.host.delivers {
            if matches!(sink.target, Target::Webhook { .. })
                && let Ok(set_aside) = self.folders.set_aside(&key.0, &key.1).await
            {
                status.set_aside_are(set_aside.count());
            }
            match sink.is_paused {
                true => status.paused(sink.pause_reason.clone()),
                false => status.waiting("the server was started with --no-sinks and delivers nothing", None),
            }
            None
        } else {
            let host = self.host.clone();
            let (sink, secrets, status) = (sink.clone(), secrets.clone(), status.clone());
            let (outbound, folders, pace) = (self.outbound.clone(), self.folders.clone(), self.pace);
            let work = Work { topics, sink, secrets, status, host, outbound, folders, pace, stopping };
            Some(tokio::spawn(work::run(work)))
        };
        self.lock().insert(key, Running { sink, secrets, status, stop, task });
    }

    /// What is noted of apps that are gone is forgotten with them.
    async fn forget_deleted(&self, opened: &HashSet<String>) {
        let is_gone = |app: &str| !opened.contains(app) && !self.topics.has_app(app);
        let gone: HashSet<String> = self.secrets.apps().into_iter().filter(|app| is_gone(app)).collect();
        if gone.is_empty() {
            return;
        }
        for app in &gone {
            if let Err(error) = self.folders.remove(app, None).await {
                tracing::warn!(app, %error, "the positions of a deleted app's sinks are still kept");
            }
        }
        let secrets = self.secrets.clone();
        let forgotten = spawn_blocking(move || secrets.forget(|app, _| gone.contains(app))).await;
        if let Ok(Err(error)) = forgotten {
            tracing::warn!(%error, "secrets of a deleted app's sinks are still kept");
        }
    }

    /// Makes a sink, which begins at once.
    pub async fn create(&self, topics: &Arc<AppTopics>, new: NewSink) -> Result<SinkReply, SinkError> {
        let _one = self.changing.lock().await;
        let app = topics.app();
        let (sink, secrets) = checked(new, self.host.clock.now_ms())?;
        let known = app.definitions(DefinitionKind::Sink);
        if known.iter().any(|one| one.name == sink.name) {
            return Err(SinkError::Exists(sink.name));
        }
        if known.len() >= SINKS_MAX {
            return Err(SinkError::TooMany);
        }
        feed::topic_of(topics, &sink).map_err(|error| SinkError::Invalid(format!("liveQuery: {error}")))?;
        // What a server that was killed has left of one of that name.
        self.folders.remove(app.name().as_str(), Some(&sink.name)).await?;
        self.keep_secrets(app.name().as_str(), &sink.name, secrets).await?;
        app.define(DefinitionKind::Sink, &sink.name, sink.body()).await?;
        self.bring_into_force(key_of(topics, &sink.name), topics.clone(), sink.clone()).await;
        Ok(self.shown(topics, &sink))
    }

    /// The app's sinks, by name.
    pub fn list(&self, topics: &AppTopics) -> Vec<SinkReply> {
        let definitions = topics.app().definitions(DefinitionKind::Sink);
        definitions.iter().filter_map(|one| Some(self.shown(topics, &Sink::of(one).ok()?))).collect()
    }

    /// The app's sink of that name.
    pub fn show(&self, topics: &AppTopics, name: &str) -> Result<SinkReply, SinkError> {
        Ok(self.shown(topics, &find(topics, name)?))
    }

    /// Changes what can be changed of a sink, which goes on from where it is.
    pub async fn change(
        &self,
        topics: &Arc<AppTopics>,
        name: &str,
        change: SinkChange,
    ) -> Result<SinkReply, SinkError> {
        let _one = self.changing.lock().await;
        let mut sink = find(topics, name)?;
        let app = topics.app().name().as_str().to_owned();
        let mut secrets = self.secrets.of(&app, name).unwrap_or_default();
        apply(&mut sink, &mut secrets, change, self.host.clock.now_ms())?;
        self.keep_secrets(&app, name, secrets).await?;
        self.put(topics, sink).await
    }

    /// Stops a sink, or lets it go on; one that has failed tries again.
    pub async fn set_paused(
        &self,
        topics: &Arc<AppTopics>,
        name: &str,
        is_paused: bool,
    ) -> Result<SinkReply, SinkError> {
        let _one = self.changing.lock().await;
        let mut sink = find(topics, name)?;
        sink.is_paused = is_paused;
        sink.pause_reason = None;
        // Whatever it did, it begins anew.
        let former = self.lock().remove(&key_of(topics, name));
        if let Some(former) = former {
            end(former).await;
        }
        self.put(topics, sink).await
    }

    async fn put(&self, topics: &Arc<AppTopics>, sink: Sink) -> Result<SinkReply, SinkError> {
        topics.app().define(DefinitionKind::Sink, &sink.name, sink.body()).await?;
        self.bring_into_force(key_of(topics, &sink.name), topics.clone(), sink.clone()).await;
        Ok(self.shown(topics, &sink))
    }

    /// Deletes a sink. What it has delivered stays, and its cursor topic too.
    pub async fn delete(&self, topics: &Arc<AppTopics>, name: &str) -> Result<(), SinkError> {
        let _one = self.changing.lock().await;
        find(topics, name)?;
        topics.app().forget_definition(DefinitionKind::Sink, name).await?;
        let former = self.lock().remove(&key_of(topics, name));
        if let Some(former) = former {
            end(former).await;
        }
        let (secrets, gone) = (self.secrets.clone(), key_of(topics, name));
        self.folders.remove(&gone.0, Some(&gone.1)).await?;
        let forget = move || secrets.forget(|app, sink| app == gone.0 && sink == gone.1);
        spawn_blocking(forget).await.map_err(io::Error::other)??;
        Ok(())
    }

    /// The events of a webhook that are set aside, in order, from behind the one with the number
    /// `after`, at most `limit`.
    pub async fn set_aside(
        &self,
        topics: &AppTopics,
        name: &str,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<SetAsideEvent>, SinkError> {
        Ok(self.set_aside_of(topics, name).await?.list(after, limit))
    }

    /// Has those of these numbers (`None`: all that are set aside) sent once more, as soon as the sink
    /// runs; how many. What is not delivered then either is set aside as before.
    pub async fn replay(&self, topics: &AppTopics, name: &str, ids: Option<Vec<u64>>) -> Result<u64, SinkError> {
        let set_aside = self.set_aside_of(topics, name).await?;
        Ok(spawn_blocking(move || set_aside.replay(ids.as_deref())).await.map_err(io::Error::other)??)
    }

    /// Forgets those of these numbers (`None`: all that are set aside); how many.
    pub async fn drop_set_aside(
        &self,
        topics: &AppTopics,
        name: &str,
        ids: Option<Vec<u64>>,
    ) -> Result<u64, SinkError> {
        let set_aside = self.set_aside_of(topics, name).await?;
        let (dropping, status) = (set_aside.clone(), self.doing(topics, &find(topics, name)?).1);
        let dropped = spawn_blocking(move || dropping.drop_events(ids.as_deref())).await;
        status.set_aside_are(set_aside.count());
        Ok(dropped.map_err(io::Error::other)??)
    }

    async fn set_aside_of(&self, topics: &AppTopics, name: &str) -> Result<Arc<SetAside>, SinkError> {
        let sink = find(topics, name)?;
        if !matches!(sink.target, Target::Webhook { .. }) {
            let why = format!("the sink is one of kind {}: only webhooks set events aside", sink.target.kind());
            return Err(SinkError::Invalid(why));
        }
        Ok(self.folders.set_aside(topics.app().name().as_str(), name).await?)
    }

    /// Every sink of the apps that are open, for metrics.
    pub fn figures(&self) -> Vec<SinkFigures> {
        let mut figures = Vec::new();
        for topics in self.topics.all_opened() {
            for definition in topics.app().definitions(DefinitionKind::Sink) {
                let Ok(sink) = Sink::of(&definition) else { continue };
                let (doing, status) = self.doing(&topics, &sink);
                let (events, errors, set_aside) = status.counts();
                figures.push(SinkFigures {
                    app: topics.app().name().as_str().to_owned(),
                    sink: sink.name.clone(),
                    kind: sink.target.kind(),
                    state: doing.state,
                    lag_events: lag_events(&topics, &sink, &status),
                    lag_ms: status.lag_ms(),
                    events,
                    errors,
                    set_aside,
                });
            }
        }
        figures
    }

    async fn keep_secrets(&self, app: &str, sink: &str, kept: BTreeMap<String, String>) -> io::Result<()> {
        let (secrets, app, sink) = (self.secrets.clone(), app.to_owned(), sink.to_owned());
        spawn_blocking(move || secrets.set(&app, &sink, kept)).await.map_err(io::Error::other)?
    }

    fn doing(&self, topics: &AppTopics, sink: &Sink) -> (Doing, Arc<Status>) {
        let running = self.lock();
        let known = running.get(&(topics.app().name().as_str().to_owned(), sink.name.clone()));
        let status = known.map(|known| known.status.clone()).unwrap_or_default();
        (status.doing(), status)
    }

    fn shown(&self, topics: &AppTopics, sink: &Sink) -> SinkReply {
        let (doing, status) = self.doing(topics, sink);
        let (events, errors, set_aside) = status.counts();
        let secrets = self.secrets.of(topics.app().name().as_str(), &sink.name).unwrap_or_default();
        let Sink { name, live_query, target, on_gap, start, format, created_ms, .. } = sink.clone();
        let mut reply = SinkReply {
            name,
            live_query,
            kind: target.kind().to_owned(),
            topic: None,
            config: None,
            partitions: None,
            replication_factor: None,
            url: None,
            secret: None,
            on_gap,
            start,
            format,
            created_ms,
            state: doing.state,
            reason: doing.reason,
            next_try_ms: doing.next_try_ms,
            lag_events: lag_events(topics, sink, &status),
            lag_ms: status.lag_ms(),
            events,
            events_last_minute: status.events_last_minute(),
            errors,
            set_aside: None,
        };
        match target {
            Target::Kafka { topic, mut config, partitions, replication_factor } => {
                config.extend(secrets.into_keys().map(|name| (name, HIDDEN.to_owned())));
                (reply.topic, reply.config) = (Some(topic), Some(config));
                (reply.partitions, reply.replication_factor) = (partitions, replication_factor);
            }
            Target::Webhook { url } => {
                (reply.url, reply.secret) = (Some(url), Some(HIDDEN.to_owned()));
                reply.set_aside = Some(set_aside);
            }
        }
        reply
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(topics: &AppTopics) -> String {
    topics.app().name().as_str().to_owned()
}

fn key_of(topics: &AppTopics, name: &str) -> (String, String) {
    (name_of(topics), name.to_owned())
}

async fn end(running: Running) {
    running.stop.send_replace(true);
    let Some(mut task) = running.task else { return };
    if timeout(STOP_TIMEOUT, &mut task).await.is_err() {
        tracing::warn!(
            sink = running.sink.name,
            "the sink does not end within {} s and is cut",
            STOP_TIMEOUT.as_secs()
        );
        task.abort();
    }
}

fn find(topics: &AppTopics, name: &str) -> Result<Sink, SinkError> {
    let definitions = topics.app().definitions(DefinitionKind::Sink);
    let found = definitions.iter().find(|one| one.name == name).ok_or_else(|| SinkError::NotFound(name.to_owned()))?;
    Sink::of(found).map_err(SinkError::Invalid)
}

/// Events from where the sink stands to the ends of the partitions.
fn lag_events(topics: &AppTopics, sink: &Sink, status: &Status) -> Option<u64> {
    let next_offsets = status.next_offsets();
    let topic = feed::topic_of(topics, sink).ok()?;
    if next_offsets.len() != usize::from(topic.partitions()) {
        return None;
    }
    let partitions = (0..topic.partitions()).filter_map(|index| topic.partition(i32::from(index)));
    let behind: u64 = partitions.zip(next_offsets).map(|(it, next)| it.events_between(next, it.high_watermark())).sum();
    Some(behind.saturating_sub(status.delivered_beyond()))
}

/// Since when the oldest event is there that is not delivered. Blocks on disk.
fn lag_ms(topics: &AppTopics, sink: &Sink, status: &Status) -> Option<u64> {
    let topic = feed::topic_of(topics, sink).ok()?;
    let lags = GroupLags::new(topics);
    let mut oldest = 0;
    let next_offsets = status.next_offsets();
    if next_offsets.len() != usize::from(topic.partitions()) {
        return None;
    }
    for (partition, next) in (0..).zip(next_offsets) {
        oldest = oldest.max(lags.times(&lags.measure(topic.name(), partition, next)?).lag_ms?);
    }
    Some(oldest)
}

/// A new sink and its secrets, if it can be.
fn checked(new: NewSink, now_ms: u64) -> Result<(Sink, BTreeMap<String, String>), SinkError> {
    let NewSink { name, live_query, target, on_gap, start, format } = new;
    let is_of_name = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(is_of_name) {
        let message = format!("name: a sink's name is 1 to {NAME_BYTES_MAX} of a-z, 0-9 and '-'; {name:?} is not");
        return Err(SinkError::Invalid(message));
    }
    let mut secrets = BTreeMap::new();
    let target = match target {
        SinkTarget::Kafka { topic, config, partitions, replication_factor } => {
            check_topic(&topic)?;
            let mut plain = BTreeMap::new();
            let config = config.into_iter().map(|(name, value)| (name, Some(value))).collect();
            set_config(&mut plain, &mut secrets, config)?;
            Target::Kafka { topic, config: plain, partitions, replication_factor }
        }
        SinkTarget::Webhook { url, secret } => {
            check_webhook(&url, &secret)?;
            if format != SinkFormat::Headwater {
                return Err(SinkError::Invalid("format: a webhook gets events as they are: \"headwater\"".to_owned()));
            }
            secrets.insert(SECRET.to_owned(), secret);
            Target::Webhook { url }
        }
    };
    let live_query = live_query.filter(|name| name != topics::MAIN);
    let sink = Sink {
        name,
        live_query,
        target,
        on_gap,
        start,
        format,
        is_paused: false,
        pause_reason: None,
        created_ms: now_ms,
    };
    Ok((sink, secrets))
}

/// Kafka's own rule for topics' names.
fn check_topic(topic: &str) -> Result<(), SinkError> {
    let is_of_name = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    if topic.is_empty() || topic.len() > 249 || [".", ".."].contains(&topic) || !topic.bytes().all(is_of_name) {
        let message =
            format!("topic: a Kafka topic's name is 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'; {topic:?} is not");
        return Err(SinkError::Invalid(message));
    }
    Ok(())
}

fn check_webhook(url: &str, secret: &str) -> Result<(), SinkError> {
    if secret.len() < 16 || secret.len() > 1024 {
        return Err(SinkError::Invalid("secret: must have 16 to 1024 bytes".to_owned()));
    }
    crate::webhook::check_url(url).map_err(|why| SinkError::Invalid(format!("url: {why}")))
}

/// Sets and removes names; [`HIDDEN`] leaves a secret as it is.
fn set_config(
    plain: &mut BTreeMap<String, String>,
    secrets: &mut BTreeMap<String, String>,
    given: BTreeMap<String, Option<String>>,
) -> Result<(), SinkError> {
    for (name, value) in given {
        let known = crate::kafka_config::check(&name, value.as_deref()).map_err(SinkError::Invalid)?;
        let place = if known.is_secret { &mut *secrets } else { &mut *plain };
        match value {
            Some(value) if known.is_secret && value == HIDDEN && place.contains_key(&name) => {}
            Some(value) => drop(place.insert(name, value)),
            None => drop(place.remove(&name)),
        }
    }
    let bytes: usize = plain.iter().chain(secrets.iter()).map(|(name, value)| name.len() + value.len()).sum();
    if bytes > CONFIG_BYTES_MAX {
        return Err(SinkError::Invalid(format!("config: has {bytes} bytes; at most {CONFIG_BYTES_MAX} are taken")));
    }
    if !plain.contains_key(crate::kafka_config::SERVERS) {
        return Err(SinkError::Invalid(format!("config: {} is missing", crate::kafka_config::SERVERS)));
    }
    Ok(())
}

fn apply(
    sink: &mut Sink,
    secrets: &mut BTreeMap<String, String>,
    change: SinkChange,
    now_ms: u64,
) -> Result<(), SinkError> {
    let SinkChange { config, url, secret, on_gap } = change;
    sink.on_gap = on_gap.or(sink.on_gap);
    let other_kind = |field: &str, kind: &str| SinkError::Invalid(format!("{field}: the sink is one of kind {kind}"));
    match &mut sink.target {
        Target::Kafka { config: plain, .. } => {
            if url.is_some() || secret.is_some() {
                return Err(other_kind(if url.is_some() { "url" } else { "secret" }, "kafka"));
            }
            if !config.is_empty() {
                set_config(plain, secrets, config)?;
            }
        }
        Target::Webhook { url: known } => {
            if !config.is_empty() {
                return Err(other_kind("config", "webhook"));
            }
            *known = url.unwrap_or_else(|| known.clone());
            let current = secrets.get(SECRET).cloned();
            let secret = secret.filter(|given| given != HIDDEN && Some(given) != current.as_ref());
            check_webhook(known, secret.as_deref().or(current.as_deref()).unwrap_or_default())?;
            if let Some(secret) = secret {
                if let Some(current) = current {
                    secrets.insert(FORMER_SECRET.to_owned(), current);
                    secrets.insert(FORMER_UNTIL.to_owned(), (now_ms + ROTATION_MS).to_string());
                }
                secrets.insert(SECRET.to_owned(), secret);
            }
        }
    }
    Ok(())
}
