//! What is open, by number.
//!
//! Invariants: a number is given once; 0 is none. Nobody holds the table while something is done.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use headwater_sdk::bindings::Binding;
use jni::sys::jlong;

use super::inbox::Inbox;

static PEERS: RwLock<Peers> = RwLock::new(Peers { open: BTreeMap::new(), last: 0 });

/// A peer, and who is told what comes of it.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) binding: Binding,
    pub(crate) inbox: Inbox,
}

struct Peers {
    open: BTreeMap<jlong, Peer>,
    last: jlong,
}

pub(crate) fn add(peer: Peer) -> jlong {
    let mut peers = PEERS.write().unwrap_or_else(PoisonError::into_inner);
    peers.last += 1;
    let number = peers.last;
    peers.open.insert(number, peer);
    number
}

pub(crate) fn get(peer: jlong) -> Option<Peer> {
    PEERS.read().unwrap_or_else(PoisonError::into_inner).open.get(&peer).cloned()
}

pub(crate) fn remove(peer: jlong) -> Option<Peer> {
    PEERS.write().unwrap_or_else(PoisonError::into_inner).open.remove(&peer)
}
