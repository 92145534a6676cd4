//! Laws of [`field::join`] on any canonical field, also on those that honest sites never make:
//! stamps that collide, clears, maps and totals at one instant, two contents of one write.

use proptest::collection::vec;
use proptest::prelude::*;

use super::counter::{Counter, Hidden};
use super::field::{Content, Field, Leaf, MapField, join};
use super::number::Number;
use super::{Document, absent};
use crate::{Map, SiteId, Stamp, Value};

/// Few, so that they collide.
fn stamps() -> impl Strategy<Value = Stamp> {
    (1_u64..6, 1_u64..4).prop_map(|(time, site)| Stamp { time, site: SiteId(site) })
}

/// Sometimes nothing to say.
fn clears() -> impl Strategy<Value = Stamp> {
    prop_oneof![1 => Just(Stamp::ZERO), 2 => stamps()]
}

fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-1_i64..2).prop_map(Number::Int),
        Just(Number::Float(0.0)),
        Just(Number::Float(-0.0)),
        Just(Number::Uint(u64::MAX)),
    ]
}

fn counters() -> impl Strategy<Value = Counter> {
    (prop::option::of(numbers()), vec((stamps(), numbers()), 0..4))
        .prop_map(|(start, totals)| Counter { start, totals })
}

fn contents() -> impl Strategy<Value = Content> {
    let register = prop_oneof![
        Just(Value::Null),
        (0_i64..3).prop_map(Value::Int),
        Just(Value::Float(1.0)),
        Just(Value::Map(Map::new())),
    ];
    let token = |id: &str| format!(r#"{{"id":"{id}","len":1,"metadata":{{}}}}"#);
    let token = prop_oneof![Just(token("a")), Just(token("b"))].prop_map(|json| {
        let Ok(Value::Map(token)) = Value::from_json(json.as_bytes()) else { unreachable!() };
        Content::Attachment(token)
    });
    prop_oneof![
        1 => Just(Content::Absent),
        2 => register.prop_map(Content::Register),
        3 => counters().prop_map(Content::Counter),
        1 => token,
    ]
}

fn leaves() -> impl Strategy<Value = Field> {
    (clears(), contents()).prop_map(|(cleared, content)| Field::Leaf(Leaf { cleared, content }))
}

/// A document whose one field, `a`, is `field`, once in canonical form.
fn alone(field: &Field) -> Document {
    let stamp = Stamp { time: 9, site: SiteId(1) };
    let children = vec![("a".to_owned(), field.clone())];
    let mut root = Field::Map(MapField { cleared: Stamp::ZERO, stamp, under: Hidden::default(), children });
    settle(&mut root);
    Document { root: join(Some(root), None, Stamp::ZERO).expect("the root has a stamp") }
}

/// What a dishonest site may say of one write: anything, at one stamp.
fn colliding() -> impl Strategy<Value = Field> {
    let stamp = || (1_u64..3, 1_u64..3).prop_map(|(time, site)| Stamp { time, site: SiteId(site) });
    let leaf = (stamp(), contents()).prop_map(|(cleared, content)| Field::Leaf(Leaf { cleared, content }));
    let map = (stamp(), stamp(), counters()).prop_map(|(cleared, stamp, under)| {
        Field::Map(MapField { cleared, stamp, under: under.into(), children: Vec::new() })
    });
    prop_oneof![4 => leaf, 1 => map]
}

fn fields() -> impl Strategy<Value = Field> {
    leaves().prop_recursive(3, 24, 3, |inner| {
        let under = prop_oneof![2 => Just(Counter::default()), 1 => counters()];
        let names = prop_oneof![Just("a"), Just("b"), Just("c")];
        (clears(), stamps(), under, vec((names, inner), 0..4)).prop_map(|(cleared, stamp, under, children)| {
            let children = children.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
            Field::Map(MapField { cleared, stamp, under: under.into(), children })
        })
    })
}

/// Brings drawn parts into an order that joining takes for granted; `join` with nothing then does
/// the rest. Gives the newest stamp in it.
fn settle(field: &mut Field) -> Stamp {
    match field {
        Field::Leaf(Leaf { cleared, content: Content::Counter(counter) }) => settle_counter(counter, *cleared),
        Field::Leaf(leaf) => {
            if leaf.cleared == Stamp::ZERO {
                leaf.content = Content::Absent;
            }
            leaf.cleared
        }
        Field::Map(map) => {
            map.children.sort_by(|(a, _), (b, _)| a.cmp(b));
            map.children.dedup_by(|(a, _), (b, _)| a == b);
            let inside = map.children.iter_mut().map(|(_, child)| settle(child)).max().unwrap_or_default();
            let mut under = std::mem::take(&mut map.under).into_counter();
            map.stamp = map.stamp.max(inside).max(settle_counter(&mut under, map.cleared));
            map.under = under.into();
            map.stamp
        }
    }
}

fn settle_counter(counter: &mut Counter, cleared: Stamp) -> Stamp {
    counter.totals.sort_by_key(|(stamp, _)| stamp.site);
    counter.totals.dedup_by_key(|(stamp, _)| stamp.site);
    if cleared == Stamp::ZERO {
        counter.start = None;
    }
    counter.newest_total().max(cleared)
}

fn documents() -> impl Strategy<Value = Document> {
    fields().prop_map(|mut field| {
        settle(&mut field);
        let root = match join(Some(field), None, Stamp::ZERO) {
            Some(Field::Map(map)) => Field::Map(MapField { under: Hidden::default(), ..map }),
            Some(Field::Leaf(leaf)) => absent(leaf.cleared),
            None => absent(Stamp::ZERO),
        };
        // Once more, since a total under the root is gone.
        Document { root: join(Some(root), None, Stamp::ZERO).unwrap_or(absent(Stamp::ZERO)) }
    })
}

fn bytes(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.encode(&mut out);
    out
}

fn joined(a: &Document, b: &Document) -> Document {
    let mut joined = a.clone();
    joined.merge(b);
    joined
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(2048))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn joining_is_commutative_associative_and_idempotent(a in documents(), b in documents(), c in documents()) {
        prop_assert_eq!(bytes(&joined(&a, &a)), bytes(&a));
        prop_assert_eq!(bytes(&joined(&a, &b)), bytes(&joined(&b, &a)));
        prop_assert_eq!(bytes(&joined(&joined(&a, &b), &c)), bytes(&joined(&a, &joined(&b, &c))));
    }

    #[test]
    fn what_bears_one_stamp_joins_lawfully(fields in vec(colliding(), 3)) {
        let [a, b, c] = [0, 1, 2].map(|which| alone(&fields[which]));
        prop_assert_eq!(bytes(&joined(&a, &a)), bytes(&a));
        prop_assert_eq!(bytes(&joined(&a, &b)), bytes(&joined(&b, &a)));
        prop_assert_eq!(bytes(&joined(&joined(&a, &b), &c)), bytes(&joined(&a, &joined(&b, &c))));
    }

    #[test]
    fn what_is_joined_is_canonical(a in documents(), b in documents()) {
        for document in [&a, &joined(&a, &b)] {
            prop_assert_eq!(Document::decode(&bytes(document)), Ok(document.clone()));
        }
    }

    #[test]
    fn nothing_is_below_everything(a in documents()) {
        prop_assert_eq!(&joined(&a, &Document::new()), &a);
        prop_assert_eq!(&joined(&Document::new(), &a), &a);
    }

    #[test]
    fn a_delta_says_no_more_than_its_document(a in documents(), b in documents(), times in vec(0_u64..7, 2)) {
        let since = [(SiteId(2), times[0]), (SiteId(3), times[1])];
        let delta = a.delta_since(&since);
        prop_assert_eq!(Document::decode(&bytes(&delta)), Ok(delta.clone()));
        prop_assert_eq!(bytes(&joined(&a, &delta)), bytes(&a));
        prop_assert_eq!(bytes(&joined(&joined(&b, &delta), &a)), bytes(&joined(&b, &a)));
        prop_assert_eq!(bytes(&a.delta_since(&[])), bytes(&a));
    }

    #[test]
    fn what_one_site_wrote_is_its_own_and_a_document_is_all_sites(a in documents(), b in documents(), since in 0_u64..7) {
        for site in [SiteId(2), SiteId(3)] {
            let delta = a.delta_of(site, since);
            prop_assert_eq!(delta.check_delta(site), Ok(()));
            prop_assert_eq!(Document::decode(&bytes(&delta)), Ok(delta.clone()));
            prop_assert_eq!(bytes(&joined(&a, &delta)), bytes(&a));
            prop_assert_eq!(bytes(&joined(&joined(&b, &delta), &a)), bytes(&joined(&b, &a)));
        }
        let sites = [1, 2, 3].map(|site| a.delta_of(SiteId(site), 0));
        let all = sites.iter().fold(Document::new(), |all, delta| joined(&all, delta));
        prop_assert_eq!(bytes(&all), bytes(&a));
    }
}
