//! The statements that are being run, for `system:active_requests`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use document::{DocumentId, Map, Value};
use executor::SystemDocuments;

/// How much of a statement is shown, in characters.
const TEXT_CHARS_MAX: usize = 1000;

/// The statements that are being run.
#[derive(Debug, Default)]
pub(crate) struct ActiveStatements {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    running: BTreeMap<u64, Running>,
}

#[derive(Debug)]
struct Running {
    app: String,
    scope: String,
    peer: String,
    text: String,
    started_ms: u64,
}

/// A statement is active as long as this is held.
#[derive(Debug)]
pub(crate) struct Active {
    all: Arc<ActiveStatements>,
    number: u64,
}

impl ActiveStatements {
    /// `scope` is whose it is, `peer` how that is shown.
    pub(crate) fn begin(self: &Arc<Self>, app: &str, scope: String, peer: &str, text: &str, now_ms: u64) -> Active {
        let running = Running {
            app: app.to_owned(),
            scope,
            peer: peer.to_owned(),
            text: text.chars().take(TEXT_CHARS_MAX).collect(),
            started_ms: now_ms,
        };
        let mut known = self.known();
        known.last += 1;
        let number = known.last;
        known.running.insert(number, running);
        Active { all: self.clone(), number }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of an app, sorted by id; with `scope`, that one's alone.
    pub(crate) fn documents(&self, app: &str, scope: Option<&str>) -> SystemDocuments {
        let known = self.known();
        let shown = known
            .running
            .iter()
            .filter(|(_, running)| running.app == app && scope.is_none_or(|scope| running.scope == scope));
        shown.map(|(number, running)| (id(*number), running.fields())).collect()
    }
}

impl Running {
    fn fields(&self) -> Map {
        Map::from_fields(vec![
            ("peer".to_owned(), Value::String(self.peer.clone())),
            ("startedMs".to_owned(), integer(self.started_ms)),
            ("statement".to_owned(), Value::String(self.text.clone())),
        ])
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.all.known().running.remove(&self.number);
    }
}

fn id(number: u64) -> DocumentId {
    DocumentId::from_value(&integer(number)).expect("a number is an id")
}

fn integer(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Uint(number), Value::Int)
}
