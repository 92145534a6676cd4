//! What is different between two results of one query.

use peer_core::Difference;
use serde_json::Value;

/// What changed since the result before, by places.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct LocalEvent {
    /// Whether this is the first result: everything is new then, and nothing is named below.
    pub is_initial: bool,
    /// The documents of the result before.
    pub old_documents: Vec<Value>,
    /// Places of new documents in this result.
    pub insertions: Vec<usize>,
    /// Places of documents in the result before that are not in this one.
    pub deletions: Vec<usize>,
    /// Places of documents in this result that were in the one before, and are others now.
    pub updates: Vec<usize>,
    /// From and to where documents moved, those that others pushed aside among them.
    pub moves: Vec<(usize, usize)>,
}

impl LocalEvent {
    pub(crate) fn initial() -> Self {
        Self { is_initial: true, ..Self::default() }
    }

    pub(crate) fn between(old_documents: Vec<Value>, documents: &[Value]) -> Self {
        let it = Difference::between(&old_documents, documents, |document| document["_id"].to_string());
        let Difference { insertions, deletions, updates, moves } = it;
        Self { is_initial: false, old_documents, insertions, deletions, updates, moves }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_say_what_changed() {
        let old = vec![json!({"_id": 1}), json!({"_id": 2, "a": 1}), json!({"_id": 3})];
        let new = [json!({"_id": 2, "a": 2}), json!({"_id": 3}), json!({"_id": 4})];
        let event = LocalEvent::between(old.clone(), &new);
        assert_eq!((event.insertions, event.deletions, event.updates), (vec![2], vec![0], vec![0]));
        assert_eq!((event.moves, event.old_documents, event.is_initial), (vec![(1, 0), (2, 1)], old, false));
    }
}
