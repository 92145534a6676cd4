//! What a program in C hands over: bytes, places to write to, functions with a context.
//!
//! Invariants: nothing that is NULL is read, written or called; a place has a value as soon as it was
//! seen; a context is dropped once, by whoever has it last.

use std::{ffi::c_void, ptr, slice};

use peer_calls::code_of;

use super::DropContext;

/// The bytes; NULL is none of them. None if they cannot be bytes.
///
/// # Safety
/// There are so many, and nobody writes to them while they are used.
pub(super) unsafe fn bytes<'a>(data: *const u8, length: usize) -> Option<&'a [u8]> {
    if length == 0 {
        return Some(&[]);
    }
    if data.is_null() || isize::try_from(length).is_err() {
        return None;
    }
    // SAFETY: it is not NULL, is no larger than anything can be, and the caller says the rest.
    Some(unsafe { slice::from_raw_parts(data, length) })
}

/// Where a number is to be written to: 0 until there is another.
pub(super) struct Place(*mut u64);

impl Place {
    /// None if it is NULL.
    ///
    /// # Safety
    /// It is NULL, or can be written to while this is there.
    pub(super) unsafe fn new(place: *mut u64) -> Option<Self> {
        let it = (!place.is_null()).then_some(Self(place))?;
        it.put(0);
        Some(it)
    }

    pub(super) fn put(&self, number: u64) {
        // SAFETY: whoever made this says that it can be written to.
        unsafe { self.0.write(number) }
    }
}

/// Where an answer is to be written to: NULL until there is one.
pub(super) struct Out {
    data: *mut *mut u8,
    length: *mut usize,
}

impl Out {
    /// None if one of them is NULL.
    ///
    /// # Safety
    /// Each is NULL, or can be written to while this is there.
    pub(super) unsafe fn new(data: *mut *mut u8, length: *mut usize) -> Option<Self> {
        // SAFETY: what is not NULL can be written to, the caller says.
        unsafe {
            if !data.is_null() {
                data.write(ptr::null_mut());
            }
            if !length.is_null() {
                length.write(0);
            }
        }
        (!data.is_null() && !length.is_null()).then_some(Self { data, length })
    }

    /// Hands the bytes over, until they come back to [`free`]: the number of the error that they say,
    /// or 0.
    pub(super) fn give(self, answer: Vec<u8>) -> i32 {
        let number = code_of(&answer).map_or(0, |code| code.number());
        let answer = Box::leak(answer.into_boxed_slice());
        // SAFETY: whoever made this says that they can be written to.
        unsafe {
            self.length.write(answer.len());
            self.data.write(answer.as_mut_ptr());
        }
        number
    }
}

/// Takes back what [`Out::give`] handed over.
///
/// # Safety
/// It did, with this length, and they were not taken back yet.
pub(super) unsafe fn free(data: *mut u8, length: usize) {
    // SAFETY: it is the box that was leaked there.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(data, length)) });
}

/// What a caller's functions are called with. The caller is told when it is dropped.
pub(super) struct Context {
    context: *mut c_void,
    drop: DropContext,
}

// SAFETY: whoever makes one says that its functions may be called with it on any thread.
unsafe impl Send for Context {}

impl Context {
    /// # Safety
    /// `drop` may be called with `context`, once, on any thread.
    pub(super) unsafe fn new(context: *mut c_void, drop: DropContext) -> Self {
        Self { context, drop }
    }

    /// # Safety
    /// `told` may be called with this context and a message on any thread.
    pub(super) unsafe fn tell(&self, told: unsafe extern "C" fn(*mut c_void, *const u8, usize), message: &[u8]) {
        // SAFETY: the caller says so; the bytes are there until it returns.
        unsafe { told(self.context, message.as_ptr(), message.len()) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: whoever made this says so; it is dropped once.
            unsafe { drop(self.context) }
        }
    }
}
