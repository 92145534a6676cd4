//! Messages that nobody would send, through the functions as a program in C calls them: to `call`,
//! `call_async`, `subscribe` and `open`. Each has an answer in its own format, whose number is that
//! of its code; every context is dropped once; and the peer goes on.
//!
//! `cargo xtask fuzz` tries as many as one has time for; `FUZZ_CASES` says how many.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[path = "../../src/lib.rs"]
pub mod border;
mod messages;

use std::{
    ffi::c_void,
    ptr::{null_mut, slice_from_raw_parts},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

use border::{
    Callback, DropContext, headwater_call, headwater_call_async, headwater_close, headwater_free, headwater_open,
    headwater_subscribe, headwater_unsubscribe,
};
use messages::{Random, mutated};
use peer_calls::{Call, Code, Format, Watch, code_of};
use serde_json::{Value, json};

/// How many are tried, where nothing else is said.
const CASES: u64 = 20_000;

const CONFIG: &str = r#"{"abi":1,"dir":"peer","relaxed":true,"strict":false,"sdk":"fuzz","app":"shop","token":"k"}"#;

static BEGUN: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn on_message(_: *mut c_void, message: *const u8, length: usize) {
    // SAFETY: the bytes are there while this runs.
    check_answer(unsafe { &*slice_from_raw_parts(message, length) });
}

unsafe extern "C" fn on_drop(_: *mut c_void) {
    DROPPED.fetch_add(1, SeqCst);
}

/// It can be read, and is an error only if it says so.
fn check_answer(answer: &[u8]) {
    if Format::of(answer) == Format::Json {
        let read: Value = serde_json::from_slice(answer).unwrap();
        let code = read.get("error").map(|error| error["code"].as_str().unwrap());
        assert_eq!(code_of(answer).map(Code::name), code);
    }
    assert_ne!(code_of(answer), Some(Code::Internal), "{}", String::from_utf8_lossy(answer));
}

/// What a function gave: its number, and the bytes, which it gets back.
fn take(request: &[u8], number: i32, answer: *mut u8, length: usize) -> Vec<u8> {
    // SAFETY: it has just been given.
    let bytes = unsafe { &*slice_from_raw_parts(answer, length) }.to_vec();
    // SAFETY: the same, and nobody has it any more.
    assert_eq!(unsafe { headwater_free(answer, length) }, 0);
    assert_eq!(Format::of(&bytes), Format::of(request));
    assert_eq!(number, code_of(&bytes).map_or(0, |code| code.number()));
    check_answer(&bytes);
    bytes
}

fn call(peer: u64, request: &[u8]) -> Vec<u8> {
    let (mut answer, mut length) = (null_mut(), 0);
    // SAFETY: the request is there, and the others can be written to.
    let number = unsafe { headwater_call(peer, request.as_ptr(), request.len(), &raw mut answer, &raw mut length) };
    take(request, number, answer, length)
}

fn call_async(peer: u64, request: &[u8]) {
    BEGUN.fetch_add(1, SeqCst);
    // SAFETY: the request is there, and the functions take any context.
    let begun = unsafe {
        headwater_call_async(peer, request.as_ptr(), request.len(), Some(on_message), Some(on_drop), null_mut())
    };
    assert_eq!(begun, 0);
}

fn subscribe(peer: u64, request: &[u8]) {
    BEGUN.fetch_add(1, SeqCst);
    let (mut watch, mut answer, mut length) = (0, null_mut(), 0);
    let (on_event, on_end, context): (Callback, DropContext, _) = (Some(on_message), Some(on_drop), null_mut());
    let (data, size) = (request.as_ptr(), request.len());
    let (number, bytes, given) = (&raw mut watch, &raw mut answer, &raw mut length);
    // SAFETY: the request is there, the functions take any context, the others can be written to.
    let begun = unsafe { headwater_subscribe(peer, data, size, on_event, on_end, context, number, bytes, given) };
    match begun {
        0 => assert_eq!(headwater_unsubscribe(peer, watch), 0),
        number => drop(take(request, number, answer, length)),
    }
}

/// The number of the peer, if there is one.
fn open(config: &[u8]) -> Option<u64> {
    let (mut peer, mut answer, mut length) = (0, null_mut(), 0);
    // SAFETY: the configuration is there, and the others can be written to.
    let number =
        unsafe { headwater_open(config.as_ptr(), config.len(), &raw mut peer, &raw mut answer, &raw mut length) };
    if number != 0 {
        take(config, number, answer, length);
    }
    (number == 0).then_some(peer)
}

fn cases() -> u64 {
    std::env::var("FUZZ_CASES").map_or(CASES, |cases| cases.parse().expect("FUZZ_CASES is a number"))
}

fn is_inside(config: &[u8]) -> bool {
    !config.contains(&b'/') && !config.windows(2).any(|it| it == b"..")
}

/// One test, since all share the folder in which the process is.
#[test]
fn whatever_comes_has_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(&folder).unwrap();
    let peer = open(CONFIG.as_bytes()).unwrap();
    for watch in messages::WATCHES {
        Watch::decode(watch.as_bytes()).unwrap();
        subscribe(peer, watch.as_bytes());
    }
    for seed in messages::CALLS {
        Call::decode(seed.as_bytes()).unwrap();
        one_call(peer, seed.as_bytes());
    }
    let mut random = Random::new(1);
    for case in 0..cases() {
        match random.below(100) {
            0..=9 => subscribe(peer, &mutated(&mut random, messages::WATCHES)),
            10 => {
                let config = mutated(&mut random, &[&CONFIG.replace("peer", "other")]);
                if let Some(other) = is_inside(&config).then(|| open(&config)).flatten() {
                    assert_eq!(headwater_close(other), 0);
                }
            }
            _ => one_call(peer, &mutated(&mut random, messages::CALLS)),
        }
        if case % 1_000 == 0 {
            let echo = br#"{"call":"echo","value":[1,"x"]}"#;
            assert_eq!(call(peer, echo), br#"{"value":[1,"x"]}"#);
        }
    }
    let state: Value = serde_json::from_slice(&call(peer, br#"{"call":"state"}"#)).unwrap();
    assert_eq!(state["state"], json!("stopped"));
    assert_eq!(headwater_close(peer), 0);
    assert_eq!(DROPPED.load(SeqCst), BEGUN.load(SeqCst));
}

fn one_call(peer: u64, request: &[u8]) {
    match Call::decode(request) {
        // They would wait for a server.
        Ok(Call::Committed(..) | Call::Flushed(..)) => call_async(peer, request),
        Ok(Call::Begin) => {
            let begun = call(peer, br#"{"call":"begin"}"#);
            let begun: Value = serde_json::from_slice(&begun).unwrap();
            let rollback = json!({"call": "rollback", "transaction": begun["transaction"]});
            assert_eq!(call(peer, rollback.to_string().as_bytes()), b"{}");
        }
        _ => {
            call(peer, request);
            call_async(peer, request);
        }
    }
}
