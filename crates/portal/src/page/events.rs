//! The events of a topic: the newest, as a table; a script adds those that come.
//!
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
    reading::feed::{Feed, Positions},
    scope::{Scope, segment},
};

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    layout: Layout,
    base: String,
    /// Every live query: its topic, its name, whether it is the one that is shown.
    topics: Vec<(String, String, bool)>,
    asked: Asked,
    error: Option<String>,
    rows: Vec<EventRow>,
    /// Where the script listens; `None` for a page that is not the newest.
    stream: Option<String>,
    looked_at: String,
    is_cut: bool,
    older: Option<String>,
    newer: String,
    newest: String,
}

/// What somebody wants to see, as they said it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) topic: String,
    pub(crate) collection: String,
    pub(crate) query: String,
}

impl Asked {
    pub(crate) fn of(scope: &Scope) -> Self {
        let query = &scope.visit.query;
        let topic = query.filled("topic").map_or_else(|| scope.topics.main().name().to_owned(), str::to_owned);
        Self {
            topic,
            collection: query.text("collection").trim().to_owned(),
            query: query.text("query").trim().to_owned(),
        }
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
    let asked = Asked::of(&scope);
    let mut page = empty_page(&scope, asked);
    let feed = match page.asked.feed(&scope) {
        Ok(feed) => feed,
        Err(Failure::BadInput(message)) => {
            page.error = Some(message);
            return Ok(layout::page(StatusCode::BAD_REQUEST, &page));
        }
        Err(failure) => return Err(failure),
    };
    let (after, until) = (place(&scope, &feed, "after")?, place(&scope, &feed, "until")?);
    let is_newest = after.is_none() && until.is_none();
    let events = match (after, until) {
        (Some(after), _) => feed.following(after, EVENTS_SHOWN_MAX).await?,
        (None, until) => feed.newest(until.unwrap_or_else(|| feed.positions()), EVENTS_SHOWN_MAX).await?,
    };
    let fields = page.asked.fields();
    page.older = (!events.older.is_begin()).then(|| format!("{}?{fields}&until={}", page.base, events.older));
    page.newer = format!("{}?{fields}&after={}", page.base, events.newer);
    page.stream = is_newest.then(|| format!("{}/stream?{fields}&from={}", page.base, events.newer));
    page.looked_at = figures::count(events.catch.seen);
    page.is_cut = events.catch.is_cut;
    page.rows = rows_of(&feed, &events.catch, &mut Clipper::new(EVENTS_HTML_BYTES));
    Ok(layout::page(StatusCode::OK, &page))
}

fn place(scope: &Scope, feed: &Feed, field: &str) -> Result<Option<Positions>, Failure> {
    let text = scope.visit.query.filled(field);
    let read = |text: &str| {
        let no_place = || Failure::BadInput(format!("{field}: {text:?} is no place in {}", feed.topic.name()));
        feed.parse(text).ok_or_else(no_place)
    };
    text.map(read).transpose()
}

fn empty_page(scope: &Scope, asked: Asked) -> EventsPage {
    let base = scope.path("events");
    let of_topic = |query: topics::LiveQuery| {
        let name = scope.topics.topic_of(&query);
        let chosen = name == asked.topic;
        (name, query.name, chosen)
    };
    EventsPage {
        layout: scope.layout("Events", Section::Events),
        topics: scope.topics.live_queries().into_iter().map(of_topic).collect(),
        newest: format!("{base}?{}", asked.fields()),
        newer: base.clone(),
        base,
        asked,
        error: None,
        rows: Vec::new(),
        stream: None,
        looked_at: String::new(),
        is_cut: false,
        older: None,
    }
}
