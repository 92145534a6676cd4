//! The functions that the script calls. What they take lies in one buffer, which the script writes to
//! before (`input`); what they give lies in another, until the next call of one that gives.
//!
//! Invariants: no address comes in, so none is believed; a number that is no time of a clock, or a
//! call before `open`, does nothing.

#![expect(unsafe_code, reason = "a function has a name outside only so; none of them reads an address")]

use std::cell::RefCell;

use key_values::LoggedMemory;
use peer_calls::{Format, encode_result};
use peer_core::{Now, SPACES};

use crate::{Core, CoreOptions};

#[derive(Default)]
struct Instance {
    core: Option<Core>,
    /// What is being loaded.
    store: Option<LoggedMemory>,
    input: Vec<u8>,
    given: Vec<u8>,
    packed: Vec<Vec<u8>>,
}

thread_local! {
    static INSTANCE: RefCell<Instance> = RefCell::default();
}

fn with<T>(act: impl FnOnce(&mut Instance) -> T) -> T {
    INSTANCE.with(|instance| act(&mut instance.borrow_mut()))
}

/// Does it with the core and what was put into the buffer.
fn with_core(act: impl FnOnce(&mut Core, &[u8])) {
    with(|instance| {
        if let Some(core) = &mut instance.core {
            act(core, &instance.input);
        }
    });
}

fn now(steady_ms: u64, wall_ms: u64) -> Now {
    Now { steady_ms, wall_ms }
}

/// Room for so many bytes that the next call takes; where.
#[unsafe(no_mangle)]
extern "C" fn input(bytes: usize) -> *mut u8 {
    with(|instance| {
        instance.input.clear();
        instance.input.resize(bytes, 0);
        instance.input.as_mut_ptr()
    })
}

/// Where what was given last lies.
#[unsafe(no_mangle)]
extern "C" fn given() -> *const u8 {
    with(|instance| instance.given.as_ptr())
}

/// What was loaded so far, and not opened, is forgotten.
#[unsafe(no_mangle)]
extern "C" fn begin_load() {
    with(|instance| instance.store = None);
}

/// A log that was kept, in its order. Whether it is one.
#[unsafe(no_mangle)]
extern "C" fn load() -> bool {
    with(|instance| {
        let store = instance.store.get_or_insert_with(|| LoggedMemory::new(SPACES.len()));
        store.load(&instance.input).is_ok()
    })
}

/// Opens the peer on what was loaded, by the configuration. Gives the answer: of how many bytes it is.
#[unsafe(no_mangle)]
extern "C" fn open(seed: u64, seed_too: u64) -> usize {
    with(|instance| {
        let store = instance.store.take().unwrap_or_else(|| LoggedMemory::new(SPACES.len()));
        let opened = CoreOptions::decode(&instance.input).and_then(|it| Core::open(it, store, [seed, seed_too]));
        let result = opened.map(|core| {
            instance.core = Some(core);
            peer_calls::Answer::new()
        });
        instance.given = encode_result(Format::of(&instance.input), &result);
        instance.given.len()
    })
}

/// The same for one that is open, because of what the text says.
#[unsafe(no_mangle)]
extern "C" fn open_again(seed: u64, seed_too: u64, steady_ms: u64, wall_ms: u64) -> usize {
    with(|instance| {
        let store = instance.store.take().unwrap_or_else(|| LoggedMemory::new(SPACES.len()));
        let Some(core) = &mut instance.core else { return 0 };
        let why = String::from_utf8_lossy(&instance.input);
        let result = core.open_again(store, [seed, seed_too], now(steady_ms, wall_ms), &why);
        instance.given = encode_result(Format::Json, &result.map(|()| peer_calls::Answer::new()));
        instance.given.len()
    })
}

/// A message.
#[unsafe(no_mangle)]
extern "C" fn call(number: u32, steady_ms: u64, wall_ms: u64) {
    with_core(|core, message| core.call(now(steady_ms, wall_ms), number, message));
}

/// A message that wants events.
#[unsafe(no_mangle)]
extern "C" fn subscribe(number: u32, steady_ms: u64, wall_ms: u64) {
    with_core(|core, message| core.subscribe(now(steady_ms, wall_ms), number, message));
}

/// No more events.
#[unsafe(no_mangle)]
extern "C" fn unsubscribe(number: u32) {
    with_core(|core, _| core.unsubscribe(number));
}

/// The last event was taken.
#[unsafe(no_mangle)]
extern "C" fn told(number: u32) {
    with_core(|core, _| core.told(number));
}

/// The connection is there.
#[unsafe(no_mangle)]
extern "C" fn connected(steady_ms: u64, wall_ms: u64) {
    with_core(|core, _| core.connected(now(steady_ms, wall_ms)));
}

/// It is gone, because of what the text says.
#[unsafe(no_mangle)]
extern "C" fn disconnected(steady_ms: u64, wall_ms: u64) {
    with_core(|core, why| core.disconnected(now(steady_ms, wall_ms), &String::from_utf8_lossy(why)));
}

/// A frame came.
#[unsafe(no_mangle)]
extern "C" fn frame(steady_ms: u64, wall_ms: u64) {
    with_core(|core, frame| core.frame(now(steady_ms, wall_ms), frame));
}

/// Time went by.
#[unsafe(no_mangle)]
extern "C" fn tick(steady_ms: u64, wall_ms: u64) {
    with_core(|core, _| core.tick(now(steady_ms, wall_ms)));
}

/// Has the peer follow. Gives what is to be done: of how many bytes it is.
#[unsafe(no_mangle)]
extern "C" fn follow(steady_ms: u64, wall_ms: u64) -> usize {
    give(|core| {
        core.follow(now(steady_ms, wall_ms));
        core.outputs.take()
    })
}

/// Gives the events that are due.
#[unsafe(no_mangle)]
extern "C" fn tell() -> usize {
    give(|core| {
        core.tell();
        core.outputs.take()
    })
}

/// Gives what is to be made durable.
#[unsafe(no_mangle)]
extern "C" fn take_log() -> usize {
    give(Core::take_log)
}

/// Makes logs of all that is there, of about so many bytes each; how many there are.
#[unsafe(no_mangle)]
extern "C" fn pack(bytes: usize) -> usize {
    with(|instance| {
        instance.packed = instance.core.as_ref().map(|core| core.store().packed(bytes)).unwrap_or_default();
        instance.packed.reverse();
        instance.packed.len()
    })
}

/// Gives the next of them.
#[unsafe(no_mangle)]
extern "C" fn next_packed() -> usize {
    with(|instance| {
        instance.given = instance.packed.pop().unwrap_or_default();
        instance.given.len()
    })
}

/// How many bytes they would be.
#[unsafe(no_mangle)]
extern "C" fn packed_bytes() -> u64 {
    with(|instance| instance.core.as_ref().map_or(0, |core| core.store().packed_bytes()))
}

/// When the next tick is due; -1 if there is none.
#[unsafe(no_mangle)]
extern "C" fn next_tick() -> i64 {
    let due_ms = with(|instance| instance.core.as_ref().and_then(Core::next_tick_ms));
    due_ms.map_or(-1, |due_ms| i64::try_from(due_ms).unwrap_or(i64::MAX))
}

/// Whether a transaction is open.
#[unsafe(no_mangle)]
extern "C" fn is_transaction_open() -> bool {
    with(|instance| instance.core.as_ref().is_some_and(Core::is_transaction_open))
}

/// Whether events are due.
#[unsafe(no_mangle)]
extern "C" fn is_event_due() -> bool {
    with(|instance| instance.core.as_ref().is_some_and(Core::is_event_due))
}

fn give(act: impl FnOnce(&mut Core) -> Vec<u8>) -> usize {
    with(|instance| {
        instance.given = instance.core.as_mut().map(act).unwrap_or_default();
        instance.given.len()
    })
}
