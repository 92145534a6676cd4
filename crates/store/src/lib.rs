//! The store: sequencer, apply, journal and documents. The only crate that touches data files.
//!
//! Invariants: the journal is the only commit point; documents and topics are what it says; the
//! same changesets in the same order always give the same documents, events and offsets, byte for
//! byte.
//! Not here: sockets, JSON envelopes, certificates and keys (`credentials` keeps its own files).

mod app;
mod app_indexes;
mod app_name;
mod binary;
mod clock_guard;
mod commit;
mod consumer_offsets;
mod data_dir;
mod definition;
mod deletion;
mod deltas;
mod differences;
mod disk;
mod engine;
mod event_log;
mod examined;
mod held_blobs;
mod incarnation;
mod index;
mod index_check;
mod journal;
mod last_state;
mod newest_note;
mod open;
mod open_error;
mod options;
mod pipeline;
mod point;
mod position;
mod push;
mod register;
mod replay;
mod request;
mod restore;
mod retention;
mod retention_waker;
mod scrub;
mod settings;
mod shared;
mod site;
mod slot;
mod snapshot;
mod stats;
mod tombstones;
mod trim_observer;
mod trusted_clock;
mod verify;
mod view_notes;
mod views;
mod write;

pub mod limits;

pub use app::App;
pub use app_indexes::{CreateIndexError, IndexStatus};
pub use app_name::{AppName, AppNameError};
pub use clock_guard::{ClockRefusal, ClockStanding};
pub use commit::{CommitError, Committed, TakeOverError, WaitError};
pub use consumer_offsets::{CommittedOffset, GroupGeneration};
pub use data_dir::take_over::TakeOverAppError;
pub use data_dir::{
    APPS as APPS_FOLDER, AppUnavailable, CreateAppError, DataDir, DataDirUser, registered_apps, user_of,
};
pub use definition::{Definition, DefinitionKind};
pub use deletion::DeleteAppError;
pub use deltas::{Delta, DeltasWanted};
pub use disk::DiskSpace;
pub use engine::StoredDocument;
pub use event_log::{EventLog, ReadError};
pub use examined::Examined;
pub use held_blobs::{SweepError, blob_of};
pub use incarnation::{Incarnation, IncarnationStart, Seam};
pub use index::{IndexDefinition, IndexDefinitionError, IndexKey, KeyEnd, KeyStart, KeyStatistics, Span, TimeForm};
pub use journal::{OffsetAndTimestamp, Piece};
#[cfg(feature = "memory")]
pub use key_values::{Crash, Crashed, MemoryDisk};
pub use open::{ATTACHMENTS as ATTACHMENTS_FOLDER, JOURNAL as JOURNAL_FOLDER};
pub use open_error::OpenError;
pub use options::{StoreOptions, WallClock};
pub use point::{DocumentsEntry, Point, PointError, PointSegment, register_of, write_documents};
pub use position::TxnId;
pub use push::{PushOutcome, PushRefusal};
pub use register::REGISTER_FILE;
pub use request::{Counts, Remembered, RenderReply, Request, Written};
pub use restore::{NewLife, RestoreError, RestoreTo, RestoredApp, begin_new_life};
pub use rules::{
    Outcome, PushFault, PushFaultReason, Refusal, Returned, Returning, raw_document_key, split_document_key,
};
pub use scrub::ScrubProgress;
pub use site::Site;
pub use snapshot::{IdBound, IndexEntry, RawDocument, ReadIndex, Snapshot, SnapshotError, TrimmedChange};
pub use stats::{AppStats, CommitHistogram};
pub use trim_observer::{KeptTombstones, NoObserver, ObservedTrim, TrimObserver};
pub use trusted_clock::{ClockState, TrustedClock, noted_time_ms};
pub use verify::{AppReport, VerifyProgress, VerifyReport, verify, verify_with};
pub use view_notes::ViewNotes;
pub use views::{Leaves, ViewEntry, ViewFloor, ViewId, ViewLeave};
pub use write::Write;
