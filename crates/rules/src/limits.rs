//! Bounds of what one write may do, and what crossing one means. They are looked at when a
//! changeset is decided, never at a replay: raising or lowering one changes nothing that was
//! written.

use crate::RulesVersion;

/// The largest document, in bytes of its JSON. A write that would make a larger one is refused.
pub const DOCUMENT_BYTES_MAX: usize = 5 * 1024 * 1024;

/// A document larger than this is reported when it is written ([`crate::GroupResult::large`]).
pub const DOCUMENT_BYTES_WARN: usize = 256 * 1024;

/// Documents that one transaction may touch. A changeset that would touch more is refused: it would
/// hold every other writer up.
pub const TRANSACTION_DOCUMENTS_MAX: usize = 30_000;

/// What the documents of one transaction may come to, in bytes of JSON, each as it was before or is
/// after, whichever is more. A changeset beyond it is refused: its frame holds both of each, and
/// has to fit in memory.
pub const TRANSACTION_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the conditions of one changeset may take together, with changes of a document that it has
/// changed already, in steps ([`query::Budget`]): about a fifth of a second at worst. A changeset
/// that would take more is refused.
pub const CHANGESET_STEPS_MAX: u64 = 64 * 1024 * 1024;

/// JSON and decoded documents that a group keeps, in bytes of JSON, until its events are made or
/// the document is touched again. Beyond it they are made a second time instead.
pub(crate) const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A record batch is closed before it grows beyond this, so that it fits a client's default
/// partition fetch size (1 MiB).
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The bounds of one changeset.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// As [`DOCUMENT_BYTES_MAX`].
    pub document_bytes: usize,
    /// As [`TRANSACTION_DOCUMENTS_MAX`].
    pub transaction_documents: usize,
    /// As [`TRANSACTION_BYTES_MAX`].
    pub transaction_bytes: usize,
    /// As [`CHANGESET_STEPS_MAX`].
    pub steps: u64,
}

impl Limits {
    /// Those that a version of the rules decides by. Whoever decides one order must come to the
    /// same, so other limits are another version.
    pub fn of(version: RulesVersion) -> Self {
        match version {
            RulesVersion::AsAsked | RulesVersion::Decided | RulesVersion::OfEvents => Self {
                document_bytes: DOCUMENT_BYTES_MAX,
                transaction_documents: TRANSACTION_DOCUMENTS_MAX,
                transaction_bytes: TRANSACTION_BYTES_MAX,
                steps: CHANGESET_STEPS_MAX,
            },
        }
    }

    /// No bounds: what was taken once is taken again.
    pub(crate) const NONE: Self = Self {
        document_bytes: usize::MAX,
        transaction_documents: usize::MAX,
        transaction_bytes: usize::MAX,
        steps: u64::MAX,
    };
}
