//! The store from outside: what is written, read, trimmed and restarted, on disks that fail and in memory.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod apps;
mod clock;
mod commit;
mod conditions;
mod crash;
mod damage;
mod definitions;
mod formats;
mod high_watermark;
mod incarnation;
mod indexes;
mod pushes;
mod read_damage;
mod requests;
mod retention;
mod statements;
