//! Laws of what is seen: after any history a replica shows what the model makes of all writes that
//! it knows of, by whatever way it learned of them.

use document::{Action, Document, Map, PathSegment, SiteId, Stamp, StampClock, UpdateCommand, Value, WriteRules};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::generators::{small_commands, small_maps, small_types};
use crate::model::Log;

const SITES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Write { site: usize, wall_ms: u64, action: Action },
    Learn { from: usize, to: usize, by_delta: bool },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let site = || 0..SITES;
    let action = prop_oneof![
        6 => (small_maps(), small_types()).prop_map(|(value, types)| Action::Upsert { value, types }),
        8 => small_commands().prop_map(|commands| Action::Update(apart(commands))),
        1 => Just(Action::Remove),
    ];
    let step = prop_oneof![
        3 => (site(), 1_u64..4, action).prop_map(|(site, wall_ms, action)| Step::Write { site, wall_ms, action }),
        1 => (site(), site(), any::<bool>()).prop_map(|(from, to, by_delta)| Step::Learn { from, to, by_delta }),
    ];
    vec(step, 1..28)
}

/// Of commands that the model has rules for: none in arrays, and no two of one write on the same
/// field.
fn apart(commands: Vec<UpdateCommand>) -> Vec<UpdateCommand> {
    let mut seen = Vec::new();
    let is_field = |segment: &PathSegment| matches!(segment, PathSegment::Field(_));
    let mut apart = commands;
    apart.retain(|command| {
        let first = command.path.segments[0].clone();
        let is_new = command.path.segments.iter().all(is_field) && !seen.contains(&first);
        seen.push(first);
        is_new
    });
    apart
}

/// A document, what it must mean, and up to which time it knows each site's writes.
#[derive(Debug, Clone, Default)]
struct Replica {
    document: Document,
    log: Log,
    known: [u64; SITES],
}

impl Replica {
    fn learn(&mut self, other: &Replica, by_delta: bool) {
        if by_delta {
            let known: Vec<_> = (0..SITES).map(|site| (site_id(site), self.known[site])).collect();
            self.document.merge(&other.document.delta_since(&known));
        } else {
            self.document.merge(&other.document);
        }
        self.log.learn(&other.log);
        self.known = std::array::from_fn(|site| self.known[site].max(other.known[site]));
    }

    fn write(&mut self, action: &Action, stamp: Stamp) {
        let Some(write) = self.log.write(action, stamp) else { return };
        let done = match action {
            Action::Upsert { value, types } => {
                self.document.upsert(value, types, stamp, WriteRules::NEWEST);
                true
            }
            Action::Update(commands) => self.document.update(commands, stamp, WriteRules::NEWEST).is_ok(),
            Action::Remove => {
                self.document.remove(stamp);
                true
            }
            _ => panic!("no history has it"),
        };
        if done {
            self.log.push(write);
        }
        self.known[(stamp.site.0 - 2) as usize] = stamp.time;
    }
}

fn site_id(site: usize) -> SiteId {
    SiteId(site as u64 + 2)
}

fn run(steps: &[Step], mut check: impl FnMut(&Replica)) -> [Replica; SITES] {
    let mut replicas: [Replica; SITES] = Default::default();
    let mut clocks: [StampClock; SITES] = std::array::from_fn(|site| StampClock { site: site_id(site), last: 0 });
    for step in steps {
        let at = match step {
            Step::Write { site, wall_ms, action } => {
                let stamp = clocks[*site].next(*wall_ms);
                replicas[*site].write(action, stamp);
                *site
            }
            Step::Learn { from, to, by_delta } => {
                let other = replicas[*from].clone();
                replicas[*to].learn(&other, *by_delta);
                clocks[*to].observe(other.document.stamp_max(), 4).expect("no clock is far ahead");
                *to
            }
        };
        check(&replicas[at]);
    }
    replicas
}

fn shown(map: Option<document::Map>) -> String {
    let mut json = Vec::new();
    map.map_or(Value::Null, Value::Map).write_json(&mut json);
    String::from_utf8(json).expect("JSON is text")
}

proptest! {
    #![proptest_config(crate::cases(1024))]

    #[test]
    fn a_difference_is_what_an_upsert_changes(steps in steps(), value in small_maps(), types in small_types()) {
        let stamp = Stamp { time: 1 << 40, site: site_id(0) };
        let upserted = |document: &Document, value: &Map, types: &[_]| {
            let mut after = document.clone();
            after.upsert(value, types, stamp, WriteRules::NEWEST);
            shown(after.value_with_types())
        };
        for Replica { document, .. } in run(&steps, |_| ()) {
            let (before, after) = (shown(document.value_with_types()), upserted(&document, &value, &types));
            match document.difference(&value, &types) {
                None => prop_assert_eq!(after, before),
                Some((different, of_them)) => {
                    prop_assert_ne!(&after, &before);
                    prop_assert_eq!(upserted(&document, &different, &of_them), after);
                }
            }
        }
    }

    #[test]
    fn a_replica_shows_what_its_writes_mean(steps in steps()) {
        let replicas = run(&steps, |replica| {
            assert_eq!(shown(replica.document.value_with_types()), shown(replica.log.value_with_types()));
        });
        let mut all = Replica::default();
        for replica in &replicas {
            all.learn(replica, false);
            prop_assert_eq!(shown(all.document.value_with_types()), shown(all.log.value_with_types()));
        }
    }
}
