//! What every read must tell, from nothing but the writes: the events, which of them each live
//! query sees under which offset, and which is the last that it sees of each document.

use std::collections::{BTreeMap, HashMap};

use document::{DocumentId, Map, Value};
use query::{Budget, Filter, Query};
use wire::event;

/// One event of the journal.
#[derive(Debug, Clone)]
pub(crate) struct TruthEvent {
    pub(crate) txn: u64,
    /// The record key.
    pub(crate) key: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// Everything that was written.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) events: Vec<TruthEvent>,
    documents: BTreeMap<String, String>,
}

impl Truth {
    /// A transaction that did something: each document that it wrote, in the order of the first
    /// write, and what it wrote: its JSON, or that it is removed.
    pub(crate) fn take(&mut self, txn: u64, writes: &[(String, Option<String>)]) {
        let mut order: Vec<(&String, Option<String>)> = Vec::new();
        let mut after: HashMap<&String, Option<String>> = HashMap::new();
        for (key, new) in writes {
            let before = after.get(key).cloned().unwrap_or_else(|| self.documents.get(key).cloned());
            if new.is_none() && before.is_none() {
                continue;
            }
            if !after.contains_key(key) {
                order.push((key, self.documents.get(key).cloned()));
            }
            after.insert(key, new.clone());
        }
        for (key, old) in order {
            let new = after[key].clone();
            match &new {
                Some(new) => drop(self.documents.insert(key.clone(), new.clone())),
                None => drop(self.documents.remove(key)),
            }
            if old.is_some() || new.is_some() {
                self.events.push(TruthEvent { txn, key: key.clone(), old, new });
            }
        }
    }

    /// A crash has taken all but the first `count` events, of writes that nobody was told of.
    pub(crate) fn keep(&mut self, count: usize) {
        assert!(count <= self.events.len(), "there are {count} events, {} were written", self.events.len());
        self.events.truncate(count);
        self.documents.clear();
        for TruthEvent { key, new, .. } in &self.events {
            match new {
                Some(new) => drop(self.documents.insert(key.clone(), new.clone())),
                None => drop(self.documents.remove(key)),
            }
        }
    }

    /// The journal offset of a document's last event.
    pub(crate) fn last_event(&self, key: &str) -> Option<usize> {
        self.events.iter().rposition(|event| event.key == key)
    }
}

/// A live query as it was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) collection: Option<&'static str>,
    pub(crate) filter: Option<Filter>,
    pub(crate) partitions: u16,
    /// Everything that ever stood on each partition, by its offset, as far as was looked.
    shown: Vec<Vec<Shown>>,
    looked_to: usize,
}

/// What stands at an offset of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// In the journal.
    pub(crate) event: u64,
    pub(crate) txn: u64,
    pub(crate) key: String,
    /// A seed stands for what was gone already.
    pub(crate) is_seed: bool,
}

impl Made {
    pub(crate) fn new(
        truth: &Truth,
        collection: Option<&'static str>,
        query: Option<&str>,
        partitions: u16,
        origin: u64,
        is_main: bool,
        is_gone: impl Fn(&str) -> bool,
    ) -> Self {
        let filter = query.map(|query| Query::parse(query).unwrap().bind(&Map::new()).unwrap());
        let shown = vec![Vec::new(); partitions.into()];
        let mut made = Self { collection, filter, partitions, shown, looked_to: origin as usize };
        if is_main {
            return made;
        }
        for (at, event) in truth.events.iter().enumerate().take(origin as usize) {
            let is_last = truth.last_event(&event.key) == Some(at);
            let is_carried = made.filter.is_none() || made.matches(&event.key, event.new.as_ref());
            if is_last && made.wants(&event.key) && is_carried && !is_gone(&event.key) {
                made.show(at, event, true);
            }
        }
        made
    }

    fn show(&mut self, at: usize, event: &TruthEvent, is_seed: bool) {
        let partition = partition_of(event.key.as_bytes(), self.partitions);
        self.shown[partition].push(Shown { event: at as u64, txn: event.txn, key: event.key.clone(), is_seed });
    }

    fn wants(&self, key: &str) -> bool {
        let (collection, _) = event::read_key(key.as_bytes()).unwrap();
        self.collection.is_none_or(|wanted| wanted == collection)
    }

    pub(crate) fn matches(&self, key: &str, document: Option<&String>) -> bool {
        let Some(document) = document else { return false };
        let Some(filter) = &self.filter else { return true };
        let (_, id) = event::read_key(key.as_bytes()).unwrap();
        let Value::Map(mut fields) = Value::from_json(document.as_bytes()).unwrap() else { unreachable!() };
        fields.remove("_id");
        filter.matches(&DocumentId::from_json(id).unwrap(), &fields, &mut Budget::of_a_document()).unwrap()
    }

    fn carries(&self, event: &TruthEvent) -> bool {
        self.wants(&event.key)
            && (self.filter.is_none()
                || self.matches(&event.key, event.old.as_ref())
                || self.matches(&event.key, event.new.as_ref()))
    }

    /// Everything that ever stood on the partition, by its offset.
    pub(crate) fn shown(&mut self, truth: &Truth, partition: usize) -> &[Shown] {
        for at in self.looked_to..truth.events.len() {
            if self.carries(&truth.events[at]) {
                self.show(at, &truth.events[at], false);
            }
        }
        self.looked_to = self.looked_to.max(truth.events.len());
        &self.shown[partition]
    }
}

/// What a read may and must tell at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) shown: Vec<Shown>,
    /// The offset of the oldest event that is kept.
    pub(crate) first: usize,
    /// The documents that stand for what was trimmed: offset, txnId, record key.
    pub(crate) named: Vec<(usize, u64, String)>,
    /// Those that would, had their tombstones not been dropped.
    pub(crate) dropped: Vec<(usize, u64, String)>,
    /// Of those that stand for what was trimmed, by offset, that need not: they were removed and made again, and the
    /// tombstone may have been dropped between.
    pub(crate) optional: Vec<usize>,
}

impl Expected {
    /// `is_gone` says of a document whether its tombstone was dropped.
    pub(crate) fn at(
        made: &mut Made,
        truth: &Truth,
        partition: usize,
        log_start: u64,
        is_gone: impl Fn(&str) -> bool,
    ) -> Self {
        let shown = made.shown(truth, partition).to_vec();
        let first = shown.iter().position(|shown| !shown.is_seed && shown.event >= log_start).unwrap_or(shown.len());
        let last: HashMap<&str, usize> =
            shown.iter().enumerate().map(|(offset, shown)| (shown.key.as_str(), offset)).collect();
        let is_last = |&offset: &usize| last[shown[offset].key.as_str()] == offset;
        let name = |offset: usize| (offset, shown[offset].txn, shown[offset].key.clone());
        let all = (0..first).filter(is_last).map(name);
        let (dropped, named): (Vec<_>, Vec<_>) = all.partition(|(_, _, key)| is_gone(key));
        let was_made_again = |(offset, _, key): &&(usize, u64, String)| {
            let later = truth.events[shown[*offset].event as usize..].iter().filter(|event| event.key == *key);
            let removed = later.clone().position(|event| event.new.is_none());
            removed.is_some_and(|at| at + 1 < later.count())
        };
        let optional = named.iter().filter(was_made_again).map(|(offset, ..)| *offset).collect();
        Self { named, dropped, first, shown, optional }
    }
}

/// As Kafka's default partitioner has it (murmur2), written down a second time.
fn partition_of(key: &[u8], partitions: u16) -> usize {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0u32, |tail, &byte| (tail << 8) | u32::from(byte));
        h = (h ^ tail).wrapping_mul(M);
    }
    h = (h ^ (h >> 13)).wrapping_mul(M);
    h ^= h >> 15;
    (h & 0x7fff_ffff) as usize % usize::from(partitions)
}
