//! Data that was restored: what a topic's readers get before, in and behind the range that was
//! skipped, on the main feed and on a live query's topic.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::{path::Path, sync::Arc};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use kafka_wire::record_batch;
use store::{AppName, CreateAppError, DataDir, NewLife, RestoreTo, Seam, StoreOptions, TxnId, WallClock};
use topics::{AppTopics, LiveQuery, OnGap, Partition, Rebuild, TopicRegistry};

const NOON_MS: u64 = 1_645_444_800_000;

/// So old that the offsets behind the seam lie beyond 2^46, where the numbers of a live query's spans get wider.
const FIVE_YEARS_MS: u64 = 5 * 365 * 24 * 3600 * 1000;

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        NOON_MS
    }
}

async fn open(dir: &Path, retention_bytes: Option<u64>) -> (Arc<TopicRegistry>, Arc<AppTopics>) {
    let options = StoreOptions { segment_bytes: 4096, retention_bytes, accept_clock: true, ..StoreOptions::default() };
    let data = DataDir::open(dir, options, Arc::new(Noon), || *b"0123456789abcdef").unwrap();
    match data.create_app(&AppName::new("shop").unwrap()) {
        Ok(_) | Err(CreateAppError::Exists(_)) => {}
        Err(error) => panic!("{error}"),
    }
    let registry = TopicRegistry::new(data);
    let topics = registry.app("shop").await.unwrap();
    (registry, topics)
}

/// Has it begin another life `after_ms` later.
fn restore(dir: &Path, after_ms: u64, to: RestoreTo) -> Seam {
    let life = NewLife {
        now_ms: NOON_MS + after_ms,
        accept_clock: false,
        taken_ms: None,
        only: None,
        to: &|_| to,
        random: || *b"another life's..",
    };
    store::begin_new_life(dir, &life).unwrap()[0].seam
}

fn adults() -> LiveQuery {
    LiveQuery {
        name: "adults".into(),
        collection: Some("people".into()),
        query: Some("age >= 18".into()),
        query_language: topics::QueryLanguage::Legacy,
        partitions: 1,
        on_gap: OnGap::Requery,
        compression: topics::Compression::None,
        permission: None,
        created_ms: 1,
    }
}

fn person(id: &str, age: u32) -> Changeset {
    let json = format!(r#"{{"age":{age},"filler":"{}"}}"#, "x".repeat(300));
    let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
    let operation = Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
        condition: Condition::Always,
        action: Action::upsert(value),
    };
    Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
}

/// What a reader gets from `offset` on until it stands at the end: of each record its offset and its
/// `op`, and where it stands then.
async fn read(partition: &Partition, offset: u64, rebuild: Rebuild) -> (Vec<(u64, String)>, u64) {
    partition.settled_high_watermark().await.unwrap();
    let (mut found, mut next) = (Vec::new(), offset);
    while next < partition.high_watermark() {
        let pieces = partition.read(next, 1 << 20, rebuild).await.unwrap();
        assert!(!pieces.is_empty(), "nothing at {next} below {}", partition.high_watermark());
        for piece in pieces {
            for batch in record_batch::batches(&piece) {
                for record in record_batch::decode_records(batch.unwrap().1).unwrap() {
                    let op = record.headers.iter().find(|(name, _)| *name == "op").and_then(|(_, value)| *value);
                    if record.offset as u64 >= next {
                        found.push((record.offset as u64, String::from_utf8(op.unwrap().to_vec()).unwrap()));
                    }
                }
            }
            next = piece.next_offset;
        }
    }
    (found, next)
}

fn ops(found: &[(u64, String)]) -> Vec<(u64, &str)> {
    found.iter().map(|(offset, op)| (*offset, op.as_str())).collect()
}

/// Ten events, of which every other one is on the live query's topic; restored; two more.
async fn check_both(topics: &AppTopics, seam: &Seam, kept: u64) {
    let unknown = Rebuild::default();
    for (topic, kept) in [(topics.main(), kept), (topics.all()[1].clone(), kept.div_ceil(2))] {
        let partition = topic.partition(0).unwrap();
        partition.settled_high_watermark().await.unwrap();
        let [skipped] = partition.skipped()[..] else { panic!("{:?}", partition.skipped()) };
        assert_eq!((skipped.start, skipped.end), (kept, kept + seam.skipped_offsets()), "{}", topic.name());
        let new = [(skipped.end, "insert"), (skipped.end + 1, "insert")];
        // Whoever has seen what is gone, or may have, is told so; once.
        for from in [1, kept, kept + 1, skipped.end - 1] {
            let (found, end) = read(&partition, from, unknown).await;
            let before = (from..kept).map(|offset| (offset, "insert"));
            let expected: Vec<_> = before.chain([(skipped.end - 1, "resync")]).chain(new).collect();
            assert_eq!((ops(&found), end), (expected, skipped.end + 2), "{} from {from}", topic.name());
        }
        // Whoever builds its copy in this life is not.
        for (from, rebuild) in [(0, unknown), (0, partition.rebuild()), (1, partition.rebuild())] {
            let expected: Vec<_> = (from..kept).map(|offset| (offset, "insert")).chain(new).collect();
            let mut rebuild = rebuild;
            if from == 0 {
                rebuild = partition.rebuild();
            }
            assert_eq!(ops(&read(&partition, from, rebuild).await.0), expected, "{} from {from}", topic.name());
        }
        assert_eq!(partition.events_between(kept - 1, skipped.end + 2), 3, "lag is a number of events");
        let newest = partition.max_timestamp().await.unwrap().unwrap();
        assert_eq!(newest.offset, skipped.end + 1);
        assert_eq!(partition.end_of_epoch(0).await.unwrap(), Some((0, skipped.end)));
        assert_eq!(partition.epoch_at(skipped.end).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn who_has_seen_what_a_restore_lost_is_told_to_begin_again_and_nobody_else() {
    tells_who_has_seen_what_is_lost(2500, 3_000_011).await;
}

#[tokio::test]
async fn data_of_five_years_ago_is_restored_with_its_live_queries() {
    tells_who_has_seen_what_is_lost(FIVE_YEARS_MS, FIVE_YEARS_MS * 1000 + 1_000_011).await;
    let (last_offset_before_wide_spans, first) = ((1_u64 << 46) - 1, FIVE_YEARS_MS * 1000);
    assert!(first > last_offset_before_wide_spans);
}

async fn tells_who_has_seen_what_is_lost(after_ms: u64, first_txn: u64) {
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let (registry, topics) = open(dir.path(), None).await;
        topics.create(adults()).await.unwrap();
        for n in 0..10 {
            topics.app().commit(person(&n.to_string(), 17 + (n + 1) % 2)).await.unwrap();
        }
        let before = read(&topics.main().partition(0).unwrap(), 0, Rebuild::default()).await;
        drop(topics);
        registry.stop().await;
        before
    };
    let seam = restore(dir.path(), after_ms, RestoreTo::Newest);
    assert_eq!((seam.last_txn, seam.end_offset, seam.first_txn), (TxnId(10), 10, first_txn));
    let (registry, topics) = open(dir.path(), None).await;
    let main = topics.main().partition(0).unwrap();
    // While nothing is written yet the end can be reached.
    let (found, end) = read(&main, 0, main.rebuild()).await;
    assert_eq!((found, end), (before.0, seam.first_offset), "before the seam it is the same");
    let newest = main.max_timestamp().await.unwrap().unwrap();
    assert_eq!(newest.offset, 9);
    for n in 10..12 {
        let committed = topics.app().commit(person(&n.to_string(), 30)).await.unwrap();
        assert_eq!(committed.txn_id.0, seam.first_txn + n - 10);
    }
    check_both(&topics, &seam, 10).await;
    assert!(topics.app().lost_with(TxnId(11)).is_some() && topics.app().lost_with(seam.txn()).is_none());
    drop((main, topics));
    registry.stop().await;
    drop(registry);
    let report = topics::verify(dir.path(), &mut |_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    // Once more from what was kept of it.
    let (registry, topics) = open(dir.path(), None).await;
    check_both(&topics, &seam, 10).await;
    drop(topics);
    registry.stop().await;
}

#[tokio::test]
async fn what_was_trimmed_before_and_behind_the_seam_is_told_in_its_order() {
    tells_what_was_trimmed(1000).await;
}

#[tokio::test]
async fn what_was_trimmed_is_told_behind_a_seam_of_five_years_too() {
    tells_what_was_trimmed(FIVE_YEARS_MS).await;
}

async fn tells_what_was_trimmed(after_ms: u64) {
    let dir = tempfile::tempdir().unwrap();
    let write = async |from: u64, count: u64, topics: &AppTopics| {
        for n in from..from + count {
            topics.app().commit(person(&n.to_string(), 30)).await.unwrap();
        }
    };
    {
        let (registry, topics) = open(dir.path(), None).await;
        topics.create(adults()).await.unwrap();
        write(0, 40, &topics).await;
        drop(topics);
        registry.stop().await;
    }
    let first = restore(dir.path(), after_ms, RestoreTo::Newest);
    {
        let (registry, topics) = open(dir.path(), Some(0)).await;
        write(40, 200, &topics).await;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while topics.app().events().log_start() <= first.first_offset {
            assert!(std::time::Instant::now() < deadline, "waited in vain until it is trimmed");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        drop(topics);
        registry.stop().await;
    }
    let second = restore(dir.path(), after_ms + 4000, RestoreTo::Newest);
    let (registry, topics) = open(dir.path(), None).await;
    write(500, 1, &topics).await;
    for topic in [topics.main(), topics.all()[1].clone()] {
        let partition = topic.partition(0).unwrap();
        let (found, end) = read(&partition, 5, Rebuild::default()).await;
        let resyncs: Vec<_> = found.iter().filter(|(_, op)| op == "resync").map(|(offset, _)| *offset).collect();
        assert_eq!(resyncs, [first.first_offset - 1, second.first_offset - 1], "{}", topic.name());
        let pages: Vec<_> = found.iter().filter(|(_, op)| op == "requery").map(|(offset, _)| *offset).collect();
        assert_eq!(pages[0], 39, "what was trimmed of the first life ends with it: {pages:?}");
        assert!(pages[1] >= first.first_offset, "{pages:?}");
        assert_eq!(end, second.first_offset + 1);
        let known = read(&partition, 0, partition.rebuild()).await.0;
        assert!(known.iter().all(|(_, op)| op != "resync"), "{known:?}");
    }
    drop(topics);
    registry.stop().await;
    drop(registry);
    let report = topics::verify(dir.path(), &mut |_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[tokio::test]
async fn data_is_restored_to_a_transaction_in_the_middle_of_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (before, newest) = {
        let (registry, topics) = open(dir.path(), None).await;
        topics.create(adults()).await.unwrap();
        let app = topics.app().clone();
        // Sent at once, most of them are one frame.
        let people = (0..50).map(|n| person(&n.to_string(), 30));
        let commits: Vec<_> = people
            .map(|person| {
                let app = app.clone();
                tokio::spawn(async move { app.commit(person).await.unwrap() })
            })
            .collect();
        for commit in commits {
            commit.await.unwrap();
        }
        let main = topics.main().partition(0).unwrap();
        let before = read(&main, 0, Rebuild::default()).await.0;
        let newest = app.newest_txn();
        drop((app, main, topics));
        registry.stop().await;
        (before, newest)
    };
    for last in [30, 23, 7, 0] {
        let to = RestoreTo::Txn(TxnId(last));
        let life = NewLife {
            now_ms: NOON_MS,
            accept_clock: false,
            taken_ms: None,
            only: None,
            to: &|_| to,
            random: || [7; 16],
        };
        let restored = store::begin_new_life(dir.path(), &NewLife { taken_ms: Some(NOON_MS), ..life }).unwrap();
        let seam = restored[0].seam;
        assert_eq!((seam.last_txn, seam.end_offset), (TxnId(last), last), "{last}");
        let (registry, topics) = open(dir.path(), None).await;
        let main = topics.main().partition(0).unwrap();
        let (found, end) = read(&main, 0, main.rebuild()).await;
        assert_eq!((&found[..], end), (&before[..last as usize], seam.first_offset), "{last}");
        assert!(seam.first_offset > newest.0 && topics.all().len() == 2);
        drop((main, topics));
        registry.stop().await;
        drop(registry);
        let report = topics::verify(dir.path(), &mut |_| ()).unwrap();
        assert!(report.is_whole(), "{report:?}");
    }
    let to = RestoreTo::Txn(TxnId(u64::MAX));
    let life =
        NewLife { now_ms: NOON_MS, accept_clock: false, taken_ms: None, only: None, to: &|_| to, random: || [7; 16] };
    let error = store::begin_new_life(dir.path(), &life).unwrap_err().to_string();
    assert!(error.contains("has no transaction"), "{error}");
    let late = NewLife { now_ms: NOON_MS - 1, to: &|_| RestoreTo::Newest, ..life };
    let error = store::begin_new_life(dir.path(), &late).unwrap_err().to_string();
    assert!(error.contains("stands 1 ms before"), "{error}");
}
