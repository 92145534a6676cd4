//! The statements that are being run, for `system:active_requests`.
//!
//! Invariant: an id tells when its statement began, which its row says too, and nothing of other statements: whoever is
//! shown their own alone must not count those of others by it.

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
    running: Mutex<BTreeMap<DocumentId, Running>>,
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
    id: DocumentId,
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
        let id = DocumentId::generated(now_ms, rand::random());
        self.running().insert(id.clone(), running);
        Active { all: self.clone(), id }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<DocumentId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of an app, sorted by id; with `scope`, that one's alone.
    pub(crate) fn documents(&self, app: &str, scope: Option<&str>) -> SystemDocuments {
        let is_shown = |running: &Running| running.app == app && scope.is_none_or(|scope| running.scope == scope);
        let all = self.running();
        let shown = all.iter().filter(|(_, running)| is_shown(running));
        shown.map(|(id, running)| (id.clone(), running.fields())).collect()
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
        self.all.running().remove(&self.id);
    }
}

fn integer(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Uint(number), Value::Int)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_does_not_tell_how_many_others_there_are() {
        let all = Arc::new(ActiveStatements::default());
        let began_ms = 1_645_472_201_999;
        let begin = |scope: &str| all.begin("shop", scope.to_owned(), "peer", "SELECT 1", began_ms);
        let own = |active: &Active| active.id.as_json().to_owned();
        let (first, _others, second) = (begin("ann"), [begin("bob"), begin("bob")], begin("ann"));
        assert_eq!(all.documents("shop", Some("ann")).len(), 2);
        assert_eq!(all.documents("shop", None).len(), 4);
        for active in [&first, &second] {
            assert!(own(active).starts_with("\"6213e9c9"), "the time, which its row says too: {}", own(active));
        }
        let random = |active: &Active| u64::from_str_radix(&own(active)[9..25], 16).unwrap();
        assert!(random(&first).abs_diff(random(&second)) > 1_000_000, "they count nothing");
        drop(first);
        assert_eq!(all.documents("shop", Some("ann")).len(), 1);
        assert_eq!(own(&second).len(), 26);
    }
}
