//! The law of replay: what was decided of a history gives the same bytes again, whatever the
//! program that replays it would decide today.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says so by failing")]

use std::collections::BTreeMap;

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, Document, DocumentDecodeError, DocumentId,
    Map, Operation, Origin, Path, SiteId, UpdateCommand, UpdateKind, Value,
};
use proptest::{collection::vec, prelude::*};
use rules::{ApplyError, ChangedDocument, Context, Documents, Group, Limits, Place, RulesVersion, Stored};

/// All documents, as the groups so far left them.
#[derive(Debug, Default, Clone, PartialEq)]
struct Memory(BTreeMap<Vec<u8>, (u64, Option<u64>, Vec<u8>)>);

impl Documents for Memory {
    type Error = DocumentDecodeError;

    fn stored(&self, key: &[u8]) -> Result<Option<Stored>, DocumentDecodeError> {
        let Some((txn, last_event, encoded)) = self.0.get(key) else { return Ok(None) };
        Ok(Some(Stored {
            txn: *txn,
            last_event: *last_event,
            document: Document::decode(encoded)?,
            is_hot: txn % 2 == 0,
        }))
    }
}

const CONTEXT: Context<'static> =
    Context { app: "shop", site: SiteId(77), event_bytes_max: 200, leader_epoch: 3, version: RulesVersion::Decided };

const NOON: u64 = 1_645_472_201_000;

fn small_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![(0..4i64).prop_map(Value::Int), Just(Value::Null), "[ab]{0,60}".prop_map(Value::String)];
    scalar.prop_recursive(2, 4, 2, |inner| vec(("[a-c]", inner), 0..3).prop_map(|fields| Value::Map(map(fields))))
}

fn map(fields: Vec<(String, Value)>) -> Map {
    let mut map = Map::new();
    fields.into_iter().for_each(|(name, value)| drop(map.insert(name, value)));
    map
}

fn operations() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![
        3 => small_value().prop_map(UpdateKind::Set),
        3 => (-2..3i64).prop_map(|number| UpdateKind::Increment(Value::Int(number))),
        1 => Just(UpdateKind::ReplaceWithCounter(Value::Null)),
    ];
    let command =
        ("[a-c](\\.[a-c])?", kind).prop_map(|(path, kind)| UpdateCommand { path: Path::parse(&path).unwrap(), kind });
    let action = prop_oneof![
        4 => vec(("[a-c]", small_value()), 0..4).prop_map(|fields| Action::upsert(map(fields))),
        4 => vec(command, 1..3).prop_map(Action::Update),
        2 => Just(Action::Remove),
    ];
    let condition = prop_oneof![
        3 => Just(Condition::Always),
        2 => Just(Condition::Exists),
        1 => Just(Condition::Absent),
        4 => (0..QUERIES.len()).prop_map(|query| Condition::Matches { query }),
    ];
    (0..4u8, condition, action).prop_map(|(id, condition, action)| Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&Value::Int(id.into())).unwrap(),
        condition,
        action,
    })
}

const QUERIES: [&str; 4] = ["a == 1", "b > 0 || regex(c, '^[ab]+$')", "true", "a == $args.x"];

fn changesets() -> impl Strategy<Value = Changeset> {
    vec(operations(), 1..6).prop_map(|operations| Changeset {
        operations,
        queries: QUERIES
            .iter()
            .map(|text| ConditionQuery {
                dialect: Dialect::Legacy,
                text: (*text).to_owned(),
                args: map(vec![("x".into(), Value::Int(2))]),
            })
            .collect(),
        origin: Origin { peer: "http".into(), ..Origin::default() },
    })
}

/// What a group came to, and what a replay needs of it.
struct Frame {
    place: Place,
    batches: Vec<u8>,
    /// Commit time and decided changeset.
    decided: Vec<(u64, Vec<u8>)>,
}

fn written(memory: &mut Memory, changed: Vec<(Vec<u8>, std::sync::Arc<ChangedDocument>)>) {
    for (key, one) in changed {
        memory.0.insert(key, (one.txn, one.event, one.encoded.to_vec()));
    }
}

/// Commits the groups within `limits`; gives the documents and the frames.
fn committed(groups: &[Vec<Changeset>], limits: &Limits) -> (Memory, Vec<Frame>) {
    let (mut memory, mut frames) = (Memory::default(), Vec::new());
    let mut place = Place { next_txn: 1, next_offset: 0, stamp_last: 0 };
    let mut now = NOON;
    for changesets in groups {
        let before = memory.clone();
        let mut group = Group::new(&before, CONTEXT, place, 0);
        let mut decided = Vec::new();
        for changeset in changesets {
            now += 7;
            match group.apply(changeset, &[], limits, now) {
                Ok(applied) if applied.txn.is_some() => {
                    let mut bytes = Vec::new();
                    applied.encode_decided(changeset, &mut bytes);
                    decided.push((now, bytes));
                }
                Ok(_) | Err(ApplyError::Refused(_)) => {}
                Err(ApplyError::Documents(error)) => panic!("{error:?}"),
            }
        }
        let result = group.into_result();
        frames.push(Frame { place, batches: result.batches, decided });
        place = result.place;
        written(&mut memory, result.changed);
    }
    (memory, frames)
}

fn replayed(frames: &[Frame]) -> Memory {
    let mut memory = Memory::default();
    for frame in frames {
        let before = memory.clone();
        let mut group = Group::new(&before, CONTEXT, frame.place, 0);
        for (commit_time_ms, bytes) in &frame.decided {
            let changeset = Changeset::decode(bytes).unwrap();
            assert!(changeset.queries.is_empty(), "a replay has nothing to evaluate");
            assert!(changeset.operations.iter().all(|operation| operation.condition == Condition::Always));
            let applied = group.replay(&changeset, *commit_time_ms).unwrap_or_else(|_| panic!("it was taken before"));
            assert!(applied.txn.is_some());
        }
        let result = group.into_result();
        assert_eq!(result.batches, frame.batches, "the events are the same bytes");
        written(&mut memory, result.changed);
    }
    memory
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_decided_gives_the_same_bytes_again(groups in vec(vec(changesets(), 1..4), 1..6)) {
        let (documents, frames) = committed(&groups, &Limits::of(RulesVersion::NEWEST));
        prop_assert_eq!(replayed(&frames), documents);
    }

    /// A program with other limits decides otherwise; what either decided replays the same, since
    /// no limit is asked then.
    #[test]
    fn limits_of_another_program_change_no_replay(groups in vec(vec(changesets(), 1..4), 1..6), steps in 0..400u64) {
        let limits = Limits { document_bytes: 120, transaction_documents: 2, transaction_bytes: 150, steps };
        let (documents, frames) = committed(&groups, &limits);
        prop_assert_eq!(replayed(&frames), documents);
    }
}
