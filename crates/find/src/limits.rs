//! Bounds of this crate, and what crossing one means.

/// What a sort that no index gives may keep in memory, in documents (`offset` + `limit`). More is
/// [`crate::SortTooLarge`].
pub const SORT_DOCUMENTS_MAX: usize = 100_000;

/// The same in bytes of ids and of what is sorted by. More is [`crate::SortTooLarge`].
pub const SORT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Parts of an index that one read may take. A filter that needs more is answered in another way.
pub const SPANS_MAX: usize = 64;

/// What the values of a [`crate::Cursor`] may take, in bytes of JSON. Where they would take more,
/// there is none.
pub const CURSOR_VALUES_BYTES_MAX: usize = 8 * 1024;

/// Entries of an index that are counted while planning, to see whether reading its documents pays:
/// 50 ms. Where still more would pay, the index is taken.
pub const PROBED_ENTRIES_MAX: usize = 262_144;

/// A read that looks at no more documents than this is a small one ([`crate::Plan::is_small`]).
pub const SMALL_DOCUMENTS_MAX: usize = 1_000;

/// Entries with equal values that are turned round in memory; a longer run of them is read again
/// from its front.
pub const TURNED_ENTRIES_MAX: usize = 256;

/// Entries of an index that are counted between two questions whether to go on.
pub const COUNTED_AT_ONCE: usize = 256;

/// A page, by what comes first in an order, that is read from an index for somebody who may not see all documents. A
/// longer one is sorted: that fails where it has too much to keep, and whether it does must not depend on an index.
pub const RESTRICTED_PAGE_MAX: usize = 1_000;

/// What the filter of such a page may take on one document, in steps, for nothing: so little that reading the document
/// takes longer. One that may take more is asked of all documents, which are then sorted: a budget ends at some of
/// them, and which those are must not depend on an index.
pub const RESTRICTED_FILTER_STEPS_MAX: u64 = 1_000;

/// Ranges of ids that a permission document may come to, to be read one by one. Where it has more, all documents are
/// looked at.
pub const GRANTED_RANGES_MAX: usize = 64;

/// So many documents that somebody may see are looked at and sorted, though an index has them in order: among many that
/// they may not see, finding a page takes longer.
pub const GRANTED_FEW_MAX: usize = 256;
