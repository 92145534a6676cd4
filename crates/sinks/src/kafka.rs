//! Sinks into somebody's Kafka: each event once, for consumers that read `read_committed`.
//!
//! Events and one record that says where the sink goes on are one Kafka transaction (KIP-98). That record,
//! the cursor, stands in the topic `__headwater.<app>.<sink>`, whose name is the transactional id too: who
//! begins the sink fences whoever ran it before, reads the cursor behind it, and goes on there.
//!
//! ```text
//! begin ─ make topics ─ init (fences) ─ read the cursor ─ claim ─┬─ events + cursor ─ commit ─┐
//!   ▲                                                            └────────────◀────────────────┘
//!   └── a wait, where something failed: what was not committed is read again
//! ```
//!
//! Invariants: an event is in a transaction with a cursor behind it, or nowhere; after anything whose outcome
//! is not known the cursor is read again. Everything that blocks is on a thread of the sink's own.
//! Not here: what comes next (`feed`), the other format (`debezium`).

mod backoff;
mod chunks;
mod client;
mod cursor;
mod delivery;
mod producing;
mod record;
mod session;
mod target;
mod trouble;

use std::thread;

use tokio::{runtime::Handle, sync::oneshot};

use crate::work::Work;

/// Delivers until it is told to end, or until somebody has to change something.
pub(crate) async fn run(work: Work) {
    let (status, handle) = (work.status.clone(), Handle::current());
    let (ended, end) = oneshot::channel::<()>();
    let deliver = move || {
        delivery::run(&work, &handle);
        drop(ended);
    };
    match thread::Builder::new().name("sink".to_owned()).spawn(deliver) {
        Err(error) => status.failed(format!("it cannot have a thread: {error}")),
        Ok(thread) => {
            drop(end.await);
            if thread.join().is_err() {
                status.failed("it ended unexpectedly: the server's log says where");
            }
        }
    }
}
