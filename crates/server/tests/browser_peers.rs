//! Small peers in a real Chromium: the package `headwater` as pages import it, against the real server.
//!
//! Invariants: a test without `headwater.wasm` fails and says how to get it; no browser outlives its test.
//! Not here: what a peer does anywhere (`small_peers`, the tests of the SDKs).

mod faults;
mod page;
mod storage;
mod sync;
mod tabs;
mod vectors;

pub(crate) use crate::support::browser;
