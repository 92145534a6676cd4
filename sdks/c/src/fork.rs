//! A child of `fork` has no threads but one: nothing is open there, and nothing can be opened.
//!
//! Not here: what a program does then (`README.md`): it opens after the fork, or calls exec.

use std::sync::{
    Once,
    atomic::{AtomicBool, Ordering::Relaxed},
};

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Whether a parent of this process, from which it was forked, had opened a peer.
pub(super) fn is_child() -> bool {
    IS_CHILD.load(Relaxed)
}

/// Has forks from now on noticed.
pub(super) fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(register);
}

#[cfg(unix)]
fn register() {
    type Handler = Option<unsafe extern "C" fn()>;
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> std::ffi::c_int;
    }
    unsafe extern "C" fn in_child() {
        IS_CHILD.store(true, Relaxed);
    }
    // SAFETY: POSIX; the handler does nothing but store, which is allowed in a child of many threads.
    // Where it finds no memory, forks are not noticed.
    unsafe { pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(unix))]
fn register() {}
