//! A store, its topics and its sinks, as a server has them; and the broker that all tests have.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, UNIX_EPOCH},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use real_kafka::Broker;
use sinks::{Host, Sinks};
use store::{AppName, CreateAppError, DataDir, StoreOptions, WallClock};
use tokio::{sync::watch, task::JoinHandle};
use topics::{AppTopics, TopicRegistry};
use wire::admin::{NewSink, SinkFormat, SinkReply, SinkStart, SinkState, SinkTarget};

/// How long a condition is waited for.
pub(crate) const WAIT: Duration = Duration::from_secs(60);

/// One for all tests; it ends with the process. `alice` may do nothing.
pub(crate) fn broker() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(|| {
        let told = tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env());
        drop(told.with_test_writer().try_init());
        Broker::start_with_passwords(&[("alice", "wonderland")], "")
    })
}

#[derive(Debug)]
struct Clock;

impl WallClock for Clock {
    fn now_ms(&self) -> u64 {
        UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
    }
}

/// What is of a server here.
pub(crate) struct Server {
    pub(crate) registry: Arc<TopicRegistry>,
    pub(crate) topics: Arc<AppTopics>,
    pub(crate) sinks: Arc<Sinks>,
    stop: watch::Sender<bool>,
    keeping: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn open(dir: &Path, run_id: &str) -> Self {
        Self::open_with(dir, run_id, StoreOptions::default()).await
    }

    pub(crate) async fn open_with(dir: &Path, run_id: &str, options: StoreOptions) -> Self {
        let data = DataDir::open(dir, options, Arc::new(Clock), || *b"0123456789abcdef").unwrap();
        match data.create_app(&AppName::new("shop").unwrap()) {
            Ok(_) | Err(CreateAppError::Exists(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        let host = Host {
            data_dir: dir.to_owned(),
            clock: Arc::new(Clock),
            run_id: run_id.to_owned(),
            listeners: Vec::new(),
            delivers: true,
        };
        let sinks = Sinks::open(registry.clone(), host).unwrap();
        let (stop, stopping) = watch::channel(false);
        let keeping = tokio::spawn(sinks.clone().keep(stopping));
        Self { registry, topics, sinks, stop, keeping }
    }

    pub(crate) async fn stop(self) {
        let Self { registry, topics, sinks, stop, keeping } = self;
        stop.send_replace(true);
        keeping.await.unwrap();
        drop((topics, sinks));
        registry.stop().await;
    }

    pub(crate) fn shown(&self, sink: &str) -> SinkReply {
        self.sinks.show(&self.topics, sink).unwrap()
    }

    pub(crate) async fn write(&self, id: &str, filler: usize) {
        write(&self.topics, id, filler).await;
    }

    /// Until the sink has delivered all that there is.
    pub(crate) async fn until_delivered(&self, sink: &str) {
        until(|| self.shown(sink), |it| it.state == SinkState::Running && it.lag_events == Some(0)).await;
    }

    /// Until it is in that state, with a reason that holds `reason`.
    pub(crate) async fn until_state(&self, sink: &str, state: SinkState, reason: &str) -> SinkReply {
        until(|| self.shown(sink), |it| it.state == state && it.reason.as_deref().unwrap_or("").contains(reason)).await
    }
}

/// Waits until what is looked at holds.
pub(crate) async fn until<T: std::fmt::Debug>(look: impl Fn() -> T, holds: impl Fn(&T) -> bool) -> T {
    let latest = Instant::now() + WAIT;
    loop {
        let found = look();
        if holds(&found) {
            return found;
        }
        assert!(Instant::now() < latest, "waited in vain: {found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn write(topics: &AppTopics, id: &str, filler: usize) {
    write_all(topics, [id.to_owned()], filler).await;
}

/// In one transaction.
pub(crate) async fn write_all(topics: &AppTopics, ids: impl IntoIterator<Item = String>, filler: usize) {
    let operation = |id: String| {
        let json = format!(r#"{{"age":{},"filler":"{}"}}"#, id.len(), "x".repeat(filler));
        let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id)).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(value),
        }
    };
    let operations = ids.into_iter().map(operation).collect();
    let changeset = Changeset { operations, queries: Vec::new(), origin: Origin::default() };
    topics.app().commit(changeset).await.unwrap();
}

pub(crate) async fn remove(topics: &AppTopics, id: &str) {
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action: Action::Remove,
    };
    let changeset = Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() };
    topics.app().commit(changeset).await.unwrap();
}

/// A sink of the main feed, into a topic that is made with three partitions.
pub(crate) fn sink(name: &str, topic: &str, bootstrap: &str) -> NewSink {
    NewSink {
        name: name.into(),
        live_query: None,
        target: kafka(topic, Some(3), [("bootstrap.servers", bootstrap)]),
        on_gap: None,
        start: SinkStart::Earliest,
        format: SinkFormat::Headwater,
    }
}

pub(crate) fn kafka<'a>(
    topic: &str,
    partitions: Option<u16>,
    config: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> SinkTarget {
    let config: BTreeMap<_, _> = config.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    SinkTarget::Kafka { topic: topic.into(), config, partitions, replication_factor: None }
}
