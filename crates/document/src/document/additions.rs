//! What a site added to counters, by their places, and how a part of it is taken back from a delta.
//!
//! A delta has the whole of what its site added to a counter. Where an earlier write of the site
//! comes to nothing after all, the deltas after it have what it added too: it is taken from them,
//! under the stamps that they bear. Only deltas that nobody has taken may be changed so.

use std::collections::BTreeMap;

use super::counter::Counter;
use super::field::{Content, Field};
use super::number::Number;
use crate::{Document, SiteId, Stamp};

/// How much was added at which places; what a clear took away was taken off.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Additions(BTreeMap<Vec<String>, Number>);

impl Additions {
    /// What is in it beyond `before`.
    pub fn since(&self, before: &Additions) -> Additions {
        let places = self.0.keys().chain(before.0.keys());
        let at = |it: &Additions, place| it.0.get(place).copied().unwrap_or(Number::ZERO);
        let added = places.map(|place| (place.clone(), at(self, place).minus(at(before, place))));
        Additions(added.filter(|(_, number)| *number != Number::ZERO).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Document {
    /// What `site` added to the counters in it.
    pub fn additions(&self, site: SiteId) -> Additions {
        let mut additions = Additions::default();
        collect(&self.root, site, &mut Vec::new(), &mut additions);
        additions
    }

    /// Whether `site` added to a counter in it after the time `since`. What it added in all by then is
    /// in what such a delta says.
    pub fn adds_since(&self, site: SiteId, since: u64) -> bool {
        adds_since(&self.root, site, since)
    }

    /// Takes `additions`, which `site` made at `time`, from what this delta says that it added later.
    /// What was cleared later is of no account, and taken from `additions`.
    pub fn take_back(&mut self, site: SiteId, time: u64, additions: &mut Additions) {
        TakeBack { site, time, additions }.from(&mut self.root, &mut Vec::new());
    }
}

fn counter_of(field: &Field) -> Option<&Counter> {
    match field {
        Field::Leaf(leaf) => match &leaf.content {
            Content::Counter(counter) => Some(counter),
            _ => None,
        },
        Field::Map(map) => Some(&map.under),
    }
}

fn adds_since(field: &Field, site: SiteId, since: u64) -> bool {
    let totals = counter_of(field).map_or(&[][..], |counter| &counter.totals);
    let adds = totals.iter().any(|(stamp, _)| stamp.site == site && stamp.time > since);
    let inside = || matches!(field, Field::Map(map) if map.children.iter().any(|(_, it)| adds_since(it, site, since)));
    adds || inside()
}

fn collect(field: &Field, site: SiteId, place: &mut Vec<String>, out: &mut Additions) {
    let totals = counter_of(field).map_or(&[][..], |counter| &counter.totals);
    if let Some((_, total)) = totals.iter().find(|(stamp, _)| stamp.site == site) {
        out.0.insert(place.clone(), *total);
    }
    if let Field::Map(map) = field {
        for (name, child) in &map.children {
            place.push(name.clone());
            collect(child, site, place, out);
            place.pop();
        }
    }
}

struct TakeBack<'a> {
    site: SiteId,
    time: u64,
    additions: &'a mut Additions,
}

impl TakeBack<'_> {
    fn from(&mut self, field: &mut Field, place: &mut Vec<String>) {
        if field.cleared().time > self.time {
            self.additions.0.retain(|at, _| !at.starts_with(place));
            return;
        }
        match field {
            Field::Leaf(leaf) => {
                if let Content::Counter(counter) = &mut leaf.content {
                    self.correct(counter, place);
                }
            }
            Field::Map(map) => {
                let mut under = std::mem::take(&mut map.under).into_counter();
                self.correct(&mut under, place);
                map.under = under.into();
                for (name, child) in &mut map.children {
                    place.push(name.clone());
                    self.from(child, place);
                    place.pop();
                }
            }
        }
    }

    fn correct(&self, counter: &mut Counter, place: &[String]) {
        let Some(taken) = self.additions.0.get(place) else { return };
        let is_later = |stamp: &Stamp| stamp.site == self.site && stamp.time > self.time;
        for (_, total) in counter.totals.iter_mut().filter(|(stamp, _)| is_later(stamp)) {
            *total = total.minus(*taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Path, UpdateCommand, UpdateKind, Value, WriteRules};

    const SITE: SiteId = SiteId(9);

    fn write(document: &mut Document, time: u64, commands: &[(&str, UpdateKind)]) -> Document {
        let since = document.stamp_max().time;
        let command =
            |(path, kind): &(&str, UpdateKind)| UpdateCommand { path: Path::parse(path).unwrap(), kind: kind.clone() };
        let commands: Vec<_> = commands.iter().map(command).collect();
        document.update(&commands, Stamp { time, site: SITE }, WriteRules::NEWEST).unwrap();
        document.delta_of(SITE, since)
    }

    fn add(by: i64) -> UpdateKind {
        UpdateKind::Increment(Value::Int(by))
    }

    fn number(document: &Document, name: &str) -> Option<Value> {
        document.value().unwrap().field(name).cloned()
    }

    #[test]
    fn what_came_to_nothing_is_taken_from_later_deltas() {
        let mut document = Document::new();
        write(&mut document, 1, &[("n", add(3)), ("m", add(7))]);
        let (mut server, before, before_all) = (document.clone(), document.additions(SITE), document.clone());
        write(&mut document, 2, &[("n", add(1)), ("k", add(5))]);
        let mut refused = document.additions(SITE).since(&before);
        assert!(!refused.is_empty() && document.additions(SITE).since(&document.additions(SITE)).is_empty());
        let mut later = write(&mut document, 3, &[("n", add(10)), ("m", add(100)), ("k", add(1000))]);
        assert!(later.adds_since(SITE, 2) && !later.adds_since(SITE, 3) && !later.adds_since(SiteId(8), 0));
        let mut as_it_was = before_all.clone();
        as_it_was.take_back(SITE, 2, &mut refused.clone());
        assert_eq!(as_it_was, before_all, "what was added before the refused additions does not have them");
        later.take_back(SITE, 2, &mut refused);
        server.merge(&later);
        let expected = [("n", 13), ("m", 107), ("k", 1000)];
        assert!(expected.iter().all(|(name, n)| number(&server, name) == Some(Value::Int(*n))), "{server:?}");
    }

    #[test]
    fn a_clear_that_came_to_nothing_gives_back_what_it_took() {
        let mut document = Document::new();
        write(&mut document, 1, &[("n", add(3))]);
        let (mut server, before) = (document.clone(), document.additions(SITE));
        write(&mut document, 2, &[("n", UpdateKind::Set(Value::Int(50)))]);
        let mut refused = document.additions(SITE).since(&before);
        let mut later = write(&mut document, 3, &[("n", add(10))]);
        later.take_back(SITE, 2, &mut refused);
        server.merge(&later);
        assert_eq!(number(&server, "n"), Some(Value::Int(13)));
    }

    #[test]
    fn what_a_later_delta_cleared_is_of_no_account() {
        let mut document = Document::new();
        write(&mut document, 1, &[("a.n", add(3))]);
        let mut refused = document.additions(SITE);
        let mut set = write(&mut document, 2, &[("a", UpdateKind::Set(Value::Int(1)))]);
        let (before, mut server) = (set.clone(), Document::new());
        set.take_back(SITE, 1, &mut refused);
        assert!(refused.is_empty() && set == before);
        server.merge(&set);
        server.merge(&write(&mut document, 3, &[("a", add(4))]));
        assert_eq!(number(&server, "a"), Some(Value::Int(5)));
    }
}
