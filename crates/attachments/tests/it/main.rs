//! Blobs on a real disk: kept, held, swept, and what is left after a kill.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod kills;
mod parts;
mod sweeps;
