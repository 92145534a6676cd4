//! Bounds of the language, and what crossing one means: an error of the statement. They may be
//! raised, never lowered.

/// The longest statement, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 64 * 1024;

/// How deep expressions may nest.
pub const DEPTH_MAX: usize = 64;

/// How deep the tree of one expression may be: each of a row of operators such as `a + b + c`
/// stands one level below the next, while a row of AND or OR is halved over and over.
pub const TREE_DEPTH_MAX: usize = 256;

/// How many steps one path may have.
pub const STEPS_MAX: usize = 64;

/// How long the nested paths of `SET a -> (b = 1)` and of definitions may be together, each written
/// out, in bytes.
pub const NESTED_PATHS_BYTES_MAX: usize = 1024 * 1024;

/// How many operators, calls, paths and literals one statement may have; elements of an array or of
/// `IN (…)` that are literals or parameters count in [`LIST_MAX`] alone.
pub const TERMS_MAX: usize = 4096;

/// How many elements one array literal or `IN (…)` may have.
pub const LIST_MAX: usize = 10_000;

/// What sorting, grouping, DISTINCT and aggregates of one statement may keep in memory, in bytes.
pub const ROWS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How much memory one row may take, in bytes.
pub const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long a text that an expression makes may be, in bytes. A longer one is MISSING.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// How much memory an array or object that an expression makes may take, in bytes: any document has
/// room. A larger one is MISSING.
pub const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How much memory the parameters of one statement may take, in bytes, each counted wherever it
/// stands.
pub const PARAMETERS_BYTES_MAX: usize = 64 * 1024 * 1024;
