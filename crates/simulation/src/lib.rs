//! The whole of sync under one seed: peers, a wire, and the server's store, with everything that
//! can go wrong (docs/internals/simulation.md).
//!
//! Real are `peer-core`, both machines of `sync-protocol`, the server's sessions but for sockets
//! (`sync_endpoint::direct`), apply, the journal in files, and retention. Simulated are the disk of
//! documents and of peers, the wire, clocks, crashes.
//!
//! A [`History`] is a list of steps that a seed gives. After the last one everything is healed,
//! connected and comes to rest; then the laws are looked at, most of them on the way too.
//! Invariants: the same history gives the same trace; a history shrinks to the steps that break a
//! law.
//! Not here: sockets, TLS, HTTP, threads of the server beside its store.

mod disk;
mod harm;
mod known;
mod law;
mod laws;
mod ledger;
mod random;
mod rig;
mod rights;
mod run;
mod server;
mod step;
mod tally;
mod trace;
mod wire;
mod world;
mod writes;

pub use law::Broken;
pub use run::{Ended, How, Story, run, run_so, shrink};
pub use step::{Failure, Harm, History, Kind, PEERS, Step, WriteKind};
pub use tally::{EXPECTED, Tally};
