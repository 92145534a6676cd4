//! The documents of an app that is open, held against the events that are kept: each document is what
//! its last event says.
//!
//! One pass over the journal; for each event its document is looked up. One that knows a later event is
//! for that one. Invariants: what is written meanwhile is no difference; a snapshot is held for a
//! moment only.
//! Not here: documents whose last event was trimmed, and what is there without any event (`verify`).

use wire::event;

use crate::{
    differences::Differences,
    engine::{EngineError, EngineSnapshot, stored_parts},
    journal::{
        frame::{FrameError, FrameHeader},
        records::for_each_record,
    },
    last_state::{left_by, said_by},
    shared::Shared,
};

/// So many bytes of events are compared on one snapshot.
const SNAPSHOT_BYTES: usize = 4 << 20;

/// Why a frame cannot be compared.
#[derive(Debug)]
pub(super) enum LastEventsError {
    /// Its events cannot be read.
    Events(FrameError),
    /// The documents cannot.
    Documents(EngineError),
}

/// See the module.
pub(super) struct LastEvents<'a> {
    shared: &'a Shared,
    snapshot: Option<EngineSnapshot>,
    compared_bytes: usize,
    differences: Vec<(Vec<u8>, &'static str)>,
}

impl<'a> LastEvents<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        Self { shared, snapshot: None, compared_bytes: 0, differences: Vec::new() }
    }

    /// Compares the documents that the events of one frame are of.
    pub(super) fn take(&mut self, header: &FrameHeader, batches: &[u8]) -> Result<(), LastEventsError> {
        if self.compared_bytes >= SNAPSHOT_BYTES {
            (self.snapshot, self.compared_bytes) = (None, 0);
        }
        self.compared_bytes += batches.len();
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => self.shared.engine.snapshot(),
        };
        let known_frames = snapshot.position().map_err(LastEventsError::Documents)?.map_or(0, |end| end.next_frame);
        // The documents come a moment after the journal; a next look has it.
        let compared = if header.frame_number < known_frames { self.compare(&snapshot, batches) } else { Ok(()) };
        // A later one may know the next frame.
        self.snapshot = (header.frame_number + 1 < known_frames).then_some(snapshot);
        compared
    }

    fn compare(&mut self, snapshot: &EngineSnapshot, batches: &[u8]) -> Result<(), LastEventsError> {
        let mut failed = None;
        for_each_record(batches, |record| {
            let unreadable = || FrameError(format!("the event {} cannot be read", record.offset));
            let (collection, id) = record.key.and_then(event::read_key).ok_or_else(unreadable)?;
            let key = rules::raw_document_key(&collection, id);
            let change = record.value.and_then(event::read_change).ok_or_else(unreadable)?;
            let said = said_by(&change);
            match difference(snapshot, &key, record.offset as u64, said.as_deref()) {
                Ok(Some(problem)) if self.is_kept(record.offset as u64) => self.differences.push((key, problem)),
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
            Ok(())
        })
        .map_err(LastEventsError::Events)?;
        failed.map_or(Ok(()), |error| Err(LastEventsError::Documents(error)))
    }

    /// Once an event is trimmed its document may be forgotten.
    fn is_kept(&self, offset: u64) -> bool {
        self.shared.journal.start().first_offset <= offset
    }

    /// What is not as it should be.
    pub(super) fn finish(self) -> Vec<String> {
        let mut findings = Vec::new();
        let mut differences = Differences::new("document", &mut findings);
        self.differences.iter().for_each(|(key, problem)| differences.note(key, problem));
        differences.finish();
        findings
    }
}

/// What is wrong with the document that the event at `offset` is of; `said`: what it says is there, if it
/// says that.
fn difference(
    snapshot: &EngineSnapshot,
    key: &[u8],
    offset: u64,
    said: Option<&[u8]>,
) -> Result<Option<&'static str>, EngineError> {
    let Some(value) = snapshot.raw_document(key)? else { return Ok(Some("is missing")) };
    let last_event = stored_parts(key, &value)?.last_event;
    if last_event.is_some_and(|last| last > offset) {
        return Ok(None);
    }
    if last_event != Some(offset) {
        return Ok(Some("does not know its last event"));
    }
    let document = crate::engine::decode_stored(key, &value)?.document;
    let is_same = said.is_none_or(|said| said == &*left_by(key, &document));
    Ok((!is_same).then_some("is not what its last event says"))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
    use rules::ChangedDocument;

    use crate::{
        app::App,
        app_name::AppName,
        engine::stored_parts,
        options::{StoreOptions, WallClock},
        trusted_clock::TrustedClock,
    };

    #[derive(Debug)]
    struct Noon;

    impl WallClock for Noon {
        fn now_ms(&self) -> u64 {
            1_645_472_201_000
        }
    }

    fn open(dir: &Path) -> App {
        let clock = TrustedClock::without_note(Arc::new(Noon));
        let name = AppName::new("shop").unwrap();
        App::open(dir, name, &StoreOptions::default(), clock, || *b"0123456789abcdef").unwrap()
    }

    fn changeset(id: &str, action: Action) -> Changeset {
        let operation = Operation {
            collection: CollectionName::new("people").unwrap(),
            id: DocumentId::from_value(&Value::String(id.into())).unwrap(),
            condition: Condition::Always,
            action,
        };
        Changeset { operations: vec![operation], queries: Vec::new(), origin: Origin::default() }
    }

    fn age(age: u32) -> Action {
        let Ok(Value::Map(value)) = Value::from_json(format!(r#"{{"age":{age}}}"#).as_bytes()) else { panic!() };
        Action::upsert(value)
    }

    #[test]
    fn a_document_that_is_not_what_its_last_event_says_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = open(dir.path());
        let commit = |id: &str, action| runtime.block_on(app.commit(changeset(id, action))).unwrap();
        for (n, id) in ["same", "other", "older", "gone"].into_iter().enumerate() {
            commit(id, age(n as u32));
        }
        commit("older", age(30));
        commit("gone", Action::Remove);
        assert_eq!(app.scrub(&mut |_| true).unwrap(), [""; 0]);

        // Each entry keeps its checksums.
        let key = |id: &str| rules::raw_document_key("people", &format!("\"{id}\""));
        let engine = &app.shared.engine;
        let put = |id: &str, from: &str, event: u64| {
            let value = engine.snapshot().raw_document(&key(from)).unwrap().unwrap();
            let encoded = stored_parts(&key(from), &value).unwrap().encoded.into();
            let (event, txn) = (Some(event), event + 1);
            let changed =
                ChangedDocument { event_before: None, existed_before: true, exists: true, txn, event, encoded };
            let mut batch = engine.batch(1);
            batch.put_document(&key(id), &changed);
            batch.commit(&engine.position().unwrap().unwrap()).unwrap();
        };
        put("other", "same", 1);
        put("older", "older", 2);
        put("gone", "same", 5);
        let found = app.scrub(&mut |_| true).unwrap();
        let expected = [
            ("other", "is not what its last event says"),
            ("older", "is not what its last event says"),
            ("older", "does not know its last event"),
            ("gone", "is not what its last event says"),
        ];
        let expected = expected.map(|(id, problem)| format!("the document people \"{id}\" {problem}"));
        assert_eq!(found, expected);
    }
}
