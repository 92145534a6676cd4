//! Looks at new events for every live query of an app, so that each knows its high watermark and
//! wakes its readers only for what they get.
//!
//! One task an app that has live queries. Those that keep up are evaluated together, each event
//! decoded once; one that was just made, or was not kept with the documents, is caught up in slices
//! between. While nobody waits for any of them, events are looked at a few times a second only,
//! many at once. Writers never wait for it.
//!
//! Where events cannot be read, the live queries that have come so far stop there and say so to
//! their readers; those that are further go on, and it is tried again from time to time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Weak,
    time::{Duration, Instant},
};

use kafka_wire::record_batch;
use store::{Leaves, TxnId};

use crate::{
    app_topics::AppTopics,
    limits::{SLICE_BYTES, SLICE_TIME, UNNOTED_MAX},
    matcher::{Event, Seen},
    view::{Found, Which},
    views::Views,
};

/// How often what is known is kept with the documents while events come.
const NOTE_INTERVAL: Duration = Duration::from_secs(5);

/// Filters times events that are evaluated without going to another thread: about 200 us.
const EVALUATIONS_INLINE_MAX: u64 = 500;

/// So many live queries whose filters are not asked take the time of one evaluation.
const PASSED_BY_AN_EVALUATION: u64 = 20;

/// How long events are left alone while nobody waits.
const DALLY: Duration = Duration::from_millis(50);

/// How often it is tried again where events could not be read.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// How long it waits after documents could not be read.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Why it cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluateError {
    #[error(transparent)]
    Read(#[from] store::ReadError),
    #[error(transparent)]
    Notes(#[from] store::SnapshotError),
    #[error("the events from {from} on were trimmed before the live query has looked at them")]
    Trimmed { from: u64 },
    #[error("the event {offset} does not say which document it is about, or by which transaction")]
    Unnamed { offset: u64 },
    #[error("an event cannot be read: {0}")]
    Batch(#[from] record_batch::BatchError),
    #[error("looking at events panicked")]
    Panicked,
    #[error("the server is stopping")]
    Stopping,
}

/// Runs until `topics` stops or is gone.
pub(crate) async fn run(topics: Weak<AppTopics>) {
    let Some(strong) = topics.upgrade() else { return };
    let mut grown = strong.app().events().watch();
    let progress = strong.progress.clone();
    drop(strong);
    let mut noted_at = Instant::now();
    let mut tried_at = Instant::now();
    loop {
        grown.mark_unchanged();
        let Some(strong) = topics.upgrade().filter(|topics| !topics.is_stopping()) else { return };
        let notes = noted_at.elapsed() >= NOTE_INTERVAL;
        if notes {
            noted_at = Instant::now();
        }
        let tries_again = tried_at.elapsed() >= RETRY_INTERVAL;
        if tries_again {
            tried_at = Instant::now();
        }
        let slice = move || {
            let done = guarded(&strong, || {
                let done = evaluate_slice(&strong, tries_again);
                if notes || strong.unnoted() > UNNOTED_MAX {
                    strong.try_to_note_views(Which::Due);
                }
                done
            });
            done.map_err(|error| {
                tracing::warn!(app = strong.app().name().as_str(), %error, "live queries do not get on");
            })
        };
        // A few new events are in memory and soon looked at: going to another thread would cost
        // more.
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
            // The runtime ends.
            Err(_) => return,
        }
        let somebody_waits = topics.upgrade().is_some_and(|topics| somebody_waits(&topics));
        let has_stopped = topics.upgrade().is_some_and(|topics| topics.stopped().is_some());
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
            () = tokio::time::sleep(RETRY_INTERVAL), if has_stopped => {}
        }
    }
}

/// Evaluates; a panic stops every live query that is behind, instead of leaving them silent.
fn guarded(topics: &AppTopics, evaluate: impl FnOnce() -> Result<bool, EvaluateError>) -> Result<bool, EvaluateError> {
    catch_unwind(AssertUnwindSafe(evaluate)).unwrap_or_else(|_| {
        let high_watermark = topics.app().events().high_watermark();
        let views = topics.views();
        views.iter().filter(|view| view.scanned_to() < high_watermark).for_each(|view| {
            view.stop("looking at its events panicked, see the log");
        });
        Err(EvaluateError::Panicked)
    })
}

fn somebody_waits(topics: &AppTopics) -> bool {
    topics.progress.is_watched() || topics.views().iter().any(|view| view.is_watched())
}

/// Whether every live query has only a few events before it.
fn is_soon_done(topics: &AppTopics) -> bool {
    let high_watermark = topics.app().events().high_watermark();
    let views = topics.views();
    if !views.are_light {
        return false;
    }
    let going = views.iter().filter(|view| view.stopped().is_none());
    let behind = going.map(|view| high_watermark - view.scanned_to().min(high_watermark)).max().unwrap_or(0);
    let evaluations = behind * views.index.asked_always().max(1) as u64;
    evaluations + views.len() as u64 / PASSED_BY_AN_EVALUATION <= EVALUATIONS_INLINE_MAX
}

/// Evaluates one slice for those that keep up, and one for those that are furthest behind; `true`
/// if there is more. Those that have stopped are passed over, unless it is to be tried again.
fn evaluate_slice(topics: &AppTopics, tries_again: bool) -> Result<bool, EvaluateError> {
    #[cfg(test)]
    topics.progress.panic_if_told();
    let high_watermark = topics.app().events().high_watermark();
    let views = topics.views();
    let behind = |tries_again: bool| {
        let going = views.iter().filter(move |view| tries_again || view.stopped().is_none());
        going.map(|view| view.scanned_to()).filter(move |scanned_to| *scanned_to < high_watermark)
    };
    let _one = topics.evaluating.lock().expect("not poisoned");
    let (Some(first), Some(last)) = (behind(tries_again).min(), behind(tries_again).max()) else { return Ok(false) };
    evaluate(topics, &views, last)?;
    if first != last {
        evaluate(topics, &views, first)?;
    }
    Ok(behind(false).next().is_some())
}

/// What was found in a slice of the events.
struct Slice {
    /// Of each live query that is there.
    found: Vec<Option<Vec<Found>>>,
    /// Keys of documents that leave some of them, an event each.
    left: Vec<Vec<u8>>,
    from: u64,
    next: u64,
    /// Where those begin that have come further: from there on all look together.
    to: Option<u64>,
}

/// Has every one of `views` looked at the events below `to`, whoever else does.
pub(crate) fn evaluate_to(topics: &AppTopics, views: &Views, to: u64) -> Result<(), EvaluateError> {
    loop {
        let _one = topics.evaluating.lock().expect("not poisoned");
        let Some(first) = views.iter().map(|view| view.scanned_to()).min().filter(|first| *first < to) else {
            return Ok(());
        };
        advance(topics, views, first)?;
        drop(_one);
        topics.progress.note_evaluated();
    }
}

/// As [`advance`]; those that cannot get on stop.
fn evaluate(topics: &AppTopics, views: &Views, from: u64) -> Result<(), EvaluateError> {
    match advance(topics, views, from) {
        Err(EvaluateError::Stopping) => Err(EvaluateError::Stopping),
        Err(error) => {
            stop(topics, views, from, &error);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Looks at a slice of the events from `from` on, for those of `views` that have come as far as
/// that, until they are where the next are. If there is damage, up to there. The caller has
/// `evaluating`.
fn advance(topics: &AppTopics, views: &Views, from: u64) -> Result<(), EvaluateError> {
    let mut slice = Slice::of(views, from);
    match look(topics, views, &mut slice) {
        Err(error) if slice.next == from => Err(error),
        _ => slice.hand_out(topics, views),
    }
}

impl Slice {
    fn of(views: &Views, from: u64) -> Self {
        let found = views.iter().map(|view| (view.scanned_to() == from).then(Vec::new)).collect();
        let to = views.iter().map(|view| view.scanned_to()).filter(|scanned_to| *scanned_to > from).min();
        Self { found, left: Vec::new(), from, next: from, to }
    }

    /// Tells each what was found for it.
    fn hand_out(self, topics: &AppTopics, views: &Views) -> Result<(), EvaluateError> {
        // A trim waits for those that have yet to look: what is trimmed is counted.
        if topics.app().events().log_start() > self.from {
            return Err(EvaluateError::Trimmed { from: self.from });
        }
        let there = || views.iter().zip(&self.found).filter_map(|(view, found)| Some((view, found.as_ref()?)));
        let mut leaves = vec![Leaves::new(); self.left.len()];
        for (view, found) in there() {
            view.count(found, self.next, |document, leave| leaves[document as usize].push((view.number, leave)));
        }
        // Known before anybody counts on it.
        topics.progress.leaves.take_over(self.left.iter().cloned().zip(leaves));
        let seams = topics.app().seams();
        let crosses = seams.iter().any(|seam| (self.from + 1..=self.next).contains(&seam.first_offset));
        there().for_each(|(view, found)| view.reached(self.next, crosses || !found.is_empty()));
        Ok(())
    }
}

/// The number and the transaction of a document that leaves, once somebody has seen that.
struct Left(Option<(u32, TxnId)>);

impl Left {
    fn take_or_read(
        &mut self,
        event: &Event<'_>,
        documents: &mut Vec<Vec<u8>>,
        offset: u64,
    ) -> Result<(u32, TxnId), EvaluateError> {
        if let Some(known) = self.0 {
            return Ok(known);
        }
        let named = event.document_key().zip(event.txn_id());
        let (document, txn_id) = named.ok_or(EvaluateError::Unnamed { offset })?;
        documents.push(document);
        Ok(*self.0.insert((documents.len() as u32 - 1, txn_id)))
    }
}

/// The live queries that have come as far as `from` do not get on.
fn stop(topics: &AppTopics, views: &Views, from: u64, error: &EvaluateError) {
    let why = error.to_string();
    let there = views.iter().filter(|view| view.scanned_to() == from);
    if there.filter(|view| view.stop(&why)).count() > 0 {
        let app = topics.app().name().as_str();
        tracing::error!(app, offset = from, %error, "live queries have stopped: events cannot be read");
    }
}

fn look(topics: &AppTopics, views: &Views, slice: &mut Slice) -> Result<(), EvaluateError> {
    let events = topics.app().events();
    // Nothing is where a restore skipped offsets.
    slice.next = events.behind_seams(slice.next);
    let looked = look_at_events(topics, views, slice);
    slice.next = events.behind_seams(slice.next);
    looked
}

fn look_at_events(topics: &AppTopics, views: &Views, slice: &mut Slice) -> Result<(), EvaluateError> {
    let from = slice.next;
    let began = Instant::now();
    for piece in topics.app().events().read_blocking(from, SLICE_BYTES)? {
        for batch in record_batch::batches(&piece) {
            for record in record_batch::decode_records(batch?.1)? {
                let offset = record.offset as u64;
                if offset < from {
                    continue;
                }
                if slice.to.is_some_and(|to| offset >= to) {
                    return Ok(());
                }
                if !views.are_light {
                    // Where a slice ends changes nothing of what is found.
                    if topics.is_stopping() {
                        return Err(EvaluateError::Stopping);
                    }
                    if began.elapsed() > SLICE_TIME && slice.next > from {
                        return Ok(());
                    }
                }
                slice.next = offset + 1;
                let event = Event::new(&record);
                let mut left = Left(None);
                for places in views.index.candidates(&event) {
                    if places.iter().all(|&place| slice.found[place].is_none()) {
                        continue;
                    }
                    let Some(seen) = views[places[0]].matcher.sees(&event) else { continue };
                    let leave = match seen {
                        Seen::Inside => None,
                        Seen::Leave => Some(left.take_or_read(&event, &mut slice.left, offset)?),
                    };
                    for &place in places {
                        if let Some(found) = &mut slice.found[place] {
                            let partition = views[place].matcher.partition(event.key());
                            found.push(Found { partition, event: offset, left: leave });
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::Ordering::Relaxed, mpsc::sync_channel};

    use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
    use store::{AppName, DataDir, StoreOptions, WallClock};

    use super::*;
    use crate::{LiveQuery, OnGap, Rebuild, TopicRegistry, head::Head, limits::UNNOTED_EVENTS_MAX};

    #[derive(Debug)]
    struct Noon;

    impl WallClock for Noon {
        fn now_ms(&self) -> u64 {
            1_645_444_800_000
        }
    }

    fn person(id: &str, json: &str) -> Changeset {
        let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(value),
        };
        Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
    }

    fn live_query(name: &str, query: &str) -> LiveQuery {
        LiveQuery {
            name: name.into(),
            collection: Some("people".into()),
            query: Some(query.into()),
            query_language: crate::live_query::QueryLanguage::Legacy,
            partitions: 1,
            on_gap: OnGap::Requery,
            compression: crate::live_query::Compression::None,
            permission: None,
            created_ms: 1,
        }
    }

    async fn open(dir: &std::path::Path, query: &str) -> (Arc<TopicRegistry>, Arc<AppTopics>) {
        let data = DataDir::open(dir, StoreOptions::default(), Arc::new(Noon), || *b"0123456789abcdef").unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        topics.create(live_query("some", query)).await.unwrap();
        (registry, topics)
    }

    async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The second is evaluated on a thread of its own.
    #[tokio::test]
    async fn it_goes_on_after_a_panic_and_says_so_until_then() {
        for query in ["age >= 18", "regex(name, 'S')"] {
            let dir = tempfile::tempdir().unwrap();
            let (registry, topics) = open(dir.path(), query).await;
            topics.app().commit(person("a", r#"{"age":20,"name":"Susan"}"#)).await.unwrap();
            let reader = topics.all()[1].partition(0).unwrap();
            wait_until("the first event is there", || reader.high_watermark() == 1).await;
            wait_until("nothing is in the way", || topics.stopped().is_none()).await;
            topics.progress.panics.store(1, Relaxed);
            topics.app().commit(person("b", r#"{"age":30,"name":"Sue"}"#)).await.unwrap();
            wait_until("it says that it failed", || topics.stopped().is_some()).await;
            wait_until("the second event is there", || reader.high_watermark() == 2).await;
            wait_until("nothing is in the way", || topics.stopped().is_none()).await;
            drop((reader, topics));
            registry.stop().await;
        }
    }

    #[tokio::test]
    async fn a_document_on_which_the_filter_is_too_expensive_counts_as_matching_if_it_may_match() {
        let dir = tempfile::tempdir().unwrap();
        let query = "regex(t, '[ac]*a[ac]{2000}b') && kind == 'a'";
        let (registry, topics) = open(dir.path(), query).await;
        let long = "a".repeat(20_000);
        for (id, kind, text) in [("cheap", "a", "a"), ("long", "a", &long), ("other", "b", &long), ("last", "a", "")] {
            let json = format!(r#"{{"kind":"{kind}","t":"{text}"}}"#);
            topics.app().commit(person(id, &json)).await.unwrap();
        }
        let reader = topics.all()[1].partition(0).unwrap();
        assert_eq!(reader.settled_high_watermark().await, Ok(1));
        assert!(topics.filters_given_up() > 0);
        let found = reader.read(0, 1 << 20, Rebuild::default()).await.unwrap().concat();
        let records = record_batch::decode_records(&found).unwrap();
        let keys: Vec<_> = records.iter().map(|record| String::from_utf8_lossy(record.key.unwrap())).collect();
        assert_eq!(keys, [r#"["people","long"]"#]);
        drop(reader);
        drop(topics);
        registry.stop().await;
    }

    /// How far the first live query has come, as it is noted.
    fn noted_to(topics: &AppTopics) -> u64 {
        let (_, head) = topics.app().view_heads().unwrap().remove(0);
        Head::decode(&head).unwrap().scanned_to
    }

    #[tokio::test]
    async fn how_far_it_has_come_is_not_noted_each_time_while_it_finds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, topics) = open(dir.path(), "age >= 18").await;
        let view = topics.views()[0].clone();
        let writes = async |age: u8| {
            let written = topics.app().commit(person("a", &format!(r#"{{"age":{age}}}"#))).await;
            written.unwrap();
            let end = topics.app().events().high_watermark();
            wait_until("it has looked at the event", || view.scanned_to() == end).await;
        };
        writes(10).await;
        topics.note_views(Which::Due).unwrap();
        assert_eq!(noted_to(&topics), 0, "nothing was found");
        writes(20).await;
        topics.note_views(Which::Due).unwrap();
        assert_eq!(noted_to(&topics), 2, "one was found");
        writes(30).await;
        writes(10).await;
        topics.note_views(Which::Due).unwrap();
        assert_eq!(noted_to(&topics), 4, "one was found, and one left");
        writes(11).await;
        topics.note_views(Which::Due).unwrap();
        assert_eq!(noted_to(&topics), 4, "nothing was found");
        topics.note_views(Which::Every).unwrap();
        assert_eq!(noted_to(&topics), 5, "a trim and the next start want to know");
        for (events, noted) in [(UNNOTED_EVENTS_MAX - 1, 5), (UNNOTED_EVENTS_MAX, 5 + UNNOTED_EVENTS_MAX)] {
            view.count(&[], 5 + events, |_, _| ());
            topics.note_views(Which::Due).unwrap();
            assert_eq!(noted_to(&topics), noted);
        }
        drop((view, topics));
        registry.stop().await;
    }

    /// The note begins before the live query is there, and goes on after it has looked at the events.
    #[tokio::test(flavor = "multi_thread")]
    async fn leaves_of_one_that_is_made_while_a_note_begins_are_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, topics) = open(dir.path(), "age >= 18").await;
        topics.stop_evaluating().await;
        for age in [20, 10] {
            topics.app().commit(person("a", &format!(r#"{{"age":{age}}}"#))).await.unwrap();
        }
        let ((go_on, goes_on), (held, is_held)) = (sync_channel::<()>(1), sync_channel(1));
        let evaluating = std::thread::spawn({
            let topics = topics.clone();
            move || {
                let _one = topics.evaluating.lock().unwrap();
                held.send(()).unwrap();
                goes_on.recv_timeout(Duration::from_secs(30)).unwrap();
                advance(&topics, &topics.views(), 0).unwrap();
            }
        });
        is_held.recv().unwrap();
        let noting = std::thread::spawn({
            let topics = topics.clone();
            move || topics.note_views(Which::Every).unwrap()
        });
        wait_until("the note begins", || topics.noting.try_lock().is_err()).await;
        topics.create(live_query("other", "age >= 18")).await.unwrap();
        go_on.send(()).unwrap();
        tokio::task::spawn_blocking(|| (evaluating.join().unwrap(), noting.join().unwrap())).await.unwrap();
        let document = store::raw_document_key("people", r#""a""#);
        for view in topics.views().iter() {
            assert_eq!(view.scanned_to(), 2);
            let leave = topics.progress.leaves.of_view(topics.app(), view.number, &document).unwrap();
            assert_eq!(leave.map(|leave| leave.offset), Some(1), "of {}", view.query.name);
        }
        drop(topics);
        registry.stop().await;
    }

    #[tokio::test]
    async fn those_that_are_behind_go_on_together_from_where_the_next_are() {
        let dir = tempfile::tempdir().unwrap();
        let (registry, topics) = open(dir.path(), "age >= 18").await;
        topics.create(live_query("other", "age < 18")).await.unwrap();
        topics.stop_evaluating().await;
        let all = topics.views();
        let places = || [all[0].scanned_to(), all[1].scanned_to()];
        for (id, seen_by_one) in [("a", true), ("b", false), ("c", false)] {
            topics.app().commit(person(id, r#"{"age":20}"#)).await.unwrap();
            if seen_by_one {
                evaluate_to(&topics, &Views::new(vec![all[1].clone()]), 1).unwrap();
            }
        }
        assert_eq!(places(), [0, 1]);
        advance(&topics, &all, 0).unwrap();
        assert_eq!(places(), [1, 1]);
        advance(&topics, &all, 1).unwrap();
        assert_eq!(places(), [3, 3]);
        drop((all, topics));
        registry.stop().await;
    }
}
