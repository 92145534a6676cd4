//! The peer, while its store is open.

use std::ops::{Deref, DerefMut};

use peer_core::Peer;

/// A peer that may be away: its store failed and cannot be opened again yet.
pub(crate) struct Slot(Option<Peer>);

impl Slot {
    pub(super) fn new(peer: Peer) -> Self {
        Self(Some(peer))
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn open(&mut self, peer: Peer) {
        self.0 = Some(peer);
    }

    pub(super) fn close(&mut self) {
        self.0 = None;
    }
}

const IS_OPEN: &str = "a call is done, and a connection heard, only while the store is open";

impl Deref for Slot {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        self.0.as_ref().expect(IS_OPEN)
    }
}

impl DerefMut for Slot {
    fn deref_mut(&mut self) -> &mut Peer {
        self.0.as_mut().expect(IS_OPEN)
    }
}
