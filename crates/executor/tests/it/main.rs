//! Statements on an app whose documents are in memory.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use document::{Condition, DocumentId, Map, Origin, Value};
use executor::{ExecuteError, SelectPlan, explain_select};
use query::dql::{Bound, Conflict, ConflictPolicy, NewDocument};
use support::{Ended, World, bound, name};

fn id(number: usize) -> DocumentId {
    DocumentId::from_value(&Value::Int(i64::try_from(number).unwrap())).unwrap()
}

fn operators(plan: &Value) -> Vec<String> {
    let mut json = Vec::new();
    plan.write_json(&mut json);
    let json = String::from_utf8(json).unwrap();
    let named = json.split("\"#operator\":\"").skip(1);
    named.map(|rest| rest.split('"').next().unwrap().to_owned()).filter(|name| name != "sequence").collect()
}

/// More documents than `find` sorts: the rows are sorted instead, and the answer is the same.
#[test]
fn a_large_sort_without_a_limit_is_of_rows() {
    let world = World::new();
    let all = find::limits::SORT_DOCUMENTS_MAX + 1;
    for from in (0..all).step_by(30_000) {
        let documents = (from..(from + 30_000).min(all)).map(|n| (id(n), format!(r#"{{"n":{},"m":{n}}}"#, all - n)));
        world.write("c", documents);
    }
    let explained = |statement: &str| {
        let Bound::Select(select) = bound(statement) else { panic!("a SELECT") };
        let plan = SelectPlan::of(&world.snapshot(), &select, name("c"), None).unwrap();
        operators(&explain_select(&plan, &select))
    };
    let whole = "SELECT _id FROM c ORDER BY n";
    assert_eq!(explained(whole), ["scan", "sort", "projection"]);
    let rows = world.select(whole).unwrap();
    assert!(rows.starts_with(&format!(r#"{{"_id":{}}},{{"_id":{}}},"#, all - 1, all - 2)), "{:.60}", rows);
    assert_eq!(rows.matches("_id").count(), all);
    let tail = world.select(&format!("SELECT _id FROM c ORDER BY n LIMIT 5 OFFSET {}", all - 2)).unwrap();
    assert_eq!(tail, r#"{"_id":1},{"_id":0}"#);
    let some = "SELECT m FROM c ORDER BY n LIMIT 2";
    assert_eq!(explained(some), ["scan", "sort", "limit", "projection"]);
    assert_eq!(world.select(some).unwrap(), format!(r#"{{"m":{}}},{{"m":{}}}"#, all - 1, all - 2));
}

#[test]
fn a_result_is_as_large_as_it_is_granted() {
    let world = World::new();
    world.write("c", (0..100).map(|n| (id(n), format!(r#"{{"t":"{}"}}"#, "x".repeat(100)))));
    assert!(world.select_within("SELECT * FROM c", 20_000).is_ok());
    for statement in ["SELECT * FROM c", "SELECT t FROM c", "SELECT t FROM c ORDER BY concat(t, 'x')"] {
        assert!(matches!(world.select_within(statement, 5_000), Err(Ended::NoRoom)), "{statement}");
    }
}

#[test]
fn an_insert_says_when_it_happens() {
    let planned = |conflict, documents: Vec<NewDocument>| {
        executor::insert(&name("c"), conflict, documents, || id(99), Origin::default())
    };
    let document = |id| NewDocument { id, value: Map::new(), types: Vec::new() };
    for (policy, expected) in [
        (ConflictPolicy::Fail, Condition::Absent),
        (ConflictPolicy::Nothing, Condition::Vacant),
        (ConflictPolicy::Update, Condition::Always),
        (ConflictPolicy::UpdateLocalDiff, Condition::Always),
    ] {
        let planned = planned(Conflict::Policy(policy), vec![document(None), document(Some(id(1)))]).unwrap();
        let operations = &planned.write.changeset.operations;
        assert!(operations.iter().all(|operation| operation.condition == expected));
        assert_eq!(planned.ids().collect::<Vec<_>>(), [&id(99), &id(1)], "in the statement's order");
    }
    let twice = planned(Conflict::Initial, vec![document(Some(id(1))), document(Some(id(1)))]);
    assert_eq!(twice.err(), Some(ExecuteError::SameId { id: "1".to_owned() }));
    let many = (0..=executor::limits::DOCUMENTS_MAX).map(|n| document(Some(id(n)))).collect();
    assert_eq!(planned(Conflict::Initial, many).err(), Some(ExecuteError::TooLarge));
}
