//! What stays true of every document, changeset and value, whatever proptest draws.

mod generators;
mod merge;
mod stored;
