//! The document engine: what is kept of documents, and beside them, in sorted key-value spaces
//! (crate `key-values`).
//!
//! One file a key type; each draws its keys and values. [`handle`] has what they share.

pub(crate) mod catalog;
mod consumer_offsets;
mod definitions;
mod documents;
mod group;
mod handle;
pub(crate) mod indexes;
mod journal_note;
mod last_changes;
mod older_views;
pub(crate) mod requests;
mod seams;
mod settings;
mod sites;
pub(crate) mod spaces;
mod tombstones;
pub(crate) mod views;

pub use documents::StoredDocument;
pub(crate) use documents::{decode_stored, stored_parts};
pub(crate) use group::{BesideDocuments, GroupWrites};
pub(crate) use handle::{Engine, EngineSnapshot};
pub(crate) use journal_note::JournalNote;
pub(crate) use last_changes::{ENTRIES_AT_ONCE, IndexEntry};
pub(crate) use settings::SettingNote;
pub(crate) use spaces::EngineError;
