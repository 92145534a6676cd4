//! How much of a delta shows in the document that it was merged into.
//!
//! Every place that the delta wrote counts once: a value, a counter's total, a place that was
//! cleared, an empty object. It shows if what stands there bears the delta's stamp.
//! Not here: merging (`field`), what a reader sees (`view`).

use super::counter::Counter;
use super::field::{Content, Field, Leaf, MapField};
use crate::Stamp;

/// How many places of deltas show, and how many do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Those that show.
    pub shown: u64,
    /// Those that something else took the place of.
    pub hidden: u64,
}

impl Shown {
    fn note(&mut self, shows: bool) {
        *(if shows { &mut self.shown } else { &mut self.hidden }) += 1;
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { shown: self.shown + other.shown, hidden: self.hidden + other.hidden }
    }

    /// Of a delta's field, and what stands at its place now.
    pub(super) fn of(delta: &Field, standing: Option<&Field>) -> Self {
        let mut found = Self::default();
        found.count(delta, standing);
        found
    }

    fn count(&mut self, delta: &Field, standing: Option<&Field>) {
        match (delta, standing) {
            (Field::Map(delta), Some(Field::Map(standing))) => self.count_in_map(delta, Some(standing)),
            (Field::Map(delta), _) => self.count_in_map(delta, None),
            (Field::Leaf(delta), standing) => self.count_leaf(delta, standing),
        }
    }

    fn count_in_map(&mut self, delta: &MapField, standing: Option<&MapField>) {
        // What a clear took away is gone if nothing later cleared the place again.
        if delta.cleared != Stamp::ZERO {
            self.note(standing.is_some_and(|map| map.cleared == delta.cleared));
        }
        if delta.children.is_empty() {
            self.note(standing.is_some());
        }
        for (name, child) in &delta.children {
            let at = standing.and_then(|map| {
                let at = map.children.binary_search_by(|(other, _)| other.cmp(name)).ok()?;
                Some(&map.children[at].1)
            });
            self.count(child, at);
        }
    }

    fn count_leaf(&mut self, delta: &Leaf, standing: Option<&Field>) {
        let standing = match standing {
            Some(Field::Leaf(leaf)) => Some(leaf),
            _ => None,
        };
        match &delta.content {
            Content::Counter(counter) => {
                let known = standing.and_then(|leaf| match &leaf.content {
                    Content::Counter(known) => Some((leaf.cleared, known)),
                    _ => None,
                });
                self.count_counter(delta.cleared, counter, known);
            }
            // An empty delta wrote nothing.
            Content::Absent if delta.cleared == Stamp::ZERO => {}
            content => self.note(standing.is_some_and(|it| it.cleared == delta.cleared && it.content == *content)),
        }
    }

    fn count_counter(&mut self, cleared: Stamp, counter: &Counter, known: Option<(Stamp, &Counter)>) {
        if cleared != Stamp::ZERO {
            self.note(known.is_some_and(|(standing, _)| standing == cleared));
        }
        for total in &counter.totals {
            self.note(known.is_some_and(|(_, known)| known.totals.contains(total)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Map, SiteId, Value, WriteRules};

    fn written(document: &Document, json: &str, time: u64, site: u64) -> Document {
        let Ok(Value::Map(value)) = Value::from_json(json.as_bytes()) else { panic!("{json} is an object") };
        let mut document = document.clone();
        let stamp = Stamp { time, site: SiteId(site) };
        document.upsert(&value, &[], stamp, WriteRules::NEWEST);
        document
    }

    #[track_caller]
    fn check(standing: &Document, delta: &Document, shown: u64, hidden: u64) {
        let mut merged = standing.clone();
        merged.merge(delta);
        assert_eq!(merged.shown_of(delta), Shown { shown, hidden }, "{:?}", merged.value());
        let value: Option<Map> = merged.value();
        merged.merge(delta);
        assert_eq!(merged.value(), value);
    }

    #[test]
    fn later_values_show_and_earlier_ones_do_not() {
        let nobody = Document::new();
        let delta = written(&nobody, r#"{"a":1,"b":{"c":2,"d":{}}}"#, 10, 2);
        check(&nobody, &delta, 3, 0);
        check(&written(&nobody, r#"{"a":0}"#, 9, 3), &delta, 3, 0);
        check(&written(&nobody, r#"{"a":0}"#, 11, 3), &delta, 2, 1);
        check(&written(&nobody, r#"{"a":0,"b":[]}"#, 11, 3), &delta, 0, 3);
    }

    #[test]
    fn a_removal_shows_while_nothing_is_there() {
        let there = written(&Document::new(), r#"{"a":1}"#, 10, 2);
        let mut removed = there.clone();
        removed.remove(Stamp { time: 12, site: SiteId(3) });
        check(&there, &removed, 1, 0);
        check(&written(&there, r#"{"b":1}"#, 13, 2), &removed, 0, 1);
    }
}
