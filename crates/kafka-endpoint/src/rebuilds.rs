//! What a connection has read from offset 0: a consumer that builds its copy anew passes offsets
//! below the tombstone floor, and must not be told there to begin anew (docs/reference/events.md,
//! "resync").
//!
//! Kept with the connection alone: whoever comes back on another one, in the middle, is told to
//! begin again, which is never wrong.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use topics::{Partition, Rebuild};
use uuid::Uuid;

use crate::limits::FETCH_PARTITIONS_MAX;

/// Which partitions (topic id, number) a connection has begun at offset 0, and when. Forgets all
/// when there are too many.
#[derive(Debug, Default)]
pub(crate) struct Rebuilds(Mutex<HashMap<(Uuid, i32), Rebuild>>);

impl Rebuilds {
    /// What is known of the reader that fetches `log` at `offset`.
    pub(crate) fn of(&self, place: (Uuid, i32), offset: i64, log: &Partition) -> Rebuild {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if offset != 0 {
            return known.get(&place).copied().unwrap_or_default();
        }
        let rebuild = log.rebuild();
        if rebuild == Rebuild::default() {
            // While no tombstone was dropped there is nothing to remember.
            known.remove(&place);
            return rebuild;
        }
        if known.len() >= FETCH_PARTITIONS_MAX {
            known.clear();
        }
        known.insert(place, rebuild);
        rebuild
    }
}
