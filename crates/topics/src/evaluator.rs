//! Looks at new events for every live query of an app, so that each knows its high watermark and wakes its readers only for what they get.
//!
//! One task an app that has live queries. Those that keep up are evaluated together, each event decoded once; one that was just made, or was not
//! kept with the documents, is caught up in slices between. While nobody waits for any of them, events are looked at a few times a second
//! only, many at once. Writers never wait for it.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use kafka_wire::record_batch;

use crate::{app_topics::AppTopics, gap, limits::SLICE_BYTES, matcher::Event, view::View, views::Views};

/// How often what is known is kept with the documents while events come.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);

/// Filters times events that are evaluated without going to another thread: about 200 us.
const EVALUATIONS_INLINE_MAX: u64 = 500;

/// So many live queries whose filters are not asked take the time of one evaluation.
const PASSED_BY_AN_EVALUATION: u64 = 20;

/// How long events are left alone while nobody waits.
const DALLY: Duration = Duration::from_millis(50);

/// How long it waits after events could not be read.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Why it cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluateError {
    #[error(transparent)]
    Read(#[from] store::ReadError),
    #[error(transparent)]
    Documents(#[from] store::SnapshotError),
    #[error("an event cannot be read: {0}")]
    Batch(#[from] record_batch::BatchError),
}

/// Runs until `topics` stops or is gone.
pub(crate) async fn run(topics: Weak<AppTopics>) {
    let Some(strong) = topics.upgrade() else { return };
    let mut grown = strong.app().events().watch();
    let progress = strong.progress.clone();
    drop(strong);
    let mut noted_at = Instant::now();
    loop {
        grown.mark_unchanged();
        let Some(strong) = topics.upgrade().filter(|topics| !topics.is_stopping()) else { return };
        let notes = noted_at.elapsed() >= NOTE_INTERVAL;
        if notes {
            noted_at = Instant::now();
        }
        let slice = move || {
            let done = evaluate_slice(&strong);
            if notes {
                strong.note_views();
            }
            done.map_err(|error| {
                tracing::warn!(app = strong.app().name().as_str(), %error, "live queries do not get on");
            })
        };
        // A few new events are in memory and soon looked at: going to another thread would cost more.
        let done = if !notes && topics.upgrade().is_some_and(|topics| is_soon_done(&topics)) {
            let done = slice();
            // While it waits nothing of it holds the app, which may be closed.
            drop(slice);
            Ok(done)
        } else {
            tokio::task::spawn_blocking(slice).await
        };
        progress.note_evaluated();
        match done {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => {}
            Ok(Err(())) => tokio::time::sleep(FAILURE_PAUSE).await,
            Err(_) => return,
        }
        let somebody_waits = topics.upgrade().is_some_and(|topics| somebody_waits(&topics));
        let next_events = async {
            let changed = grown.changed().await;
            if changed.is_ok() && !somebody_waits {
                tokio::time::sleep(DALLY).await;
            }
            changed
        };
        tokio::select! {
            changed = next_events => if changed.is_err() { return },
            () = progress.wanted() => {}
        }
    }
}

fn somebody_waits(topics: &AppTopics) -> bool {
    topics.progress.is_watched() || topics.views().iter().any(|view| view.is_watched())
}

/// Whether every live query has only a few events before it.
fn is_soon_done(topics: &AppTopics) -> bool {
    let high_watermark = topics.app().events().high_watermark();
    let views = topics.views();
    let behind = views.iter().map(|view| high_watermark - view.scanned_to().min(high_watermark)).max().unwrap_or(0);
    let evaluations = behind * views.index.asked_always().max(1) as u64;
    evaluations + views.len() as u64 / PASSED_BY_AN_EVALUATION <= EVALUATIONS_INLINE_MAX
}

/// Evaluates one slice for those that keep up, and one for those that are furthest behind; `true` if there is more.
fn evaluate_slice(topics: &AppTopics) -> Result<bool, EvaluateError> {
    let high_watermark = topics.app().events().high_watermark();
    let views = topics.views();
    let behind = || views.iter().map(|view| view.scanned_to()).filter(|scanned_to| *scanned_to < high_watermark);
    let (Some(first), Some(last)) = (behind().min(), behind().max()) else { return Ok(false) };
    evaluate(topics, &views, last)?;
    if first != last {
        evaluate(topics, &views, first)?;
    }
    Ok(behind().next().is_some())
}

/// Looks at a slice of the events from `from` on, for the live queries that are there.
fn evaluate(topics: &AppTopics, views: &Views, from: u64) -> Result<(), EvaluateError> {
    let app = topics.app();
    // What each live query that is there has found.
    let mut matches: Vec<Option<Vec<(u16, u64)>>> =
        views.iter().map(|view| (view.scanned_to() == from).then(Vec::new)).collect();
    let mut next = from;
    for piece in app.events().read_blocking(from, SLICE_BYTES)? {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let header = record_batch::decode_header(rest)?;
            for record in record_batch::decode_records(rest)? {
                let offset = record.offset as u64;
                if offset < from {
                    continue;
                }
                next = offset + 1;
                let event = Event::new(&record);
                for places in views.index.candidates(&event) {
                    let is_there = places.iter().any(|&place| matches[place].is_some());
                    if !is_there || !views[places[0]].matcher.carries(&event) {
                        continue;
                    }
                    for &place in places {
                        if let Some(matches) = &mut matches[place] {
                            matches.push((views[place].matcher.partition(event.key()), offset));
                        }
                    }
                }
            }
            rest = &rest[header.len_bytes..];
        }
    }
    // What was trimmed before it could be looked at is told from the documents.
    let was_trimmed = app.events().log_start() > from;
    for (view, matches) in views.iter().zip(matches) {
        let Some(matches) = matches else { continue };
        if was_trimmed {
            raise_to_trimmed(topics, view)?;
        }
        view.extend(&matches, next);
    }
    Ok(())
}

/// A document whose last event was trimmed is told from its offset on, so the topic reaches at least as far.
fn raise_to_trimmed(topics: &AppTopics, view: &View) -> Result<(), EvaluateError> {
    let snapshot = topics.app().snapshot()?;
    for change in gap::trimmed_changes(&snapshot, &view.matcher, Some(&view.query.name), 0) {
        let change = change?;
        view.raise(view.matcher.partition(&gap::key_of(&change)), change.offset);
    }
    Ok(())
}
