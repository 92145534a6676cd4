//! The memory allocator of the process: mimalloc, set up for a server that frees on one thread what it made on another.
//!
//! A crate of its own, since setting an option of it is a call into C: the only unsafe code of the workspace.

use std::ffi::c_long;

/// To be made the global allocator.
pub type Allocator = mimalloc::MiMalloc;

/// The allocator to declare as `#[global_allocator]`.
pub const ALLOCATOR: Allocator = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2: how long freed memory is kept before the system gets it back, in ms.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// mimalloc's own default is 10 ms.
const PURGE_DELAY_MS: c_long = 500;

/// Keeps freed memory for half a second before the system gets it back. With the default of 10 ms a busy server gives
/// back and faults in again, zeroed, what it needs in the next moment: single upserts cost 5 % more processor time,
/// reading a topic from its beginning 10 %.
///
/// Call it first in `main`.
pub fn keep_freed_memory() {
    set_option(PURGE_DELAY, PURGE_DELAY_MS);
}

#[expect(unsafe_code, reason = "mimalloc's options are set by its C interface")]
fn set_option(option: libmimalloc_sys::mi_option_t, value: c_long) {
    // SAFETY: stores a number in mimalloc's table of options, at any time and from any thread; an option out of range
    // is ignored.
    unsafe { libmimalloc_sys::mi_option_set(option, value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(unsafe_code, reason = "mimalloc's options are read by its C interface")]
    fn option(option: libmimalloc_sys::mi_option_t) -> c_long {
        // SAFETY: reads a number from mimalloc's table of options.
        unsafe { libmimalloc_sys::mi_option_get(option) }
    }

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        assert_eq!(option(PURGE_DELAY), 10, "mimalloc's default of another option would differ");
        keep_freed_memory();
        assert_eq!(option(PURGE_DELAY), PURGE_DELAY_MS);
    }
}
