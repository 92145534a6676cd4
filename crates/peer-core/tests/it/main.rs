//! Peers against a small model of the server: rule by rule, and over random histories.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod attachments;
mod copies;
mod digests;
mod disk;
mod histories;
mod offline;
mod put_aside;
mod random;
mod readers;
mod rig;
mod server;
mod synced;
