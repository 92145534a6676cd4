//! What is noted of live queries before retention trims events: what stands for each from then on,
//! and how many of each topic's events there are before the new begin.
//!
//! For every live query that there is, an entry for each event that is the last by which a document
//! was seen on its topic. Where a document is seen again later that event has an entry of its own,
//! once it is trimmed; so an entry that is not valid never is again, and whoever finds one takes it
//! out.
//! Invariants: no event goes before every live query has counted it and has its entries; none is
//! made, changed or deleted at the end of a step of a trim; what a crash leaves of a step is written
//! again, the same, by the next.
//! Not here: what a gap tells (`gap`).

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Weak},
};

use kafka_wire::record_batch;
use store::{App, KeptTombstones, Leaves, ObservedTrim, SnapshotError, TrimObserver, ViewEntry, ViewNotes};
use tokio::sync::OwnedMutexGuard;

use crate::{
    app_topics::AppTopics,
    counts::{Span, span_of},
    evaluator::{self, EvaluateError},
    gap,
    leaves::in_leaves,
    limits::{ENTRIES_AT_ONCE, SLICE_BYTES, SWEPT_AFTER},
    matcher::{Event, Seen},
    view::{View, Which},
    views::Views,
};

/// How often those that were made during a step catch up before none is made any more.
const CATCH_UPS_MAX: usize = 3;

/// What retention asks before anything goes.
pub(crate) struct Observer(Weak<AppTopics>);

impl Observer {
    pub(crate) fn of(topics: &Arc<AppTopics>) -> Self {
        Self(Arc::downgrade(topics))
    }
}

impl TrimObserver for Observer {
    fn begin(&self) -> Box<dyn ObservedTrim> {
        let topics = self.0.clone();
        let Some(there) = topics.upgrade() else { return Box::new(Step::of(topics, Arc::default())) };
        if let Err(error) = tidy_up(&there) {
            let app = there.app().name().as_str();
            tracing::warn!(app, %error, "notes of live queries that are of no more use stay");
        }
        Box::new(Step::of(topics, there.views()))
    }

    fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones)) {
        let Some(topics) = self.0.upgrade() else {
            return drop(KeptTombstones { from: 0, ..KeptTombstones::default() });
        };
        let _none_changes = topics.while_none_changes();
        let mut kept = KeptTombstones::default();
        for view in topics.views().iter() {
            // What was counted after this only moves the ends further.
            kept.from = kept.from.min(view.scanned_to());
            let ends = (0..view.query.partitions).map(|index| (view.number, index, view.high_watermark(index)));
            kept.ends.extend(ends.filter_map(|(view, index, end)| Some((view, index, end.checked_sub(1)?))));
        }
        drop(kept);
    }
}

/// A step of a trim.
struct Step {
    topics: Weak<AppTopics>,
    /// Those that there were when it began.
    views: Arc<Views>,
    segments: Vec<Range<u64>>,
    /// Held until the events are out.
    none_changes: Option<OwnedMutexGuard<()>>,
}

impl Step {
    fn of(topics: Weak<AppTopics>, views: Arc<Views>) -> Self {
        Self { topics, views, segments: Vec::new(), none_changes: None }
    }

    fn topics(&self) -> Result<Arc<AppTopics>, SnapshotError> {
        // Nobody is left who would note what goes.
        self.topics.upgrade().ok_or_else(|| SnapshotError { message: "the app is being closed".into() })
    }

    /// Has those that were made since note all of it; how many there were.
    fn catch_up(&mut self, topics: &AppTopics) -> Result<usize, SnapshotError> {
        let all = topics.views();
        let is_new = |view: &&Arc<View>| self.views.iter().all(|known| known.number != view.number);
        let new: Vec<_> = all.iter().filter(is_new).cloned().collect();
        let count = new.len();
        if count > 0 {
            let new = Views::new(new);
            self.segments.iter().try_for_each(|offsets| note(topics, &new, offsets))?;
        }
        self.views = all;
        Ok(count)
    }
}

impl ObservedTrim for Step {
    fn about_to_trim(&mut self, offsets: Range<u64>) -> Result<(), SnapshotError> {
        let topics = self.topics()?;
        note(&topics, &self.views, &offsets)?;
        self.segments.push(offsets);
        Ok(())
    }

    fn last_look(&mut self) -> Result<(), SnapshotError> {
        let topics = self.topics()?;
        // Whoever is made from here on waits for those that are new by then, which are few.
        let mut rounds = CATCH_UPS_MAX;
        while rounds > 0 && self.catch_up(&topics)? > 0 {
            rounds -= 1;
        }
        self.none_changes = Some(topics.while_none_changes());
        self.catch_up(&topics)?;
        Ok(())
    }
}

/// Has `views` count a segment, and note what stands for its events.
fn note(topics: &AppTopics, views: &Views, offsets: &Range<u64>) -> Result<(), SnapshotError> {
    let is_concerned = |view: &&Arc<View>| view.origin < offsets.end && !view.is_gone();
    loop {
        let views = Views::new(views.iter().filter(is_concerned).cloned().collect());
        let noted = evaluator::evaluate_to(topics, &views, offsets.end)
            .and_then(|()| Segment { topics, views: &views, offsets: offsets.clone() }.note());
        let is_one_gone = views.iter().any(|view| view.is_gone());
        if is_one_gone {
            topics.leaves_a_rest();
        }
        match noted {
            Err(_) if is_one_gone => {}
            Err(error) => return Err(SnapshotError { message: error.to_string() }),
            Ok(()) => return topics.note_views(Which::Every),
        }
    }
}

/// A segment that is about to be trimmed.
struct Segment<'a> {
    topics: &'a AppTopics,
    views: &'a Views,
    offsets: Range<u64>,
}

impl Segment<'_> {
    /// Notes for each of the views what stands for its events, and the mark behind them.
    fn note(&self) -> Result<(), EvaluateError> {
        let Self { topics, views, offsets } = self;
        if views.is_empty() {
            return Ok(());
        }
        let app = topics.app();
        let mut ranks = Vec::with_capacity(views.len());
        for view in views.iter() {
            ranks.push(view.start(app, offsets.start)?.1.to_vec());
        }
        let mut looking = Looking::at(app, views, offsets)?;
        let mut notes = ViewNotes::default();
        let mut next = offsets.start;
        while next < offsets.end {
            let from = next;
            for piece in app.events().read_blocking(next, SLICE_BYTES)? {
                for batch in record_batch::batches(&piece) {
                    let (header, batch) = batch?;
                    for record in record_batch::decode_records(batch)? {
                        let at = record.offset as u64;
                        if !(from..offsets.end).contains(&at) {
                            continue;
                        }
                        if topics.is_stopping() {
                            return Err(EvaluateError::Stopping);
                        }
                        let event = Event::new(&record);
                        looking.seeing(at, &event, |places, seen| {
                            self.note_event(at, &event, places, seen, &mut ranks, &mut notes)
                        })?;
                    }
                    next = header.last_offset as u64 + 1;
                }
                if notes.len() >= ENTRIES_AT_ONCE {
                    app.note_views(std::mem::take(&mut notes))?;
                }
            }
            next = app.events().behind_seams(next);
            if next == from {
                return Err(EvaluateError::Trimmed { from });
            }
        }
        for (view, ranks) in views.iter().zip(ranks) {
            notes.mark(view.number, offsets.end, &ranks);
        }
        Ok(app.note_views(notes)?)
    }

    /// An event that those of `places`, which have the same filter, carry.
    fn note_event(
        &self,
        at: u64,
        event: &Event<'_>,
        places: &[usize],
        seen: Seen,
        ranks: &mut [Vec<u64>],
        notes: &mut ViewNotes,
    ) -> Result<(), EvaluateError> {
        let unnamed = EvaluateError::Unnamed { offset: at };
        let Some((document, txn_id)) = event.document_key().zip(event.txn_id()) else { return Err(unnamed) };
        let app = self.topics.app();
        let is_last = app.last_event(&document)? == Some(at);
        let leaves = if seen == Seen::Leave && !is_last {
            self.topics.progress.leaves.of(app, &document)?
        } else {
            Leaves::new()
        };
        for &place in places {
            let view = &self.views[place];
            let partition = view.matcher.partition(event.key());
            let rank = &mut ranks[place][usize::from(partition)];
            let offset = view.numbering(partition).offset(*rank, at);
            *rank += 1;
            let has_left = || in_leaves(&leaves, view.number).is_some_and(|leave| leave.offset == offset);
            if is_last || view.matcher.filter.is_some() && has_left() {
                let entry = ViewEntry { event: at, txn_id, document: document.clone() };
                notes.entry(view.number, partition, offset, &entry);
                view.entries_made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

/// Which views are asked about which events of a segment: those that have few there know which, and
/// are asked about these only.
struct Looking {
    /// The others; and their places among all.
    dense: Views,
    dense_places: Vec<usize>,
    /// Of the few: by event, the places.
    sparse: HashMap<u64, Vec<usize>>,
    /// All, for their filters.
    all: Vec<Arc<View>>,
}

impl Looking {
    fn at(app: &App, views: &Views, offsets: &Range<u64>) -> Result<Self, EvaluateError> {
        let mut sparse: HashMap<u64, Vec<usize>> = HashMap::new();
        let (mut dense, mut dense_places) = (Vec::new(), Vec::new());
        for (place, view) in views.iter().enumerate() {
            match few_events(app, view, offsets)? {
                Some(events) => events.into_iter().for_each(|event| sparse.entry(event).or_default().push(place)),
                None => {
                    dense.push(view.clone());
                    dense_places.push(place);
                }
            }
        }
        Ok(Self { dense: Views::new(dense), dense_places, sparse, all: views.to_vec() })
    }

    /// Calls `each` with the places of those that carry the event, which all see the same of it.
    fn seeing(
        &mut self,
        at: u64,
        event: &Event<'_>,
        mut each: impl FnMut(&[usize], Seen) -> Result<(), EvaluateError>,
    ) -> Result<(), EvaluateError> {
        for places in self.dense.index.candidates(event) {
            if let Some(seen) = self.dense[places[0]].matcher.sees(event) {
                let places: Vec<usize> = places.iter().map(|&place| self.dense_places[place]).collect();
                each(&places, seen)?;
            }
        }
        for place in self.sparse.remove(&at).unwrap_or_default() {
            if let Some(seen) = self.all[place].matcher.sees(event) {
                each(&[place], seen)?;
            }
        }
        Ok(())
    }
}

/// The view's events among these, if all of them are known by their places.
fn few_events(app: &App, view: &View, offsets: &Range<u64>) -> Result<Option<Vec<u64>>, SnapshotError> {
    let mut events = Vec::new();
    for partition in 0..view.query.partitions {
        let mut number = span_of(offsets.start);
        while let Some(span) =
            view.span_from(app, partition, number)?.filter(|span: &Span| span.number <= span_of(offsets.end))
        {
            let Some(places) = span.places() else { return Ok(None) };
            events.extend(places.filter(|place| offsets.contains(place)));
            number = span.number + 1;
        }
    }
    Ok(Some(events))
}

/// Takes out what is of no use any longer: what the step before noted of live queries that were
/// deleted meanwhile, marks and counts of segments that are gone, entries that are not valid.
fn tidy_up(topics: &AppTopics) -> Result<(), SnapshotError> {
    topics.sweep_rest()?;
    let app = topics.app();
    let log_start = app.events().log_start();
    for view in topics.views().iter() {
        app.forget_view_below(view.number, view.query.partitions, log_start.max(view.origin), span_of(log_start))?;
        sweep_if_due(topics, view)?;
    }
    Ok(())
}

fn sweep_if_due(topics: &AppTopics, view: &View) -> Result<(), SnapshotError> {
    use std::sync::atomic::Ordering::Relaxed;
    if view.entries_made.load(Relaxed) <= view.entries_left.load(Relaxed) + SWEPT_AFTER {
        return Ok(());
    }
    view.entries_made.store(0, Relaxed);
    let app = topics.app();
    let snapshot = app.snapshot()?;
    if view.scanned_to() < snapshot.next_offset() {
        // A leave of the snapshot may not be known yet.
        return Ok(());
    }
    let (mut left, mut notes) = (0, ViewNotes::default());
    for partition in 0..view.query.partitions {
        for entry in snapshot.view_entries(view.number, partition, 0, u64::MAX) {
            if topics.is_stopping() {
                return Ok(());
            }
            let (offset, entry) = entry?;
            if gap::is_valid(app, &snapshot, view, offset, &entry)?.is_some() {
                left += 1;
            } else {
                notes.forget_entry(view.number, partition, offset);
            }
            if notes.len() >= ENTRIES_AT_ONCE {
                app.note_views(std::mem::take(&mut notes))?;
            }
        }
    }
    view.entries_left.store(left, Relaxed);
    app.note_views(notes)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            mpsc::{Receiver, SyncSender, sync_channel},
        },
        time::{Duration, Instant},
    };

    use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
    use store::{AppName, DataDir, StoreOptions, WallClock};

    use super::*;
    use crate::{LiveQuery, OnGap, Rebuild, TopicRegistry};

    #[derive(Debug)]
    struct Noon;

    impl WallClock for Noon {
        fn now_ms(&self) -> u64 {
            1_645_444_800_000
        }
    }

    /// Says when a step of a trim has noted all, and waits until it may go on.
    struct Held {
        observer: Observer,
        noted: SyncSender<()>,
        go_on: Arc<Mutex<Receiver<()>>>,
    }

    struct HeldStep {
        step: Box<dyn ObservedTrim>,
        noted: SyncSender<()>,
        go_on: Arc<Mutex<Receiver<()>>>,
    }

    impl TrimObserver for Held {
        fn begin(&self) -> Box<dyn ObservedTrim> {
            let step = self.observer.begin();
            Box::new(HeldStep { step, noted: self.noted.clone(), go_on: self.go_on.clone() })
        }

        fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones)) {
            self.observer.keeping(drop);
        }
    }

    impl ObservedTrim for HeldStep {
        fn about_to_trim(&mut self, offsets: Range<u64>) -> Result<(), SnapshotError> {
            self.step.about_to_trim(offsets)
        }

        fn last_look(&mut self) -> Result<(), SnapshotError> {
            self.step.last_look()?;
            // Nobody listens after the first trim.
            if self.noted.send(()).is_ok() {
                self.go_on.lock().unwrap().recv().unwrap();
            }
            Ok(())
        }
    }

    fn person(id: &str, age: i64, filler: usize) -> Changeset {
        let json = format!(r#"{{"age":{age},"filler":"{}"}}"#, "x".repeat(filler));
        let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action: Action::upsert(value),
        };
        Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
    }

    fn live_query(name: &str, query: Option<&str>) -> LiveQuery {
        LiveQuery {
            name: name.into(),
            collection: None,
            query: query.map(Into::into),
            query_language: crate::live_query::QueryLanguage::Legacy,
            partitions: 1,
            on_gap: OnGap::Requery,
            compression: crate::live_query::Compression::None,
            permission: None,
            created_ms: 1,
        }
    }

    #[tokio::test]
    async fn a_live_query_made_at_the_end_of_a_step_of_a_trim_begins_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { segment_bytes: 4096, retention_bytes: Some(0), ..StoreOptions::default() };
        let data = DataDir::open(dir.path(), options, Arc::new(Noon), || *b"0123456789abcdef").unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        topics.create(live_query("early", Some("age >= 18"))).await.unwrap();
        let ((noted, was_noted), (go_on, goes_on)) = (sync_channel(0), sync_channel(1));
        let held = Held { observer: Observer::of(&topics), noted, go_on: Arc::new(Mutex::new(goes_on)) };
        topics.app().observe_trims(Box::new(held));

        topics.app().commit(person("susan", 20, 0)).await.unwrap();
        topics.app().commit(person("susan", 10, 0)).await.unwrap();
        topics.app().commit(person("old", 99, 8000)).await.unwrap();
        let was_noted = tokio::task::spawn_blocking(|| was_noted.recv().map(|()| was_noted).unwrap()).await.unwrap();
        let making = tokio::spawn({
            let topics = topics.clone();
            async move { topics.create(live_query("late", Some("age >= 18"))).await }
        });
        // A consumer has Susan's first event, and comes again when her second is gone.
        let reader = |place: usize| topics.all()[place].partition(0).unwrap();
        let names = |pieces: Vec<store::Piece>| String::from_utf8_lossy(&pieces.concat()).into_owned();
        assert_eq!(reader(1).settled_high_watermark().await, Ok(3));
        assert!(names(reader(1).read(0, 1, Rebuild::default()).await.unwrap()).contains("susan"));
        assert!(!making.is_finished(), "the begin of the journal is about to move");
        drop(was_noted);
        go_on.send(()).unwrap();
        making.await.unwrap().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while topics.app().events().log_start() < 2 {
            assert!(Instant::now() < deadline, "waited in vain until it is trimmed");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(names(reader(1).read(1, 1, Rebuild::default()).await.unwrap()).contains("susan"), "she left");
        // The late one knows nothing of her: its first offset is that of who was there when it was made.
        let late = topics.by_name("user-consumable-shop.late").unwrap().partition(0).unwrap();
        assert_eq!(late.settled_high_watermark().await, Ok(1));
        let first = names(late.read(0, 1, Rebuild::default()).await.unwrap());
        assert!(first.contains("old") && !first.contains("susan"), "{first}");
        drop(late);
        drop(topics);
        registry.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_step_notes_of_a_live_query_that_is_deleted_meanwhile_goes_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        topics.create(live_query("everything", None)).await.unwrap();
        topics.app().commit(person("susan", 20, 0)).await.unwrap();
        let view = topics.views()[0].clone();
        let entries = {
            let (topics, number) = (topics.clone(), view.number);
            move || topics.app().snapshot().unwrap().view_entries(number, 0, 0, u64::MAX).count()
        };
        // The step holds it, and is kept from noting it until it was deleted.
        let ((go_on, goes_on), (held, is_held)) = (sync_channel::<()>(0), sync_channel(0));
        let holding = std::thread::spawn({
            let topics = topics.clone();
            move || {
                let _evaluating = topics.evaluating.lock().unwrap();
                held.send(()).unwrap();
                let _ = goes_on.recv_timeout(Duration::from_secs(30));
            }
        });
        is_held.recv().unwrap();
        let holders = Arc::strong_count(&view);
        let observer = Observer::of(&topics);
        let noting = std::thread::spawn(move || {
            let mut step = observer.begin();
            step.about_to_trim(0..1).unwrap();
            step.last_look().unwrap();
            observer
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        while Arc::strong_count(&view) == holders {
            assert!(Instant::now() < deadline, "waited in vain until the step has it");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        topics.delete("everything").await.unwrap();
        assert_eq!(entries(), 0);
        go_on.send(()).unwrap();
        let noted = tokio::task::spawn_blocking(move || {
            holding.join().unwrap();
            noting.join().unwrap()
        });
        let observer = noted.await.unwrap();
        assert_eq!(entries(), 1, "noted after all that was known of it was forgotten");
        tokio::task::spawn_blocking(move || drop(observer.begin())).await.unwrap();
        assert_eq!(entries(), 0);
        drop((entries, topics));
        registry.stop().await;
    }

    #[tokio::test]
    async fn nothing_is_trimmed_or_dropped_once_nobody_would_note_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        let observer = Observer::of(&topics);
        registry.stop().await;
        drop((registry, topics));
        assert!(observer.begin().about_to_trim(0..1).is_err());
        observer.keeping(&mut |kept| assert_eq!(kept.from, 0));
    }

    #[tokio::test]
    async fn readers_do_not_wait_while_tombstones_are_dropped_and_a_new_live_query_does() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        let (go_on, goes_on) = sync_channel(1);
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let (observer, mut began) = (Observer::of(&topics), Some(began));
        let dropping = std::thread::spawn(move || {
            observer.keeping(&mut |_| {
                began.take().unwrap().send(()).unwrap();
                let _ = goes_on.recv_timeout(Duration::from_secs(10));
            });
        });
        has_begun.await.unwrap();
        let creating = tokio::spawn({
            let topics = topics.clone();
            async move { topics.create(live_query("everything", None)).await }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((topics.all().len(), creating.is_finished()), (1, false));
        go_on.send(()).unwrap();
        creating.await.unwrap().unwrap();
        assert_eq!(topics.all().len(), 2);
        dropping.join().unwrap();
        drop(topics);
        registry.stop().await;
    }
}
