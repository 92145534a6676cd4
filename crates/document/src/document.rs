//! One document's replicated state: what every site wrote, and what a reader sees of it.
//!
//! Invariants: the state is canonical (`field`): equal knowledge is equal bytes, whatever the order in which it came. A
//! failed update changes nothing.
//! Not here: the document's id and collection (the store's key), clocks (`stamp`), conditions (`store`).

mod delta;
mod field;
mod fields;
mod number;
mod stored;
mod view;
mod write;

use self::field::{Content, Field, Leaf};
pub use self::fields::{FieldState, FieldType};
use crate::{Map, Path, SiteId, Stamp, UpdateCommand};

/// A document's state, tombstone included. Its id and collection are the store's key, not part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// A map while the document exists, an absent leaf while it does not; never cleared where nobody has written.
    root: Field,
}

impl Default for Document {
    fn default() -> Self {
        Self { root: absent(Stamp::ZERO) }
    }
}

/// Why an update command cannot be done; the document stays as it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct UpdateError {
    /// Which command, from 0.
    pub command: usize,
    /// What is wrong.
    pub message: String,
}

/// Why stored bytes are no document.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("a document cannot be read: {message} at byte {at}")]
pub struct DocumentDecodeError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: usize,
}

impl Document {
    /// A document that nobody has written.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a reader sees it: written, and not removed since.
    pub fn exists(&self) -> bool {
        matches!(self.root, Field::Map(_))
    }

    /// What a reader sees, without `_id`; `None` where it does not exist.
    pub fn value(&self) -> Option<Map> {
        let Field::Map(map) = &self.root else { return None };
        Some(view::value(map))
    }

    /// What a reader sees, each field with its type (CONTRACT `latestValuesAndTypes`):
    /// `{"name":{"register":{"value":"John"}},"orderCount":{"counter":{"value":5}},"address":{"map":{"value":{…}}}}`, nested maps alike.
    pub fn value_with_types(&self) -> Option<Map> {
        let Field::Map(map) = &self.root else { return None };
        Some(view::value_with_types(map))
    }

    /// Appends canonical JSON of the document as events show it: `{"_id":<id_json>,…}`, then the fields sorted by their UTF-8
    /// bytes. `null` where it does not exist. Written for speed: the store calls it twice for each event.
    pub fn write_json(&self, id_json: &str, out: &mut Vec<u8>) {
        let Field::Map(map) = &self.root else { return out.extend_from_slice(b"null") };
        out.extend_from_slice(b"{\"_id\":");
        out.extend_from_slice(id_json.as_bytes());
        view::write_fields(map, false, out);
        out.push(b'}');
    }

    /// The greatest stamp in it.
    pub fn stamp_max(&self) -> Stamp {
        match &self.root {
            Field::Map(map) => map.stamp,
            Field::Leaf(leaf) => leaf.cleared,
        }
    }

    /// Merges `value` in as `Action::Upsert` says; a path in `counters` at which no number stands makes a register.
    /// `value` has no `_id` and nests at most [`crate::limits::DEPTH_MAX`] deep. The time of `stamp` must be above that of
    /// [`Document::stamp_max`], as [`crate::StampClock`] gives it.
    pub fn upsert(&mut self, value: &Map, counters: &[Path], stamp: Stamp) {
        self.check_stamp(stamp);
        debug_assert!(value.depth() <= crate::limits::DEPTH_MAX, "a value nests too deep to be stored");
        write::upsert(&mut self.root, value, counters, stamp);
    }

    /// Runs update commands as `UpdateKind` says; a document that does not exist comes into being. Steps of a path through
    /// nothing or `null` make objects (an index 0: an array), an index one behind the last element appends. The time of
    /// `stamp` must be above that of [`Document::stamp_max`], as [`crate::StampClock`] gives it.
    ///
    /// Errors: a step into a scalar, counter or array by name, into anything but an array by index, or outside it; a counter
    /// inside an array; `_id`; nesting beyond [`crate::limits::DEPTH_MAX`]; what `UpdateKind` names.
    pub fn update(&mut self, commands: &[UpdateCommand], stamp: Stamp) -> Result<(), UpdateError> {
        self.check_stamp(stamp);
        let mut root = self.root.clone();
        write::write_through(&mut root, Stamp::ZERO, stamp);
        for (index, command) in commands.iter().enumerate() {
            write::run_command(&mut root, command, stamp).map_err(|message| UpdateError { command: index, message })?;
        }
        self.root = root;
        Ok(())
    }

    /// Removes it: everything written so far is gone, what was written later (elsewhere) stays. `stamp` as for
    /// [`Document::upsert`].
    pub fn remove(&mut self, stamp: Stamp) {
        self.check_stamp(stamp);
        self.root = absent(stamp);
    }

    /// Takes over what `other` knows. Commutative, associative, idempotent.
    pub fn merge(&mut self, other: &Document) {
        let mine = std::mem::replace(&mut self.root, absent(Stamp::ZERO));
        if let Some(joined) = field::join(Some(mine), Some(other.root.clone()), Stamp::ZERO) {
            self.root = joined;
        }
    }

    /// What a reader of `self` who knows everything at or before `since[site]` still has to learn; merging it there gives
    /// `self`. A site that `since` does not name is wholly unknown.
    pub fn delta_since(&self, since: &[(SiteId, u64)]) -> Document {
        let root = delta::delta(&self.root, &delta::Known::new(since));
        Document { root: root.unwrap_or_else(|| absent(Stamp::ZERO)) }
    }

    fn check_stamp(&self, stamp: Stamp) {
        debug_assert!(stamp.time > self.stamp_max().time, "{stamp:?} is not above {:?}", self.stamp_max());
    }
}

fn absent(cleared: Stamp) -> Field {
    Field::Leaf(Leaf { cleared, content: Content::Absent })
}

#[cfg(test)]
mod lattice_laws;
#[cfg(test)]
mod tests;
