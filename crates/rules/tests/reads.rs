//! How often apply reads what is stored: that is what a write costs on a large store.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says so by failing")]

use std::cell::Cell;

use document::{
    Action, Changeset, CollectionName, Condition, Document, DocumentDecodeError, DocumentId, Map, Operation, Origin,
    SiteId, Value,
};
use rules::{Context, Documents, Given, Group, Limits, Place, RulesVersion, Stored};

/// Every document is there, empty, and each read is counted.
#[derive(Default)]
struct Counted(Cell<usize>);

impl Documents for Counted {
    type Error = DocumentDecodeError;

    fn stored(&self, _: &[u8]) -> Result<Option<Stored>, DocumentDecodeError> {
        self.0.set(self.0.get() + 1);
        Ok(Some(Stored { txn: 1, last_event: None, document: Document::new(), is_hot: false }))
    }
}

fn upsert(id: i64) -> Operation {
    let mut fields = Map::new();
    drop(fields.insert("n".into(), Value::Int(id)));
    Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&Value::Int(id)).unwrap(),
        condition: Condition::Always,
        action: Action::upsert(fields),
    }
}

#[test]
fn a_group_reads_each_document_once() {
    let context =
        Context { app: "shop", site: SiteId(77), event_bytes_max: 200, leader_epoch: 3, version: RulesVersion::NEWEST };
    let place = Place { next_txn: 2, next_offset: 0, stamp_last: 0 };
    let documents = Counted::default();
    let mut group = Group::new(&documents, context, place, 0);
    // Ten documents one behind the other, three of them twice; then all of them in a second
    // transaction.
    for ids in [vec![0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 1], (0..10).collect()] {
        let operations = ids.into_iter().map(upsert).collect();
        let changeset = Changeset { operations, queries: Vec::new(), origin: Origin::default() };
        group.apply(&changeset, &Given::default(), &Limits::of(RulesVersion::NEWEST), 1_645_472_201_000).unwrap();
    }
    assert_eq!(documents.0.get(), 10);
}
