//! The store: sequencer, apply, journal and documents. The only crate that touches data files.
//!
//! Invariants: the journal is the only commit point; documents and topics are what it says; the same changesets in the same
//! order always give the same documents, events and offsets, byte for byte.
//! Not here: sockets, JSON envelopes, certificates and keys (`credentials` keeps its own files).

mod app;
mod data_dir;
mod event_log;
mod snapshot;

pub mod limits;

pub use app::{App, AppName, AppNameError, AppStats, CommitError, CommitHistogram, Committed, Outcome, TxnId, WaitError};
pub use data_dir::{CreateAppError, DataDir, OpenError, StoreOptions, WallClock};
pub use event_log::{CommittedOffset, EventLog, OffsetAndTimestamp, ReadError};
pub use snapshot::{Snapshot, SnapshotError, StoredDocument};
