//! The store: sequencer, apply, journal and documents. The only crate that touches data files.
//!
//! Invariants: the journal is the only commit point; documents and topics are what it says; the same changesets in the same
//! order always give the same documents, events and offsets, byte for byte.
//! Not here: sockets, JSON envelopes, certificates and keys (`credentials` keeps its own files).

mod app;
mod app_name;
mod apply;
mod binary;
mod clock_guard;
mod commit;
mod committer;
mod conditions;
mod consumer_offsets;
mod data_dir;
mod disk;
mod engine;
mod event_log;
mod journal;
mod position;
mod recent;
mod register;
mod replay;
mod request;
mod retention;
mod sequencer;
mod settings;
mod slot;
mod snapshot;
mod stats;
mod trim_observer;
mod trusted_clock;
mod verify;

pub mod limits;

pub use app::{App, TxnId};
pub use app_name::{AppName, AppNameError};
pub use clock_guard::{ClockRefusal, ClockStanding};
pub use commit::{CommitError, Committed, Outcome, WaitError};
pub use consumer_offsets::GroupGeneration;
pub use data_dir::{AppUnavailable, CreateAppError, DataDir, OpenError, StoreOptions, WallClock};
pub use event_log::{CommittedOffset, EventLog, OffsetAndTimestamp, ReadError};
#[cfg(feature = "memory")]
pub use key_values::{Crash, Crashed, MemoryDisk};
pub use request::{Counts, Remembered, RenderReply, Request, Written};
pub use snapshot::{Snapshot, SnapshotError, StoredDocument, TrimmedChange};
pub use stats::{AppStats, CommitHistogram};
pub use trim_observer::{KeptTombstones, NoObserver, ObservedTrim, TrimObserver};
pub use trusted_clock::{ClockState, TrustedClock};
pub use verify::{AppReport, VerifyProgress, VerifyReport, verify};
