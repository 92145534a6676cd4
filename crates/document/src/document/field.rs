//! Replicated fields and how they join: a lattice, so that any order and any repetition ends in the same bytes.
//!
//! A field is a leaf or a map. `cleared` is the newest write that replaced everything at its place: what was written there
//! or below at or before it is gone. A leaf holds what that write put there. A map's `stamp` is the newest write of it or
//! through it; a map shows while its stamp is above every clear at its place and above it ("the later type shows").
//!
//! Canonical form, under `outer`, the greatest clear of the fields around it. Joining keeps it, decoding checks it:
//! - a leaf's `cleared` is above `outer`;
//! - a map's `cleared` is above `outer`, or zero when there is nothing to say; its `stamp` is above both, and nothing in
//!   the map is above its `stamp`;
//! - a map's names ascend; a counter's sites ascend, and no stamp in it is before its epoch, the `cleared` of its leaf.
//!
//! What canonical form drops could never show again: clears only grow. So dropping early or late makes no difference.

use super::number::Number;
use crate::{SiteId, Stamp, Value};

/// What stands at one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Leaf(Leaf),
    Map(MapField),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf {
    pub(super) cleared: Stamp,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Nothing: a tombstone.
    Absent,
    /// Any value but an object; objects are maps.
    Register(Value),
    Counter(Counter),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct MapField {
    pub(super) cleared: Stamp,
    pub(super) stamp: Stamp,
    pub(super) children: Vec<(String, Field)>,
}

/// What each site added, with the stamp of its last addition; ascending by site. The epoch is the leaf's `cleared`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Counter {
    pub(super) totals: Vec<(Stamp, Number)>,
}

impl Counter {
    pub(super) fn started(start: Number, stamp: Stamp) -> Self {
        Self { totals: vec![(stamp, start)] }
    }

    pub(super) fn value(&self) -> Number {
        Number::sum(self.totals.iter().map(|(_, total)| *total))
    }

    pub(super) fn add(&mut self, number: Number, stamp: Stamp) {
        match self.position(stamp.site) {
            Ok(at) => self.totals[at] = (stamp, self.totals[at].1.plus(number)),
            Err(at) => self.totals.insert(at, (stamp, number)),
        }
    }

    /// Of each site the later total; of equal stamps, which honest sites never make, the greater rank.
    fn join(mut self, other: Self) -> Self {
        for (stamp, total) in other.totals {
            match self.position(stamp.site) {
                Err(at) => self.totals.insert(at, (stamp, total)),
                Ok(at) => {
                    let (known, standing) = self.totals[at];
                    if (stamp, total.rank()) > (known, standing.rank()) {
                        self.totals[at] = (stamp, total);
                    }
                }
            }
        }
        self
    }

    fn position(&self, site: SiteId) -> Result<usize, usize> {
        self.totals.binary_search_by_key(&site, |(stamp, _)| stamp.site)
    }
}

impl Field {
    pub(super) fn cleared(&self) -> Stamp {
        match self {
            Field::Leaf(leaf) => leaf.cleared,
            Field::Map(map) => map.cleared,
        }
    }

    /// Of a map, the newest write of it or through it.
    fn map_stamp(&self) -> Stamp {
        match self {
            Field::Leaf(_) => Stamp::ZERO,
            Field::Map(map) => map.stamp,
        }
    }

    fn into_children(self) -> Vec<(String, Field)> {
        match self {
            Field::Leaf(_) => Vec::new(),
            Field::Map(map) => map.children,
        }
    }

    fn into_content_cleared_at(self, cleared: Stamp) -> Option<Content> {
        match self {
            Field::Leaf(leaf) if leaf.cleared == cleared => Some(leaf.content),
            _ => None,
        }
    }
}

/// `clear` where it says more than `outer` does.
pub(super) fn above(outer: Stamp, clear: Stamp) -> Stamp {
    if clear > outer { clear } else { Stamp::ZERO }
}

/// The least field that knows what `a` and `b` know, under `outer`; `None` where nothing is left of them.
pub(super) fn join(a: Option<Field>, b: Option<Field>, outer: Stamp) -> Option<Field> {
    let greatest = |of: fn(&Field) -> Stamp| a.as_ref().map_or(Stamp::ZERO, of).max(b.as_ref().map_or(Stamp::ZERO, of));
    let cleared = greatest(Field::cleared).max(outer);
    let stamp = greatest(Field::map_stamp);
    if stamp > cleared {
        let children = join_children(children_of(a), children_of(b), cleared);
        return Some(Field::Map(MapField { cleared: above(outer, cleared), stamp, children }));
    }
    if cleared == outer {
        return None;
    }
    let contents = [a, b].into_iter().flatten().filter_map(|field| field.into_content_cleared_at(cleared));
    let content = contents.reduce(join_contents).expect("a clear that its map is not above is a leaf's");
    Some(Field::Leaf(Leaf { cleared, content }))
}

fn children_of(field: Option<Field>) -> Vec<(String, Field)> {
    field.map_or_else(Vec::new, Field::into_children)
}

fn join_children(a: Vec<(String, Field)>, b: Vec<(String, Field)>, outer: Stamp) -> Vec<(String, Field)> {
    let mut joined = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (Some((name_a, _)), Some((name_b, _))) => name_a.cmp(name_b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return joined,
        };
        let from_a = if order.is_le() { a.next() } else { None };
        let from_b = if order.is_ge() { b.next() } else { None };
        let (field_a, name_a) = from_a.map_or((None, None), |(name, field)| (Some(field), Some(name)));
        let (field_b, name_b) = from_b.map_or((None, None), |(name, field)| (Some(field), Some(name)));
        let name = name_a.or(name_b).expect("one side has a next child");
        if let Some(field) = join(field_a, field_b, outer) {
            joined.push((name, field));
        }
    }
}

/// Two contents with one stamp: honest sites never make them, but the order must not matter even then. Absent, then
/// registers by their JSON, then counters.
fn join_contents(a: Content, b: Content) -> Content {
    match (a, b) {
        (Content::Absent, other) | (other, Content::Absent) => other,
        (Content::Counter(a), Content::Counter(b)) => Content::Counter(a.join(b)),
        (Content::Counter(counter), _) | (_, Content::Counter(counter)) => Content::Counter(counter),
        (Content::Register(a), Content::Register(b)) => Content::Register(greater_by_json(a, b)),
    }
}

fn greater_by_json(a: Value, b: Value) -> Value {
    if a == b {
        return a;
    }
    let json = |value: &Value| {
        let mut out = Vec::new();
        value.write_json(&mut out);
        out
    };
    if json(&a) >= json(&b) { a } else { b }
}
