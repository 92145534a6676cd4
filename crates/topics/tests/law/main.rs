//! The law: whatever was written, trimmed and crashed, and wherever a consumer stopped,
//!
//! - a read, compressed or not, tells exactly what it has to (`truth`): every event that is kept, under the offset that
//!   follows on the one before; and at trimmed offsets every document of which the last event that
//!   the topic shows was trimmed, and no other, where that event was and with its transaction;
//! - no txnId is below one of a lower offset;
//! - the copy that a consumer keeps ends equal to what `find` says, whether it takes everything as
//!   it comes, drops what has a txnId below the highest that it saw, or asks again by the guide's
//!   rules;
//! - a partition's high watermark is the number of what ever stood there.
//!
//! `LAW_HISTORIES` says how many random histories are tried (200 if not given); `cargo xtask law`
//! runs many.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a test")]

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Instant,
};

mod consumer;
mod disk;
mod read;
mod steps;
mod truth;

use crate::{
    consumer::{Consumer, KINDS, Kind},
    read::{Read, is_resync},
    steps::step,
    truth::{Expected, Made, Truth},
};
use bytes::Bytes;
use document::{CollectionName, DocumentId, Map, Value};
use kafka_wire::{
    compression::{Codec, decompress},
    record_batch,
};
use proptest::{prelude::*, test_runner::TestRunner};
use query::{Budget, Filter, Query};
use store::{App, AppName, DataDir, DefinitionKind, MemoryDisk, StoreOptions, WallClock};
use tokio::runtime::Runtime;
use topics::{AppTopics, LiveQuery, MAIN, OnGap, Rebuild, TopicRegistry};
use wire::event;

const COLLECTIONS: [&str; 2] = ["people", "pets"];

#[derive(Debug)]
struct Counting(AtomicU64);

impl WallClock for Counting {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, SeqCst)
    }
}

/// The live queries of the consumers: name, collection, query, partitions, what a gap gets at
/// first.
type Described = (&'static str, Option<&'static str>, Option<&'static str>, u16, OnGap);

/// Of each live query one of every kind.
const CONSUMERS: u8 = 15;

const LIVE_QUERIES: [Described; 5] = [
    (MAIN, None, None, 1, OnGap::Requery),
    ("adults", Some("people"), Some("age >= 18"), 1, OnGap::Requery),
    ("spread", None, Some("age >= 18"), 3, OnGap::Snapshot),
    ("pets", Some("pets"), None, 2, OnGap::Snapshot),
    // Its second half is a permission.
    ("mine", Some("people"), Some("age >= 18 && _id < 4"), 2, OnGap::Requery),
];

struct World {
    root: tempfile::TempDir,
    copies: u32,
    dir: std::path::PathBuf,
    options: StoreOptions,
    clock: Arc<Counting>,
    open: Option<(Arc<DataDir>, Arc<AppTopics>, Arc<TopicRegistry>)>,
    consumers: Vec<Consumer>,
    truth: Truth,
    /// By live query.
    made: Vec<Made>,
}

/// Whether the document's tombstone was dropped. It may have another by now, of a transaction that
/// made it and removed it.
fn is_gone(app: &App, key: &str) -> bool {
    let (collection, id) = event::read_key(key.as_bytes()).unwrap();
    let (collection, id) = (CollectionName::new(&collection).unwrap(), DocumentId::from_json(id).unwrap());
    let stored = app.snapshot().unwrap().document(&collection, &id).unwrap();
    stored.is_none_or(|stored| stored.last_event.is_none())
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
        let consumers =
            (0..LIVE_QUERIES.len()).flat_map(|live_query| KINDS.map(|kind| Consumer::new(live_query, kind)));
        let (truth, made) = (Truth::default(), Vec::new());
        let mut world =
            Self { root, copies: 0, dir, options, clock, open: None, consumers: consumers.collect(), truth, made };
        world.reopen().await;
        for described in &LIVE_QUERIES {
            if described.0 != MAIN {
                world.topics().create(world.live_query(described)).await.unwrap();
            }
            let made = world.made_of(described);
            world.made.push(made);
        }
        world
    }

    fn live_query(&self, &(name, collection, query, partitions, on_gap): &Described) -> LiveQuery {
        let (query, rule) = query.map_or((None, None), |query| match query.split_once(" && ") {
            Some((query, rule)) => (Some(query), Some(rule.to_owned())),
            None => (Some(query), None),
        });
        let permission = rule.map(|rule| topics::GrantedQueries {
            everything: false,
            queries_by_collection: [("people".to_owned(), vec![rule])].into(),
        });
        LiveQuery {
            name: name.into(),
            collection: collection.map(Into::into),
            query: query.map(Into::into),
            query_language: topics::QueryLanguage::Legacy,
            partitions,
            on_gap,
            compression: topics::Compression::None,
            permission,
            created_ms: self.clock.now_ms(),
        }
    }

    /// As it was made just now.
    fn made_of(&self, &(name, collection, query, partitions, _): &Described) -> Made {
        let defined = self.app().definitions(DefinitionKind::LiveQuery);
        let origin = defined.into_iter().find(|one| one.name == name && name != MAIN).map_or(0, |one| one.origin);
        let app = self.app().clone();
        Made::new(&self.truth, collection, query, partitions, origin, name == MAIN, |key| is_gone(&app, key))
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

    fn expected(&mut self, live_query: usize, partition: usize) -> Expected {
        let app = self.app().clone();
        let log_start = app.events().log_start();
        Expected::at(&mut self.made[live_query], &self.truth, partition, log_start, |key| is_gone(&app, key))
    }

    fn reader(&self, live_query: usize, partition: usize) -> topics::Partition {
        let topics = self.topics();
        let name = LIVE_QUERIES[live_query].0;
        let live_query = topics.live_queries().into_iter().find(|known| known.name == name).unwrap();
        let topic = topics.by_name(&topics.topic_of(&live_query)).unwrap();
        topic.partition(partition as i32).unwrap()
    }

    /// Reads once, and holds what comes against the truth.
    async fn read(
        &mut self,
        live_query: usize,
        partition: usize,
        from: u64,
        bytes: usize,
        rebuild: Rebuild,
    ) -> Vec<Bytes> {
        let reader = self.reader(live_query, partition);
        let before = self.expected(live_query, partition);
        let codec = match from % 5 {
            n @ 0..4 if LIVE_QUERIES[live_query].0 != MAIN => Some(Codec::ALL[n as usize]),
            _ => None,
        };
        let batches = reader.read_as(from, bytes, rebuild, codec).await.unwrap();
        let after = self.expected(live_query, partition);
        let plain = |batch: &[u8]| Bytes::copy_from_slice(&decompress(batch, 1 << 30).unwrap());
        let batches: Vec<Bytes> = batches.iter().flat_map(|piece| split(piece)).map(plain).collect();
        let name = LIVE_QUERIES[live_query].0;
        let drops = self.options.tombstone_retention_ms.is_some();
        let (before, after, is_compressed) = (&before, &after, codec.is_some());
        Read { truth: &self.truth, name, partition, from, before, after, drops, is_compressed }.check(&batches);
        batches
    }

    /// Reads from anywhere, and looks where a time is.
    async fn look(&mut self, consumer: usize, partition: usize, at: u64) {
        let live_query = consumer / KINDS.len();
        let partition = partition % usize::from(LIVE_QUERIES[live_query].3);
        let reader = self.reader(live_query, partition);
        // The live query may have yet to look at the newest events: what is told is exact all the same.
        let known = reader.high_watermark();
        self.read(live_query, partition, at % (known + 1), 1 << 20, reader.rebuild()).await;
        let end = reader.settled_high_watermark().await.unwrap();
        let all = self.made[live_query].shown(&self.truth, partition).to_vec();
        assert_eq!(end, all.len() as u64, "the high watermark of {} {partition}", LIVE_QUERIES[live_query].0);
        // What the reader is told to begin again by is looked at where consumers are.
        let rebuild = reader.rebuild();
        self.read(live_query, partition, at % (end + 1), 1 << 20, rebuild).await;
        let events = self.app().events();
        let log_start = events.log_start();
        let kept = events.high_watermark() - log_start;
        if kept == 0 {
            return;
        }
        let wanted = log_start + at % kept;
        let Ok(Some(time)) = events.event_time(wanted) else { return };
        if time <= events.trimmed_to_ms() {
            return;
        }
        let found = reader.offset_for_timestamp(time).await.unwrap();
        // Times grow with the transactions, of which an event is one of several.
        let txn = self.truth.events[wanted as usize].txn;
        let due = all.iter().position(|shown| shown.txn >= txn && !shown.is_seed).map(|offset| offset as u64);
        if self.app().events().log_start() == log_start {
            let found = found.map(|found| found.offset);
            assert!(found <= due || due.is_none(), "the time of {wanted} is at {found:?}, not {due:?}");
        }
    }

    /// Reads one partition until `records` were taken or there are no more.
    async fn consume(&mut self, consumer: usize, partition: usize, mut records: usize, bytes: usize) {
        let live_query = self.consumers[consumer].live_query;
        let name = LIVE_QUERIES[live_query].0;
        let partition = partition % self.consumers[consumer].offsets.len();
        let reader = self.reader(live_query, partition);
        let end = reader.settled_high_watermark().await.unwrap();
        while records > 0 && self.consumers[consumer].offsets[partition] < end {
            let from = self.consumers[consumer].offsets[partition];
            if from == 0 {
                self.consumers[consumer].rebuilds[partition] = reader.rebuild();
            }
            let rebuild = self.consumers[consumer].rebuilds[partition];
            let batches = self.read(live_query, partition, from, bytes, rebuild).await;
            assert!(!batches.is_empty(), "{name} {partition}: nothing at {from}, though it ends at {end}");
            if let [only] = batches.as_slice()
                && let [record] = record_batch::decode_records(only).unwrap().as_slice()
                && is_resync(record)
            {
                assert!(from > 0 && from < end, "nothing can have been missed at {from}");
                assert!((from..end).contains(&(record.offset as u64)), "{} of {from}", record.offset);
                self.consumers[consumer].note_txn(partition, record);
                records -= 1;
                self.consumers[consumer].begin_again();
                continue;
            }
            let app = self.app().clone();
            let consumer = &mut self.consumers[consumer];
            for record in batches.iter().flat_map(|batch| record_batch::decode_records(batch).unwrap()) {
                if records > 0 && record.offset as u64 >= consumer.offsets[partition] {
                    records -= 1;
                    consumer.take(&app, partition, &record);
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
            for partition in 0..self.consumers[consumer].offsets.len() {
                self.look(consumer, partition, consumer as u64 * 7).await;
            }
        }
        // With `snapshot`, one that never asks has the whole copy by reading from offset 0.
        for live_query in 0..LIVE_QUERIES.len() {
            self.read_as_compacted(live_query * KINDS.len()).await;
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
        let (name, collection, query, ..) = LIVE_QUERIES[consumer.live_query];
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
        assert!(
            copy == found,
            "the copy of {name} ({:?}) is {:?}, not {:?}",
            consumer.kind,
            short(&copy),
            short(&found)
        );
    }

    async fn read_as_compacted(&mut self, consumer: usize) {
        let live_query = self.consumers[consumer].live_query;
        let name = LIVE_QUERIES[live_query].0;
        let topics = self.topics();
        if topics.live_queries().iter().any(|known| known.name == name && known.on_gap != OnGap::Snapshot) {
            topics.set_on_gap(name, OnGap::Snapshot).await.unwrap();
        }
        let kept = std::mem::replace(&mut self.consumers[consumer], Consumer::new(live_query, Kind::Naive));
        self.catch_up(consumer, [700, 3000, 10_000, 1 << 20][self.copies as usize % 4]).await;
        let fresh = std::mem::replace(&mut self.consumers[consumer], kept);
        self.compare(&fresh);
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
        if !in_memory {
            let report = topics::verify(&world.dir, &mut |_| ()).unwrap();
            assert!(report.is_whole(), "{report:?}");
        }
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
