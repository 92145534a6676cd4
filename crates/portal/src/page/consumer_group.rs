//! One consumer group: members, offsets, lag over time, and what to reset.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use operations::{ConsumerGroup, GroupLag};
use topics::{LagTimes, PartitionLag};

use crate::{
    clip::Clipper,
    failure::Failure,
    figures,
    form::Form,
    layout::{self, Layout, Section},
    limits::{GAP_COUNTED_MAX, MEMBERS_SHOWN_MAX, NAME_SHOWN_BYTES, PLACES_SHOWN_MAX, PLACES_TIMED_MAX},
    page::overview_charts::{self, Charts},
    plural,
    reading::{age, kept::Kept},
    scope::{Scope, segment},
    table,
};

#[derive(Template)]
#[template(path = "consumer_group.html")]
struct GroupPage {
    layout: Layout,
    name: String,
    state: String,
    protocol: String,
    members: Vec<Member>,
    more_members: usize,
    places: Vec<Row>,
    more_places: usize,
    events: String,
    age: String,
    /// Until the first of its partitions meets a gap.
    gap_in: Option<String>,
    charts: Charts,
    behind: String,
    gap: Option<String>,
    topics: Vec<(String, String)>,
    reset: String,
    typed: Typed,
    back: String,
}

/// What the form of a reset holds.
struct Typed {
    topic: String,
    to: String,
    offset: String,
    time: String,
}

struct Member {
    client_id: String,
    host: String,
    instance_id: Option<String>,
    id: String,
    assigned: String,
}

struct Row {
    topic: String,
    partition: i32,
    committed: String,
    end: String,
    events: String,
    age: Option<String>,
    is_trimmed: bool,
}

/// The group of the route, or why there is none.
pub(crate) fn named(scope: &Scope) -> Result<(GroupLag, Option<ConsumerGroup>), Failure> {
    let name = scope.visit.param("group");
    let found = scope.state().operations.groups(&scope.topics).one(name);
    found.ok_or_else(|| Failure::NotFound { kind: "consumer group", name: name.to_owned() })
}

/// Where the form of a reset goes.
pub(crate) fn reset_action(scope: &Scope, group: &str) -> String {
    scope.path(&format!("consumers/{}/reset", segment(group)))
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let (group, present) = named(&scope)?;
    let times = age::of_group(&scope.topics, &group, PLACES_TIMED_MAX).await?;
    let gap = age::documents_in_gap(&scope.topics, &group).await?.map(documents);
    let (protocol, members) = present.map(|known| (known.protocol, known.members)).unwrap_or_default();
    let kept = Kept::of(&scope.app, scope.state().now_ms()).await;
    let charts = charts(&scope, &group, &kept);
    let action = reset_action(&scope, &group.name);
    let typed = Typed::of(&scope.visit.draft(&action).unwrap_or_default().form);
    let mut clipper = Clipper::new(32 * 1024);
    let mut short = |text: &str| clipper.clip(text, NAME_SHOWN_BYTES);
    let name = short(&group.name);
    let topic = |query: topics::LiveQuery| (scope.topics.topic_of(&query), query.name);
    let page = GroupPage {
        layout: scope.layout(format!("Consumer group {name}"), Section::Consumers),
        reset: action,
        typed,
        back: scope.path("consumers"),
        topics: scope.topics.live_queries().into_iter().map(topic).collect(),
        name,
        state: group.state.clone(),
        protocol: short(&protocol),
        more_members: members.len().saturating_sub(MEMBERS_SHOWN_MAX),
        members: members
            .iter()
            .take(MEMBERS_SHOWN_MAX)
            .map(|member| Member {
                client_id: short(&member.client_id),
                host: short(&member.host),
                instance_id: member.instance_id.as_deref().map(&mut short),
                id: short(&member.id),
                assigned: short(&assigned(&member.assigned)),
            })
            .collect(),
        more_places: group.partitions.len().saturating_sub(PLACES_SHOWN_MAX),
        events: figures::count(group.lag()),
        age: figures::span(age::oldest(&times)),
        gap_in: age::gap_in_ms(&times).filter(|_| gap.is_none()).map(figures::span),
        places: group.partitions.iter().zip(&times).take(PLACES_SHOWN_MAX).map(row).collect(),
        behind: figures::lag(group.lag(), Some(age::oldest(&times))),
        charts,
        gap,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

/// Against what is kept: of the events only where the group reads the main feed alone, since other
/// topics count others.
fn charts(scope: &Scope, group: &GroupLag, kept: &Kept) -> Charts {
    let main = scope.topics.main();
    let reads_main = group.partitions.iter().all(|place| place.topic == main.name());
    let events = scope.app.events().count_between(kept.log_start, scope.app.events().high_watermark());
    let is_trimmed = kept.log_start > 0;
    let kept_ms = scope.state().options.retention_ms.or(kept.age_ms.filter(|_| is_trimmed));
    let page = scope.path(&format!("consumers/{}", segment(&group.name)));
    overview_charts::of_group(scope, &group.name, page, (Some(events).filter(|_| reads_main && is_trimmed), kept_ms))
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.text(name).trim().to_owned();
        let to = form.filled("to").unwrap_or("earliest").to_owned();
        Self { topic: text("topic"), to, offset: text("offset"), time: text("time") }
    }
}

fn row((place, times): (&PartitionLag, &Option<LagTimes>)) -> Row {
    Row {
        topic: place.topic.clone(),
        partition: place.partition,
        committed: figures::count(place.committed),
        end: figures::count(place.high_watermark),
        events: figures::count(place.lag),
        age: times.and_then(|times| times.lag_ms).map(figures::span),
        is_trimmed: place.gap_ahead,
    }
}

/// Partitions by topic, as `a: 0, 1; b: 3`.
fn assigned(partitions: &[(String, i32)]) -> String {
    let mut text = String::new();
    let mut last = None;
    for (topic, partition) in partitions {
        if last == Some(topic) {
            text += &format!(", {partition}");
        } else {
            text += &format!("{}{topic}: {partition}", if text.is_empty() { "" } else { "; " });
        }
        last = Some(topic);
    }
    text
}

/// A count of documents in words.
fn documents(count: usize) -> String {
    if count > GAP_COUNTED_MAX {
        return format!("more than {GAP_COUNTED_MAX} documents");
    }
    plural::counted(count, "document")
}
