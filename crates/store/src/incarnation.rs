//! Which life of the data this is.
//!
//! Data that is restored from a backup, or otherwise begun anew from an older state, lives another
//! life from there on: what the first life wrote after that place is not in it. Whoever holds a
//! position (consumers, peers, sinks) compares incarnations, or the leader epoch that stands for
//! one in Kafka's protocol, and is told.
//!
//! The journal's segments say it ([`crate::journal`]); this is the one place that names it.
//! Not here: what a restore does to txnIds and offsets.

/// One life of an app's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation {
    /// A random number; the first life has the app's instance.
    pub id: [u8; 16],
    /// Kafka's leader epoch (KIP-101, KIP-320): 0 for the first life, greater for each that
    /// follows.
    pub leader_epoch: u32,
}

impl Incarnation {
    /// The first life of an app.
    pub(crate) fn first(instance: [u8; 16]) -> Self {
        Self { id: instance, leader_epoch: 0 }
    }
}

/// Where an incarnation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncarnationStart {
    /// Which.
    pub incarnation: Incarnation,
    /// The offset of its first event; of the oldest one that the journal knows, that of the oldest
    /// event.
    pub first_offset: u64,
    /// Its first transaction.
    pub first_txn: u64,
}
