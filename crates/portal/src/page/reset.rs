//! Resetting a group's offsets: what would change, then the change.
//!
//! Invariant: as with Kafka's own tools, nothing is reset while the group has members: they would go on where they are, and commit that.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use store::CommittedOffset;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use topics::{Partition, Topic};

use super::consumer_group::named;
use crate::{
    failure::Failure,
    figures,
    form::Form,
    layout::{self, Layout, Section},
    limits::PLACES_SHOWN_MAX,
    scope::{Scope, segment},
};

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Earliest,
    Latest,
    Offset(u64),
    TimeMs(u64),
    /// No offset at all: the group begins as one that never read.
    Nowhere,
}

/// What becomes of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Move {
    partition: i32,
    old: Option<u64>,
    new: Option<u64>,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage {
    layout: Layout,
    group: String,
    topic: String,
    rows: Vec<(i32, String, String, String)>,
    left_out: usize,
    action: String,
    back: String,
    hidden: Vec<(&'static str, String)>,
}

pub(crate) async fn submit(scope: Scope) -> Result<Response, Failure> {
    let group = named(&scope)?.0.name;
    let form = &scope.visit.form;
    let target = Target::of(form)?;
    let topic = scope.topics.by_name(form.text("topic"));
    let topic = topic.ok_or_else(|| Failure::NotFound { kind: "topic", name: form.text("topic").to_owned() })?;
    if scope.state().groups.has_members(scope.name(), &group) {
        return Err(Failure::GroupBusy(group));
    }
    let moves = moves(&scope, &group, &topic, target).await?;
    let back = format!("consumers/{}", segment(&group));
    if form.text("step") != "save" {
        return Ok(preview(&scope, &group, &topic, &moves, &back));
    }
    run(&scope, &group, topic.name(), &moves).await?;
    let partitions = if moves.len() == 1 { "1 partition".to_owned() } else { format!("{} partitions", moves.len()) };
    scope.visit.tell(true, format!("The offsets of {partitions} were reset."));
    // A group that had nothing but these offsets is gone.
    let back = if named(&scope).is_ok() { back } else { "consumers".to_owned() };
    Ok(Redirect::to(&scope.path(&back)).into_response())
}

impl Target {
    fn of(form: &Form) -> Result<Self, Failure> {
        let bad = |message: &str| Failure::BadInput(message.to_owned());
        match form.text("to") {
            "earliest" => Ok(Target::Earliest),
            "latest" => Ok(Target::Latest),
            "delete" => Ok(Target::Nowhere),
            "offset" => {
                let offset = form.text("offset").trim().parse();
                offset.map(Target::Offset).map_err(|_| bad("the offset must be a number, 0 or more"))
            }
            "time" => read_time(form.text("time").trim())
                .map(Target::TimeMs)
                .ok_or_else(|| bad("the time must be a date and a time of day, as 2026-01-31T12:00:00")),
            _ => Err(bad("choose where to")),
        }
    }

    async fn in_partition(self, partition: &Partition) -> Result<Option<u64>, Failure> {
        let end = partition.settled_high_watermark().await?;
        Ok(match self {
            Target::Nowhere => None,
            Target::Earliest => Some(0),
            Target::Latest => Some(end),
            Target::Offset(offset) if offset > end => {
                return Err(Failure::BadInput(format!("offset {offset} was not given out yet; the next one is {end}")));
            }
            Target::Offset(offset) => Some(offset),
            Target::TimeMs(at_ms) => {
                let found = partition.offset_for_timestamp(at_ms).await?;
                Some(found.map_or(end, |found| found.offset))
            }
        })
    }
}

/// A time of day in UTC, with seconds or without, as browsers send it; or RFC 3339.
fn read_time(text: &str) -> Option<u64> {
    let whole = match text.len() {
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    let time = OffsetDateTime::parse(&whole, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

async fn moves(scope: &Scope, group: &str, topic: &Topic, target: Target) -> Result<Vec<Move>, Failure> {
    let committed = scope.app.committed_offsets(group);
    let mut moves = Vec::new();
    for index in 0..i32::from(topic.partitions()) {
        let partition = topic.partition(index).expect("a topic keeps its partitions");
        let old = committed.iter().find(|(name, number, _)| name == topic.name() && *number == index);
        let old = old.map(|(.., offset)| offset.offset.max(0) as u64);
        let new = target.in_partition(&partition).await?;
        if old.is_some() || new.is_some() {
            moves.push(Move { partition: index, old, new });
        }
    }
    Ok(moves)
}

async fn run(scope: &Scope, group: &str, topic: &str, moves: &[Move]) -> Result<(), Failure> {
    let set: Vec<_> = moves
        .iter()
        .filter_map(|it| {
            let offset = CommittedOffset { offset: it.new? as i64, leader_epoch: -1, metadata: String::new() };
            Some((topic.to_owned(), it.partition, offset))
        })
        .collect();
    let forget: Vec<_> =
        moves.iter().filter(|it| it.new.is_none()).map(|it| (topic.to_owned(), it.partition)).collect();
    if !set.is_empty() {
        scope.app.commit_offsets(group, set).await?;
    }
    if !forget.is_empty() {
        scope.app.delete_offsets(group, Some(forget)).await?;
    }
    Ok(())
}

fn preview(scope: &Scope, group: &str, topic: &Topic, moves: &[Move], back: &str) -> Response {
    let shown = |offset: Option<u64>| offset.map_or_else(|| "none".to_owned(), figures::count);
    let row = |it: &Move| (it.partition, shown(it.old), shown(it.new), it.words());
    let form = &scope.visit.form;
    let carried = ["topic", "to", "offset", "time"].map(|name| (name, form.text(name).to_owned()));
    let page = ResetPage {
        layout: scope.layout("Reset these offsets?", Section::Consumers),
        group: group.to_owned(),
        topic: topic.name().to_owned(),
        rows: moves.iter().take(PLACES_SHOWN_MAX).map(row).collect(),
        left_out: moves.len().saturating_sub(PLACES_SHOWN_MAX),
        action: scope.path(&format!("{back}/reset")),
        back: scope.path(back),
        hidden: carried.into_iter().chain([("step", "save".to_owned())]).collect(),
    };
    layout::page(StatusCode::OK, &page)
}

impl Move {
    /// What the group will see of it.
    fn words(&self) -> String {
        match (self.old, self.new) {
            (Some(old), Some(new)) if new < old => format!("{} again", events(old - new)),
            (Some(old), Some(new)) if new > old => format!("{} skipped", events(new - old)),
            (Some(_), Some(_)) => "stays".to_owned(),
            (None, _) => "is set".to_owned(),
            (_, None) => "is forgotten".to_owned(),
        }
    }
}

fn events(count: u64) -> String {
    if count == 1 { "1 event".to_owned() } else { format!("{} events", figures::count(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_browsers_send_them() {
        let noon = Some(1_645_444_800_000);
        assert_eq!(read_time("2022-02-21T12:00"), noon);
        assert_eq!(read_time("2022-02-21T12:00:00"), noon);
        assert_eq!(read_time("2022-02-21T13:00:00+01:00"), noon);
        assert_eq!([read_time(""), read_time("noon"), read_time("1969-01-01T00:00")], [None; 3]);
    }

    #[test]
    fn a_move_says_what_comes_again_and_what_is_skipped() {
        let words = |old, new| Move { partition: 0, old, new }.words();
        assert_eq!(words(Some(9), Some(2)), "7 events again");
        assert_eq!(words(Some(2), Some(9)), "7 events skipped");
        assert_eq!(
            [words(Some(2), Some(2)), words(None, Some(2)), words(Some(2), None)],
            ["stays", "is set", "is forgotten"]
        );
    }
}
