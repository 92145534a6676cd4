//! Laws over histories: what was decided gives the same bytes again, whatever the program that
//! replays it would decide today; and what is kept of each transaction gives the documents to whoever
//! follows the events.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says so by failing")]

use std::collections::BTreeMap;

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, Document, DocumentDecodeError, DocumentId,
    Map, Operation, Origin, Path, Pushed, SiteId, Stamp, UpdateCommand, UpdateKind, Value, WriteRules,
};
use kafka_wire::record_batch;
use proptest::{collection::vec, prelude::*};
use query::dql::Constants;
use rules::{
    ApplyError, ChangedDocument, Context, Documents, EventDelta, Given, Group, Limits, Outcome, Place, RulesVersion,
    Stored,
};

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

fn small_map() -> impl Strategy<Value = Map> {
    vec(("[a-c]", small_value()), 0..4).prop_map(map)
}

fn operations() -> impl Strategy<Value = Operation> {
    let kind = prop_oneof![
        3 => small_value().prop_map(UpdateKind::Set),
        3 => (-2..3i64).prop_map(|number| UpdateKind::Increment(Value::Int(number))),
        1 => Just(UpdateKind::ReplaceWithCounter(Value::Null)),
        1 => small_value().prop_map(UpdateKind::SetRegister),
        1 => small_map().prop_map(|value| UpdateKind::Merge { value, types: Vec::new() }),
        2 => Just(UpdateKind::Unset),
    ];
    let command =
        ("[a-c](\\.[a-c])?", kind).prop_map(|(path, kind)| UpdateCommand { path: Path::parse(&path).unwrap(), kind });
    let action = prop_oneof![
        4 => small_map().prop_map(Action::upsert),
        2 => small_map().prop_map(|value| Action::UpsertInitial { value, types: Vec::new() }),
        2 => small_map().prop_map(|value| Action::UpsertDifference { value, types: Vec::new() }),
        6 => (0..STATEMENTS.len()).prop_map(|statement| Action::Computed { query: QUERIES.len() + statement }),
        4 => vec(command, 1..3).prop_map(Action::Update),
        2 => Just(Action::Remove),
    ];
    let condition = prop_oneof![
        3 => Just(Condition::Always),
        2 => Just(Condition::Exists),
        1 => Just(Condition::Absent),
        1 => Just(Condition::Vacant),
        4 => (0..QUERIES.len() + STATEMENTS.len()).prop_map(|query| Condition::Matches { query }),
    ];
    (0..4u8, condition, action).prop_map(|(id, condition, action)| Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&Value::Int(id.into())).unwrap(),
        condition,
        action,
    })
}

const QUERIES: [&str; 4] = ["a == 1", "b > 0 || regex(c, '^[ab]+$')", "true", "a == $args.x"];

/// Some of them cannot be done to some documents: then the whole changeset is refused.
const STATEMENTS: [&str; 5] = [
    "UPDATE c SET a = coalesce(a, 0) + :x, b.d = {'was': c} WHERE b IS NOT MISSING AND c IS NOT MISSING",
    "UPDATE c APPLY b INCREMENT BY 2",
    "UPDATE c SET c = concat(c, 'a') UNSET a WHERE c LIKE '%a'",
    "UPDATE c (b REGISTER) SET b = {'k': [a, 1]} WHERE a IS NOT MISSING",
    "UPDATE c SET a = b",
];

fn changesets() -> impl Strategy<Value = Changeset> {
    vec(operations(), 1..6).prop_map(|operations| {
        let args = map(vec![("x".into(), Value::Int(2))]);
        let legacy =
            |text: &&str| ConditionQuery { dialect: Dialect::Legacy, text: (*text).to_owned(), args: args.clone() };
        let queries = QUERIES.iter().map(legacy).chain(STATEMENTS.iter().map(|text| statement(text, &args)));
        Changeset {
            queries: queries.collect(),
            operations,
            origin: Origin { peer: "http".into(), ..Origin::default() },
        }
    })
}

/// What a peer pushes: documents that it wrote at some time around those of the other writes.
fn pushes() -> impl Strategy<Value = Changeset> {
    let write = (0..6u64, 0..3u8, small_map(), -2..3i64);
    let operation = (0..4u8, vec(write, 1..4)).prop_map(|(id, writes)| {
        let mut delta = Document::new();
        for (n, (ms, kind, value, by)) in writes.into_iter().enumerate() {
            let time = (((NOON + 7 * ms) << 16) + n as u64).max(delta.stamp_max().time + 1);
            let stamp = Stamp { time, site: SiteId(91) };
            let kind_of_update = UpdateKind::Increment(Value::Int(by));
            let command = UpdateCommand { path: Path::parse("b").unwrap(), kind: kind_of_update };
            match kind {
                0 => delta.upsert(&value, &[], stamp, WriteRules::NEWEST),
                1 => drop(delta.update(&[command], stamp, WriteRules::NEWEST)),
                _ => delta.remove(stamp),
            }
        }
        let removed = !delta.exists();
        Operation {
            collection: CollectionName::new("c").unwrap(),
            id: DocumentId::from_value(&Value::Int(id.into())).unwrap(),
            condition: Condition::Always,
            action: Action::Merge { delta, removed, base: 0 },
        }
    });
    vec(operation, 1..4).prop_map(|operations| {
        let pushed = Some(Pushed { seq: 1, hash: [0; 16], subject: String::new() });
        let origin = Origin { peer: "till".into(), site: Some(SiteId(91)), pushed, ..Origin::default() };
        Changeset { operations, queries: Vec::new(), origin }
    })
}

/// Follows the events by what is kept of each; gives how many parts there were.
fn followed(documents: &mut BTreeMap<Vec<u8>, Document>, batches: &[u8], deltas: &[EventDelta]) -> usize {
    let mut deltas = deltas.iter();
    let mut parts = 0;
    for batch in record_batch::batches(batches) {
        for record in record_batch::decode_records(batch.unwrap().1).unwrap() {
            let delta = deltas.next().unwrap();
            assert_eq!(record.offset as u64, delta.offset, "each event has one");
            let document = documents.entry(record.key.unwrap().to_vec()).or_default();
            if delta.is_whole {
                *document = Document::decode(&delta.bytes).unwrap();
            } else {
                parts += 1;
                if !delta.bytes.is_empty() {
                    document.merge(&Document::decode(&delta.bytes).unwrap());
                }
            }
        }
    }
    assert!(deltas.next().is_none());
    parts
}

fn statement(text: &str, args: &Map) -> ConditionQuery {
    let mut args = args.clone();
    Constants { now_ms: NOON, strict: false, request_info: Map::new(), zone_offset: None }.put_into(&mut args);
    ConditionQuery { dialect: Dialect::Dql, text: text.to_owned(), args }
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
            match group.apply(changeset, &Given::default(), limits, now) {
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
            let is_decided =
                |action: &Action| !matches!(action, Action::UpsertDifference { .. } | Action::Computed { .. });
            assert!(changeset.operations.iter().all(|operation| is_decided(&operation.action)));
            let applied = group.replay(&changeset, *commit_time_ms).unwrap_or_else(|_| panic!("it was taken before"));
            assert!(applied.txn.is_some());
        }
        let result = group.into_result();
        assert_eq!(result.batches, frame.batches, "the events are the same bytes");
        written(&mut memory, result.changed);
    }
    memory
}

/// Of all statements some are done, so that the laws say something of them.
#[test]
fn every_statement_can_be_done() {
    for (n, text) in STATEMENTS.iter().enumerate() {
        let fields = [("a", Value::Int(1)), ("b", Value::Int(2)), ("c", Value::String("a".into()))];
        let fields = map(fields.map(|(name, value)| (name.to_owned(), value)).into());
        let operation = |condition, action| Operation {
            collection: CollectionName::new("c").unwrap(),
            id: DocumentId::from_value(&Value::Int(1)).unwrap(),
            condition,
            action,
        };
        let computed = operation(Condition::Matches { query: 0 }, Action::Computed { query: 0 });
        let changeset = Changeset {
            operations: vec![operation(Condition::Always, Action::upsert(fields)), computed],
            queries: vec![statement(text, &map(vec![("x".into(), Value::Int(2))]))],
            origin: Origin::default(),
        };
        let memory = Memory::default();
        let place = Place { next_txn: 1, next_offset: 0, stamp_last: 0 };
        let mut group = Group::new(&memory, CONTEXT, place, 0);
        let limits = Limits::of(RulesVersion::NEWEST);
        let outcomes = group.apply(&changeset, &Given::default(), &limits, NOON).unwrap().outcomes;
        assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied], "{n}: {text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_was_decided_gives_the_same_bytes_again(groups in vec(vec(changesets(), 1..4), 1..6)) {
        let (documents, frames) = committed(&groups, &Limits::of(RulesVersion::NEWEST));
        prop_assert_eq!(replayed(&frames), documents);
    }

    #[test]
    fn whoever_follows_what_is_kept_of_each_transaction_has_the_documents(
        groups in vec(vec(prop_oneof![changesets(), pushes()], 1..4), 1..6)
    ) {
        let (mut memory, mut follower) = (Memory::default(), BTreeMap::new());
        let mut place = Place { next_txn: 1, next_offset: 0, stamp_last: 0 };
        let mut now = NOON;
        for changesets in groups {
            let before = memory.clone();
            let mut group = Group::new(&before, Context { version: RulesVersion::NEWEST, ..CONTEXT }, place, 0);
            group.keep_deltas();
            for changeset in changesets {
                now += 7;
                let applied = group.apply(&changeset, &Given::default(), &Limits::of(RulesVersion::NEWEST), now);
                prop_assert!(!matches!(applied, Err(ApplyError::Documents(_))));
            }
            let result = group.into_result();
            followed(&mut follower, &result.batches, &result.deltas);
            place = result.place;
            written(&mut memory, result.changed);
            for (key, (_, _, encoded)) in &memory.0 {
                let document = Document::decode(encoded).unwrap();
                if document.exists() {
                    let (_, id) = rules::split_document_key(key).unwrap();
                    let mut event_key = Vec::new();
                    wire::event::write_key(&mut event_key, "c", id);
                    prop_assert_eq!(&follower[&event_key], &document);
                }
            }
        }
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
