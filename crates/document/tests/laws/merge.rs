//! Laws of merging (docs/reference/documents.md): any order and any repetition of the same changes
//! ends in the same bytes.
//!
//! A history is what three sites with bad clocks do to one document, and what they tell each other:
//! whole states, deltas, and states from the past.

use crate::generators::{small_commands, small_maps, small_types};
use document::{Document, FieldType, Map, Path, SiteId, Stamp, StampClock, UpdateCommand, Value, WriteRules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const SITES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    /// Where nobody has written yet: all sites give these the same stamp.
    Initial {
        site: usize,
        value: Map,
        types: Vec<(Path, FieldType)>,
    },
    Upsert {
        site: usize,
        wall_ms: u64,
        value: Map,
        types: Vec<(Path, FieldType)>,
    },
    Update {
        site: usize,
        wall_ms: u64,
        commands: Vec<UpdateCommand>,
    },
    Remove {
        site: usize,
        wall_ms: u64,
    },
    /// `to` takes over all that `from` knows.
    Merge {
        from: usize,
        to: usize,
    },
    /// The same by a delta.
    Delta {
        from: usize,
        to: usize,
    },
    /// `to` hears a state that some site was in once.
    Past {
        which: Index,
        to: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let site = 0..SITES;
    let wall = 1_u64..4;
    let step = prop_oneof![
        2 => (site.clone(), small_maps(), small_types())
            .prop_map(|(site, value, types)| Step::Initial { site, value, types }),
        6 => (site.clone(), wall.clone(), small_maps(), small_types())
            .prop_map(|(site, wall_ms, value, types)| Step::Upsert { site, wall_ms, value, types }),
        6 => (site.clone(), wall.clone(), small_commands())
            .prop_map(|(site, wall_ms, commands)| Step::Update { site, wall_ms, commands }),
        1 => (site.clone(), wall).prop_map(|(site, wall_ms)| Step::Remove { site, wall_ms }),
        2 => (site.clone(), site.clone()).prop_map(|(from, to)| Step::Merge { from, to }),
        2 => (site.clone(), site.clone()).prop_map(|(from, to)| Step::Delta { from, to }),
        1 => (any::<Index>(), site).prop_map(|(which, to)| Step::Past { which, to }),
    ];
    vec(step, 1..24)
}

/// A state, up to which time it knows each site's writes, and whose initial ones it knows.
#[derive(Debug, Clone)]
struct Replica {
    document: Document,
    known: [u64; SITES],
    initial: [bool; SITES],
}

impl Replica {
    fn knows_all_of(&self, other: &Replica) -> bool {
        let known = other.known.iter().zip(&self.known).all(|(theirs, ours)| theirs <= ours);
        known && other.initial.iter().zip(&self.initial).all(|(theirs, ours)| theirs <= ours)
    }

    fn since(&self) -> Vec<(SiteId, u64)> {
        self.known.iter().enumerate().map(|(site, time)| (site_id(site), *time)).collect()
    }

    fn learned(&self, other: &Replica) -> Replica {
        let mut document = self.document.clone();
        document.merge(&other.document);
        Replica {
            document,
            known: std::array::from_fn(|site| self.known[site].max(other.known[site])),
            initial: std::array::from_fn(|site| self.initial[site] | other.initial[site]),
        }
    }

    fn learned_by_delta(&self, other: &Replica) -> Replica {
        let delta = stored_and_read(&other.document.delta_since(&self.since()));
        let mut document = self.document.clone();
        document.merge(&delta);
        Replica { document, ..self.learned(other) }
    }
}

fn site_id(site: usize) -> SiteId {
    SiteId(site as u64 + 2)
}

/// Every state that any site was ever in, the last of each site at the end.
fn run(steps: &[Step]) -> Vec<Replica> {
    let new = Replica { document: Document::new(), known: [0; SITES], initial: [false; SITES] };
    let mut replicas: [Replica; SITES] = std::array::from_fn(|_| new.clone());
    let mut clocks: [StampClock; SITES] = std::array::from_fn(|site| StampClock { site: site_id(site), last: 0 });
    let mut past = vec![new];
    for step in steps {
        let (to, state) = match step {
            Step::Initial { site, value, types } => (*site, {
                let mut after = replicas[*site].clone();
                if after.document.stamp_max() == Stamp::ZERO {
                    after.document.upsert(value, types, Stamp::INITIAL, WriteRules::NEWEST);
                    after.initial[*site] = true;
                }
                after
            }),
            Step::Upsert { site, wall_ms, value, types } => (*site, {
                write(&replicas[*site], &mut clocks[*site], *wall_ms, |document, stamp| {
                    document.upsert(value, types, stamp, WriteRules::NEWEST)
                })
            }),
            Step::Update { site, wall_ms, commands } => (*site, {
                write(&replicas[*site], &mut clocks[*site], *wall_ms, |document, stamp| {
                    let before = document.clone();
                    if document.update(commands, stamp, WriteRules::NEWEST).is_err() {
                        assert_eq!(*document, before, "a failed update changes nothing");
                    }
                })
            }),
            Step::Remove { site, wall_ms } => {
                (*site, write(&replicas[*site], &mut clocks[*site], *wall_ms, Document::remove))
            }
            Step::Merge { from, to } => (*to, replicas[*to].learned(&replicas[*from])),
            Step::Delta { from, to } => (*to, replicas[*to].learned_by_delta(&replicas[*from])),
            Step::Past { which, to } => (*to, replicas[*to].learned(which.get(&past))),
        };
        clocks[to].observe(state.document.stamp_max(), 4).expect("no clock is far ahead");
        past.push(state.clone());
        replicas[to] = state;
    }
    past.extend(replicas);
    past
}

fn write(before: &Replica, clock: &mut StampClock, wall_ms: u64, act: impl FnOnce(&mut Document, Stamp)) -> Replica {
    let mut after = before.clone();
    let stamp = clock.next(wall_ms);
    act(&mut after.document, stamp);
    after.known[stamp.site.0 as usize - 2] = stamp.time;
    after
}

fn bytes(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.encode(&mut out);
    out
}

fn stored_and_read(document: &Document) -> Document {
    Document::decode(&bytes(document)).expect("what was encoded can be read")
}

fn joined(a: &Document, b: &Document) -> Document {
    let mut joined = a.clone();
    joined.merge(b);
    joined
}

proptest! {
    #![proptest_config(crate::cases(1024))]

    #[test]
    fn merging_is_commutative_associative_and_idempotent(
        steps in steps(), a in any::<Index>(), b in any::<Index>(), c in any::<Index>(),
    ) {
        let states = run(&steps);
        let (a, b, c) = (&a.get(&states).document, &b.get(&states).document, &c.get(&states).document);
        prop_assert_eq!(bytes(&joined(a, b)), bytes(&joined(b, a)));
        prop_assert_eq!(bytes(&joined(&joined(a, b), c)), bytes(&joined(a, &joined(b, c))));
        prop_assert_eq!(bytes(&joined(a, a)), bytes(a));
        let ab = joined(a, b);
        prop_assert_eq!(bytes(&joined(&ab, a)), bytes(&ab));
        prop_assert_eq!(ab.stamp_max(), a.stamp_max().max(b.stamp_max()));
    }

    #[test]
    fn any_order_and_any_repetition_ends_in_the_same_bytes(
        steps in steps(), order in vec(any::<Index>(), 0..48),
    ) {
        let states = run(&steps);
        let everything = states.iter().fold(Document::new(), |sum, state| joined(&sum, &state.document));
        let mut shuffled = order.iter().fold(Document::new(), |sum, which| joined(&sum, &which.get(&states).document));
        for state in states.iter().rev().take(SITES) {
            shuffled.merge(&state.document);
        }
        prop_assert_eq!(bytes(&shuffled), bytes(&everything), "the last states know all that was written");
    }

    #[test]
    fn a_write_only_adds_to_what_is_known(steps in steps()) {
        let states = run(&steps);
        for pair in states.windows(2) {
            if pair[1].knows_all_of(&pair[0]) {
                prop_assert_eq!(bytes(&joined(&pair[1].document, &pair[0].document)), bytes(&pair[1].document));
            }
        }
    }

    #[test]
    fn a_delta_is_all_that_its_reader_lacks(steps in steps(), from in any::<Index>(), to in any::<Index>()) {
        let states = run(&steps);
        let (from, to) = (from.get(&states), to.get(&states));
        let expected = bytes(&to.learned(from).document);
        prop_assert_eq!(bytes(&to.learned_by_delta(from).document), expected.clone());
        prop_assert_eq!(bytes(&joined(&to.document, &from.document.delta_since(&[]))), expected);
    }

    #[test]
    fn every_state_is_stored_and_shown_alike(steps in steps()) {
        for state in run(&steps) {
            let document = &state.document;
            prop_assert_eq!(&stored_and_read(document), document);
            let value = document.value();
            prop_assert_eq!(Document::decode_value(&bytes(document)), Ok(value.clone()));
            prop_assert_eq!(document.exists(), value.is_some());
            prop_assert_eq!(Document::decode_exists(&bytes(document)), Ok(value.is_some()));
            let mut json = Vec::new();
            prop_assert_eq!(Document::decode_json(&bytes(document), &mut json), Ok(value.is_some()));
            let mut expected = Vec::new();
            value.iter().for_each(|value| value.write_json(&mut expected));
            prop_assert_eq!(json, expected);
            let names: Vec<&str> = value.iter().flat_map(|value| value.iter().map(|(name, _)| name)).collect();
            for wanted in [&names[..], &names[..names.len() / 2], &names[names.len() / 2..], &["", "~"]] {
                let of_wanted = |value: &Map| {
                    let fields = value.iter().filter(|(name, _)| wanted.contains(name));
                    Map::from_fields(fields.map(|(name, value)| (name.to_owned(), value.clone())).collect())
                };
                let expected = Ok(value.as_ref().map(of_wanted));
                prop_assert_eq!(Document::decode_fields(&bytes(document), wanted), expected);
            }
            let mut shown = Vec::new();
            document.write_json("0", &mut shown);
            let expected = value.map_or(Value::Null, |mut map| {
                map.insert("_id".into(), Value::Int(0));
                Value::Map(map)
            });
            prop_assert_eq!(Value::from_json(&shown), Ok(expected));
        }
    }
}
