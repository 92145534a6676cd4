//! A server without listeners.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use credentials::{Credentials, Grant, NewKey, Permission};
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
use prometheus_client::registry::Registry;
use store::{App, AppName, DataDir, StoreOptions, WallClock};
use sync_endpoint::{Arrival, SyncEndpoint};
use tokio::{
    io::DuplexStream,
    sync::watch,
    time::{Instant, sleep},
};
use topics::TopicRegistry;

pub const START_MS: u64 = 1_645_472_201_000;

/// It stands still until it is set.
#[derive(Debug)]
pub struct Clock(AtomicU64);

impl Clock {
    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl WallClock for Clock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn boot_ms(&self) -> u64 {
        0
    }
}

pub struct World {
    pub app: Arc<App>,
    pub credentials: Arc<Credentials>,
    pub endpoint: SyncEndpoint,
    pub registry: Registry,
    pub stop: watch::Sender<bool>,
    pub clock: Arc<Clock>,
    data: Arc<DataDir>,
    dir: Arc<tempfile::TempDir>,
}

impl World {
    pub fn new() -> Self {
        Self::with(StoreOptions::default())
    }

    pub fn with(options: StoreOptions) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), options)
    }

    /// The same data as another life.
    pub async fn forked(self, id: [u8; 16]) -> Self {
        self.stop.send_replace(true);
        self.endpoint.drained().await;
        let dir = self.dir.clone();
        drop(self);
        Self::on(dir, StoreOptions { fork: Some(id), ..StoreOptions::default() })
    }

    fn on(dir: Arc<tempfile::TempDir>, options: StoreOptions) -> Self {
        let clock = Arc::new(Clock(AtomicU64::new(START_MS)));
        let data = DataDir::open(dir.path(), options, clock.clone(), rand::random).unwrap();
        let app = match data.app("shop") {
            Ok(app) => app,
            Err(_) => data.create_app(&AppName::new("shop").unwrap()).unwrap(),
        };
        let credentials = Credentials::open(dir.path(), START_MS).unwrap();
        let (stop, stopping) = watch::channel(false);
        let mut registry = Registry::default();
        let topics = TopicRegistry::new(data.clone());
        let endpoint = SyncEndpoint::new(topics, credentials.clone(), clock.clone(), &mut registry, stopping);
        Self { app, credentials, endpoint, registry, stop, clock, data, dir }
    }

    /// A connection whose upgrade was answered.
    pub fn connect(&self) -> Option<DuplexStream> {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let place = self.endpoint.admit(address)?;
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let arrival = Arrival { app: "shop".into(), address, is_open: true };
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move { endpoint.run(place, arrival, theirs).await });
        Some(ours)
    }

    pub async fn upsert(&self, collection_of: &str, id_of: &str, json: &str) -> u64 {
        self.commit(vec![operation(collection_of, id_of, Action::upsert(map(json)))]).await
    }

    pub async fn remove(&self, collection_of: &str, id_of: &str) -> u64 {
        self.commit(vec![operation(collection_of, id_of, Action::Remove)]).await
    }

    pub async fn commit(&self, operations: Vec<Operation>) -> u64 {
        let origin = Origin { peer: "http".into(), ..Origin::default() };
        self.app.commit(Changeset { operations, queries: Vec::new(), origin }).await.unwrap().txn_id.0
    }

    pub fn key(&self, name: &str, collection: Option<&str>, permissions: &[Permission]) -> String {
        let grant =
            Grant { app: "shop".into(), collection: collection.map(str::to_owned), permissions: permissions.to_vec() };
        self.credentials
            .create_key(NewKey { name: name.into(), grants: vec![grant], permission: None }, START_MS)
            .unwrap()
            .1
    }

    pub fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    /// Key and headers of every event.
    pub async fn events(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for piece in self.app.events().read(0, 1 << 24).await.unwrap() {
            for batch in kafka_wire::record_batch::batches(&piece) {
                for record in kafka_wire::record_batch::decode_records(batch.unwrap().1).unwrap() {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
                    let headers: Vec<_> = record.headers.iter().map(|(n, v)| format!("{n}={}", text(*v))).collect();
                    all.push((text(record.key), headers.join(" ")));
                }
            }
        }
        all
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.data.stop();
    }
}

pub fn operation(collection_of: &str, id_of: &str, action: Action) -> Operation {
    Operation { collection: collection(collection_of), id: id(id_of), condition: Condition::Always, action }
}

pub fn collection(name: &str) -> CollectionName {
    CollectionName::new(name).unwrap()
}

pub fn id(text: &str) -> DocumentId {
    DocumentId::from_value(&Value::String(text.to_owned())).unwrap()
}

pub fn map(json: &str) -> Map {
    let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
    map
}

/// Waits until `is_there`.
pub async fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(2)).await;
    }
}
