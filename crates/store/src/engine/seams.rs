//! Where restored data goes on ([`crate::Seam`]).
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `seam:`, leader epoch u32 BE of the life that goes on | the seam |

use super::{
    handle::{Engine, EngineBatch},
    spaces::{EngineError, META},
};
use crate::incarnation::Seam;

const PREFIX: &[u8] = b"seam:";

impl Engine {
    /// All of them, in order.
    pub(crate) fn seams(&self) -> Result<Vec<Seam>, EngineError> {
        let read = |entry: Result<(key_values::Bytes, key_values::Bytes), EngineError>| {
            let (key, value) = entry?;
            Seam::decode(&value).ok_or_else(|| EngineError(format!("the seam {key:02x?} cannot be read")))
        };
        self.prefix(META, PREFIX).map(read).collect()
    }
}

impl EngineBatch<'_> {
    /// Notes one more.
    pub(crate) fn put_seam(&mut self, seam: &Seam) {
        let mut value = Vec::new();
        seam.encode(&mut value);
        self.batch.insert(META, [PREFIX, &seam.after.leader_epoch.to_be_bytes()].concat(), value);
    }
}
