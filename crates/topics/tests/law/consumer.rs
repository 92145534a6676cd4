//! Consumers, each with a copy of what one live query carries.

use std::collections::BTreeMap;

use document::{CollectionName, DocumentId};
use kafka_wire::record_batch;
use store::App;
use topics::Rebuild;
use wire::event::{self, Change};

use crate::{
    LIVE_QUERIES,
    read::{text, txn_of},
};

/// How a consumer keeps its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes everything as it comes.
    Naive,
    /// Drops what has a txnId below the highest that it saw in the partition.
    Watermark,
    /// Drops what it knows to be older than what a re-query gave (`examples/`).
    Minimum,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Naive, Kind::Watermark, Kind::Minimum];

/// A copy of what one live query carries.
pub(crate) struct Consumer {
    pub(crate) live_query: usize,
    pub(crate) kind: Kind,
    /// By partition, of this pass.
    pub(crate) last_txns: Vec<u64>,
    pub(crate) offsets: Vec<u64>,
    /// What the server knows of its connection, by partition.
    pub(crate) rebuilds: Vec<Rebuild>,
    /// How often it was told to begin again.
    pub(crate) resyncs: u64,
    /// By record key: the transaction that the copy reflects, and the document.
    pub(crate) copy: BTreeMap<String, (u64, Option<String>)>,
}

impl Consumer {
    pub(crate) fn new(live_query: usize, kind: Kind) -> Self {
        let partitions = usize::from(LIVE_QUERIES[live_query].3);
        let (offsets, rebuilds) = (vec![0; partitions], vec![Rebuild::default(); partitions]);
        let last_txns = vec![0; partitions];
        Self { live_query, kind, last_txns, offsets, rebuilds, resyncs: 0, copy: BTreeMap::new() }
    }

    pub(crate) fn reconnect(&mut self) {
        self.rebuilds.fill(Rebuild::default());
    }

    pub(crate) fn begin_again(&mut self) {
        self.resyncs += 1;
        self.copy.clear();
        self.offsets.fill(0);
        self.last_txns.fill(0);
    }

    /// Everything of the partition is delivered once more.
    pub(crate) fn rewind(&mut self, partition: usize) {
        self.offsets[partition] = 0;
        self.last_txns[partition] = 0;
    }

    pub(crate) fn note_txn(&mut self, partition: usize, record: &record_batch::Record<'_>) -> u64 {
        let (txn, last) = (txn_of(record), &mut self.last_txns[partition]);
        let name = LIVE_QUERIES[self.live_query].0;
        assert!(txn >= *last, "{name} {partition}: txnId goes back from {last} to {txn} at {}", record.offset);
        *last = txn;
        txn
    }

    pub(crate) fn take(&mut self, app: &App, partition: usize, record: &record_batch::Record<'_>) {
        // Nothing is below the highest that it saw, so one that drops such events drops none.
        let txn = self.note_txn(partition, record);
        let key = text(record.key);
        let known = match self.kind {
            Kind::Minimum => self.copy.get(&key).map_or(0, |(txn, _)| *txn),
            Kind::Naive | Kind::Watermark => 0,
        };
        match event::read_change(record.value.unwrap()).unwrap() {
            Change::Upsert { new, .. } if txn > known => {
                self.copy.insert(key, (txn, Some(new.to_owned())));
            }
            Change::Upsert { new, .. } if txn == known => {
                assert_eq!(self.copy[&key].1.as_deref(), Some(new), "an event contradicts what is known of {key}");
            }
            Change::Remove { .. } if txn > known => {
                self.copy.insert(key, (txn, None));
            }
            Change::Upsert { .. } | Change::Remove { .. } => {}
            Change::Requery => {
                let value: serde_json::Value = serde_json::from_slice(record.value.unwrap()).unwrap();
                self.requery(app, txn, &value["documents"]);
            }
        }
    }

    pub(crate) fn requery(&mut self, app: &App, txn: u64, documents: &serde_json::Value) {
        let snapshot = app.snapshot().unwrap();
        assert!(snapshot.txn_id().0 >= txn, "asking with {txn} would wait");
        for document in documents.as_array().unwrap() {
            let collection = document["collectionName"].as_str().unwrap();
            let id = document["documentId"].to_string();
            let mut key = Vec::new();
            event::write_key(&mut key, collection, &id);
            let key = String::from_utf8(key).unwrap();
            let stored = snapshot
                .document(&CollectionName::new(collection).unwrap(), &DocumentId::from_json(&id).unwrap())
                .unwrap();
            let json = stored.filter(|stored| stored.document.exists()).map(|stored| {
                let mut json = Vec::new();
                stored.document.write_json(&id, &mut json);
                String::from_utf8(json).unwrap()
            });
            self.copy.insert(key, (snapshot.txn_id().0, json));
        }
    }
}
