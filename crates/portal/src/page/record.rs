//! One record as a Kafka consumer gets it: key, value, headers, where and when.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use kafka_wire::record_batch::Record;
use topics::EventFilter;

use crate::{
    clip::Clipper,
    event_row::EventRow,
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::RECORD_SHOWN_BYTES,
    reading::feed::Feed,
    scope::{Scope, segment},
};

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    layout: Layout,
    topic: String,
    partition: i32,
    offset: u64,
    time: String,
    timestamp_ms: i64,
    key: Option<String>,
    headers: Vec<(String, Option<String>)>,
    value: Option<String>,
    value_bytes: String,
    row: EventRow,
    raw: String,
    back: String,
    /// The records beside it in its partition.
    previous: Option<String>,
    next: Option<String>,
}

/// The record at `{topic}/{partition}/{offset}`; with `?raw=value` or `?raw=key` its bytes.
pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let topic = scope.visit.param("topic").to_owned();
    let (partition, offset) = (scope.visit.param("partition").to_owned(), scope.visit.param("offset").to_owned());
    let absent = || Failure::NotFound { kind: "record", name: format!("{topic}/{partition}/{offset}") };
    let found = scope.topics.by_name(&topic).ok_or_else(absent)?;
    let (number, at) = (partition.parse().map_err(|_| absent())?, offset.parse().map_err(|_| absent())?);
    let feed = Feed { app: scope.name().to_owned(), topic: found, filter: EventFilter::new(None, None) };
    let end = feed.topic.partition(number).map_or(0, |partition| partition.high_watermark());
    let raw = scope.visit.query.text("raw").to_owned();
    let response = feed.with_record(number, at, |record| match raw.as_str() {
        "" => layout::page(StatusCode::OK, &page(&scope, &topic, number, record, end)),
        "key" => bytes(record.key),
        _ => bytes(record.value),
    });
    response.await?.ok_or_else(absent)
}

fn bytes(field: Option<&[u8]>) -> Response {
    let content_type = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, content_type)], field.unwrap_or_default().to_vec()).into_response()
}

fn page(scope: &Scope, topic: &str, partition: i32, record: &Record<'_>, end: u64) -> RecordPage {
    let mut clipper = Clipper::new(RECORD_SHOWN_BYTES);
    let mut text = |bytes: &[u8]| clipper.clip(&String::from_utf8_lossy(bytes), RECORD_SHOWN_BYTES / 2);
    let headers = record.headers.iter().map(|(name, value)| (text(name.as_bytes()), value.map(&mut text))).collect();
    let (key, value) = (record.key.map(&mut text), record.value.map(&mut text));
    let offset = record.offset.max(0) as u64;
    let at = |offset: u64| scope.path(&format!("events/{}/{partition}/{offset}", segment(topic)));
    let path = at(offset);
    RecordPage {
        layout: scope.layout(format!("Record {partition}/{offset}"), Section::Events),
        topic: topic.to_owned(),
        partition,
        offset,
        time: figures::date_time(record.timestamp_ms.max(0) as u64),
        timestamp_ms: record.timestamp_ms,
        key,
        headers,
        value,
        value_bytes: figures::bytes(record.value.unwrap_or_default().len() as u64),
        row: EventRow::of(scope.name(), topic, partition, record, &mut Clipper::new(RECORD_SHOWN_BYTES / 2)),
        raw: format!("{path}?raw=value"),
        back: format!("{}?topic={}&offset={partition}%2F{offset}", scope.path("events"), segment(topic)),
        previous: offset.checked_sub(1).map(at),
        next: (offset + 1 < end).then(|| at(offset + 1)),
    }
}
