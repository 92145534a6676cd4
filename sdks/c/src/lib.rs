//! The seven functions that a program in any language calls a small peer by: messages in and out
//! (`sdks/calls.json`), numbers for what is open. Their signatures never change.
//!
//! Invariants: whatever number a caller passes, and in whatever order, there is an answer and no
//! harm: a peer is a number in a table, which is never used twice. Each context is dropped once.
//! No panic and no lock is held where a caller's function runs.
//! Not here: what messages say (`peer-calls`), threads and callbacks (`headwater::bindings`). The
//! header `include/headwater.h` is made of this file: its comments are for programs in C.

mod foreign;
mod fork;
mod peers;

use std::{
    cell::Cell,
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use headwater_sdk::bindings::Binding;
use peer_calls::{CallError, Code, Format, encode_error};

use self::foreign::{Context, Out, Place, bytes};

/// A function of yours that is told an answer or an event. The bytes are there while it runs; copy
/// what you keep. It must return: no exception and no longjmp may leave it.
pub type Callback = Option<unsafe extern "C" fn(context: *mut c_void, message: *const u8, length: usize)>;

/// A function of yours that is told that a context will not be used any more: free it here. NULL if
/// there is nothing to free.
pub type DropContext = Option<unsafe extern "C" fn(context: *mut c_void)>;

/// Opens a peer as the message `config` says. `*peer` is its number; it is never 0 and never comes
/// again.
///
/// If it cannot be opened, `*peer` is 0 and `*answer` says why; otherwise `*answer` is NULL.
///
/// # Safety
/// `config` has `config_length` bytes; the others can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_open(
    config: *const u8,
    config_length: usize,
    peer: *mut u64,
    answer: *mut *mut u8,
    answer_length: *mut usize,
) -> i32 {
    // SAFETY: the caller says that they can be written to, or are NULL.
    let (peer, out) = unsafe { (Place::new(peer), Out::new(answer, answer_length)) };
    let (Some(peer), Some(out)) = (peer, out) else { return Code::InvalidMessage.number() };
    // SAFETY: the caller says how many bytes there are.
    let Some(config) = (unsafe { bytes(config, config_length) }) else { return out.give(no_bytes()) };
    if fork::is_child() {
        return out.give(closed(config));
    }
    fork::watch();
    match protected(config, || Binding::open(config)).and_then(|opened| opened) {
        Ok(binding) => {
            peer.put(peers::add(binding));
            0
        }
        Err(error) => out.give(error),
    }
}

/// Does what the message `request` asks for, and waits until it is done and durable. `*answer` is
/// what it gives, or says why there is nothing: give it back by `headwater_free` either way.
///
/// # Safety
/// `request` has `request_length` bytes; the others can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_call(
    peer: u64,
    request: *const u8,
    request_length: usize,
    answer: *mut *mut u8,
    answer_length: *mut usize,
) -> i32 {
    // SAFETY: the caller says that they can be written to, or are NULL.
    let Some(out) = (unsafe { Out::new(answer, answer_length) }) else { return Code::InvalidMessage.number() };
    // SAFETY: the caller says how many bytes there are.
    let Some(request) = (unsafe { bytes(request, request_length) }) else { return out.give(no_bytes()) };
    let Some(binding) = peers::get(peer) else { return out.give(closed(request)) };
    out.give(protected(request, || binding.call(request)).unwrap_or_else(|error| error))
}

/// The same without waiting. If it returns 0, `on_answer` is called once with the answer, on the
/// peer's thread of callbacks, after the peer was closed too; then `drop` is called once. If it
/// returns an error, `on_answer` is not called, and `drop` was.
///
/// # Safety
/// `request` has `request_length` bytes; the functions may be called with `context` on any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_call_async(
    peer: u64,
    request: *const u8,
    request_length: usize,
    on_answer: Callback,
    drop: DropContext,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the caller says that `drop` may be called with it on any thread.
    let context = unsafe { Context::new(context, drop) };
    let Some(on_answer) = on_answer else { return Code::InvalidMessage.number() };
    // SAFETY: the caller says how many bytes there are.
    let Some(request) = (unsafe { bytes(request, request_length) }) else { return Code::InvalidMessage.number() };
    let Some(binding) = peers::get(peer) else { return Code::Closed.number() };
    let answer = move |answer: &[u8]| {
        if Beginning::refuse() {
            return;
        }
        // SAFETY: the caller says that it may be called with this context on any thread.
        unsafe { context.tell(on_answer, answer) }
    };
    BEGINNING.set(Beginning::Begun);
    let begun = protected(request, || binding.call_async(request, answer));
    match (BEGINNING.replace(Beginning::Nothing), begun) {
        (Beginning::Refused, _) => Code::Closed.number(),
        (_, Err(_)) => Code::Internal.number(),
        (_, Ok(())) => 0,
    }
}

/// Has `on_event` called with each event of what the message `request` watches, one at a time, on
/// the peer's thread of callbacks. `*watch` is its number, and is there before the first event; it is
/// never 0.
///
/// If it returns an error, `*watch` is 0, `*answer` says why, `on_event` is not called, and `drop`
/// was. Otherwise `*answer` is NULL, and `drop` is called once after the last event: when the watch or
/// its peer is ended.
///
/// # Safety
/// `request` has `request_length` bytes; the functions may be called with `context` on any thread;
/// the others can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_subscribe(
    peer: u64,
    request: *const u8,
    request_length: usize,
    on_event: Callback,
    drop: DropContext,
    context: *mut c_void,
    watch: *mut u64,
    answer: *mut *mut u8,
    answer_length: *mut usize,
) -> i32 {
    // SAFETY: the caller says that `drop` may be called with it on any thread.
    let context = unsafe { Context::new(context, drop) };
    // SAFETY: the caller says that they can be written to, or are NULL.
    let (watch, out) = unsafe { (Place::new(watch), Out::new(answer, answer_length)) };
    let (Some(watch), Some(out)) = (watch, out) else { return Code::InvalidMessage.number() };
    // SAFETY: the caller says how many bytes there are.
    let Some(request) = (unsafe { bytes(request, request_length) }) else { return out.give(no_bytes()) };
    let Some(on_event) = on_event else {
        return out.give(refused(Format::of(request), Code::InvalidMessage, "on_event is NULL"));
    };
    let Some(binding) = peers::get(peer) else { return out.give(closed(request)) };
    let numbered = Arc::new(Mutex::new(()));
    let until_numbered = numbered.clone();
    let on_event = move |event: &[u8]| {
        std::mem::drop(until_numbered.lock().unwrap_or_else(PoisonError::into_inner));
        // SAFETY: the caller says that it may be called with this context on any thread.
        unsafe { context.tell(on_event, event) }
    };
    let numbering = numbered.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = protected(request, || binding.subscribe(request, on_event));
    match begun.and_then(|begun| begun) {
        Ok(number) => {
            watch.put(number);
            std::mem::drop(numbering);
            0
        }
        Err(error) => out.give(error),
    }
}

/// Ends a watch. After it has returned there is no event; if one runs, it waits for its end, unless it
/// is called within an event. A number that is none, or was ended, does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn headwater_unsubscribe(peer: u64, watch: u64) -> i32 {
    let Some(binding) = peers::get(peer) else { return Code::Closed.number() };
    protected(&[], || binding.unsubscribe(watch)).map_or(Code::Internal.number(), |()| 0)
}

/// Closes a peer, and waits until its files are closed, each call has its answer and each context is
/// dropped: then none of your functions is called any more. Within a callback those come after it has
/// returned.
#[unsafe(no_mangle)]
pub extern "C" fn headwater_close(peer: u64) -> i32 {
    let Some(binding) = peers::remove(peer) else { return Code::Closed.number() };
    protected(&[], || binding.close()).map_or(Code::Internal.number(), |()| 0)
}

/// Gives an answer back, once, with its length. NULL with 0 is nothing.
///
/// # Safety
/// They are what one call gave, and were not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn headwater_free(data: *mut u8, length: usize) -> i32 {
    if data.is_null() {
        return if length == 0 { 0 } else { Code::InvalidMessage.number() };
    }
    // SAFETY: the caller says that it is an answer, which `Out::give` made.
    unsafe { foreign::free(data, length) };
    0
}

/// Runs what may panic: then it is an answer as well.
fn protected<T>(request: &[u8], run: impl FnOnce() -> T) -> Result<T, Vec<u8>> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| refused(Format::of(request), Code::Internal, "a fault of the library; stderr says more"))
}

fn refused(format: Format, code: Code, message: &str) -> Vec<u8> {
    encode_error(format, &CallError::new(code, message))
}

fn no_bytes() -> Vec<u8> {
    refused(Format::Json, Code::InvalidMessage, "NULL is no message of more than 0 bytes")
}

fn closed(request: &[u8]) -> Vec<u8> {
    refused(Format::of(request), Code::Closed, "the peer is closed")
}

thread_local! {
    /// Whether this thread begins a call: an answer that would come before it has begun, since the
    /// peer was closed meanwhile, is returned instead.
    static BEGINNING: Cell<Beginning> = const { Cell::new(Beginning::Nothing) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Nothing,
    Begun,
    Refused,
}

impl Beginning {
    /// Whether the call has not begun: nobody is to be told then.
    fn refuse() -> bool {
        let is_beginning = BEGINNING.get() == Self::Begun;
        if is_beginning {
            BEGINNING.set(Self::Refused);
        }
        is_beginning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        let answer = protected(b"{}", || -> () { panic!("on purpose") }).unwrap_err();
        assert_eq!(peer_calls::code_of(&answer), Some(Code::Internal));
    }
}
