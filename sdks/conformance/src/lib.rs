//! The conformance vectors of small peers (`vectors/`, README.md), and what they say of this code.
//!
//! Each case of a file says what goes in and what must come out. What must come out was written once,
//! by this program, and stays for ever.
//!
//! Invariants: nothing that stands in a vector is ever changed by a program.
//! Not here: the drivers of other languages.

mod calls;
mod cbor;
mod dialogue;
mod documents;
mod frames;
mod history;
mod matching;
mod merge;
mod messages;
mod notation;
mod peers;
mod queries;
mod report;
mod script;
mod server;
mod transcripts;
mod vectors;

pub use report::{Group, Report};
pub use server::Server;
pub use vectors::{check, folder, write};
