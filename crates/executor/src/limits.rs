//! Bounds of this crate, and what crossing one means.

/// Parsed statements that are kept.
pub const STATEMENTS_MAX: usize = 1024;

/// What their texts may take together, in bytes; the longest unused go first. A parsed statement
/// takes some ten times its text.
pub const STATEMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A longer statement is parsed each time: what is long holds values, and does not come again.
pub const STATEMENT_KEPT_BYTES_MAX: usize = 16 * 1024;

/// Documents that one statement may write. More are refused.
pub const DOCUMENTS_MAX: usize = store::limits::TRANSACTION_DOCUMENTS_MAX;

/// What the operations of one statement may weigh, in bytes. More are refused.
pub const WRITE_BYTES_MAX: usize = store::limits::TRANSACTION_BYTES_MAX;
