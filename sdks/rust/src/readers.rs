//! Reads without the thread of the peer.
//!
//! Invariants: a read sees what every write that has returned wrote; it may see what is about to be
//! made durable. While a read goes on, the store stays open.

use std::sync::{PoisonError, RwLock};

use peer_core::{PeerError, Reader};

use crate::Error;

#[derive(Debug)]
pub(crate) struct Readers(RwLock<Slot>);

#[derive(Debug)]
enum Slot {
    Open(Reader),
    /// The store is to be opened again.
    Failed(PeerError),
    Closed,
}

impl Readers {
    pub(crate) fn new(reader: Reader) -> Self {
        Self(RwLock::new(Slot::Open(reader)))
    }

    pub(crate) fn read<T, E: Into<Error>>(&self, read: impl FnOnce(&Reader) -> Result<T, E>) -> Result<T, Error> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Slot::Open(reader) => read(reader).map_err(Into::into),
            Slot::Failed(error) => Err(error.clone().into()),
            Slot::Closed => Err(Error::Closed),
        }
    }

    /// There is a store again.
    pub(crate) fn open(&self, reader: Reader) {
        self.put(Slot::Open(reader));
    }

    /// Waits until nobody reads.
    pub(crate) fn fail(&self, error: PeerError) {
        self.put(Slot::Failed(error));
    }

    /// Waits until nobody reads.
    pub(crate) fn close(&self) {
        self.put(Slot::Closed);
    }

    fn put(&self, slot: Slot) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = slot;
    }
}
