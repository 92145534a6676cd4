//! What views of the events remember (crate `topics`, which versions it).
//!
//! | space | key | value |
//! |---|---|---|
//! | `meta` | `view:` and a name | what the view remembers |

use super::{
    handle::Engine,
    spaces::{EngineError, META},
};

const VIEW_PREFIX: &str = "view:";

impl Engine {
    pub(crate) fn view(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.get(META, view_key(name))?.map(|value| value.to_vec()))
    }

    pub(crate) fn note_view(&self, name: &str, state: Option<&[u8]>) -> Result<(), EngineError> {
        match state {
            Some(state) => self.insert(META, view_key(name), state),
            None => {
                self.remove(META, view_key(name))?;
                self.forget_departures(name)
            }
        }
    }

    /// The names of the views that something is noted of.
    pub(super) fn views(&self) -> Result<Vec<String>, EngineError> {
        let names = self.prefix(META, VIEW_PREFIX.as_bytes()).map(|entry| {
            let (key, _) = entry?;
            Ok(String::from_utf8_lossy(&key[VIEW_PREFIX.len()..]).into_owned())
        });
        names.collect()
    }
}

fn view_key(name: &str) -> String {
    format!("{VIEW_PREFIX}{name}")
}
