//! What was written, and what its events say: the books by which laws are checked.
//!
//! A local transaction with a mark makes a document of its own in the collection `log`; so its
//! events are found again, whatever number or stamp it went by.

use std::collections::{BTreeMap, BTreeSet};

use document::limits::STAMP_AHEAD_MS_MAX;

use crate::{
    law::{Held, law},
    server::Event,
    wire::{Bases, event_key},
};

/// A transaction with a mark.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    /// The peers that have it, or had; none: it came to the server as a request.
    pub(crate) peers: BTreeSet<usize>,
    /// The documents that it wrote, by the keys of their events, if that is known.
    pub(crate) keys: Option<BTreeSet<String>>,
    /// What it added to the counter.
    pub(crate) by: i64,
    /// A loss of power would not take it.
    pub(crate) is_safe: bool,
    /// The app was never told that it is done, or a loss of power took it.
    pub(crate) may_be_lost: bool,
    /// It was done again under other stamps: what came to nothing is left out.
    pub(crate) is_redone: bool,
    /// Several stores have it pending, or its site was renewed while it was under way.
    pub(crate) may_double: bool,
    /// The transactions that it became.
    pub(crate) txns: BTreeSet<u64>,
    /// The app was told that it is refused.
    pub(crate) is_rejected: bool,
    /// The transaction that its peer was told of.
    pub(crate) committed: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) marks: BTreeMap<String, Mark>,
    by_seq: BTreeMap<(usize, u64), String>,
    /// Documents that are removed, each with the transaction.
    removed: BTreeMap<String, u64>,
    /// Documents that are there.
    there: BTreeSet<String>,
    /// The documents of the newest transactions.
    keys: BTreeMap<u64, BTreeSet<String>>,
    /// How many marks were made.
    last: u64,
    pub(crate) has_forked: bool,
    pub(crate) events_without_base: u64,
}

impl Ledger {
    pub(crate) fn next_name(&mut self, of: &str) -> String {
        self.last += 1;
        format!("{of}-{}", self.last)
    }

    pub(crate) fn note(&mut self, name: String, mark: Mark, seq: Option<(usize, u64)>) {
        if let Some(seq) = seq {
            self.by_seq.insert(seq, name.clone());
        }
        self.marks.insert(name, mark);
    }

    pub(crate) fn of_seq(&mut self, peer: usize, seq: u64) -> Option<(&String, &mut Mark)> {
        let name = self.by_seq.get(&(peer, seq))?;
        Some((name, self.marks.get_mut(name)?))
    }

    pub(crate) fn renumber(&mut self, peer: usize, from: u64, to: u64) {
        if let Some(name) = self.by_seq.remove(&(peer, from)) {
            if let Some(mark) = self.marks.get_mut(&name) {
                mark.is_redone = true;
            }
            self.by_seq.insert((peer, to), name);
        }
    }

    pub(crate) fn marks_of(&mut self, peer: usize) -> impl Iterator<Item = &mut Mark> {
        self.marks.values_mut().filter(move |mark| mark.peers.contains(&peer))
    }

    /// What is pending at a peer whose directory is copied is pending at both.
    pub(crate) fn copy(&mut self, from: usize, to: usize, is_pending: impl Fn(u64) -> bool) {
        let of: Vec<(u64, String)> =
            self.by_seq.range((from, 0)..=(from, u64::MAX)).map(|((_, seq), name)| (*seq, name.clone())).collect();
        for (seq, name) in of {
            if let Some(mark) = self.marks.get_mut(&name)
                && is_pending(seq)
            {
                mark.peers.insert(to);
                mark.may_double = true;
            }
            self.by_seq.insert((to, seq), name);
        }
    }

    /// Takes events that are new.
    pub(crate) fn take(&mut self, events: &[Event], bases: &Bases, now_ms: u64) -> Held {
        for transaction in events.chunk_by(|a, b| a.txn() == b.txn()) {
            for event in transaction {
                let txn = event.txn();
                let is_new = self.keys.entry(txn).or_default().insert(event.key.clone());
                law(3, is_new, || format!("transaction {txn} has two events of {}", event.key))?;
                self.check_stamp(event, now_ms)?;
                self.check_removal(event, bases)?;
            }
            for event in transaction {
                if let Some(name) = mark_of(event) {
                    self.take_mark(name, event.txn())?;
                }
            }
        }
        while self.keys.len() > 64 {
            self.keys.pop_first();
        }
        Ok(())
    }

    fn take_mark(&mut self, name: &str, txn: u64) -> Held {
        let has_forked = self.has_forked;
        let Some(mark) = self.marks.get_mut(name) else { return Ok(()) };
        mark.txns.insert(txn);
        law(3, mark.txns.len() == 1 || mark.may_double || has_forked, || {
            format!("transaction {name} was taken as {:?}", mark.txns)
        })?;
        let (Some(expected), Some(keys)) = (&mark.keys, self.keys.get(&txn)) else { return Ok(()) };
        let is_redone = mark.is_redone || mark.may_double;
        // A write to a removed document that stays removed has no event.
        let mut missing = expected.difference(keys);
        let is_whole = keys.is_subset(expected) && missing.all(|key| is_redone || !self.there.contains(key));
        law(3, is_whole || has_forked, || format!("transaction {name} wrote {expected:?}, its events are of {keys:?}"))
    }

    fn check_stamp(&self, event: &Event, now_ms: u64) -> Held {
        let Some(stamp_ms) = stamp_of(event).map(|stamp| stamp >> 16) else { return Ok(()) };
        law(10, stamp_ms <= now_ms + STAMP_AHEAD_MS_MAX, || {
            format!("{} is stamped {} ms ahead", event.key, stamp_ms - now_ms)
        })
    }

    fn check_removal(&mut self, event: &Event, bases: &Bases) -> Held {
        match event.header("op") {
            Some("remove") => self.there.remove(&event.key),
            _ => self.there.insert(event.key.clone()),
        };
        match event.header("op") {
            Some("remove") => drop(self.removed.insert(event.key.clone(), event.txn())),
            Some("insert") => {
                let Some(removed) = self.removed.remove(&event.key) else { return Ok(()) };
                let site = event.header("site").and_then(|text| text.parse().ok());
                let (Some(site), Some(stamp)) = (site, stamp_of(event)) else { return Ok(()) };
                let Some(base) = bases.get(&(site, stamp, event.key.clone())) else {
                    self.events_without_base += 1;
                    return Ok(());
                };
                law(8, *base == 0 || *base >= removed || self.has_forked, || {
                    format!("{} was removed by {removed}, and comes back by a writer who knew {base}", event.key)
                })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The server was set back: the books say what its events say now.
    pub(crate) fn set_back(&mut self, events: &[Event], bases: &Bases, now_ms: u64) -> Held {
        self.has_forked = true;
        self.removed.clear();
        self.there.clear();
        self.keys.clear();
        self.marks.values_mut().for_each(|mark| mark.txns.clear());
        self.take(events, bases, now_ms)
    }
}

/// The time of the stamp that the event names.
fn stamp_of(event: &Event) -> Option<u64> {
    let (ms, tick) = event.header("stamp")?.split_once('.')?;
    Some((ms.parse::<u64>().ok()? << 16) + tick.parse::<u64>().ok()?)
}

/// The mark whose document the event is of.
fn mark_of(event: &Event) -> Option<&str> {
    event.key.strip_prefix("[\"log\",\"")?.strip_suffix("\"]")
}

/// The key of a mark's event.
pub(crate) fn mark_key(name: &str) -> String {
    event_key("log", &format!("\"{name}\""))
}
