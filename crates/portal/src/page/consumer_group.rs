//! One consumer group: members, offsets, lag over time, and what to reset.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use topics::PartitionLag;

use crate::{
    ConsumerGroup, age,
    chart::Chart,
    clip::Clipper,
    failure::Failure,
    figures,
    lag::{self, GroupLag},
    layout::{self, Layout, Section},
    limits::{GAP_COUNTED_MAX, MEMBERS_SHOWN_MAX, NAME_SHOWN_BYTES, PLACES_SHOWN_MAX, PLACES_TIMED_MAX},
    scope::{Scope, segment},
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
    chart: Option<Chart>,
    gap: Option<String>,
    topics: Vec<(String, String)>,
    reset: String,
    back: String,
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
    let found = lag::of_group(scope.state(), &scope.topics, name);
    found.ok_or_else(|| Failure::NotFound { kind: "consumer group", name: name.to_owned() })
}

pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let (group, present) = named(&scope)?;
    let ages = age::of_group(&scope.topics, &group, scope.state().now_ms(), PLACES_TIMED_MAX).await?;
    let gap = gap(&scope, &group).await?;
    let (protocol, members) = present.map(|known| (known.protocol, known.members)).unwrap_or_default();
    let samples = scope.state().lag.of(scope.name(), &group.name);
    let mut clipper = Clipper::new(32 * 1024);
    let mut short = |text: &str| clipper.clip(text, NAME_SHOWN_BYTES);
    let name = short(&group.name);
    let topic = |query: topics::LiveQuery| (scope.topics.topic_of(&query), query.name);
    let page = GroupPage {
        layout: scope.layout(format!("Consumer group {name}"), Section::Consumers),
        reset: scope.path(&format!("consumers/{}/reset", segment(&group.name))),
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
        age: figures::span(age::oldest(&ages)),
        places: group.partitions.iter().zip(&ages).take(PLACES_SHOWN_MAX).map(row).collect(),
        chart: Chart::of(&samples),
        gap,
    };
    Ok(layout::page(StatusCode::OK, &page))
}

fn row((place, age): (&PartitionLag, &Option<u64>)) -> Row {
    Row {
        topic: place.topic.clone(),
        partition: place.partition,
        committed: figures::count(place.committed),
        end: figures::count(place.committed + place.lag),
        events: figures::count(place.lag),
        age: age.map(figures::span),
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

/// How many documents stand for what was trimmed before the group read it.
async fn gap(scope: &Scope, group: &GroupLag) -> Result<Option<String>, Failure> {
    let trimmed = group.partitions.iter().filter(|place| place.gap_ahead).map(|place| place.committed).min();
    let Some(from) = trimmed else { return Ok(None) };
    let app = scope.app.clone();
    let count = move || {
        let snapshot = app.snapshot()?;
        let count = snapshot.trimmed_changes(from).take(GAP_COUNTED_MAX + 1).count();
        Ok::<_, store::SnapshotError>(count)
    };
    let count = tokio::task::spawn_blocking(count).await??;
    Ok(Some(match count {
        1 => "1 document".to_owned(),
        count if count > GAP_COUNTED_MAX => format!("more than {GAP_COUNTED_MAX} documents"),
        count => format!("{count} documents"),
    }))
}
