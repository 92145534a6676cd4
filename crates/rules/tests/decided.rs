//! What is decided when a changeset is applied: documents that nobody has written, differences, and
//! which states of documents are handed back.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on says so by failing")]

use std::collections::BTreeMap;

use document::{
    Action, Changeset, CollectionName, Condition, ConditionQuery, Dialect, Document, DocumentDecodeError, DocumentId,
    FieldType, Map, Operation, Origin, Path, SiteId, Stamp, UpdateCommand, UpdateKind, Value,
};
use query::dql::{Bound, Constants, Statement, Update};
use rules::{
    Applied, ApplyError, Context, Documents, Given, Group, GroupResult, Limits, Outcome, Place, Refusal, Returning,
    RulesVersion, Stored,
};

/// Stored documents by their keys, and what follows on them.
struct Memory {
    documents: BTreeMap<Vec<u8>, Vec<u8>>,
    place: Place,
}

impl Default for Memory {
    fn default() -> Self {
        Self { documents: BTreeMap::new(), place: PLACE }
    }
}

impl Documents for Memory {
    type Error = DocumentDecodeError;

    fn stored(&self, key: &[u8]) -> Result<Option<Stored>, DocumentDecodeError> {
        let Some(encoded) = self.documents.get(key) else { return Ok(None) };
        Ok(Some(Stored { txn: 1, last_event: Some(0), document: Document::decode(encoded)?, is_hot: false }))
    }
}

const NOON: u64 = 1_645_472_201_000;

const PLACE: Place = Place { next_txn: 2, next_offset: 1, stamp_last: 7 };

fn group(documents: &Memory) -> Group<'_, Memory> {
    let version = RulesVersion::NEWEST;
    let context = Context { app: "shop", site: SiteId(77), event_bytes_max: 9999, leader_epoch: 3, version };
    Group::new(documents, context, documents.place, 0)
}

fn map(json: &str) -> Map {
    let Value::Map(map) = Value::from_json(json.as_bytes()).unwrap() else { panic!("{json} is no object") };
    map
}

fn key(id: i64) -> Vec<u8> {
    format!("c\0{id}").into_bytes()
}

fn operation(id: i64, action: Action) -> Operation {
    Operation {
        collection: CollectionName::new("c").unwrap(),
        id: DocumentId::from_value(&Value::Int(id)).unwrap(),
        condition: Condition::Always,
        action,
    }
}

fn upsert(id: i64, json: &str) -> Operation {
    operation(id, Action::upsert(map(json)))
}

fn initial(id: i64, json: &str) -> Operation {
    operation(id, Action::UpsertInitial { value: map(json), types: Vec::new() })
}

fn difference(id: i64, json: &str) -> Operation {
    operation(id, Action::UpsertDifference { value: map(json), types: Vec::new() })
}

fn unset(id: i64, path: &str) -> Operation {
    let command = UpdateCommand { path: Path::parse(path).unwrap(), kind: UpdateKind::Unset };
    operation(id, Action::Update(vec![command]))
}

fn changeset(operations: impl Into<Vec<Operation>>) -> Changeset {
    Changeset { operations: operations.into(), queries: Vec::new(), origin: Origin::default() }
}

/// Of what the changeset did to `documents`.
fn applied(documents: &mut Memory, changeset: &Changeset, returning: Option<Returning>) -> (Applied, GroupResult) {
    let mut group = group(documents);
    let given = Given { returning, ..Given::default() };
    let applied = group.apply(changeset, &given, &Limits::of(RulesVersion::NEWEST), NOON).unwrap();
    let result = group.into_result();
    documents.place = result.place;
    for (key, changed) in &result.changed {
        documents.documents.insert(key.clone(), changed.encoded.to_vec());
    }
    (applied, result)
}

fn shown(documents: &Memory, id: i64) -> String {
    let mut json = Vec::new();
    Document::decode(&documents.documents[&key(id)]).unwrap().write_json("0", &mut json);
    String::from_utf8(json).unwrap()
}

fn decided(applied: &Applied, changeset: &Changeset) -> Vec<Action> {
    let mut bytes = Vec::new();
    applied.encode_decided(changeset, &mut bytes);
    Changeset::decode(&bytes).unwrap().operations.into_iter().map(|operation| operation.action).collect()
}

use Outcome::{Applied as Done, Skipped};

#[test]
fn an_initial_document_takes_no_tick_and_is_written_once() {
    let mut documents = Memory::default();
    let asked = changeset([initial(1, r#"{"a":1}"#), initial(1, r#"{"a":2}"#)]);
    let (first, result) = applied(&mut documents, &asked, None);
    assert_eq!((first.txn, &first.outcomes[..]), (Some(2), &[Done, Skipped][..]));
    assert_eq!((result.place.stamp_last, result.events), (PLACE.stamp_last, 1));
    assert_eq!(decided(&first, &asked), [asked.operations[0].action.clone()]);
    assert_eq!(Document::decode(&documents.documents[&key(1)]).unwrap().stamp_max(), Stamp::INITIAL);
    let (removed, _) = applied(&mut documents, &changeset([operation(1, Action::Remove)]), None);
    assert_eq!(removed.outcomes, [Done]);
    let (again, result) = applied(&mut documents, &asked, None);
    assert_eq!((again.txn, again.outcomes, result.events), (None, vec![Skipped, Skipped], 0));
}

#[test]
fn of_a_difference_only_what_differs_is_written() {
    let mut documents = Memory::default();
    applied(&mut documents, &changeset([upsert(1, r#"{"a":1,"o":{"x":1,"y":2}}"#), upsert(2, "{}")]), None);
    let asked = changeset([
        difference(1, r#"{"a":1,"o":{"x":1,"y":3}}"#),
        difference(2, "{}"),
        difference(3, "{}"),
        difference(1, r#"{"o":{"y":3}}"#),
    ]);
    let (applied_now, _) = applied(&mut documents, &asked, None);
    assert_eq!(applied_now.outcomes, [Done, Skipped, Done, Skipped]);
    let expected = [Action::upsert(map(r#"{"o":{"y":3}}"#)), Action::upsert(Map::new())];
    assert_eq!(decided(&applied_now, &asked), expected);
    assert_eq!(shown(&documents, 1), r#"{"_id":0,"a":1,"o":{"x":1,"y":3}}"#);
}

#[test]
fn where_nothing_differs_there_is_no_transaction() {
    let mut documents = Memory::default();
    let value = map(r#"{"a":1,"n":5}"#);
    let types = vec![(Path::parse("n").unwrap(), FieldType::Counter)];
    let upsert = Action::Upsert { value: value.clone(), types: types.clone() };
    applied(&mut documents, &changeset([operation(1, upsert)]), None);
    let (before, place) = (documents.documents.clone(), documents.place);
    let same = operation(1, Action::UpsertDifference { value, types });
    let (applied_now, result) = applied(&mut documents, &changeset([same.clone(), same]), None);
    assert_eq!((applied_now.txn, applied_now.outcomes), (None, vec![Skipped, Skipped]));
    assert_eq!((result.place, result.events, result.transactions, result.batches.len()), (place, 0, 0, 0));
    assert_eq!(documents.documents, before);
}

#[test]
fn a_vacant_place_is_asked_of_what_stands_there_at_that_moment() {
    let mut documents = Memory::default();
    let vacant = |json| Operation { condition: Condition::Vacant, ..upsert(1, json) };
    let asked = changeset([vacant(r#"{"a":1}"#), vacant(r#"{"a":2}"#), operation(1, Action::Remove), vacant("{}")]);
    let (applied_now, _) = applied(&mut documents, &asked, None);
    assert_eq!(applied_now.outcomes, [Done, Skipped, Done, Done]);
}

#[test]
fn states_before_or_after_each_operation_are_handed_back() {
    let operations = [
        upsert(1, r#"{"a":1}"#),
        unset(1, "a"),
        difference(1, "{}"),
        upsert(2, r#"{"b":1}"#),
        operation(1, Action::Remove),
    ];
    let asked = changeset(operations);
    let returned = |before| {
        let returning = Some(Returning { before, bytes_max: 9999 });
        let (applied_now, _) = applied(&mut Memory::default(), &asked, returning);
        let returned = applied_now.returned.iter().map(|one| (one.operation, one.fields.clone()));
        returned.collect::<Vec<_>>()
    };
    let (a, b, nothing) = (map(r#"{"a":1}"#), map(r#"{"b":1}"#), Map::new());
    assert_eq!(returned(false), [(0, a.clone()), (1, nothing.clone()), (3, b)]);
    assert_eq!(returned(true), [(1, a), (4, nothing)]);
    let (not_asked, _) = applied(&mut Memory::default(), &asked, None);
    assert_eq!(not_asked.returned, []);
}

#[test]
fn more_than_may_be_handed_back_is_refused_and_leaves_no_trace() {
    let documents = Memory::default();
    let mut group = group(&documents);
    let bytes = map(r#"{"a":1}"#).memory_bytes();
    let mut apply = |bytes_max| {
        let given = Given { returning: Some(Returning { before: false, bytes_max }), ..Given::default() };
        let asked = changeset([upsert(1, r#"{"a":1}"#), upsert(2, r#"{"a":1}"#)]);
        group.apply(&asked, &given, &Limits::of(RulesVersion::NEWEST), NOON)
    };
    let refused = apply(2 * bytes - 1).unwrap_err();
    assert!(matches!(refused, ApplyError::Refused(Refusal::ReturnedTooMuch { bytes_max }) if bytes_max < 2 * bytes));
    let taken = apply(2 * bytes).unwrap();
    assert_eq!((taken.txn, taken.returned.len()), (Some(2), 2));
}

fn constants() -> Constants {
    Constants { now_ms: NOON, strict: false, request_info: Map::new(), zone_offset: None }
}

fn query(text: &str) -> ConditionQuery {
    let mut args = map(r#"{"by":1}"#);
    constants().put_into(&mut args);
    ConditionQuery { dialect: Dialect::Dql, text: text.to_owned(), args }
}

/// The statement on each of the documents, where it still selects them.
fn computed(text: &str, ids: impl IntoIterator<Item = i64>) -> Changeset {
    let condition = || Condition::Matches { query: 0 };
    let on = |id| Operation { condition: condition(), ..operation(id, Action::Computed { query: 0 }) };
    Changeset { queries: vec![query(text)], ..changeset(ids.into_iter().map(on).collect::<Vec<_>>()) }
}

fn with_documents(all: &[&str]) -> Memory {
    let mut documents = Memory::default();
    let upserts: Vec<_> = (0..).zip(all).map(|(id, json)| upsert(id, json)).collect();
    applied(&mut documents, &changeset(upserts), None);
    documents
}

fn refused(documents: &Memory, changeset: &Changeset) -> String {
    let place = documents.place;
    let mut group = group(documents);
    match group.apply(changeset, &Given::default(), &Limits::of(RulesVersion::NEWEST), NOON) {
        Err(ApplyError::Refused(refusal)) => {
            assert_eq!(group.into_result().place, place, "it leaves no trace");
            refusal.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_statement_sees_what_the_operations_before_it_left() {
    let mut documents = with_documents(&[r#"{"n":5}"#, r#"{"n":1}"#, r#"{"x":1}"#]);
    let asked = computed("UPDATE c SET n = n - :by WHERE n > 0", [0, 1, 0, 1, 2, 3]);
    let (applied_now, _) = applied(&mut documents, &asked, None);
    assert_eq!(applied_now.outcomes, [Done, Done, Done, Skipped, Skipped, Skipped]);
    let set = |n| {
        let kind = UpdateKind::Set(Value::Int(n));
        Action::Update(vec![UpdateCommand { path: Path::parse("n").unwrap(), kind }])
    };
    assert_eq!(decided(&applied_now, &asked), [set(4), set(0), set(3)]);
    assert_eq!([0, 1].map(|id| shown(&documents, id)), [r#"{"_id":0,"n":3}"#, r#"{"_id":0,"n":0}"#]);
}

#[test]
fn a_statement_that_came_bound_is_not_made_of_its_text() {
    let mut documents = with_documents(&[r#"{"n":5}"#]);
    let mut asked = computed("UPDATE c SET n = n - :by", [0]);
    let statement = Statement::parse(&asked.queries[0].text).unwrap();
    let Bound::Update(update) = statement.bind(&asked.queries[0].args, &constants()).unwrap() else {
        panic!("it is an UPDATE")
    };
    asked.queries[0].text = "no statement at all".to_owned();
    assert!(refused(&documents, &asked).contains("cannot be read"));
    let apply = |documents: &Memory, update: Option<&Update>| {
        let filters = [std::sync::Arc::new(statement_filter(update))];
        let given = Given { filters: &filters, update, returning: None, tombstone_floor: 0 };
        group(documents).apply(&asked, &given, &Limits::of(RulesVersion::NEWEST), NOON).unwrap().outcomes
    };
    assert_eq!(apply(&documents, Some(&update)), [Done]);
    documents.documents.clear();
    assert_eq!(apply(&documents, Some(&update)), [Skipped]);
}

fn statement_filter(update: Option<&Update>) -> query::Filter {
    update.unwrap().selection().filter().clone()
}

#[test]
fn other_statements_are_conditions_too_and_an_update_is_needed_to_compute() {
    let mut documents = with_documents(&[r#"{"n":5}"#, r#"{"n":6}"#]);
    let condition = || Condition::Matches { query: 0 };
    let removes = [0, 1].map(|id| Operation { condition: condition(), ..operation(id, Action::Remove) });
    let delete = Changeset { queries: vec![query("DELETE FROM c WHERE n = 5")], ..changeset(removes) };
    let (applied_now, _) = applied(&mut documents, &delete, None);
    assert_eq!(applied_now.outcomes, [Done, Skipped]);
    let no_update = computed("DELETE FROM c WHERE n = 6", [1]);
    assert_eq!(refused(&documents, &no_update), "a condition of the write cannot be read: it is no UPDATE");
    let no_condition = computed("SHOW ALL", [1]);
    assert_eq!(refused(&documents, &no_condition), "a condition of the write cannot be read: it is no condition");
    let mut without_constants = computed("UPDATE c SET n = 1", [1]);
    without_constants.queries[0].args = Map::new();
    let message = "a condition of the write cannot be read: a statement has no constants";
    assert_eq!(refused(&documents, &without_constants), message);
    let mut out_of_range = computed("UPDATE c SET n = 1", [1]);
    out_of_range.operations[0] = operation(1, Action::Computed { query: 1 });
    assert_eq!(refused(&documents, &out_of_range), "a condition of the write cannot be read: there is no query 1");
}

/// A statement is done to all of its documents or to none.
#[test]
fn what_a_statement_cannot_write_is_refused_as_a_whole() {
    let documents = with_documents(&[r#"{"n":5}"#, r#"{"n":"x"}"#, r#"{"n":18446744073709551615}"#]);
    let increment = "UPDATE c APPLY n INCREMENT BY 1";
    for (text, id) in [("UPDATE c SET m = n - 1", 1), (increment, 1), (increment, 2)] {
        let message = refused(&documents, &computed(text, [0, id]));
        assert!(message.starts_with("document ") && message.contains("; nothing was written"), "{message}");
    }
    let plain = changeset([Operation {
        condition: Condition::Exists,
        ..operation(
            1,
            Action::Update(vec![UpdateCommand {
                path: Path::parse("n").unwrap(),
                kind: UpdateKind::Increment(Value::Int(1)),
            }]),
        )
    }]);
    let applied_now = group(&documents).apply(&plain, &Given::default(), &Limits::of(RulesVersion::NEWEST), NOON);
    assert!(matches!(applied_now.unwrap().outcomes[..], [Outcome::Failed(_)]), "an update by itself only fails");
}

#[test]
fn what_a_statement_computes_is_paid_for() {
    let documents = with_documents(&[&format!(r#"{{"t":"{}"}}"#, "a".repeat(10_000))]);
    let asked = computed("UPDATE c SET t = concat(t, t, t, t)", [0]);
    let limits = Limits { steps: 20_000, ..Limits::of(RulesVersion::NEWEST) };
    let refused = group(&documents).apply(&asked, &Given::default(), &limits, NOON).unwrap_err();
    assert!(matches!(refused, ApplyError::Refused(Refusal::TooExpensive { .. })), "{refused:?}");
}
