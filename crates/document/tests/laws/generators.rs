//! What proptest draws values, paths and changesets from.

use document::{
    Action, Changeset, CollectionName, Condition, DocumentId, Map, Operation, Origin, Path, PathSegment, SiteId, Stamp,
    UpdateCommand, UpdateKind, Value,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any value: every kind of number, any text, nesting.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            vec((any::<String>(), inner), 0..4).prop_map(|fields| Value::Map(Map::from_fields(fields))),
        ]
    })
}

pub(crate) fn maps() -> impl Strategy<Value = Map> {
    vec((any::<String>(), values()), 0..5).prop_map(Map::from_fields)
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-3_i64..300).prop_map(Value::Int),
        (1 << 63..=u64::MAX).prop_map(Value::Uint),
        any::<f64>().prop_filter("a float must be finite", |number| number.is_finite()).prop_map(Value::Float),
        (-50_i64..50).prop_map(|number| Value::Float(number as f64)),
        any::<String>().prop_map(Value::String),
    ]
}

/// Values over few names, so that writes meet: `a`, `b`, `c`, two or three levels.
fn small_values() -> impl Strategy<Value = Value> {
    let scalars = prop_oneof![
        Just(Value::Null),
        (-3_i64..4).prop_map(Value::Int),
        Just(Value::Float(0.5)),
        Just(Value::String("x".into())),
        Just(Value::Array(vec![Value::Int(1), Value::Null])),
    ];
    scalars.prop_recursive(2, 8, 3, |inner| {
        vec((small_names(), inner), 0..3).prop_map(|fields| Value::Map(Map::from_fields(fields)))
    })
}

pub(crate) fn small_maps() -> impl Strategy<Value = Map> {
    vec((small_names(), small_values()), 0..3).prop_map(Map::from_fields)
}

pub(crate) fn small_paths() -> impl Strategy<Value = Path> {
    let segment = prop_oneof![
        9 => small_names().prop_map(PathSegment::Field),
        1 => (0_usize..3).prop_map(PathSegment::Index),
    ];
    (small_names(), vec(segment, 0..3)).prop_map(|(first, rest)| {
        let segments = std::iter::once(PathSegment::Field(first)).chain(rest).collect();
        Path { segments }
    })
}

fn small_names() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("c".to_owned())]
}

pub(crate) fn small_commands() -> impl Strategy<Value = Vec<UpdateCommand>> {
    vec((small_paths(), update_kinds(small_values())), 0..4)
        .prop_map(|commands| commands.into_iter().map(|(path, kind)| UpdateCommand { path, kind }).collect())
}

fn update_kinds(values: impl Strategy<Value = Value>) -> impl Strategy<Value = UpdateKind> {
    (0..3, values, -2_i64..3).prop_map(|(kind, value, number)| match kind {
        0 => UpdateKind::Set(value),
        1 => UpdateKind::Increment(Value::Int(number)),
        _ => UpdateKind::ReplaceWithCounter(value),
    })
}

pub(crate) fn paths() -> impl Strategy<Value = Path> {
    let segment =
        prop_oneof![any::<String>().prop_map(PathSegment::Field), any::<usize>().prop_map(PathSegment::Index)];
    (any::<String>(), vec(segment, 0..3)).prop_map(|(first, rest)| {
        let segments = std::iter::once(PathSegment::Field(first)).chain(rest).collect();
        Path { segments }
    })
}

pub(crate) fn changesets() -> impl Strategy<Value = Changeset> {
    let origin = (any::<String>(), any::<Option<String>>(), any::<Option<u64>>())
        .prop_map(|(peer, traceparent, cause)| Origin { peer, traceparent, cause });
    (vec(operations(), 1..4), origin).prop_map(|(operations, origin)| Changeset { operations, origin })
}

fn operations() -> impl Strategy<Value = Operation> {
    let collection = "[a-z_é]{1,9}".prop_map(|name| CollectionName::new(&name).expect("letters make a name"));
    let id = values().prop_filter_map("no id", |value| DocumentId::from_value(&value).ok());
    let condition = prop_oneof![
        Just(Condition::Always),
        Just(Condition::Exists),
        Just(Condition::Absent),
        (any::<String>(), maps()).prop_map(|(query, args)| Condition::Matches { query, args }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(time, site)| Condition::Unchanged { since: Stamp { time, site: SiteId(site) } }),
    ];
    let commands = vec((paths(), update_kinds(values())), 0..3)
        .prop_map(|commands| commands.into_iter().map(|(path, kind)| UpdateCommand { path, kind }).collect());
    let action = prop_oneof![
        (maps(), vec(paths(), 0..3)).prop_map(|(value, counters)| Action::Upsert { value, counters }),
        commands.prop_map(Action::Update),
        Just(Action::Remove),
    ];
    (collection, id, condition, action).prop_map(|(collection, id, condition, action)| Operation {
        collection,
        id,
        condition,
        action,
    })
}
