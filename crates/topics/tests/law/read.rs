//! What one read gives, held against the truth.

use bytes::Bytes;
use kafka_wire::record_batch;
use topics::MAIN;
use wire::event::{self, Change};

use crate::truth::{Expected, Shown, Truth, TruthEvent};

/// What one read gave, and what it had to.
pub(crate) struct Read<'a> {
    pub(crate) truth: &'a Truth,
    pub(crate) name: &'static str,
    pub(crate) partition: usize,
    pub(crate) from: u64,
    pub(crate) before: &'a Expected,
    pub(crate) after: &'a Expected,
    /// Whether tombstones are dropped.
    pub(crate) drops: bool,
    /// Whether its batches were compressed.
    pub(crate) is_compressed: bool,
}

impl Read<'_> {
    pub(crate) fn check(&self, batches: &[Bytes]) {
        let Self { truth, name, partition, from, before, after, drops, is_compressed } = self;
        let place = format!("{name} {partition} from {from}");
        let mut at = *from as usize;
        let is_quiet = before.first == after.first && before.named == after.named;
        let mut is_first = true;
        for record in batches.iter().flat_map(|batch| record_batch::decode_records(batch).unwrap()) {
            if is_resync(&record) {
                let offset = record.offset as usize;
                assert_eq!(txn_of(&record), before.shown[offset].txn, "{place}: the word to begin again at {offset}");
                return;
            }
            let offset = record.offset as usize;
            if offset < at && is_first && (*name == MAIN || *is_compressed) {
                continue; // a stored batch may begin before, and one that was kept
            }
            let named = self.named(&record);
            match &named {
                None => {
                    let shown: &Shown =
                        after.shown.get(offset).unwrap_or_else(|| panic!("{place}: {offset} is beyond"));
                    let event = &truth.events[shown.event as usize];
                    let is_it = !shown.is_seed
                        && record.key == Some(event.key.as_bytes())
                        && txn_of(&record) == event.txn
                        && is_of(&record, event);
                    assert!(is_it, "{place}: at {offset} it shows {record:?}, not {event:?}");
                    let left_out = (at.max(after.first)..offset).next();
                    assert_eq!(left_out, None, "{place}: events are left out before {offset}");
                }
                Some(named) => {
                    assert!((1..=100).contains(&named.len()), "{place}: a page of {}", named.len());
                    assert!(offset < after.first, "{place}: a page at {offset}, though {} is kept", after.first);
                    let found: Vec<_> = named.iter().map(|key| self.told(key, at, offset)).collect();
                    let newest = found.iter().map(|(_, txn)| *txn).max();
                    assert_eq!(Some(txn_of(&record)), newest, "{place}: the txnId of the page at {offset}");
                    if is_quiet {
                        assert_eq!(found.last().map(|(at, _)| *at), Some(offset), "{place}: where the page is");
                    }
                }
            }
            let upto = offset + usize::from(named.is_some());
            let names = |key: &String| named.as_ref().is_some_and(|named| named.contains(key));
            let missed: Vec<_> = after
                .named
                .iter()
                .filter(|(told_at, _, key)| (at..upto).contains(told_at) && !names(key))
                .filter(|(told_at, ..)| !(*drops && after.optional.contains(told_at)))
                .collect();
            assert!(missed.is_empty(), "{place}: between {at} and {offset} nobody names {missed:?}");
            if is_quiet && is_first && named.is_none() {
                assert_eq!(offset, (*from as usize).max(after.first), "{place}: where it begins");
            }
            (at, is_first) = (offset + 1, false);
        }
    }

    /// The documents that the record names, by record key; `None` if it is an event.
    pub(crate) fn named(&self, record: &record_batch::Record<'_>) -> Option<Vec<String>> {
        let op = op_of(record);
        if op == "snapshot" {
            return Some(vec![text(record.key)]);
        }
        if op != "requery" {
            return None;
        }
        let value: serde_json::Value = serde_json::from_slice(record.value.unwrap()).unwrap();
        let key = |document: &serde_json::Value| {
            let mut key = Vec::new();
            let (collection, id) = (document["collectionName"].as_str().unwrap(), document["documentId"].to_string());
            event::write_key(&mut key, collection, &id);
            String::from_utf8(key).unwrap()
        };
        Some(value["documents"].as_array().unwrap().iter().map(key).collect())
    }

    /// Where the document is to be told of, and with which txnId.
    pub(crate) fn told(&self, key: &str, from: usize, to: usize) -> (usize, u64) {
        let Self { name, partition, before, after, .. } = self;
        // A trim and then a drop may come between what is expected before and what is after.
        let dropped_meanwhile = after.dropped.iter().filter(|one| !before.dropped.contains(one));
        let may = before.named.iter().chain(&after.named).chain(dropped_meanwhile);
        let found = may.clone().find(|(at, _, named)| named == key && (from..=to).contains(at));
        let Some((at, txn, _)) = found else {
            panic!("{name} {partition}: a page at {to}, from {from}, names {key} of {:?}", may.collect::<Vec<_>>());
        };
        (*at, *txn)
    }
}

pub(crate) fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

pub(crate) fn op_of(record: &record_batch::Record<'_>) -> String {
    text(record.headers.iter().find(|(name, _)| *name == "op").unwrap().1)
}

pub(crate) fn is_resync(record: &record_batch::Record<'_>) -> bool {
    op_of(record) == "resync"
}

pub(crate) fn txn_of(record: &record_batch::Record<'_>) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(record.value.unwrap()).unwrap();
    value["txnId"].as_u64().unwrap()
}

/// Whether the record says what the event does.
pub(crate) fn is_of(record: &record_batch::Record<'_>, event: &TruthEvent) -> bool {
    match event::read_change(record.value.unwrap()).unwrap() {
        Change::Upsert { old, new } => old == event.old.as_deref() && Some(new) == event.new.as_deref(),
        Change::Remove { value } => Some(value) == event.old.as_deref() && event.new.is_none(),
        Change::Requery => false,
    }
}
