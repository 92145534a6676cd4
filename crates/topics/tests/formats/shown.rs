//! What an app says to those who ask, as texts: by the names of the files that hold what is
//! expected.
//!
//! What was stored must never change: `events.txt`, `live-queries.txt`, `documents.jsonl` and
//! `state.txt`. What stands for trimmed events is made when it is read, so `gaps.txt` may be
//! another one day, if it still names what is to be read again.

use std::{fmt::Write, ops::Range, sync::Arc};

use kafka_wire::record_batch;
use store::App;
use topics::{AppTopics, Partition, Rebuild, Topic, TopicRegistry};

use super::{FILLER_BYTES, REQUESTS, request};

/// What is said of one thing, up to the error that ends it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The file that holds what is expected.
    pub(crate) name: &'static str,
    pub(crate) text: String,
    pub(crate) error: Option<String>,
}

/// An error if the app cannot be opened.
pub(crate) async fn shown(topics: &Arc<TopicRegistry>, name: &str) -> Result<Vec<Shown>, String> {
    let app = topics.app(name).await.map_err(|error| error.to_string())?;
    let (mut main, mut others, mut gaps) = (Text::default(), Text::default(), Text::default());
    for topic in app.all() {
        let is_main = topic.name() == app.main().name();
        show_topic(if is_main { &mut main } else { &mut others }, &mut gaps, &topic, &app).await;
    }
    Ok(vec![
        main.shown("events.txt"),
        others.shown("live-queries.txt"),
        gaps.shown("gaps.txt"),
        Text::of(|out| documents(out, app.app())).shown("documents.jsonl"),
        Text::of(|out| state(out, &app)).shown("state.txt"),
    ])
}

/// A text to which nothing is added after an error.
#[derive(Default)]
struct Text {
    text: String,
    error: Option<String>,
}

impl Text {
    fn of(write: impl FnOnce(&mut String) -> Result<(), String>) -> Self {
        let mut text = String::new();
        let error = write(&mut text).err();
        Self { text, error }
    }

    async fn show(&mut self, title: &str, partition: &Partition, offsets: Range<u64>, rebuild: Rebuild) {
        if self.error.is_none() {
            self.error = show_events(&mut self.text, title, partition, offsets, rebuild).await.err();
        }
    }

    fn shown(self, name: &'static str) -> Shown {
        Shown { name, text: self.text.replace(&"x".repeat(FILLER_BYTES), "<filler>"), error: self.error }
    }
}

async fn show_topic(out: &mut Text, gaps: &mut Text, topic: &Topic, app: &AppTopics) {
    let log_start = app.app().events().log_start();
    for index in 0..topic.partitions() {
        let title = format!("{} {index}", topic.name());
        let partition = topic.partition(index.into()).unwrap();
        let end = partition.settled_high_watermark().await.unwrap();
        // Live queries may have met damage, and end there: the main topic does not.
        if topic.name() != app.main().name() {
            out.error = out.error.take().or_else(|| app.stopped());
        }
        let gap_end = match partition.first_kept() {
            Ok(first) => first,
            Err(error) => {
                out.error.get_or_insert(error.to_string());
                gaps.error.get_or_insert(error.to_string());
                return;
            }
        };
        // Where offsets were the journal's, fixtures show them from where that begins.
        let first = if gap_end == end.min(log_start) { log_start } else { gap_end };
        out.show(&title, &partition, first..end, Rebuild::default()).await;
        // Who begins anew, and who goes on with less than all.
        gaps.show(&title, &partition, 0..gap_end, partition.rebuild()).await;
        for from in [1, first * 8 / 10] {
            gaps.show(&title, &partition, from..gap_end, Rebuild::default()).await;
        }
    }
}

/// What a consumer gets of these offsets: events, or what stands for trimmed ones.
async fn show_events(
    out: &mut String,
    title: &str,
    partition: &Partition,
    offsets: Range<u64>,
    rebuild: Rebuild,
) -> Result<(), String> {
    writeln!(out, "{title} {offsets:?}").unwrap();
    let mut offset = offsets.start;
    while offset < offsets.end {
        let batches = partition.read(offset, 1 << 20, rebuild).await.map_err(|error| error.to_string())?.concat();
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
    Ok(())
}

/// Every document of every collection, tombstones included, a line each.
fn documents(out: &mut String, app: &App) -> Result<(), String> {
    let snapshot = app.snapshot().map_err(|error| error.to_string())?;
    for collection in snapshot.collections() {
        let collection = collection.map_err(|error| error.to_string())?;
        for entry in snapshot.scan(&collection) {
            let (id, stored) = entry.map_err(|error| error.to_string())?;
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
    Ok(())
}

/// What else is kept.
fn state(out: &mut String, topics: &AppTopics) -> Result<(), String> {
    let app = topics.app();
    writeln!(out, "instance {:02x?}", app.instance()).unwrap();
    writeln!(out, "newest txn {}, high watermark {}", app.newest_txn().0, app.events().high_watermark()).unwrap();
    writeln!(out, "log start {}, tombstone floor {}", app.events().log_start(), app.tombstone_floor()).unwrap();
    for live_query in topics.live_queries() {
        // As fixtures have it that are older than compression, than a second language, and than permissions.
        let shown = format!("{live_query:?}").replace(", compression: None", "");
        let shown = shown.replace(", query_language: Legacy", "");
        let shown = shown.replace(", permission: None", "");
        writeln!(out, "{shown} is {}", topics.topic_of(&live_query)).unwrap();
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
        let Some(remembered) = app.repeated(&request(id)).map_err(|error| error.to_string())? else {
            writeln!(out, "request {id}: nobody knows it").unwrap();
            continue;
        };
        let reply = remembered.reply.map(|reply| String::from_utf8(reply).unwrap());
        let (txn, counts) = (remembered.txn_id.0, remembered.counts);
        writeln!(out, "request {id}: txn {txn} at {}, {counts:?}, {reply:?}", remembered.commit_time_ms).unwrap();
    }
    Ok(())
}
