//! The portal of the real binary, in a real Chromium.
//!
//! Invariants: a test without Chromium, chromedriver or axe-core fails and says how to get them; no
//! browser outlives its test.
//! Not here: what can be seen without a browser (the tests of `crates/portal`), but for `links`.

pub(crate) mod accessibility;
mod attachments;
mod boxes;
mod browsing;
mod charts;
mod event_paging;
mod harness;
mod languages;
mod links;
mod live_events;
mod newcomer;
mod pages;
mod sessions;
mod tables;
mod visitor;

pub(crate) use crate::support::browser;
