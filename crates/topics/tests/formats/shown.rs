//! What an app says to those who ask, as texts: by the names of the files that hold what is expected.
//!
//! What was stored must never change: `events.txt`, `live-queries.txt`, `documents.jsonl` and `state.txt`. What stands for trimmed
//! events is made when it is read, so `gaps.txt` may be another one day, if it still names what is to be read again.

use std::{fmt::Write, ops::Range, sync::Arc};

use kafka_wire::record_batch;
use store::App;
use topics::{AppTopics, Partition, Rebuild, TopicRegistry};

use super::{FILLER_BYTES, REQUESTS, request};

pub(crate) async fn shown(topics: &Arc<TopicRegistry>, name: &str) -> Vec<(&'static str, String)> {
    let app = topics.app(name).await.unwrap();
    let log_start = app.app().events().log_start();
    let (mut main, mut others, mut gaps) = (String::new(), String::new(), String::new());
    for topic in app.all() {
        let out = if topic.name() == app.main().name() { &mut main } else { &mut others };
        for index in 0..topic.partitions() {
            let title = format!("{} {index}", topic.name());
            let partition = topic.partition(index.into()).unwrap();
            let end = partition.settled_high_watermark().await;
            show_events(out, &title, &partition, log_start..end, Rebuild::default()).await;
            // Who begins anew, and who goes on with less than all.
            let gap_end = end.min(log_start);
            show_events(&mut gaps, &title, &partition, 0..gap_end, partition.rebuild()).await;
            for from in [1, log_start * 8 / 10] {
                show_events(&mut gaps, &title, &partition, from..gap_end, Rebuild::default()).await;
            }
        }
    }
    let shorten = |text: String| text.replace(&"x".repeat(FILLER_BYTES), "<filler>");
    vec![
        ("events.txt", shorten(main)),
        ("live-queries.txt", shorten(others)),
        ("gaps.txt", shorten(gaps)),
        ("documents.jsonl", shorten(documents(app.app()))),
        ("state.txt", state(&app)),
    ]
}

/// What a consumer gets of these offsets: events, or what stands for trimmed ones.
async fn show_events(out: &mut String, title: &str, partition: &Partition, offsets: Range<u64>, rebuild: Rebuild) {
    writeln!(out, "{title} {offsets:?}").unwrap();
    let mut offset = offsets.start;
    while offset < offsets.end {
        let batches = partition.read(offset, 1 << 20, rebuild).await.unwrap().concat();
        let mut rest = &batches[..];
        if rest.is_empty() {
            break;
        }
        while !rest.is_empty() {
            let header = record_batch::verify(rest).unwrap();
            for record in record_batch::decode_records(rest).unwrap() {
                if (offset..offsets.end).contains(&(record.offset as u64)) {
                    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
                    let headers: Vec<_> = record.headers.iter().map(|(n, v)| format!("{n}={}", text(*v))).collect();
                    let (key, value) = (text(record.key), text(record.value));
                    writeln!(out, "{} {key} {value}\n  {}", record.offset, headers.join(" ")).unwrap();
                }
            }
            offset = offset.max(header.last_offset as u64 + 1);
            rest = &rest[header.len_bytes..];
        }
    }
}

/// Every document of every collection, tombstones included, a line each.
fn documents(app: &App) -> String {
    let snapshot = app.snapshot().unwrap();
    let mut out = String::new();
    for collection in snapshot.collections() {
        let collection = collection.unwrap();
        for entry in snapshot.scan(&collection) {
            let (id, stored) = entry.unwrap();
            let mut json = Vec::new();
            stored.document.write_json(id.as_json(), &mut json);
            let mut types = Vec::new();
            if let Some(map) = stored.document.value_with_types() {
                document::Value::Map(map).write_json(&mut types);
            }
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            writeln!(
                out,
                r#"{{"collection":"{}","id":{},"txnId":{},"lastEvent":{},"document":{},"types":{}}}"#,
                collection.as_str(),
                id.as_json(),
                stored.txn_id.0,
                stored.last_event.map_or("null".into(), |offset| offset.to_string()),
                text(json),
                if types.is_empty() { "null".into() } else { text(types) },
            )
            .unwrap();
        }
    }
    out
}

/// What else is kept.
fn state(topics: &AppTopics) -> String {
    let app = topics.app();
    let mut out = String::new();
    writeln!(out, "instance {:02x?}", app.instance()).unwrap();
    writeln!(out, "newest txn {}, high watermark {}", app.newest_txn().0, app.events().high_watermark()).unwrap();
    writeln!(out, "log start {}, tombstone floor {}", app.events().log_start(), app.tombstone_floor()).unwrap();
    for live_query in topics.live_queries() {
        writeln!(out, "{live_query:?} is {}", topics.topic_of(&live_query)).unwrap();
    }
    for topic in topics.all() {
        writeln!(out, "{} has id {}", topic.name(), topic.id()).unwrap();
    }
    for group in app.groups_with_offsets() {
        for (topic, partition, offset) in app.committed_offsets(&group) {
            writeln!(out, "group {group}: {topic} {partition} {offset:?}").unwrap();
        }
    }
    for group in app.groups_with_generation() {
        writeln!(out, "group {group}: {:?}", app.group_generation(&group).unwrap()).unwrap();
    }
    for id in REQUESTS {
        let Some(remembered) = app.repeated(&request(id)).unwrap() else {
            writeln!(out, "request {id}: nobody knows it").unwrap();
            continue;
        };
        let reply = remembered.reply.map(|reply| String::from_utf8(reply).unwrap());
        let (txn, counts) = (remembered.txn_id.0, remembered.counts);
        writeln!(out, "request {id}: txn {txn} at {}, {counts:?}, {reply:?}", remembered.commit_time_ms).unwrap();
    }
    out
}
