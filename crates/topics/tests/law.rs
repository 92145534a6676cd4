//! The law: whatever was written, trimmed and crashed, and wherever a consumer stopped, the copy
//! that it keeps by the guide's rules ends equal to what `find` says; no document is named that
//! needs no re-query, and no event contradicts the copy.
//!
//! `LAW_HISTORIES` says how many random histories are tried (200 if not given); `cargo xtask law`
//! runs many.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a test")]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Value};
use kafka_wire::record_batch;
use proptest::{prelude::*, test_runner::TestRunner};
use query::{Budget, Filter, Query};
use store::{App, AppName, Crash, DataDir, MemoryDisk, StoreOptions, WallClock};
use tokio::runtime::Runtime;
use topics::{AppTopics, LiveQuery, MAIN, OnGap, Rebuild, TopicRegistry};
use wire::event::{self, Change};

const COLLECTIONS: [&str; 2] = ["people", "pets"];

#[derive(Debug)]
struct Counting(AtomicU64);

impl WallClock for Counting {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, SeqCst)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Transactions that are sent at once, each some of (collection, document, age, removes).
    Write(Vec<Vec<(u8, u8, u8, bool)>>),
    /// A consumer takes a few records of one partition.
    Consume {
        consumer: u8,
        partition: u8,
        records: u8,
        bytes: u16,
    },
    /// A consumer begins a partition again: everything is delivered once more.
    Rewind {
        consumer: u8,
        partition: u8,
    },
    /// A consumer's connection is lost: what the server knew of it goes with it.
    Reconnect {
        consumer: u8,
    },
    Restart,
    Crash {
        power_loss: bool,
    },
    /// Transactions one after the other or at once, and a crash at the end of that batch of the
    /// engine's, whether a writer's or retention's.
    CrashAmid {
        transactions: Vec<Vec<(u8, u8, u8, bool)>>,
        at_once: bool,
        batches: u8,
        power_loss: bool,
    },
    ChangeGap {
        consumer: u8,
        snapshot: bool,
    },
    /// A live query is deleted and made again while transactions come, so that its making may fall
    /// into a trim; its consumer begins with nothing and takes a few records of one partition.
    Remake {
        consumer: u8,
        transactions: Vec<Vec<(u8, u8, u8, bool)>>,
        partition: u8,
        records: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let write = (0..2u8, 0..8u8, 0..40u8, prop::bool::weighted(0.25));
    let transaction = prop::collection::vec(write, 1..4);
    prop_oneof![
        24 => prop::collection::vec(transaction.clone(), 1..4).prop_map(Step::Write),
        16 => (0..4u8, 0..3u8, 1..12u8, 1..3000u16)
            .prop_map(|(consumer, partition, records, bytes)| Step::Consume { consumer, partition, records, bytes }),
        2 => (0..4u8, 0..3u8).prop_map(|(consumer, partition)| Step::Rewind { consumer, partition }),
        2 => (0..4u8).prop_map(|consumer| Step::Reconnect { consumer }),
        2 => Just(Step::Restart),
        1 => any::<bool>().prop_map(|power_loss| Step::Crash { power_loss }),
        1 => (1..4u8, prop::collection::vec(transaction.clone(), 1..6), 0..3u8, 1..12u8)
            .prop_map(|(consumer, transactions, partition, records)| {
                Step::Remake { consumer, transactions, partition, records }
            }),
        1 => (prop::collection::vec(transaction, 3..9), any::<bool>(), 1..24u8, any::<bool>())
            .prop_map(|(transactions, at_once, batches, power_loss)| {
                // A group of transactions is one batch.
                let batches = if at_once { 1 + batches % 4 } else { batches };
                Step::CrashAmid { transactions, at_once, batches, power_loss }
            }),
        2 => (0..4u8, any::<bool>()).prop_map(|(consumer, snapshot)| Step::ChangeGap { consumer, snapshot }),
    ]
}

/// The live queries of the consumers: name, collection, query, partitions, what a gap gets at
/// first.
type Described = (&'static str, Option<&'static str>, Option<&'static str>, u16, OnGap);

const LIVE_QUERIES: [Described; 4] = [
    (MAIN, None, None, 1, OnGap::Requery),
    ("adults", Some("people"), Some("age >= 18"), 1, OnGap::Requery),
    ("spread", None, Some("age >= 18"), 3, OnGap::Snapshot),
    ("pets", Some("pets"), None, 2, OnGap::Snapshot),
];

struct World {
    root: tempfile::TempDir,
    copies: u32,
    dir: std::path::PathBuf,
    options: StoreOptions,
    clock: Arc<Counting>,
    open: Option<(Arc<DataDir>, Arc<AppTopics>, Arc<TopicRegistry>)>,
    consumers: Vec<Consumer>,
}

/// A copy of what one live query carries, kept as `examples/` keeps it.
struct Consumer {
    name: &'static str,
    offsets: Vec<u64>,
    /// What the server knows of its connection, by partition.
    rebuilds: Vec<Rebuild>,
    /// How often it was told to begin again.
    resyncs: u64,
    /// By record key: the transaction that the copy reflects, and the document.
    copy: BTreeMap<String, (u64, Option<String>)>,
}

fn transaction(writes: Vec<(u8, u8, u8, bool)>) -> Changeset {
    let operations = writes.into_iter().map(|(collection, document, age, removes)| {
        let value = format!(r#"{{"age":{age},"filler":"{}"}}"#, "x".repeat(usize::from(age) * 20));
        let Value::Map(value) = Value::from_json(value.as_bytes()).unwrap() else { unreachable!() };
        Operation {
            collection: CollectionName::new(COLLECTIONS[usize::from(collection)]).unwrap(),
            id: DocumentId::from_value(&Value::Int(document.into())).unwrap(),
            condition: Condition::Always,
            action: if removes { Action::Remove } else { Action::upsert(value) },
        }
    });
    let origin = Origin { peer: "law".into(), ..Origin::default() };
    Changeset { operations: operations.collect(), queries: Vec::new(), origin }
}

fn crash(power_loss: bool) -> Crash {
    if power_loss { Crash::PowerLoss } else { Crash::Kill }
}

fn random() -> [u8; 16] {
    *b"0123456789abcdef"
}

impl World {
    async fn new(retention_bytes: u64, tombstone_retention_ms: Option<u64>, in_memory: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("0");
        let options = StoreOptions {
            segment_bytes: 4096,
            retention_bytes: Some(retention_bytes),
            tombstone_retention_ms,
            disk_reserve_bytes: 1 << 20,
            engine_threads: 1, // of two, one waits by spinning
            memory: in_memory.then(MemoryDisk::default),
            ..StoreOptions::default()
        };
        let clock = Arc::new(Counting(AtomicU64::new(1_645_472_201_000)));
        let consumers = LIVE_QUERIES.map(|(name, _, _, partitions, _)| Consumer::new(name, partitions));
        let mut world = Self { root, copies: 0, dir, options, clock, open: None, consumers: consumers.into() };
        world.reopen().await;
        for described in LIVE_QUERIES.iter().filter(|(name, ..)| *name != MAIN) {
            world.topics().create(world.live_query(described)).await.unwrap();
        }
        world
    }

    fn live_query(&self, &(name, collection, query, partitions, on_gap): &Described) -> LiveQuery {
        LiveQuery {
            name: name.into(),
            collection: collection.map(Into::into),
            query: query.map(Into::into),
            partitions,
            on_gap,
            created_ms: self.clock.now_ms(),
        }
    }

    async fn reopen(&mut self) {
        self.open = None;
        let data = DataDir::open(&self.dir, self.options.clone(), self.clock.clone(), random).unwrap();
        if !data.has_app("shop") {
            data.create_app(&AppName::new("shop").unwrap()).unwrap();
        }
        let registry = TopicRegistry::new(data.clone());
        let topics = registry.app("shop").await.unwrap();
        self.open = Some((data, topics, registry));
        self.consumers.iter_mut().for_each(Consumer::reconnect);
        self.check_journal().await;
    }

    /// Every event that was not trimmed is there, at offsets without a hole. Retention does not
    /// look as soon as a store is opened.
    async fn check_journal(&self) {
        let events = self.app().events();
        let (mut next, end) = (events.log_start(), events.high_watermark());
        while next < end {
            let batches = events.read(next, 1 << 20).await.unwrap();
            assert!(!batches.is_empty(), "nothing at {next}, though events go up to {end}");
            for record in batches
                .iter()
                .flat_map(|piece| split(piece))
                .flat_map(|batch| record_batch::decode_records(batch).unwrap())
            {
                if record.offset as u64 >= next {
                    assert_eq!(record.offset as u64, next, "a hole");
                    next += 1;
                }
            }
        }
    }

    fn topics(&self) -> &Arc<AppTopics> {
        &self.open.as_ref().unwrap().1
    }

    fn app(&self) -> &Arc<App> {
        self.topics().app()
    }

    /// The directory is free when this returns.
    async fn close(&mut self) {
        let (data, topics, registry) = self.open.take().unwrap();
        registry.stop().await;
        data.stop();
        drop((registry, topics));
        let app = data.app("shop").unwrap();
        assert_eq!((Arc::strong_count(&data), Arc::strong_count(&app)), (1, 2), "somebody still has the app");
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Write(transactions) => self.write_at_once(transactions).await,
            Step::Consume { consumer, partition, records, bytes } => {
                self.consume(consumer.into(), partition.into(), records.into(), bytes.into()).await;
            }
            Step::Rewind { consumer, .. } if self.options.tombstone_retention_ms.is_some() => {
                // Where tombstones go, who begins again begins with nothing.
                self.consumers[usize::from(consumer)].begin_again();
            }
            Step::Rewind { consumer, partition } => {
                let offsets = &mut self.consumers[usize::from(consumer)].offsets;
                let partition = usize::from(partition) % offsets.len();
                offsets[partition] = 0;
            }
            Step::Reconnect { consumer } => self.consumers[usize::from(consumer)].reconnect(),
            Step::Restart => {
                self.close().await;
                self.reopen().await;
            }
            Step::Crash { power_loss } => {
                let copy = self.next_copy();
                let memory = copy_at_rest(&self.dir, &copy, self.options.memory.as_ref(), crash(power_loss));
                self.go_on_with(copy, memory).await;
            }
            Step::CrashAmid { transactions, at_once, batches, power_loss } => {
                self.crash_amid(transactions, at_once, batches.into(), crash(power_loss)).await;
            }
            Step::ChangeGap { consumer, snapshot } => {
                let name = LIVE_QUERIES[usize::from(consumer)].0;
                let on_gap = if snapshot { OnGap::Snapshot } else { OnGap::Requery };
                self.topics().set_on_gap(name, on_gap).await.unwrap();
            }
            Step::Remake { consumer, transactions, partition, records } => {
                let consumer = usize::from(consumer);
                let described = &LIVE_QUERIES[consumer];
                self.topics().delete(described.0).await.unwrap();
                let made = async {
                    self.topics().create(self.live_query(described)).await.unwrap();
                };
                tokio::join!(self.write_at_once(transactions), made);
                self.consumers[consumer] = Consumer::new(described.0, described.3);
                self.consume(consumer, partition.into(), records.into(), 1000).await;
            }
        }
    }

    async fn write_at_once(&self, transactions: Vec<Vec<(u8, u8, u8, bool)>>) {
        let commits = transactions.into_iter().map(|writes| {
            let app = self.app().clone();
            tokio::spawn(async move { app.commit(transaction(writes)).await })
        });
        for commit in commits.collect::<Vec<_>>() {
            commit.await.unwrap().unwrap();
        }
    }

    /// Where it cannot be planned, on disk, and if there are not so many batches, it comes at their
    /// end.
    async fn crash_amid(
        &mut self,
        transactions: Vec<Vec<(u8, u8, u8, bool)>>,
        at_once: bool,
        batches: u64,
        crash: Crash,
    ) {
        let (copy, memory) = (self.next_copy(), self.options.memory.clone());
        let crashing = memory.as_ref().map(|memory| {
            let (crashed, from, to) = (memory.plan_crash(batches, crash), self.dir.clone(), copy.clone());
            tokio::task::spawn_blocking(move || {
                let crashed = crashed.recv().ok()?;
                copy_at_rest(&from, &to, None, crash);
                Some(crashed.disk.clone())
            })
        });
        if at_once {
            self.write_at_once(transactions).await;
        } else {
            for writes in transactions {
                self.app().commit(transaction(writes)).await.unwrap();
            }
        }
        let mut left = None;
        if let (Some(memory), Some(mut crashing)) = (&memory, crashing) {
            // Retention may still be at work.
            left = match tokio::time::timeout(Duration::from_millis(2), &mut crashing).await {
                Ok(left) => left.unwrap(),
                Err(_) => {
                    memory.unplan_crash();
                    crashing.await.unwrap()
                }
            };
        }
        let left = left.or_else(|| copy_at_rest(&self.dir, &copy, memory.as_ref(), crash));
        self.go_on_with(copy, left).await;
    }

    fn next_copy(&mut self) -> std::path::PathBuf {
        self.copies += 1;
        self.root.path().join(self.copies.to_string())
    }

    /// After a crash, with what it left.
    async fn go_on_with(&mut self, dir: std::path::PathBuf, memory: Option<MemoryDisk>) {
        self.close().await;
        self.options.memory = memory;
        std::fs::remove_dir_all(&self.dir).unwrap();
        self.dir = dir;
        self.reopen().await;
    }

    /// Reads one partition until `records` were taken or there are no more.
    async fn consume(&mut self, consumer: usize, partition: usize, mut records: usize, bytes: usize) {
        let topics = self.topics().clone();
        let consumer = &mut self.consumers[consumer];
        let partition = partition % consumer.offsets.len();
        let live_query = topics.live_queries().into_iter().find(|known| known.name == consumer.name).unwrap();
        let topic = topics.by_name(&topics.topic_of(&live_query)).unwrap();
        let reader = topic.partition(partition as i32).unwrap();
        let end = reader.settled_high_watermark().await;
        while records > 0 && consumer.offsets[partition] < end {
            let from = consumer.offsets[partition];
            if from == 0 {
                consumer.rebuilds[partition] = reader.rebuild();
            }
            let batches = reader.read(from, bytes, consumer.rebuilds[partition]).await.unwrap();
            assert!(!batches.is_empty(), "{} {partition}: nothing at {from}, though it ends at {end}", consumer.name);
            let batches: Vec<_> = batches.iter().flat_map(|piece| split(piece)).collect();
            if let [only] = batches.as_slice()
                && let [record] = record_batch::decode_records(only).unwrap().as_slice()
                && record.headers.contains(&("op", Some(b"resync")))
            {
                assert!(from > 0 && from < topics.app().tombstone_floor(), "nothing can have been missed at {from}");
                assert!((from..end.max(from + 1)).contains(&(record.offset as u64)), "{} of {from}", record.offset);
                records -= 1;
                consumer.begin_again();
                continue;
            }
            for record in batches.iter().flat_map(|batch| record_batch::decode_records(batch).unwrap()) {
                if records > 0 && record.offset as u64 >= consumer.offsets[partition] {
                    records -= 1;
                    consumer.take(topics.app(), &record);
                    consumer.offsets[partition] = record.offset as u64 + 1;
                }
            }
            assert!(consumer.offsets[partition] > from, "a read brings something new");
        }
    }

    /// Everyone catches up; then each copy must be what `find` says.
    async fn settle(&mut self) {
        for consumer in 0..self.consumers.len() {
            self.catch_up(consumer, 1 << 20).await;
            self.compare(&self.consumers[consumer]);
            self.read_as_compacted(consumer).await;
        }
    }

    /// Once more if it was told to begin again, and so no longer has what it read of the other
    /// partitions.
    async fn catch_up(&mut self, consumer: usize, bytes: usize) {
        loop {
            let resyncs = self.consumers[consumer].resyncs;
            for partition in 0..self.consumers[consumer].offsets.len() {
                self.consume(consumer, partition, usize::MAX, bytes).await;
            }
            if self.consumers[consumer].resyncs == resyncs {
                return;
            }
        }
    }

    fn compare(&self, consumer: &Consumer) {
        let (_, collection, query, ..) = *LIVE_QUERIES.iter().find(|(name, ..)| *name == consumer.name).unwrap();
        let found = find(self.app(), collection, query);
        let filter = query.map(filter);
        let copy: BTreeMap<String, String> = consumer
            .copy
            .iter()
            .filter_map(|(key, (_, document))| Some((key.clone(), document.clone()?)))
            .filter(|(key, document)| filter.as_ref().is_none_or(|filter| matches(filter, key, document)))
            .collect();
        // Without the filler, which only takes room, the difference can be read.
        let short = |documents: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            documents.iter().map(|(key, document)| (key.clone(), document.replace("xx", ""))).collect()
        };
        assert!(copy == found, "the copy of {} is {:?}, not {:?}", consumer.name, short(&copy), short(&found));
    }

    /// With `snapshot`, a consumer that never asks has the whole copy by reading from offset 0.
    async fn read_as_compacted(&mut self, consumer: usize) {
        let (name, collection, query, partitions, _) = LIVE_QUERIES[consumer];
        let topics = self.topics();
        if topics.live_queries().iter().any(|known| known.name == name && known.on_gap != OnGap::Snapshot) {
            topics.set_on_gap(name, OnGap::Snapshot).await.unwrap();
        }
        let kept = std::mem::replace(&mut self.consumers[consumer], Consumer::new(name, partitions));
        self.catch_up(consumer, [700, 3000, 10_000, 1 << 20][self.copies as usize % 4]).await;
        let fresh = std::mem::replace(&mut self.consumers[consumer], kept);
        self.compare(&fresh);
        let _ = (collection, query);
    }
}

impl Consumer {
    fn new(name: &'static str, partitions: u16) -> Self {
        let partitions = usize::from(partitions);
        let (offsets, rebuilds) = (vec![0; partitions], vec![Rebuild::default(); partitions]);
        Self { name, offsets, rebuilds, resyncs: 0, copy: BTreeMap::new() }
    }

    fn reconnect(&mut self) {
        self.rebuilds.fill(Rebuild::default());
    }

    fn begin_again(&mut self) {
        self.resyncs += 1;
        self.copy.clear();
        self.offsets.fill(0);
    }

    fn take(&mut self, app: &App, record: &record_batch::Record<'_>) {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(record.value.unwrap()).unwrap();
        let txn = value["txnId"].as_u64().unwrap();
        let key = text(record.key);
        let known = self.copy.get(&key).map_or(0, |(txn, _)| *txn);
        match event::read_change(record.value.unwrap()).unwrap() {
            Change::Upsert { new, .. } if txn > known => {
                self.copy.insert(key, (txn, Some(new.to_owned())));
            }
            Change::Upsert { new, .. } if txn == known => {
                assert_eq!(self.copy[&key].1.as_deref(), Some(new), "an event contradicts what is known of {key}");
            }
            Change::Remove { .. } if txn > known => {
                self.copy.insert(key, (txn, None));
            }
            Change::Upsert { .. } | Change::Remove { .. } => {}
            Change::Requery => self.requery(app, txn, &value["documents"]),
        }
    }

    fn requery(&mut self, app: &App, txn: u64, documents: &serde_json::Value) {
        let documents = documents.as_array().unwrap();
        assert!((1..=100).contains(&documents.len()));
        let snapshot = app.snapshot().unwrap();
        let mut newest = 0;
        for document in documents {
            let collection = document["collectionName"].as_str().unwrap();
            let id = document["documentId"].to_string();
            let mut key = Vec::new();
            event::write_key(&mut key, collection, &id);
            let key = String::from_utf8(key).unwrap();
            let stored = snapshot
                .document(&CollectionName::new(collection).unwrap(), &DocumentId::from_json(&id).unwrap())
                .unwrap();
            let Some(stored) = stored else {
                assert!(app.tombstone_floor() > 0, "{key} is named, but there is not even a tombstone");
                self.copy.insert(key, (snapshot.txn_id().0, None));
                newest = txn;
                continue;
            };
            let was_trimmed = stored.last_event.is_some_and(|offset| offset < snapshot.log_start());
            // One that left the live query by a trimmed event has to be read again, although it
            // changed since, outside.
            let query = LIVE_QUERIES.iter().find(|(name, ..)| *name == self.name).and_then(|(_, _, query, ..)| *query);
            let may_have_left = query.map(filter).is_some_and(|filter| {
                let id = DocumentId::from_json(&id).unwrap();
                !stored
                    .document
                    .value()
                    .is_some_and(|fields| filter.matches(&id, &fields, &mut Budget::of_a_document()).unwrap())
            });
            assert!(was_trimmed || may_have_left, "{collection} {id} is named, but its last event is still there");
            newest = newest.max(stored.txn_id.0);
            let json = stored.document.exists().then(|| {
                let mut json = Vec::new();
                stored.document.write_json(&id, &mut json);
                String::from_utf8(json).unwrap()
            });
            self.copy.insert(key, (snapshot.txn_id().0, json));
        }
        assert_eq!(txn, newest, "a page's transaction is the newest of its documents'");
    }
}

fn filter(query: &str) -> Filter {
    Query::parse(query).unwrap().bind(&Map::new()).unwrap()
}

fn matches(filter: &Filter, key: &str, document: &str) -> bool {
    let (_, id) = event::read_key(key.as_bytes()).unwrap();
    let Value::Map(mut fields) = Value::from_json(document.as_bytes()).unwrap() else { unreachable!() };
    fields.remove("_id");
    filter.matches(&DocumentId::from_json(id).unwrap(), &fields, &mut Budget::of_a_document()).unwrap()
}

/// What `find` answers, by record key.
fn find(app: &App, collection: Option<&str>, query: Option<&str>) -> BTreeMap<String, String> {
    let snapshot = app.snapshot().unwrap();
    let filter = query.map(filter);
    let mut found = BTreeMap::new();
    for name in COLLECTIONS.into_iter().filter(|name| collection.is_none_or(|wanted| wanted == *name)) {
        for entry in snapshot.scan(&CollectionName::new(name).unwrap()) {
            let (id, stored) = entry.unwrap();
            let Some(fields) = stored.document.value() else { continue };
            if filter.as_ref().is_none_or(|filter| filter.matches(&id, &fields, &mut Budget::of_a_document()).unwrap())
            {
                let (mut key, mut json) = (Vec::new(), Vec::new());
                event::write_key(&mut key, name, id.as_json());
                stored.document.write_json(id.as_json(), &mut json);
                found.insert(String::from_utf8(key).unwrap(), String::from_utf8(json).unwrap());
            }
        }
    }
    found
}

fn split(mut piece: &[u8]) -> Vec<&[u8]> {
    let mut batches = Vec::new();
    while !piece.is_empty() {
        let (batch, rest) = piece.split_at(record_batch::verify(piece).unwrap().len_bytes);
        batches.push(batch);
        piece = rest;
    }
    batches
}

/// Holes stay holes: the engine's log is 64 MiB of them.
fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::{
        fs::{SeekFrom, seek},
        io::Errno,
    };
    use std::os::unix::fs::FileExt as _;
    let (from, to) = (std::fs::File::open(from)?, std::fs::File::create(to)?);
    let len = from.metadata()?.len();
    to.set_len(len)?;
    let mut at = 0;
    while at < len {
        let begin = match seek(&from, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        at = seek(&from, SeekFrom::Hole(begin))?;
        let mut data = vec![0; (at - begin) as usize];
        from.read_exact_at(&mut data, begin)?;
        to.write_all_at(&data, begin)?;
    }
    Ok(())
}

/// The files, and what stands for files, as a crash leaves them; all that the engine's own files
/// held is there, though only what is in memory can lose what was not synced. Retention may be at
/// work: the copy is made again until nothing moved meanwhile.
fn copy_at_rest(from: &Path, to: &Path, memory: Option<&MemoryDisk>, crash: Crash) -> Option<MemoryDisk> {
    fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { copy_file(&entry.path(), &target)? }
        }
        Ok(())
    }
    fn sizes(dir: &Path) -> std::io::Result<Vec<(std::path::PathBuf, u64, std::time::SystemTime)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                found.extend(sizes(&entry.path())?);
            } else {
                found.push((entry.path(), metadata.len(), metadata.modified()?));
            }
        }
        found.sort();
        Ok(found)
    }
    for _ in 0..10_000 {
        let _ = std::fs::remove_dir_all(to);
        let batches = memory.map(MemoryDisk::batches);
        if let Ok(before) = sizes(from)
            && copy(from, to).is_ok()
            && sizes(from).is_ok_and(|after| after == before)
        {
            let left = memory.map(|memory| memory.after(crash));
            if memory.map(MemoryDisk::batches) == batches {
                return left;
            }
        }
    }
    panic!("the directory never came to rest");
}

/// What one history's threads hand to each other need not wake another core: it goes a quarter
/// faster. Threads begun from here on stay there too.
fn stay_on_one_core(number: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    let mut one = CpuSet::new();
    one.set(cores.cycle().nth(number).expect("there is one"));
    let _ = sched_setaffinity(None, &one);
}

#[test]
fn the_copy_equals_the_store() {
    let histories: u32 = std::env::var("LAW_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let (trimmed, resynced, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (failed, began) = (AtomicBool::new(false), Instant::now());
    let progress = u64::from(histories / 100).max(1000);
    let try_history = |runtime: &Runtime, (steps, retention_bytes, tombstone_retention_ms, in_memory)| {
        let mut world = runtime.block_on(World::new(retention_bytes, tombstone_retention_ms, in_memory));
        let lived = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                for step in steps {
                    world.take(step).await;
                }
                world.settle().await;
            });
        }));
        if let Err(panic) = lived {
            // Not while it unwinds: the engine would never finish.
            if world.open.is_some() {
                runtime.block_on(world.close());
            }
            resume_unwind(panic);
        }
        runtime.block_on(async {
            trimmed.fetch_add(u64::from(world.app().stats().log_start > 0), SeqCst);
            let resyncs: u64 = world.consumers.iter().map(|consumer| consumer.resyncs).sum();
            resynced.fetch_add(u64::from(resyncs > 0), SeqCst);
            world.close().await;
        });
        let done = done.fetch_add(1, SeqCst) + 1;
        if done.is_multiple_of(progress) {
            println!("{done} histories, {:.0}/s", done as f64 / began.elapsed().as_secs_f64());
        }
        Ok(())
    };
    // A history waits for its own threads, so several run side by side.
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (try_history, failed) = (&try_history, &failed);
            scope.spawn(move || {
                stay_on_one_core(thread as usize);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                let cases = histories / THREADS + u32::from(thread < histories % THREADS);
                let mut runner = TestRunner::new(ProptestConfig {
                    cases,
                    max_shrink_iters: 200,
                    failure_persistence: None,
                    ..ProptestConfig::default()
                });
                let history = (
                    prop::collection::vec(step(), 14..80),
                    0..16_000u64,
                    prop::option::of(0..200u64),
                    prop::bool::weighted(in_memory(histories)),
                );
                let held = runner.run(&history, |case| {
                    // Once one has failed there is nothing more to learn from the others.
                    if failed.load(SeqCst) { Ok(()) } else { try_history(&runtime, case) }
                });
                failed.fetch_or(held.is_err(), SeqCst);
                held.unwrap_or_else(|failure| panic!("{failure}"));
            });
        }
    });
    let (trimmed, resynced) = (trimmed.load(SeqCst), resynced.load(SeqCst));
    println!(
        "{histories} histories, {trimmed} of them trimmed at their end, in {resynced} a consumer had to begin again"
    );
    assert!(resynced * 50 >= u64::from(histories), "some must drop tombstones that a consumer misses");
    assert!(trimmed * 4 >= u64::from(histories), "most histories must have a gap to say anything");
}

const THREADS: u32 = 4;

/// How many of these keep the documents in memory; the others keep them in the engine's own files,
/// and take several times as long.
fn in_memory(histories: u32) -> f64 {
    if histories <= 10_000 { 0.95 } else { 0.99 }
}
