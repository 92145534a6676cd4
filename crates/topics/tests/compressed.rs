//! A compressed live query gives the same events at the same offsets, from batches that its readers
//! have in common.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use kafka_wire::{compression::decompress, record_batch};
use store::{AppName, DataDir, StoreOptions, WallClock};
use topics::{AppTopics, ChangeError, Compression, LiveQuery, LiveQueryChange, MAIN, OnGap, Partition, TopicRegistry};

const CELL: u64 = 256;
const CODECS: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        1_645_444_800_000
    }
}

async fn open(dir: &Path, options: StoreOptions) -> (Arc<TopicRegistry>, Arc<AppTopics>) {
    let data = DataDir::open(dir, options, Arc::new(Noon), || *b"0123456789abcdef").unwrap();
    if !data.has_app("shop") {
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
    }
    let registry = TopicRegistry::new(data);
    let topics = registry.app("shop").await.unwrap();
    (registry, topics)
}

fn people(partitions: u16, compression: Compression) -> LiveQuery {
    LiveQuery {
        name: "people".into(),
        collection: Some("people".into()),
        query: None,
        query_language: topics::QueryLanguage::Legacy,
        partitions,
        on_gap: OnGap::Requery,
        compression,
        permission: None,
        created_ms: 1,
    }
}

/// Commits documents of that size, a hundred at a time, of other collections too.
async fn write(topics: &AppTopics, numbers: std::ops::Range<u64>, bytes: usize) {
    let numbers: Vec<u64> = numbers.collect();
    for some in numbers.chunks(100) {
        let operation = |n: &u64| {
            let json = format!(r#"{{"number":{n},"filler":"{}"}}"#, "some text ".repeat(bytes / 10));
            let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
            Operation {
                collection: CollectionName::new(if n.is_multiple_of(7) { "pets" } else { "people" }).unwrap(),
                id: DocumentId::from_value(&Value::String(n.to_string())).unwrap(),
                condition: Condition::Always,
                action: Action::upsert(value),
            }
        };
        let operations = some.iter().map(operation).collect();
        let changeset = Changeset { operations, queries: Vec::new(), origin: Origin::default() };
        topics.app().commit(changeset).await.unwrap();
    }
}

/// An event as its reader sees it: offset, key, value.
type Event = (u64, Vec<u8>, Vec<u8>);

/// Reads from an offset to the end; the events, and the batches as they came.
async fn read(from: &Partition, offset: u64, bytes_max: usize, compression: Compression) -> (Vec<Event>, Vec<Vec<u8>>) {
    let (mut events, mut batches, mut next) = (Vec::new(), Vec::new(), offset);
    let end = from.settled_high_watermark().await.unwrap();
    while next < end {
        let pieces = from.read_as(next, bytes_max, from.rebuild(), topics::codec_of(compression)).await.unwrap();
        assert!(!pieces.is_empty(), "nothing at {next} of {end}");
        let asked = next;
        for piece in pieces {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let header = record_batch::verify(rest).unwrap();
                assert!(header.last_offset as u64 >= next, "a batch from before {asked}");
                let plain = decompress(rest, 16 << 20).unwrap();
                for record in record_batch::decode_records(&plain).unwrap() {
                    if record.offset as u64 >= next {
                        let event = |part: Option<&[u8]>| part.unwrap().to_vec();
                        events.push((record.offset as u64, event(record.key), event(record.value)));
                    }
                }
                batches.push(rest[..header.len_bytes].to_vec());
                next = header.last_offset as u64 + 1;
                rest = &rest[header.len_bytes..];
            }
            assert_eq!(piece.next_offset, next);
        }
    }
    (events, batches)
}

fn offsets(batch: &[u8]) -> (u64, u64) {
    let header = record_batch::decode_header(batch).unwrap();
    (header.base_offset as u64, header.last_offset as u64)
}

#[tokio::test]
async fn every_reader_gets_the_events_and_full_cells_are_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path(), StoreOptions::default()).await;
    topics.create(people(2, Compression::Lz4)).await.unwrap();
    write(&topics, 0..5000, 300).await;
    let topic = topics.by_name("user-consumable-shop.people").unwrap();
    for index in 0..2 {
        let partition = topic.partition(index).unwrap();
        let (plain, uncompressed) = read(&partition, 0, 1 << 20, Compression::None).await;
        let end = partition.high_watermark();
        assert!(end > 7 * CELL && end % CELL != 0, "{end}");
        assert_eq!(plain.iter().map(|(offset, ..)| *offset).collect::<Vec<_>>(), (0..end).collect::<Vec<_>>());
        for codec in CODECS {
            let (events, batches) = read(&partition, 0, 1 << 20, codec).await;
            assert_eq!(events, plain, "{codec:?}");
            assert!(batches.concat().len() * 3 < uncompressed.concat().len(), "{codec:?}");
            let full = batches.iter().map(|batch| offsets(batch)).take_while(|(_, last)| *last < end - end % CELL);
            assert!(full.clone().all(|(base, last)| base % CELL == 0 && last == base + CELL - 1));
            let full = full.count();
            assert_eq!(full as u64, end / CELL);
            for (from, bytes_max) in [(0, 1), (1, 1 << 20), (CELL - 1, 3000), (CELL, 1 << 20), (3 * CELL + 17, 1)] {
                let reused = topics.compressed_batches_reused();
                let (events, again) = read(&partition, from, bytes_max, codec).await;
                assert_eq!(events, plain[from as usize..], "{codec:?} from {from}");
                let skipped = (from / CELL) as usize;
                assert_eq!(again[..full - skipped], batches[skipped..full], "{codec:?} from {from}");
                assert_eq!(topics.compressed_batches_reused() - reused, (full - skipped) as u64);
            }
            // What is behind the full cells is made for each, from its offset on.
            let made = topics.batches_compressed();
            let (events, last) = read(&partition, end - 3, 1 << 20, codec).await;
            assert_eq!((events.len(), offsets(&last[0])), (3, (end - 3, end - 1)));
            assert_eq!(topics.batches_compressed() - made, 1);
        }
    }
    registry.stop().await;
}

#[tokio::test]
async fn large_events_give_several_batches_of_a_cell() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path(), StoreOptions::default()).await;
    topics.create(people(1, Compression::Zstd)).await.unwrap();
    write(&topics, 0..400, 20_000).await;
    let partition = topics.by_name("user-consumable-shop.people").unwrap().partition(0).unwrap();
    let (plain, _) = read(&partition, 0, 1 << 20, Compression::None).await;
    // One batch at a time, in the middle of a cell first.
    for from in [200, 100, 0, 255, 256] {
        let (events, batches) = read(&partition, from, 1, Compression::Zstd).await;
        assert_eq!(events, plain[from as usize..], "from {from}");
        assert!(batches.iter().map(|batch| offsets(batch)).all(|(base, last)| base / CELL == last / CELL));
    }
    let made = topics.batches_compressed();
    let (_, batches) = read(&partition, 0, 1 << 20, Compression::Zstd).await;
    let of_first = batches.iter().filter(|batch| offsets(batch).0 < CELL).count();
    assert!(of_first > 3, "{of_first}");
    assert!(topics.batches_compressed() - made < of_first as u64, "those were kept");
    registry.stop().await;
}

#[tokio::test]
async fn what_was_trimmed_is_not_in_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let segments = StoreOptions { segment_bytes: 200 << 10, retention_bytes: Some(1 << 20), ..StoreOptions::default() };
    let (registry, topics) = open(dir.path(), segments).await;
    topics.create(people(1, Compression::Gzip)).await.unwrap();
    let partition = topics.by_name("user-consumable-shop.people").unwrap().partition(0).unwrap();
    for round in 0..6 {
        write(&topics, round * 700..(round + 1) * 700, 1000).await;
        // While it is trimmed, and kept batches are about what goes.
        let first = partition.first_kept().unwrap();
        let events = partition.settled_high_watermark().await.unwrap();
        for from in [0, first, first + 1, (first + CELL).min(events)] {
            let (events, _) = read(&partition, from, 40_000, Compression::Gzip).await;
            assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while topics.app().stats().journal_bytes > 1300 << 10 {
        assert!(Instant::now() < deadline, "waited in vain until it is trimmed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let first = partition.first_kept().unwrap();
    assert!(first > CELL && first % CELL != 0, "{first}");
    let (plain, _) = read(&partition, first, 1 << 20, Compression::None).await;
    let (events, batches) = read(&partition, first, 1 << 20, Compression::Gzip).await;
    assert_eq!(events, plain);
    assert_eq!(offsets(&batches[0]), (first, first - first % CELL + CELL - 1));
    let (with_gap, _) = read(&partition, 0, 1 << 20, Compression::Gzip).await;
    assert_eq!(with_gap, read(&partition, 0, 1 << 20, Compression::None).await.0);
    assert!(with_gap.ends_with(&plain));
    registry.stop().await;
}

#[tokio::test]
async fn it_is_changed_and_kept_and_the_main_feeds_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, topics) = open(dir.path(), StoreOptions::default()).await;
    topics.create(people(1, Compression::None)).await.unwrap();
    let shown = |topics: &AppTopics| {
        let known = topics.live_queries().into_iter().find(|query| query.name == "people").unwrap();
        (known.on_gap, known.compression, topics.by_name("user-consumable-shop.people").unwrap().compression())
    };
    let change = LiveQueryChange { on_gap: None, compression: Some(Compression::Zstd) };
    topics.change("people", change).await.unwrap();
    assert_eq!(shown(&topics), (OnGap::Requery, Compression::Zstd, Compression::Zstd));
    topics.set_on_gap("people", OnGap::Snapshot).await.unwrap();
    assert!(matches!(topics.change(MAIN, change).await, Err(ChangeError::MainCompression)));
    assert_eq!(topics.main().compression(), Compression::None);
    registry.stop().await;
    drop((registry, topics));
    let (registry, topics) = open(dir.path(), StoreOptions::default()).await;
    assert_eq!(shown(&topics), (OnGap::Snapshot, Compression::Zstd, Compression::Zstd));
    registry.stop().await;
}
