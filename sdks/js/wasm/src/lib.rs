//! A small peer in a browser: the core as WebAssembly, which a page's script hosts (`sdks/js/src/browser`).
//!
//! ```text
//! script ──input──> call, subscribe, frame, tick … ──> Core ──> outputs, log ──> script
//! ```
//! The script says what comes and what time it is, then has it follow ([`Core::follow`]), takes the
//! log, makes it durable, and only then sends frames and gives answers.
//!
//! Invariants: nothing here blocks, and nothing runs unless the script calls. A panic ends the
//! instance: the script makes another of what is durable.
//! Not here: IndexedDB, sockets, timers, tabs (the script); what calls mean (`peer-calls`), what a
//! peer is (`peer-core`).

mod core;
#[cfg(target_arch = "wasm32")]
mod exports;
mod limits;
mod outputs;
mod transactions;
mod watches;

pub use crate::core::{Core, CoreOptions};
pub use crate::outputs::{Outputs, kind};
