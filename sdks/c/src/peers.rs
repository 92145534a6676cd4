//! What is open, by number.
//!
//! Invariants: a number is given once; 0 is none. Nobody holds the table while something is done.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use headwater_sdk::bindings::Binding;

use super::fork;

static PEERS: RwLock<Peers> = RwLock::new(Peers { open: BTreeMap::new(), last: 0 });

struct Peers {
    open: BTreeMap<u64, Binding>,
    last: u64,
}

pub(super) fn add(binding: Binding) -> u64 {
    let mut peers = PEERS.write().unwrap_or_else(PoisonError::into_inner);
    peers.last += 1;
    let number = peers.last;
    peers.open.insert(number, binding);
    number
}

pub(super) fn get(peer: u64) -> Option<Binding> {
    if fork::is_child() {
        return None; // its threads are the parent's, and who holds the table may be one of them
    }
    PEERS.read().unwrap_or_else(PoisonError::into_inner).open.get(&peer).cloned()
}

pub(super) fn remove(peer: u64) -> Option<Binding> {
    if fork::is_child() {
        return None;
    }
    PEERS.write().unwrap_or_else(PoisonError::into_inner).open.remove(&peer)
}
