//! One document's replicated state: what every site wrote, and what a reader sees of it.
//!
//! Invariants: the state is canonical (`field`): equal knowledge is equal bytes, whatever the order
//! in which it came. A failed update changes nothing.
//! Not here: the document's id and collection (the store's key), clocks (`stamp`), conditions
//! (`store`).

mod additions;
mod asked_types;
mod attachment;
mod counter;
mod delta;
mod difference;
mod field;
mod fields;
mod number;
mod shown;
pub(crate) mod stored;
mod view;
mod write;

pub use self::additions::Additions;
pub use self::attachment::problem as token_problem;
pub use self::delta::DeltaError;
use self::field::{Content, Field, Leaf};
pub use self::fields::{FieldState, FieldType};
pub use self::shown::Shown;
use self::write::Write;
use crate::{Map, Path, SiteId, Stamp, UpdateCommand};

/// A document's state, tombstone included. Its id and collection are the store's key, not part of
/// it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// A map while the document exists, an absent leaf while it does not; never cleared where
    /// nobody has written. Never a counter, so nothing is under the map.
    root: Field,
}

impl Default for Document {
    fn default() -> Self {
        Self { root: absent(Stamp::ZERO) }
    }
}

/// By which version's rules a write is done. What stands in a journal is applied by the rules it
/// was written by, so that a replay comes to the same bytes. Only counters and objects in the place
/// of numbers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteRules {
    /// An increment by the site that set the counter goes into its start; one of an absent field or
    /// of a number register sets a counter. For documents that only one site wrote.
    V1,
    /// An increment only adds to its site's total, and leaves alone what was set. An object in the
    /// place of a number remembers the number, where later increments of other sites start.
    V2,
}

impl WriteRules {
    /// What new writes are done by.
    pub const NEWEST: WriteRules = WriteRules::V2;
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

    /// What a reader sees, each field with its type (docs/reference/documents.md, "Field types"):
    /// `{"name":{"register":{"value":"John"}},"orderCount":{"counter":{"value":5}},"address":{"map":{"value":{…}}}}`,
    /// nested maps alike.
    pub fn value_with_types(&self) -> Option<Map> {
        let Field::Map(map) = &self.root else { return None };
        Some(view::value_with_types(map))
    }

    /// Appends canonical JSON of the document as events show it: `{"_id":<id_json>,…}`, then the
    /// fields sorted by their UTF-8 bytes. `null` where it does not exist. Written for speed: the
    /// store calls it twice for each event.
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

    /// Merges `value` in as `Action::Upsert` says. Where the value at a path cannot be of the type
    /// said in `types`, it is written as if nothing were said. `value` has no `_id` and nests at
    /// most [`crate::limits::DEPTH_MAX`] deep. The time of `stamp` must be above that of
    /// [`Document::stamp_max`], as [`crate::StampClock`] gives it; [`Stamp::INITIAL`] is above that of
    /// a document that nobody has written.
    pub fn upsert(&mut self, value: &Map, types: &[(Path, FieldType)], stamp: Stamp, rules: WriteRules) {
        self.check_stamp(stamp);
        debug_assert!(value.depth() <= crate::limits::DEPTH_MAX, "a value nests too deep to be stored");
        Write { stamp, rules }.upsert(&mut self.root, value, types);
    }

    /// What of an upsert of `value` would change what a reader sees: the fields whose values or
    /// types are others, nested objects field by field, and those of `types` that are said of them.
    /// `1` and `1.0` are two values. `None` where nothing would change; all of it where the document
    /// does not exist.
    pub fn difference(&self, value: &Map, types: &[(Path, FieldType)]) -> Option<(Map, Vec<(Path, FieldType)>)> {
        let different = match &self.root {
            Field::Map(map) => difference::difference(map, value, types)?,
            Field::Leaf(_) => value.clone(),
        };
        let types = difference::types_in(types, &different);
        Some((different, types))
    }

    /// Runs update commands as `UpdateKind` says; a document that does not exist comes into being.
    /// Steps of a path through nothing or `null` make objects (an index 0: an array), an index one
    /// behind the last element appends. A step into a register that holds an array or an object
    /// writes that register whole. The time of `stamp` must be above that of
    /// [`Document::stamp_max`], as [`crate::StampClock`] gives it.
    ///
    /// Errors: a step into a scalar, counter, attachment or array by name, into anything but an
    /// array by index, or outside it; a counter, an attachment or a merge inside a register; an
    /// element of an array taken away; `_id`; nesting beyond [`crate::limits::DEPTH_MAX`]; what
    /// `UpdateKind` names.
    pub fn update(&mut self, commands: &[UpdateCommand], stamp: Stamp, rules: WriteRules) -> Result<(), UpdateError> {
        self.check_stamp(stamp);
        let write = Write { stamp, rules };
        let mut root = self.root.clone();
        write.write_through(&mut root, Stamp::ZERO);
        for (index, command) in commands.iter().enumerate() {
            write.run_command(&mut root, command).map_err(|message| UpdateError { command: index, message })?;
        }
        self.root = root;
        Ok(())
    }

    /// Removes it: everything written so far is gone, what was written later (elsewhere) stays.
    /// `stamp` as for [`Document::upsert`].
    pub fn remove(&mut self, stamp: Stamp) {
        self.check_stamp(stamp);
        self.root = absent(stamp);
    }

    /// Takes over what `other` knows: a whole state or a delta. Commutative, associative,
    /// idempotent.
    pub fn merge(&mut self, other: &Document) {
        let mine = std::mem::replace(&mut self.root, absent(Stamp::ZERO));
        if let Some(joined) = field::join(Some(mine), Some(other.root.clone()), Stamp::ZERO) {
            self.root = joined;
        }
    }

    /// What a reader of `self` who knows everything at or before `since[site]` still has to learn;
    /// merging it there gives `self`. A site that `since` does not name is wholly unknown.
    pub fn delta_since(&self, since: &[(SiteId, u64)]) -> Document {
        let root = delta::delta(&self.root, &delta::Known::new(since));
        Document { root: root.unwrap_or_else(|| absent(Stamp::ZERO)) }
    }

    /// What `site` wrote after the time `since`, and nothing of what others wrote: merging it where
    /// all else is known gives `self`. [`Document::check_delta`] takes it.
    pub fn delta_of(&self, site: SiteId, since: u64) -> Document {
        let root = delta::delta(&self.root, &delta::Known::all_but(site, since));
        Document { root: root.unwrap_or_else(|| absent(Stamp::ZERO)) }
    }

    /// Whether a peer's `site` may have made this delta: every stamp and every counter's total is
    /// of that site, or the stamp is [`Stamp::INITIAL`], which no total bears.
    pub fn check_delta(&self, site: SiteId) -> Result<(), DeltaError> {
        delta::check(&self.root, site)
    }

    /// How much of `delta`, which was merged in, a reader sees.
    pub fn shown_of(&self, delta: &Document) -> Shown {
        Shown::of(&delta.root, Some(&self.root))
    }

    fn check_stamp(&self, stamp: Stamp) {
        debug_assert!(stamp.site.is_valid_origin(), "{stamp:?} is of no site");
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
