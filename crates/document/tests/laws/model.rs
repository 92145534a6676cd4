//! An independent model of what a document means: a log of writes, evaluated from scratch.
//!
//! It forgets nothing and joins by putting logs together, so its only rules are those of reading
//! (docs/reference/documents.md): the greatest clear at and around a place, the totals and objects
//! that are not older, and which of them is the later.

use document::{Action, FieldType, Map, Path, PathSegment, Stamp, UpdateKind, Value};

type Place = Vec<String>;

/// One write: what it said, by place.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) stamp: Stamp,
    facts: Vec<(Place, Fact)>,
}

#[derive(Debug, Clone)]
enum Fact {
    /// What stood there, and below, is replaced by this.
    Put(Option<(FieldType, Value)>),
    /// An object is there.
    Object,
    /// What the site has added to the counter there, this time included.
    Total(Value),
}

/// Every write that somebody knows of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    writes: Vec<Write>,
}

/// What a reader sees at a place.
#[derive(Debug, Clone)]
enum Shown {
    Object(Vec<(String, Shown)>),
    Other(FieldType, Value),
}

impl Log {
    pub(crate) fn learn(&mut self, other: &Log) {
        for write in &other.writes {
            if self.writes.iter().all(|known| known.stamp != write.stamp) {
                self.writes.push(write.clone());
            }
        }
    }

    pub(crate) fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// As `Document::value_with_types` shows it.
    pub(crate) fn value_with_types(&self) -> Option<Map> {
        match self.shown(&[], Stamp::ZERO)? {
            Shown::Object(fields) => Some(typed(&fields)),
            Shown::Other(..) => panic!("a document is an object"),
        }
    }

    /// What `action` says, done by somebody who knows this log; `None` where a step of it goes into
    /// an object that is one register, which the model has no rules for.
    pub(crate) fn write(&self, action: &Action, stamp: Stamp) -> Option<Write> {
        let mut facts = Vec::new();
        match action {
            Action::Remove => facts.push((Place::new(), Fact::Put(None))),
            Action::Upsert { value, types } => put_object(&[], &[], value, types, &mut facts),
            Action::Update(commands) => {
                facts.push((Place::new(), Fact::Object));
                for command in commands {
                    let place = names(&command.path);
                    if (1..place.len()).any(|length| self.is_object_register(&place[..length])) {
                        return None;
                    }
                    if command.kind == UpdateKind::Unset && self.at(&place).is_none() {
                        continue;
                    }
                    facts.extend((1..place.len()).map(|length| (place[..length].to_vec(), Fact::Object)));
                    self.put_command(place, &command.kind, stamp, &mut facts);
                }
            }
            _ => panic!("no history has it"),
        }
        Some(Write { stamp, facts })
    }

    fn put_command(&self, place: Place, kind: &UpdateKind, stamp: Stamp, facts: &mut Vec<(Place, Fact)>) {
        match kind {
            UpdateKind::Set(Value::Map(map)) => {
                facts.push((place.clone(), Fact::Put(None)));
                put_object(&place, &place, map, &[], facts);
            }
            UpdateKind::Merge { value, types } => put_object(&place, &place, value, types, facts),
            UpdateKind::Unset => facts.push((place, Fact::Put(None))),
            UpdateKind::Set(value) | UpdateKind::SetRegister(value) => {
                facts.push((place, Fact::Put(Some((FieldType::Register, value.clone())))))
            }
            UpdateKind::SetAttachment(token) => {
                facts.push((place, Fact::Put(Some((FieldType::Attachment, Value::Map(token.clone()))))));
            }
            UpdateKind::Increment(by) => {
                let own = self.totals(&place, self.clears(&place)).into_iter();
                let own = own.filter(|(known, _)| known.site == stamp.site).map(|(_, total)| total);
                facts.push((place, Fact::Total(sum(own.chain([by.clone()])))));
            }
            UpdateKind::ReplaceWithCounter(start) => {
                let standing = match self.at(&place) {
                    Some(Shown::Other(FieldType::Register | FieldType::Counter, value)) if is_number(&value) => value,
                    _ => Value::Int(0),
                };
                let start = if is_number(start) { start.clone() } else { standing };
                facts.push((place, Fact::Put(Some((FieldType::Counter, start)))));
            }
        }
    }

    fn is_object_register(&self, place: &[String]) -> bool {
        matches!(self.at(place), Some(Shown::Other(FieldType::Register, Value::Map(_))))
    }

    fn at(&self, place: &[String]) -> Option<Shown> {
        place.iter().try_fold(self.shown(&[], Stamp::ZERO)?, |shown, name| match shown {
            Shown::Object(fields) => fields.into_iter().find(|(field, _)| field == name).map(|(_, shown)| shown),
            Shown::Other(..) => None,
        })
    }

    /// The greatest clear at `place` and around it; totals around it clear too.
    fn clears(&self, place: &[String]) -> Stamp {
        (0..=place.len()).fold(Stamp::ZERO, |outer, length| {
            let here = outer.max(self.newest_put(&place[..length]).0);
            if length < place.len() { self.inside(&place[..length], here) } else { here }
        })
    }

    /// What takes fields of an object at `place`, where `here` is the greatest clear.
    fn inside(&self, place: &[String], here: Stamp) -> Stamp {
        self.totals(place, here).into_iter().map(|(stamp, _)| stamp).fold(here, Stamp::max)
    }

    fn facts<'a>(&'a self, place: &'a [String]) -> impl Iterator<Item = (Stamp, &'a Fact)> {
        let all = self.writes.iter().flat_map(|write| write.facts.iter().map(|(at, fact)| (write.stamp, at, fact)));
        all.filter(move |(_, at, _)| at.as_slice() == place).map(|(stamp, _, fact)| (stamp, fact))
    }

    fn newest_put(&self, place: &[String]) -> (Stamp, Option<(FieldType, Value)>) {
        let puts = self.facts(place).filter_map(|(stamp, fact)| match fact {
            Fact::Put(put) => Some((stamp, put.clone())),
            _ => None,
        });
        puts.max_by_key(|(stamp, _)| *stamp).unwrap_or_default()
    }

    /// The newest total of each site that no clear has taken, by site.
    fn totals(&self, place: &[String], clears: Stamp) -> Vec<(Stamp, Value)> {
        let mut totals: Vec<(Stamp, Value)> = Vec::new();
        for (stamp, fact) in self.facts(place) {
            if let Fact::Total(total) = fact {
                match totals.iter_mut().find(|(known, _)| known.site == stamp.site) {
                    Some(known) if known.0 < stamp => *known = (stamp, total.clone()),
                    Some(_) => {}
                    None => totals.push((stamp, total.clone())),
                }
            }
        }
        totals.retain(|(stamp, _)| *stamp >= clears);
        totals
    }

    fn shown(&self, place: &[String], outer: Stamp) -> Option<Shown> {
        let (cleared, put) = self.newest_put(place);
        let clears = cleared.max(outer);
        let put = put.filter(|_| cleared >= outer);
        let objects = self.facts(place).filter(|(_, fact)| matches!(fact, Fact::Object));
        let object = objects.map(|(stamp, _)| stamp).max();
        let inside = self.inside(place, clears);
        if object.is_some_and(|object| object >= inside) {
            let shown = self.names_in(place).into_iter().filter_map(|name| {
                let place = [place, std::slice::from_ref(&name)].concat();
                Some((name, self.shown(&place, inside)?))
            });
            return Some(Shown::Object(shown.collect()));
        }
        let totals = self.totals(place, clears);
        if totals.is_empty() {
            return put.map(|(kind, value)| Shown::Other(kind, value));
        }
        let start = put.map(|(_, value)| value).filter(is_number);
        Some(Shown::Other(FieldType::Counter, sum(start.into_iter().chain(totals.into_iter().map(|(_, total)| total)))))
    }

    fn names_in(&self, place: &[String]) -> Vec<String> {
        let places = self.writes.iter().flat_map(|write| write.facts.iter().map(|(at, _)| at));
        let mut names: Vec<String> = places.filter_map(|at| at.strip_prefix(place)?.first().cloned()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// `types` are said of what is in the object at `root`.
fn put_object(
    root: &[String],
    place: &[String],
    map: &Map,
    types: &[(Path, FieldType)],
    facts: &mut Vec<(Place, Fact)>,
) {
    facts.push((place.to_vec(), Fact::Object));
    for (name, value) in map.iter() {
        let place = [place, &[name.to_owned()]].concat();
        let kind = types.iter().find(|(path, _)| path_is(path, &place[root.len()..])).map(|(_, kind)| *kind);
        let is_len = |len: &Value| matches!(len, Value::Int(0..));
        let is_token = |token: &Map| token.field("id").is_some() && token.field("len").is_some_and(is_len);
        let put = match (kind, value) {
            (Some(FieldType::Counter), value) if is_number(value) => Some(FieldType::Counter),
            (Some(FieldType::Attachment), Value::Map(token)) if is_token(token) => Some(FieldType::Attachment),
            (Some(FieldType::Register), _) => Some(FieldType::Register),
            (_, Value::Map(_)) => None,
            _ => Some(FieldType::Register),
        };
        match (put, value) {
            (None, Value::Map(map)) => put_object(root, &place, map, types, facts),
            (put, value) => facts.push((place, Fact::Put(put.map(|kind| (kind, value.clone()))))),
        }
    }
}

fn path_is(path: &Path, place: &[String]) -> bool {
    path.segments.len() == place.len()
        && path.segments.iter().zip(place).all(|(segment, name)| *segment == PathSegment::Field(name.clone()))
}

fn names(path: &Path) -> Place {
    let name = |segment: &PathSegment| match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(_) => panic!("no history goes into arrays"),
    };
    path.segments.iter().map(name).collect()
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Float(_))
}

/// Of small integers and halves, so that the order does not matter.
fn sum(numbers: impl Iterator<Item = Value>) -> Value {
    let (mut sum, mut is_float) = (0.0, false);
    for number in numbers {
        match number {
            Value::Int(number) => sum += number as f64,
            Value::Float(number) => {
                sum += number;
                is_float = true;
            }
            other => panic!("{other:?} is no number of a history"),
        }
    }
    if is_float { Value::Float(sum) } else { Value::Int(sum as i64) }
}

fn typed(fields: &[(String, Shown)]) -> Map {
    let fields = fields.iter().map(|(name, shown)| {
        let (kind, value) = match shown {
            Shown::Object(fields) => (FieldType::Map, Value::Map(typed(fields))),
            Shown::Other(kind, value) => (*kind, value.clone()),
        };
        (name.clone(), object(kind.as_str(), object("value", value)))
    });
    Map::from_fields(fields.collect())
}

fn object(name: &str, value: Value) -> Value {
    Value::Map(Map::from_fields(vec![(name.to_owned(), value)]))
}
