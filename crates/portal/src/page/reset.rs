//! Resetting a group's offsets: what would change, then the change.
//!
//! Not here: what it does to the offsets (`operations`).

use askama::Template;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use operations::{Move, Target};
use topics::Topic;

use super::{
    consumer_group::{named, reset_action},
    problem::sentence,
};
use crate::{
    draft::Draft,
    failure::Failure,
    figures,
    form::{Form, STEP},
    layout::{self, Layout, Section},
    limits::PLACES_SHOWN_MAX,
    plural,
    scope::{Scope, segment},
};

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

/// What would change by what was asked for; without that, the page of the group.
pub(crate) async fn show(scope: Scope) -> Result<Response, Failure> {
    let group = named(&scope)?.0.name;
    let back = back(&group);
    let draft = scope.visit.draft(&reset_action(&scope, &group)).filter(|_| scope.visit.names_draft());
    let Some(Draft { form, .. }) = draft else { return Ok(Redirect::to(&scope.path(&back)).into_response()) };
    let (topic, moves) = planned(&scope, &group, &form).await?;
    Ok(preview(&scope, &group, &form, &topic, &moves, &back))
}

/// Resets; with the form of the group's page, leads to what would change.
pub(crate) async fn submit(scope: Scope) -> Result<Response, Failure> {
    let group = named(&scope)?.0.name;
    let form = &scope.visit.form;
    let action = reset_action(&scope, &group);
    if form.text(STEP) != "save" {
        return Ok(match target_of(form) {
            Ok(_) => scope.visit.again(&action, &action, None),
            Err(error) => {
                scope.visit.tell(false, sentence(&error.to_string()));
                scope.visit.again(&action, &scope.path(&back(&group)), None)
            }
        });
    }
    let (topic, moves) = planned(&scope, &group, form).await?;
    scope.state().operations.run_reset(&scope.app, &group, topic.name(), &moves).await?;
    scope.visit.carried_out(&action);
    let partitions = plural::counted(moves.len(), "partition");
    scope.visit.tell(true, format!("The offsets of {partitions} were reset."));
    // A group that had nothing but these offsets is gone.
    let back = if named(&scope).is_ok() { back(&group) } else { "consumers".to_owned() };
    Ok(Redirect::to(&scope.path(&back)).into_response())
}

/// The page of the group, below the app's.
fn back(group: &str) -> String {
    format!("consumers/{}", segment(group))
}

async fn planned(scope: &Scope, group: &str, form: &Form) -> Result<(Topic, Vec<Move>), Failure> {
    let target = target_of(form)?;
    let topic = scope.topics.by_name(form.text("topic"));
    let topic = topic.ok_or_else(|| Failure::NotFound { kind: "topic", name: form.text("topic").to_owned() })?;
    let moves = scope.state().operations.plan_reset(&scope.topics, group, &topic, target).await?;
    Ok((topic, moves))
}

fn target_of(form: &Form) -> Result<Target, Failure> {
    let bad = |message: &str| Failure::BadInput(message.to_owned());
    match form.text("to") {
        "earliest" => Ok(Target::Earliest),
        "latest" => Ok(Target::Latest),
        "delete" => Ok(Target::Nowhere),
        "offset" => {
            let offset = form.text("offset").trim().parse();
            offset.map(Target::Offset).map_err(|_| bad("the offset must be a number, 0 or more"))
        }
        "time" => figures::read_time(form.text("time").trim())
            .map(Target::TimeMs)
            .ok_or_else(|| bad("the time must be a date and a time of day, as 2026-01-31T12:00:00")),
        _ => Err(bad("choose where to")),
    }
}

fn preview(scope: &Scope, group: &str, form: &Form, topic: &Topic, moves: &[Move], back: &str) -> Response {
    let shown = |offset: Option<u64>| offset.map_or_else(|| "none".to_owned(), figures::count);
    let row = |it: &Move| (it.partition, shown(it.old), shown(it.new), words(it));
    let carried = ["topic", "to", "offset", "time"].map(|name| (name, form.text(name).to_owned()));
    let page = ResetPage {
        layout: scope.layout("Reset these offsets?", Section::Consumers),
        group: group.to_owned(),
        topic: topic.name().to_owned(),
        rows: moves.iter().take(PLACES_SHOWN_MAX).map(row).collect(),
        left_out: moves.len().saturating_sub(PLACES_SHOWN_MAX),
        action: reset_action(scope, group),
        back: scope.path(back),
        hidden: carried.into_iter().chain([(STEP, "save".to_owned())]).collect(),
    };
    layout::page(StatusCode::OK, &page)
}

/// What the group will see of it.
fn words(it: &Move) -> String {
    match (it.old, it.new) {
        (Some(old), Some(new)) if new < old => format!("{} again", events(old - new)),
        (Some(old), Some(new)) if new > old => format!("{} skipped", events(new - old)),
        (Some(_), Some(_)) => "stays".to_owned(),
        (None, _) => "is set".to_owned(),
        (_, None) => "is forgotten".to_owned(),
    }
}

fn events(count: u64) -> String {
    plural::counted(count, "event")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_says_what_comes_again_and_what_is_skipped() {
        let words = |old, new| super::words(&Move { partition: 0, old, new });
        assert_eq!(words(Some(9), Some(2)), "7 events again");
        assert_eq!(words(Some(2), Some(9)), "7 events skipped");
        assert_eq!(
            [words(Some(2), Some(2)), words(None, Some(2)), words(Some(2), None)],
            ["stays", "is set", "is forgotten"]
        );
    }
}
