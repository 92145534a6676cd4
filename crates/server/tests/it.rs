//! The real binary, run as a person runs it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod support;

mod administration;
mod backups;
mod backups_meanwhile;
mod browser_peers;
mod clock;
mod command_line;
mod conflicts;
mod docs;
mod documents;
mod events;
mod hostile_peers;
mod imports;
mod killed_attachments;
mod killed_backups;
mod killed_peers;
mod lifecycle;
mod metrics;
mod moved_apps;
mod one_port;
mod packaging;
mod peer_attachments;
mod peers;
mod peers_wait;
mod portal;
mod real_clients;
mod restore;
mod restored_peers;
mod sinks;
mod small_peers;
mod tasks;
