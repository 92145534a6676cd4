//! Replicated fields and how they join: a lattice, so that any order and any repetition ends in the
//! same bytes.
//!
//! What is known of one place is made of parts that join each for itself:
//! - `cleared`, the newest write that replaced everything there, and what that write put there (of
//!   two contents with one stamp, which honest sites never make, the greater by `rank`);
//! - of each site the newest total that it added to a counter there (`counter`);
//! - `stamp`, the newest write of an object there or through it, and the fields of that object.
//!
//! **Clears are exclusive.** A clear takes what bears a lesser stamp, at its place and below; what
//! bears its very stamp is of the same write and stays. `outer` is the greatest clear around a
//! place. Totals live while their stamp is at least every clear at their place and around it. The
//! later type shows: an object shows while its stamp is at least those clears and every total
//! beside it, so towards an object and its fields a total acts as a clear. Where an object shows,
//! start and totals are kept `under` it, since later additions of another site may bring them back.
//!
//! Why this is lawful: every part only grows, and what is dropped lies below a threshold (a clear,
//! a total, an object's stamp) that only grows too. What was dropped could never show again, so
//! dropping early or late makes no difference. What a clear put there is dropped if it is no number
//! and an object or totals stand there: those go only with a greater clear. A number is kept: it is
//! where a counter starts.
//!
//! Canonical form, under `outer`. Joining keeps it, decoding checks it:
//! - an absent leaf's `cleared` is above `outer`; a register's or attachment's is at least `outer`;
//! - of a counter and a map, `cleared` is zero where it says nothing: it is not above `outer`, and
//!   no start belongs to it. A start's clear is at least `outer`. A counter has a start or totals;
//! - a total's stamp is at least `outer` and `cleared`; a map's `stamp` too, and at least every
//!   total under it. Nothing in a map is above its `stamp`;
//! - a map's names ascend, a counter's sites ascend.

use super::counter::{Counter, Hidden};
use super::number::Number;
use crate::{Map, Stamp, Value};

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
    /// One value; an object if the writer said that it is a register.
    Register(Value),
    Counter(Counter),
    /// A token (`attachment`).
    Attachment(Map),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct MapField {
    pub(super) cleared: Stamp,
    pub(super) stamp: Stamp,
    /// The counter that the object hides.
    pub(super) under: Hidden,
    pub(super) children: Vec<(String, Field)>,
}

impl MapField {
    /// What takes fields in it: the greatest clear around them.
    pub(super) fn clears_inside(&self, outer: Stamp) -> Stamp {
        outer.max(self.cleared).max(self.under.newest_total())
    }
}

impl Field {
    pub(super) fn cleared(&self) -> Stamp {
        match self {
            Field::Leaf(leaf) => leaf.cleared,
            Field::Map(map) => map.cleared,
        }
    }

    fn into_parts(self) -> Parts {
        match self {
            Field::Leaf(Leaf { cleared, content: Content::Counter(counter) }) => Parts {
                cleared,
                put: counter.start.map_or(Put::Absent, Put::Start),
                totals: counter.totals,
                ..Parts::default()
            },
            Field::Leaf(Leaf { cleared, content }) => Parts { cleared, put: Put::of(content), ..Parts::default() },
            Field::Map(MapField { cleared, stamp, under, children }) => {
                let under = under.into_counter();
                let put = under.start.map_or(Put::Absent, Put::Number);
                Parts { cleared, put, totals: under.totals, stamp, children }
            }
        }
    }
}

/// What is known of one place, taken apart.
#[derive(Debug, Default)]
struct Parts {
    cleared: Stamp,
    put: Put,
    totals: Vec<(Stamp, Number)>,
    /// Of the map; zero where there is none.
    stamp: Stamp,
    children: Vec<(String, Field)>,
}

/// What a clear put at its place, ascending by which stays where two bear one stamp. Numbers are
/// above all else, since they alone must outlive a map or totals over them.
#[derive(Debug, Default)]
enum Put {
    #[default]
    Absent,
    /// No number.
    Register(Value),
    Attachment(Map),
    /// A register with a number.
    Number(Number),
    /// The same as a counter.
    Start(Number),
}

impl Put {
    fn of(content: Content) -> Self {
        match content {
            Content::Absent | Content::Counter(_) => Put::Absent,
            Content::Register(value) => match Number::from_value(&value) {
                Some(number) => Put::Number(number),
                None => Put::Register(value),
            },
            Content::Attachment(token) => Put::Attachment(token),
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Put::Number(number) | Put::Start(number) => Some(*number),
            _ => None,
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Put::Absent, other) | (other, Put::Absent) => other,
            (Put::Register(a), Put::Register(b)) => Put::Register(greater(a, b, Value::write_json)),
            (Put::Attachment(a), Put::Attachment(b)) => Put::Attachment(greater(a, b, Map::write_json)),
            (Put::Register(_), other) | (other, Put::Register(_)) => other,
            (Put::Attachment(_), other) | (other, Put::Attachment(_)) => other,
            (Put::Number(a), Put::Number(b)) => Put::Number(greater_number(a, b)),
            (Put::Number(a) | Put::Start(a), Put::Number(b) | Put::Start(b)) => Put::Start(greater_number(a, b)),
        }
    }

    /// `None` where nothing is there.
    fn into_content(self) -> Option<Content> {
        Some(match self {
            Put::Absent => return None,
            Put::Register(value) => Content::Register(value),
            Put::Attachment(token) => Content::Attachment(token),
            Put::Number(number) => Content::Register(number.into_value()),
            Put::Start(number) => Content::Counter(Counter::started(number)),
        })
    }
}

/// `clear` where it says more than `outer` does.
pub(super) fn above(outer: Stamp, clear: Stamp) -> Stamp {
    if clear > outer { clear } else { Stamp::ZERO }
}

/// The least field that knows what `a` and `b` know, under `outer`; `None` where nothing is left of
/// them.
pub(super) fn join(a: Option<Field>, b: Option<Field>, outer: Stamp) -> Option<Field> {
    let parts = |field: Option<Field>| field.map_or_else(Parts::default, Field::into_parts);
    let (a, b) = (parts(a), parts(b));
    let cleared = a.cleared.max(b.cleared);
    let put = match a.cleared.cmp(&b.cleared) {
        _ if cleared < outer => Put::Absent,
        std::cmp::Ordering::Less => b.put,
        std::cmp::Ordering::Equal => a.put.join(b.put),
        std::cmp::Ordering::Greater => a.put,
    };
    let mut counter = Counter { start: put.number(), totals: a.totals };
    counter.join_totals(b.totals);
    counter.totals.retain(|(stamp, _)| *stamp >= cleared.max(outer));

    let stamp = a.stamp.max(b.stamp);
    let inside = cleared.max(outer).max(counter.newest_total());
    if stamp != Stamp::ZERO && stamp >= inside {
        let children = join_children(a.children, b.children, inside);
        let cleared = said(cleared, outer, &counter);
        return Some(Field::Map(MapField { cleared, stamp, under: counter.into(), children }));
    }
    if !counter.totals.is_empty() {
        let cleared = said(cleared, outer, &counter);
        return Some(Field::Leaf(Leaf { cleared, content: Content::Counter(counter) }));
    }
    match put.into_content() {
        Some(content) => Some(Field::Leaf(Leaf { cleared, content })),
        None if cleared > outer => Some(Field::Leaf(Leaf { cleared, content: Content::Absent })),
        None => None,
    }
}

/// The clear of a counter or map as canonical form has it.
pub(super) fn said(cleared: Stamp, outer: Stamp, counter: &Counter) -> Stamp {
    if counter.start.is_some() { cleared } else { above(outer, cleared) }
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

/// Of two numbers with one stamp; the order means nothing.
fn greater_number(a: Number, b: Number) -> Number {
    if a.rank() >= b.rank() { a } else { b }
}

fn greater<T: PartialEq>(a: T, b: T, write_json: impl Fn(&T, &mut Vec<u8>)) -> T {
    if a == b {
        return a;
    }
    let json = |value: &T| {
        let mut out = Vec::new();
        write_json(value, &mut out);
        out
    };
    if json(&a) >= json(&b) { a } else { b }
}
