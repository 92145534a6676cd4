//! An app with its sinks, in a folder of its own.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use sinks::{Host, Pace, Sinks};
use store::{AppName, CreateAppError, DataDir, StoreOptions, WallClock};
use tokio::{sync::watch, task::JoinHandle};
use topics::{AppTopics, TopicRegistry};
use wire::admin::{NewSink, SinkFormat, SinkReply, SinkStart, SinkTarget};

pub(crate) const SECRET: &str = "0123456789abcdef";

/// Goes on from a noon of long ago.
#[derive(Debug)]
struct FromNoon(Instant);

impl WallClock for FromNoon {
    fn now_ms(&self) -> u64 {
        1_645_444_800_000 + self.0.elapsed().as_millis() as u64
    }
}

/// Milliseconds where a server has minutes.
pub(crate) fn pace() -> Pace {
    Pace {
        retry_first: Duration::from_millis(20),
        retry_max: Duration::from_millis(100),
        give_up: Duration::from_secs(60),
        refusals_max: 5,
        write_every: Duration::from_millis(20),
        call_timeout: Duration::from_millis(500),
    }
}

pub(crate) struct World {
    pub(crate) registry: Arc<TopicRegistry>,
    pub(crate) topics: Arc<AppTopics>,
    pub(crate) sinks: Arc<Sinks>,
    stop: watch::Sender<bool>,
    keeping: JoinHandle<()>,
}

impl World {
    pub(crate) async fn open(dir: &Path, pace: Pace) -> Self {
        Self::open_with(dir, pace, StoreOptions { accept_clock: true, ..StoreOptions::default() }).await
    }

    pub(crate) async fn open_with(dir: &Path, pace: Pace, options: StoreOptions) -> Self {
        let clock = Arc::new(FromNoon(Instant::now()));
        let data = DataDir::open(dir, options, clock, || *b"0123456789abcdef").unwrap();
        match data.create_app(&AppName::new("shop").unwrap()) {
            Ok(_) | Err(CreateAppError::Exists(_)) => {}
            Err(error) => panic!("{error}"),
        }
        let registry = TopicRegistry::new(data.clone());
        let topics = registry.app("shop").await.unwrap();
        let sinks = Sinks::open_with(registry.clone(), Host::of(&data), pace).unwrap();
        let (stop, stopping) = watch::channel(false);
        let keeping = tokio::spawn(sinks.clone().keep(stopping));
        Self { registry, topics, sinks, stop, keeping }
    }

    pub(crate) async fn close(self) {
        self.stop.send_replace(true);
        self.keeping.await.unwrap();
        drop((self.topics, self.sinks));
        self.registry.stop().await;
    }

    pub(crate) async fn create(&self, url: &str) -> SinkReply {
        let target = SinkTarget::Webhook { url: url.to_owned(), secret: SECRET.to_owned() };
        let (start, format) = (SinkStart::Earliest, SinkFormat::Headwater);
        let new = NewSink { name: "hook".into(), live_query: None, target, on_gap: None, start, format };
        self.sinks.create(&self.topics, new).await.unwrap()
    }

    pub(crate) fn show(&self) -> SinkReply {
        self.sinks.show(&self.topics, "hook").unwrap()
    }

    /// The sink once it is as the test wants it.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&SinkReply) -> bool) -> SinkReply {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let shown = self.show();
            if is_so(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}: {shown:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Writes a document, `bytes` large.
    pub(crate) async fn write_large(&self, id: &str, n: u64, bytes: usize) {
        let json = format!(r#"{{"n":{n},"filler":"{}"}}"#, "x".repeat(bytes));
        let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(value),
        };
        let changeset = Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() };
        self.topics.app().commit(changeset).await.unwrap();
    }

    pub(crate) async fn write(&self, id: &str, n: u64) {
        self.write_large(id, n, 0).await;
    }
}
