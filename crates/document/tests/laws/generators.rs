//! What proptest draws values, paths and changesets from.

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, Document, DocumentId, FieldType, Map,
    Operation, Origin, Path, PathSegment, Pushed, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules,
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
    vec((small_paths(), update_kinds(small_values(), small_maps(), small_types())), 0..4)
        .prop_map(|commands| commands.into_iter().map(|(path, kind)| UpdateCommand { path, kind }).collect())
}

fn update_kinds(
    values: impl Strategy<Value = Value>,
    maps: impl Strategy<Value = Map>,
    types: impl Strategy<Value = Vec<(Path, FieldType)>>,
) -> impl Strategy<Value = UpdateKind> {
    (0..12, values, -2_i64..3, maps, types).prop_map(|(kind, value, number, map, types)| match kind {
        0 | 1 => UpdateKind::Set(value),
        2..5 => UpdateKind::Increment(Value::Int(number)),
        5 => UpdateKind::ReplaceWithCounter(value),
        6 => UpdateKind::SetRegister(value),
        7 | 8 => UpdateKind::Merge { value: map, types },
        9 | 10 => UpdateKind::Unset,
        _ => UpdateKind::SetAttachment(token(number)),
    })
}

/// A good one, but for a negative length.
fn token(len: i64) -> Map {
    let text = |text: &str| Value::String(text.to_owned());
    Map::from_fields(vec![
        ("id".to_owned(), text("x")),
        ("len".to_owned(), Value::Int(len)),
        ("metadata".to_owned(), Value::Map(Map::from_fields(vec![("name".to_owned(), text("y"))]))),
    ])
}

pub(crate) fn field_types() -> impl Strategy<Value = FieldType> {
    prop_oneof![
        5 => Just(FieldType::Counter),
        2 => Just(FieldType::Register),
        1 => Just(FieldType::Map),
        1 => Just(FieldType::Attachment),
    ]
}

pub(crate) fn small_types() -> impl Strategy<Value = Vec<(Path, FieldType)>> {
    vec((small_paths(), field_types()), 0..3)
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
    let origin = (any::<String>(), any::<Option<String>>(), any::<Option<u64>>(), any::<Option<u64>>()).prop_map(
        |(peer, traceparent, cause, site)| Origin {
            peer,
            traceparent,
            cause,
            site: site.map(SiteId),
            pushed: site.filter(|site| site % 2 == 0).map(|seq| Pushed { seq, hash: [3; 16], subject: "till".into() }),
        },
    );
    let dialect = prop_oneof![2 => Just(Dialect::Legacy), 1 => Just(Dialect::Dql)];
    let query =
        (dialect, any::<String>(), maps()).prop_map(|(dialect, text, args)| ConditionQuery { dialect, text, args });
    (vec(operations(), 1..4), vec(query, QUERIES), origin).prop_map(|(operations, queries, origin)| Changeset {
        operations,
        queries,
        origin,
    })
}

/// How many queries every changeset has, used or not.
const QUERIES: usize = 2;

fn operations() -> impl Strategy<Value = Operation> {
    let collection = "[a-z_é]{1,9}".prop_map(|name| CollectionName::new(&name).expect("letters make a name"));
    let id = (values(), any::<u64>())
        .prop_map(|(value, random)| DocumentId::from_value(&value).unwrap_or(DocumentId::generated(0, random)));
    let condition = prop_oneof![
        Just(Condition::Always),
        Just(Condition::Exists),
        Just(Condition::Absent),
        Just(Condition::Vacant),
        (0..QUERIES).prop_map(|query| Condition::Matches { query }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(time, site)| Condition::Unchanged { since: Stamp { time, site: SiteId(site) } }),
    ];
    let types = || vec((paths(), field_types()), 0..3);
    let commands = vec((paths(), update_kinds(values(), maps(), types())), 0..3)
        .prop_map(|commands| commands.into_iter().map(|(path, kind)| UpdateCommand { path, kind }).collect());
    let action = prop_oneof![
        (maps(), types()).prop_map(|(value, types)| Action::Upsert { value, types }),
        (maps(), types()).prop_map(|(value, types)| Action::UpsertInitial { value, types }),
        (maps(), types()).prop_map(|(value, types)| Action::UpsertDifference { value, types }),
        (0..QUERIES).prop_map(|query| Action::Computed { query }),
        commands.prop_map(Action::Update),
        Just(Action::Remove),
        (small_maps(), small_types(), any::<bool>(), any::<u64>()).prop_map(|(value, types, removed, base)| {
            let mut delta = Document::new();
            delta.upsert(&value, &types, Stamp { time: 1 << 40, site: SiteId(7) }, WriteRules::NEWEST);
            Action::Merge { delta, removed, base }
        }),
    ];
    (collection, id, condition, action).prop_map(|(collection, id, condition, action)| Operation {
        collection,
        id,
        condition,
        action,
    })
}
