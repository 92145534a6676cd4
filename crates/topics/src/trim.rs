//! What live queries note before retention trims events: the documents that left one with a filter,
//! so that a gap can name them, and what is known of each.
//!
//! Invariant: no event goes before every live query that there is has noted what leaves it by that
//! event. One that was made while a trim was under way may have readers already who rely on it.
//! Not here: what a gap tells (`gap`), and which documents changed last by a trimmed event (the
//! store's index).

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Weak},
};

use kafka_wire::record_batch;
use store::{KeptTombstones, ObservedTrim, SnapshotError, TrimObserver};
use uuid::Uuid;

use crate::{app_topics::AppTopics, evaluator::EvaluateError, limits::SLICE_BYTES, matcher::Event, views::Views};

/// What retention asks before anything goes.
pub(crate) struct Observer(Weak<AppTopics>);

impl Observer {
    pub(crate) fn of(topics: &Arc<AppTopics>) -> Self {
        Self(Arc::downgrade(topics))
    }
}

impl TrimObserver for Observer {
    fn begin(&self) -> Box<dyn ObservedTrim> {
        let views = self.0.upgrade().map(|topics| topics.views()).unwrap_or_default();
        Box::new(Trim { topics: self.0.clone(), noted: Vec::new(), noting: views })
    }

    fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones)) {
        let Some(topics) = self.0.upgrade() else { return drop(KeptTombstones::default()) };
        topics.while_none_changes(|views| {
            // Before the high watermarks: those have every match below it.
            let from = views.iter().map(|view| view.scanned_to()).min().unwrap_or(u64::MAX);
            let high_watermarks =
                views.iter().flat_map(|view| (0..view.query.partitions).map(|index| view.high_watermark(index)));
            drop(KeptTombstones { from, at: high_watermarks.filter_map(|offset| offset.checked_sub(1)).collect() });
        });
    }
}

/// One trim.
struct Trim {
    topics: Weak<AppTopics>,
    /// The topics' ids of the live queries that have noted all that goes.
    noted: Vec<Uuid>,
    /// Those that are noting it.
    noting: Arc<Views>,
}

impl ObservedTrim for Trim {
    fn about_to_trim(&mut self, offsets: Range<u64>) -> Result<(), SnapshotError> {
        let Some(topics) = self.topics.upgrade() else { return Ok(()) };
        note_departures(&topics, &self.noting, offsets).map_err(|error| SnapshotError { message: error.to_string() })
    }

    fn finish(&mut self, trim: &mut dyn FnMut()) -> bool {
        self.noted.extend(self.noting.iter().map(|view| view.id));
        let Some(topics) = self.topics.upgrade() else {
            trim();
            return true;
        };
        // None is made between this look and the trim.
        let more: Vec<_> = topics.with_views(|views| {
            let more: Vec<_> = views.iter().filter(|view| !self.noted.contains(&view.id)).cloned().collect();
            if more.is_empty() {
                trim();
            }
            more
        });
        let is_trimmed = more.is_empty();
        self.noting = Arc::new(Views::new(more));
        is_trimmed
    }
}

/// Notes the documents that leave one of `views` by the events of `offsets`.
fn note_departures(topics: &AppTopics, views: &Views, offsets: Range<u64>) -> Result<(), EvaluateError> {
    let has_filters = views.iter().any(|view| view.matcher.filter.is_some());
    let mut next = offsets.start;
    while has_filters && next < offsets.end {
        // By live query and document: only the newest departure of a document counts.
        let mut left: Vec<HashMap<(String, String), u64>> = vec![HashMap::new(); views.len()];
        let from = next;
        for piece in topics.app().events().read_blocking(next, SLICE_BYTES)? {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                let header = record_batch::decode_header(rest)?;
                for record in record_batch::decode_records(rest)? {
                    let offset = record.offset as u64;
                    if !(from..offsets.end).contains(&offset) {
                        continue;
                    }
                    if !views.are_light && topics.is_stopping() {
                        return Err(EvaluateError::Stopping);
                    }
                    let event = Event::new(&record);
                    for places in views.index.candidates(&event) {
                        let matcher = &views[places[0]].matcher;
                        if matcher.filter.is_some()
                            && matcher.sees_leave(&event)
                            && let Some(document) = event.document()
                        {
                            for &place in places {
                                left[place].insert(document.clone(), offset);
                            }
                        }
                    }
                }
                next = header.last_offset as u64 + 1;
                rest = &rest[header.len_bytes..];
            }
        }
        for (view, left) in views.iter().zip(left) {
            let left: Vec<_> = left.into_iter().map(|((collection, id), offset)| (offset, collection, id)).collect();
            if !left.is_empty() {
                topics.note_departures(view, &left)?;
            }
        }
    }
    topics.note_views();
    Ok(())
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

    /// Says when all was noted, and waits until the trim may go on.
    struct Held {
        observer: Observer,
        noted: SyncSender<()>,
        go_on: Arc<Mutex<Receiver<()>>>,
    }

    struct HeldTrim {
        trim: Box<dyn ObservedTrim>,
        noted: SyncSender<()>,
        go_on: Arc<Mutex<Receiver<()>>>,
    }

    impl TrimObserver for Held {
        fn begin(&self) -> Box<dyn ObservedTrim> {
            let trim = self.observer.begin();
            Box::new(HeldTrim { trim, noted: self.noted.clone(), go_on: self.go_on.clone() })
        }

        fn keeping(&self, drop: &mut dyn FnMut(KeptTombstones)) {
            self.observer.keeping(drop);
        }
    }

    impl ObservedTrim for HeldTrim {
        fn about_to_trim(&mut self, offsets: Range<u64>) -> Result<(), SnapshotError> {
            self.trim.about_to_trim(offsets)
        }

        fn finish(&mut self, trim: &mut dyn FnMut()) -> bool {
            // Nobody listens after the first trim.
            if self.noted.send(()).is_ok() {
                self.go_on.lock().unwrap().recv().unwrap();
            }
            self.trim.finish(trim)
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

    #[tokio::test]
    async fn a_live_query_made_while_a_trim_is_under_way_misses_no_departure() {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { segment_bytes: 4096, retention_bytes: Some(0), ..StoreOptions::default() };
        let data = DataDir::open(dir.path(), options, Arc::new(Noon), || *b"0123456789abcdef").unwrap();
        data.create_app(&AppName::new("shop").unwrap()).unwrap();
        let registry = TopicRegistry::new(data);
        let topics = registry.app("shop").await.unwrap();
        let ((noted, was_noted), (go_on, goes_on)) = (sync_channel(0), sync_channel(1));
        let held = Held { observer: Observer::of(&topics), noted, go_on: Arc::new(Mutex::new(goes_on)) };
        topics.app().observe_trims(Box::new(held));

        topics.app().commit(person("susan", 20, 0)).await.unwrap();
        topics.app().commit(person("susan", 10, 0)).await.unwrap();
        topics.app().commit(person("old", 99, 8000)).await.unwrap();
        let was_noted = tokio::task::spawn_blocking(|| was_noted.recv().map(|()| was_noted).unwrap()).await.unwrap();
        let adults = LiveQuery {
            name: "adults".into(),
            collection: Some("people".into()),
            query: Some("age >= 18".into()),
            partitions: 1,
            on_gap: OnGap::Requery,
            created_ms: 1,
        };
        topics.create(adults).await.unwrap();
        // A consumer has Susan's first event, and comes again when her second is gone.
        let reader = topics.all()[1].partition(0).unwrap();
        let names = |batches: Vec<bytes::Bytes>| String::from_utf8_lossy(&batches.concat()).into_owned();
        assert!(reader.settled_high_watermark().await > 1);
        assert!(names(reader.read(0, 1, Rebuild::default()).await.unwrap()).contains("susan"));
        drop(was_noted);
        go_on.send(()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while topics.app().events().log_start() < 2 {
            assert!(Instant::now() < deadline, "waited in vain until it is trimmed");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(names(reader.read(1, 1, Rebuild::default()).await.unwrap()).contains("susan"), "she left");
        drop((reader, topics));
        registry.stop().await;
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
        let everything = LiveQuery {
            name: "everything".into(),
            collection: None,
            query: None,
            partitions: 1,
            on_gap: OnGap::Requery,
            created_ms: 1,
        };
        let creating = tokio::spawn({
            let topics = topics.clone();
            async move { topics.create(everything).await }
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
