//! What other languages ask of a small peer: messages in and out (`sdks/calls.json` lists them).
//!
//! ```text
//! bytes ──decode──> Call ──run──> peer-core ──> Map ──encode──> bytes
//! ```
//! A host decodes a message, runs what it asks for on the peer or on a reader, and encodes what that
//! gives, or why there is nothing, in the format of the request.
//!
//! Invariants: whatever the bytes are, there is an answer; a name, a type or a field that is not in
//! the list is refused, not left out.
//! Not here: threads, waiting, files, sockets (the hosts: `sdks/rust/src/bindings`,
//! `sdks/js/wasm`); what a call does (`peer-core`).

mod answer;
mod arguments;
mod call;
mod cbor;
mod codes;
mod error;
mod format;
mod open;
mod run;
mod watch;

pub use answer::{Answer, rejected};
pub use call::{Call, Change, Read, Source, Step, Write};
pub use codes::Code;
pub use error::CallError;
pub use format::{Format, code_of, encode, encode_error, encode_result};
pub use open::Opening;
pub use run::{all_rejected, evict, written};
pub use watch::{Events, Watch};

/// Which list of calls this is: what a caller says when it opens a peer.
pub const ABI: u64 = 1;
