//! Laws of [`field::join`] on any canonical field, also on those that honest sites never make: stamps that collide, clears
//! and maps at one instant, counters without their first site.

use proptest::collection::vec;
use proptest::prelude::*;

use super::field::{Content, Counter, Field, Leaf, MapField, join};
use super::number::Number;
use super::{Document, absent};
use crate::{SiteId, Stamp, Value};

/// Few, so that they collide; some with the site of clears just before a write.
fn stamps() -> impl Strategy<Value = Stamp> {
    let site = prop_oneof![4 => 1_u64..3, 1 => Just(u64::MAX)];
    (1_u64..6, site).prop_map(|(time, site)| Stamp { time, site: SiteId(site) })
}

fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![
        (-1_i64..2).prop_map(Number::Int),
        Just(Number::Float(0.0)),
        Just(Number::Float(-0.0)),
        Just(Number::Uint(u64::MAX)),
    ]
}

fn leaves() -> impl Strategy<Value = Field> {
    let register = prop_oneof![Just(Value::Null), (0_i64..3).prop_map(Value::Int), Just(Value::Float(1.0))];
    let content = prop_oneof![
        Just(Content::Absent),
        register.prop_map(Content::Register),
        vec((stamps(), numbers()), 0..3).prop_map(|totals| Content::Counter(Counter { totals })),
    ];
    (stamps(), content).prop_map(|(cleared, content)| Field::Leaf(Leaf { cleared, content }))
}

/// Leaves of one write, as only a broken or hostile site makes them differ.
fn colliding_leaves() -> impl Strategy<Value = Content> {
    let stamp = (1_u64..3, 1_u64..3).prop_map(|(time, site)| Stamp { time, site: SiteId(site) });
    prop_oneof![
        1 => Just(Content::Absent),
        3 => (0_i64..12).prop_map(|number| Content::Register(Value::Int(number))),
        6 => vec((stamp, numbers()), 0..3).prop_map(|totals| Content::Counter(Counter { totals })),
    ]
}

/// A document whose one field, `a`, holds `content`.
fn alone(content: &Content) -> Document {
    let stamp = Stamp { time: 1, site: SiteId(1) };
    let leaf = Field::Leaf(Leaf { cleared: stamp, content: content.clone() });
    let stamp = Stamp { time: 9, site: SiteId(1) };
    let mut root = Field::Map(MapField { cleared: Stamp::ZERO, stamp, children: vec![("a".to_owned(), leaf)] });
    settle(&mut root);
    Document { root }
}

fn fields() -> impl Strategy<Value = Field> {
    leaves().prop_recursive(3, 24, 3, |inner| {
        let cleared = prop_oneof![Just(Stamp::ZERO), stamps()];
        let names = prop_oneof![Just("a"), Just("b"), Just("c")];
        (cleared, stamps(), vec((names, inner), 0..4)).prop_map(|(cleared, stamp, children)| {
            let children = children.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
            Field::Map(MapField { cleared, stamp, children })
        })
    })
}

/// Brings drawn parts into an order that joining takes for granted; `join` with nothing then does the rest.
fn settle(field: &mut Field) -> Stamp {
    match field {
        Field::Leaf(Leaf { cleared, content: Content::Counter(counter) }) => {
            counter.totals.sort_by_key(|(stamp, _)| stamp.site);
            counter.totals.dedup_by_key(|(stamp, _)| stamp.site);
            counter.totals.retain(|(stamp, _)| stamp >= cleared);
            counter.totals.iter().map(|(stamp, _)| *stamp).fold(*cleared, Stamp::max)
        }
        Field::Leaf(leaf) => leaf.cleared,
        Field::Map(map) => {
            map.children.sort_by(|(a, _), (b, _)| a.cmp(b));
            map.children.dedup_by(|(a, _), (b, _)| a == b);
            map.stamp = map.children.iter_mut().map(|(_, child)| settle(child)).fold(map.stamp, Stamp::max);
            map.cleared = if map.cleared < map.stamp { map.cleared } else { Stamp::ZERO };
            map.stamp
        }
    }
}

fn documents() -> impl Strategy<Value = Document> {
    fields().prop_map(|mut field| {
        settle(&mut field);
        let root = join(Some(field), None, Stamp::ZERO).expect("every drawn field has a stamp");
        let root = if let Field::Leaf(leaf) = root { absent(leaf.cleared) } else { root };
        Document { root }
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn joining_is_commutative_associative_and_idempotent(a in documents(), b in documents(), c in documents()) {
        prop_assert_eq!(bytes(&joined(&a, &a)), bytes(&a));
        prop_assert_eq!(bytes(&joined(&a, &b)), bytes(&joined(&b, &a)));
        prop_assert_eq!(bytes(&joined(&joined(&a, &b), &c)), bytes(&joined(&a, &joined(&b, &c))));
    }

    #[test]
    fn contents_with_one_stamp_join_lawfully(leaves in vec(colliding_leaves(), 3)) {
        let [a, b, c] = [0, 1, 2].map(|which| alone(&leaves[which]));
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
        let since = [(SiteId(1), times[0]), (SiteId(2), times[1])];
        let delta = a.delta_since(&since);
        prop_assert_eq!(Document::decode(&bytes(&delta)), Ok(delta.clone()));
        prop_assert_eq!(bytes(&joined(&a, &delta)), bytes(&a));
        prop_assert_eq!(bytes(&joined(&joined(&b, &delta), &a)), bytes(&joined(&b, &a)));
        prop_assert_eq!(bytes(&a.delta_since(&[])), bytes(&a));
    }
}
