//! Indexes of documents: what is defined, and which key a document has in one.
//!
//! An index is an entry of the app's order ([`crate::DefinitionKind::Index`]). Its entries are a
//! pure function of the index and the document, and are written in the document's own batch
//! (`engine::indexes`): so they are never behind, and a replay makes them again.
//!
//! Invariants: each document that is there has exactly one entry in each index of its collection
//! that is ready; the order of keys is the order of values (`key`).
//! Not here: which index a query is answered by (crate `find`).

mod definition;
mod key;
mod span;
mod statistics;

pub(crate) use definition::definition_name;
pub use definition::{IndexDefinition, IndexDefinitionError, IndexKey};
pub(crate) use key::{Component, encode_key, skip_key};
pub use span::{KeyEnd, KeyStart, Span};
pub use statistics::{KeyStatistics, TimeForm};
