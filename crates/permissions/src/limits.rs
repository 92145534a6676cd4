//! Bounds of this crate, and what crossing one means.

/// Permission documents whose rules are kept. Beyond that those go that nobody holds any more, and where all are
/// held, all: they are compiled again when they are asked for.
pub const RIGHTS_KEPT_MAX: usize = 1024;
