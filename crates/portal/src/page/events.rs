//! The events of a topic, page by page: the newest, those before or behind a place, or those at an
//! offset or a time. A script adds to the newest what comes.
//!
//! Invariant: what a search did not look at is where its links lead.
//! Without the script the links lead on: to older ones, and to what came since.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use topics::EventFilter;

use super::documents::parse;
use crate::{
    clip::Clipper,
    event_row::{EventRow, rows_of},
    failure::Failure,
    figures,
    layout::{self, Layout, Section},
    limits::{EVENTS_HTML_BYTES, EVENTS_SHOWN_MAX},
    page::problem::sentence,
    plural,
    reading::{event_search::EventsPage, feed::Feed, positions::Positions},
    scope::{Scope, segment},
};

/// Events that are older than this have a date beside their time.
const RECENT_MS: u64 = 12 * 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "events.html")]
struct Page {
    layout: Layout,
    base: String,
    /// Every live query: its topic, its name, whether it is the one that is shown.
    topics: Vec<(String, String, bool)>,
    asked: Asked,
    /// What is wrong with the query, or with the place.
    query_error: Option<String>,
    place_error: Option<String>,
    rows: Vec<EventRow>,
    /// Whether the oldest come first, as they follow a place.
    is_forward: bool,
    /// Where the script listens; `None` for a page that is not the newest.
    stream: Option<String>,
    /// The address of what follows a place, without the place.
    after: String,
    searched: Option<Searched>,
    older: Option<String>,
    newer: String,
    newest: String,
}

/// How far a search came.
struct Searched {
    looked_at: String,
    /// Whether it looked at none.
    is_nothing: bool,
    is_cut: bool,
    /// Where it stopped, and how many offsets it has left to look at there.
    place: String,
    left: String,
}

/// What somebody wants to see, as they said it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) topic: String,
    pub(crate) collection: String,
    pub(crate) query: String,
    offset: String,
    time: String,
}

/// Which events of a feed.
enum Place {
    /// The newest of all.
    Newest,
    /// Those below.
    Until(Positions),
    /// Those from there on.
    After(Positions),
}

impl Asked {
    pub(crate) fn of(scope: &Scope) -> Self {
        let query = &scope.visit.query;
        let topic = query.filled("topic").map_or_else(|| scope.topics.main().name().to_owned(), str::to_owned);
        let text = |name: &str| query.text(name).trim().to_owned();
        Self { topic, collection: text("collection"), query: text("query"), offset: text("offset"), time: text("time") }
    }

    /// The topic and the filter; a query that is none is `BadInput`.
    pub(crate) fn feed(&self, scope: &Scope) -> Result<Feed, Failure> {
        let topic = scope.topics.by_name(&self.topic);
        let topic = topic.ok_or_else(|| Failure::NotFound { kind: "topic", name: self.topic.clone() })?;
        let filter = match self.query.as_str() {
            "" => None,
            text => Some(parse(text).map_err(|(message, _)| Failure::BadInput(message))?),
        };
        let collection = Some(self.collection.clone()).filter(|name| !name.is_empty());
        Ok(Feed { app: scope.name().to_owned(), topic, filter: EventFilter::new(collection, filter) })
    }

    fn is_filtered(&self) -> bool {
        !self.query.is_empty() || !self.collection.is_empty()
    }

    /// Where to begin; a place that is none is `BadInput`.
    async fn place(&self, scope: &Scope, feed: &Feed) -> Result<Place, Failure> {
        if !self.offset.is_empty() {
            return self.at_offset(feed).await.map(Place::After);
        }
        if !self.time.is_empty() {
            let time_ms = figures::read_time(&self.time).ok_or_else(|| {
                Failure::BadInput("a time is a date and a time of day, as 2026-01-31T12:00:00".to_owned())
            })?;
            return feed.at_time(time_ms).await.map(Place::After);
        }
        if let Some(after) = said(scope, feed, "after")? {
            return Ok(Place::After(after));
        }
        Ok(said(scope, feed, "until")?.map_or(Place::Newest, Place::Until))
    }

    /// An offset, or a partition, a slash and an offset.
    async fn at_offset(&self, feed: &Feed) -> Result<Positions, Failure> {
        let (partition, offset) = self.offset.split_once('/').unwrap_or(("0", &self.offset));
        let read = partition.trim().parse().ok().zip(offset.trim().parse().ok());
        let (partition, offset) = read.ok_or_else(|| {
            Failure::BadInput("an offset is a number; of another partition than 0 it is as 3/1200".to_owned())
        })?;
        let found = feed.at_offset(partition, offset).await?;
        found.ok_or_else(|| {
            let end = usize::try_from(partition).ok().and_then(|index| feed.positions().0.get(index).copied());
            Failure::BadInput(match end {
                None => format!("the topic has {} partitions, from 0", feed.topic.partitions()),
                Some(0) => format!("partition {partition} has no events yet"),
                Some(end) => format!("the newest event of partition {partition} is at offset {}", end - 1),
            })
        })
    }

    /// As fields of an address.
    fn fields(&self) -> String {
        format!(
            "topic={}&collection={}&query={}",
            segment(&self.topic),
            segment(&self.collection),
            segment(&self.query)
        )
    }
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let mut page = empty_page(&scope, Asked::of(&scope));
    let feed = match page.asked.feed(&scope) {
        Ok(feed) => feed,
        Err(Failure::BadInput(message)) => {
            page.query_error = Some(message);
            return Ok(layout::page(StatusCode::BAD_REQUEST, &page));
        }
        Err(failure) => return Err(failure),
    };
    let place = match page.asked.place(&scope, &feed).await {
        Ok(place) => place,
        Err(Failure::BadInput(message)) => {
            page.place_error = Some(sentence(&message));
            return Ok(layout::page(StatusCode::BAD_REQUEST, &page));
        }
        Err(failure) => return Err(failure),
    };
    // Whoever filters may have the server look at much.
    let _turn = if page.asked.is_filtered() { Some(scope.state().scans.search_turn().await) } else { None };
    let is_newest = matches!(place, Place::Newest);
    page.is_forward = matches!(place, Place::After(_));
    let bounds = scope.state().options.search;
    let events = match place {
        Place::After(after) => feed.following(after, EVENTS_SHOWN_MAX, bounds).await?,
        Place::Until(until) => feed.newest(until, EVENTS_SHOWN_MAX, bounds).await?,
        Place::Newest => feed.newest(feed.settled_positions().await?, EVENTS_SHOWN_MAX, bounds).await?,
    };
    fill(&mut page, &feed, &events, is_newest);
    let recent_ms = scope.state().now_ms().saturating_sub(RECENT_MS);
    // All of them or none: a column reads as one.
    let is_dated = page.rows.iter().any(|row| row.timestamp_ms < recent_ms);
    page.rows.iter_mut().for_each(|row| row.is_dated = is_dated);
    Ok(layout::page(StatusCode::OK, &page))
}

fn fill(page: &mut Page, feed: &Feed, events: &EventsPage, is_newest: bool) {
    let fields = page.asked.fields();
    page.older = (!events.older.is_begin()).then(|| format!("{}?{fields}&until={}", page.base, events.older));
    page.newer = format!("{}{}", page.after, events.newer);
    page.stream = is_newest.then(|| format!("{}/stream?{fields}&from={}", page.base, events.newer));
    let (place, left) = match page.is_forward {
        true => (&events.newer, feed.positions().offsets_below().saturating_sub(events.newer.offsets_below())),
        false => (&events.older, events.older.offsets_below()),
    };
    page.searched = Some(Searched {
        looked_at: plural::counted(events.catch.seen, "event"),
        is_nothing: events.catch.seen == 0,
        is_cut: events.catch.is_cut,
        place: place.to_string(),
        left: figures::count(left),
    });
    page.rows = rows_of(feed, &events.catch, &mut Clipper::new(EVENTS_HTML_BYTES));
    if page.is_forward {
        page.rows.reverse();
    }
}

fn said(scope: &Scope, feed: &Feed, field: &str) -> Result<Option<Positions>, Failure> {
    let text = scope.visit.query.filled(field);
    let read = |text: &str| {
        let no_place = || Failure::BadInput(format!("{field}: {text:?} is no place in {}", feed.topic.name()));
        feed.parse(text).ok_or_else(no_place)
    };
    text.map(read).transpose()
}

fn empty_page(scope: &Scope, asked: Asked) -> Page {
    let base = scope.path("events");
    let of_topic = |query: topics::LiveQuery| {
        let name = scope.topics.topic_of(&query);
        let chosen = name == asked.topic;
        (name, query.name, chosen)
    };
    Page {
        layout: scope.layout("Events", Section::Events),
        topics: scope.topics.live_queries().into_iter().map(of_topic).collect(),
        newest: format!("{base}?{}", asked.fields()),
        newer: base.clone(),
        after: format!("{base}?{}&after=", asked.fields()),
        base,
        asked,
        query_error: None,
        place_error: None,
        rows: Vec::new(),
        is_forward: false,
        stream: None,
        searched: None,
        older: None,
    }
}
