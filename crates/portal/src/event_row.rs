//! One event as a row: what happened to which document, and what differs.
//!
//! Not here: reading events (`reading::feed`), the record with all its headers (`page::record`).

use askama::Template;
use document::{Map, Value};
use kafka_wire::record_batch::Record;
use wire::event::{self, Change as Happened};

use crate::{
    address::{app_path, segment},
    clip::Clipper,
    difference::Difference,
    limits::NAME_SHOWN_BYTES,
    moment, plural,
    reading::{
        catch::{Catch, header},
        feed::Feed,
    },
    table,
};

/// One event of a topic.
#[derive(Debug, Clone, Template)]
#[template(path = "event_row.html")]
pub(crate) struct EventRow {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: u64,
    /// Whether its time needs a date.
    pub(crate) is_dated: bool,
    /// Its raw record.
    pub(crate) path: String,
    pub(crate) op: String,
    pub(crate) txn: String,
    pub(crate) peer: String,
    pub(crate) collection: String,
    pub(crate) id: String,
    /// The document's page; `None` for an event that names several.
    pub(crate) document: Option<String>,
    pub(crate) difference: Difference,
    /// What stands there instead of a difference.
    pub(crate) note: Option<&'static str>,
}

/// What was caught of a feed, the newest first.
pub(crate) fn rows_of(feed: &Feed, catch: &Catch, clipper: &mut Clipper) -> Vec<EventRow> {
    let mut rows = Vec::with_capacity(catch.len());
    catch.each(|partition, record| {
        rows.push(EventRow::of(&feed.app, feed.topic.name(), partition, record, clipper));
    });
    rows
}

impl EventRow {
    pub(crate) fn of(app: &str, topic: &str, partition: i32, record: &Record<'_>, clipper: &mut Clipper) -> Self {
        let header = |name: &str| String::from_utf8_lossy(header(record, name).unwrap_or_default()).into_owned();
        let key = record.key.and_then(event::read_key);
        let (collection, id) = key.map(|(collection, id)| (collection.into_owned(), id.to_owned())).unwrap_or_default();
        let document = (!id.is_empty()).then(|| document_path(app, &collection, &id));
        let (difference, note) = difference(record.value.unwrap_or_default(), clipper);
        let mut short = |text: &str| clipper.clip(text, NAME_SHOWN_BYTES);
        Self {
            partition,
            offset: record.offset,
            timestamp_ms: record.timestamp_ms.max(0) as u64,
            is_dated: false,
            path: app_path(app, &format!("events/{}/{partition}/{}", segment(topic), record.offset)),
            op: short(&header("op")),
            txn: short(&header("txnId")),
            peer: short(&header("peer")),
            collection: short(&collection),
            id: short(&id),
            document,
            difference,
            note,
        }
    }

    /// How many fields differ, in words.
    fn summary(&self) -> String {
        match self.difference.changes.len() + self.difference.left_out {
            0 => "nothing differs".to_owned(),
            fields => plural::counted(fields, "field"),
        }
    }
}

/// The page of a document.
pub(crate) fn document_path(app: &str, collection: &str, id_json: &str) -> String {
    app_path(app, &format!("documents/{}/{}", segment(collection), segment(id_json)))
}

fn difference(value: &[u8], clipper: &mut Clipper) -> (Difference, Option<&'static str>) {
    let none = |note| (Difference::default(), Some(note));
    match event::read_change(value) {
        Some(Happened::Upsert { old, new }) => {
            let (old, new) = (old.and_then(fields), fields(new));
            (Difference::between(old.as_ref(), new.as_ref(), clipper), None)
        }
        Some(Happened::Remove { value }) => (Difference::between(fields(value).as_ref(), None, clipper), None),
        Some(Happened::Requery) => none("names documents to read again"),
        None => none("is not one that the portal can read"),
    }
}

fn fields(json: &str) -> Option<Map> {
    let Value::Map(mut map) = Value::from_json(json.as_bytes()).ok()? else { return None };
    map.remove("_id");
    Some(map)
}
