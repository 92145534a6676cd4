//! The plan of a query or statement, step by step, and which index would help.
//!
//! Not here: what the plan is (`find`, `executor`).

use document::{CollectionName, Map, Path, Value};
use query::{Demand, Filter, Place, dql::Bound};
use store::{Snapshot, SnapshotError};

use crate::{clip::Clipper, failure::Failure, json_text, limits::VALUE_SHOWN_BYTES, statement::selection};

/// Facts in the order in which they are read; others come last.
const FACTS: [&str; 7] = ["index", "collection", "keys", "spans", "exact", "ordered", "backwards"];

/// What is shown of a plan.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) steps: Vec<Step>,
    /// As EXPLAIN answers it.
    pub(super) json: String,
    /// Which index would help, where the whole collection is looked at.
    pub(super) helps: Option<Help>,
}

/// An index that would help.
#[derive(Debug)]
pub(super) struct Help {
    pub(super) collection: String,
    pub(super) field: String,
}

/// A step; it takes what the one before it gives.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) operator: String,
    /// What it does.
    pub(super) what: &'static str,
    /// What there is to know of it, each with its name.
    pub(super) facts: Vec<(String, String)>,
}

/// Of a query in the legacy language.
pub(super) fn of_query(snapshot: &Snapshot, collection: CollectionName, filter: &Filter) -> Result<Steps, Failure> {
    let query = find::Query::of(collection, filter.clone());
    let plan = find::plan(snapshot, &query)?;
    let explained = executor::explain_find(&plan, &query);
    let helps = helping(snapshot, query.collection.as_str(), filter)?;
    Ok(Steps::of(&explained, helps))
}

/// Of a statement.
pub(super) fn of_statement(snapshot: &Snapshot, bound: &Bound) -> Result<Steps, Failure> {
    let explained = executor::explain::<Failure>(snapshot, bound, None)?;
    let helps = match selection(bound) {
        Some(select) => helping(snapshot, select.collection(), select.filter())?,
        None => None,
    };
    Ok(Steps::of(&explained, helps))
}

impl Steps {
    /// `explained` is `{"plan":{"children":[…]}}`.
    fn of(explained: &Value, helps: Option<Help>) -> Self {
        let Value::Map(explained) = explained else { unreachable!("a plan is an object") };
        let children = match explained.field("plan") {
            Some(Value::Map(plan)) => plan.field("children"),
            _ => None,
        };
        let Some(Value::Array(children)) = children else { unreachable!("a plan is a sequence") };
        let mut clipper = Clipper::new(VALUE_SHOWN_BYTES * 64);
        let objects = children.iter().filter_map(|child| match child {
            Value::Map(child) => Some(child),
            _ => None,
        });
        let steps: Vec<Step> = objects.map(|child| Step::of(child, &mut clipper)).collect();
        let scans = steps.iter().any(|step| step.operator == "scan");
        Self { json: json_text::pretty(explained), helps: helps.filter(|_| scans), steps }
    }
}

impl Step {
    fn of(operator: &Map, clipper: &mut Clipper) -> Self {
        let name = match operator.field("#operator") {
            Some(Value::String(name)) => name.clone(),
            _ => String::new(),
        };
        let mut facts: Vec<_> = operator.iter().filter(|(fact, _)| *fact != "#operator").collect();
        facts.sort_by_key(|(fact, _)| FACTS.iter().position(|known| known == fact).unwrap_or(FACTS.len()));
        let fact = |(fact, value): (&str, &Value)| (fact.to_owned(), clipper.clip(&words(value), VALUE_SHOWN_BYTES));
        Self { what: what(&name), facts: facts.into_iter().map(fact).collect(), operator: name }
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(elements) => elements.iter().map(words).collect::<Vec<_>>().join(", "),
        other => json_text::line(other),
    }
}

fn what(operator: &str) -> &'static str {
    match operator {
        "scan" => "look at every document of the collection",
        "idScan" => "find documents by their ids",
        "indexScan" => "read entries of an index",
        "unionScan" => "merge its parts by id",
        "countScan" => "take the number of documents, which is known",
        "fetch" => "read each document",
        "filter" => "keep what matches the condition",
        "sort" => "sort",
        "limit" => "leave out the first, take so many",
        "group" => "make groups",
        "distinct" => "keep one of equal rows",
        "count" => "count them",
        "projection" => "make a row of each",
        "insert" => "insert documents",
        "update" => "change each document",
        "delete" => "remove each document",
        "createIndex" => "make the index",
        "dropIndex" => "drop the index",
        _ => "",
    }
}

/// An index on a field of which something is demanded of every document that matches, where none
/// begins with it.
fn helping(snapshot: &Snapshot, collection: &str, filter: &Filter) -> Result<Option<Help>, SnapshotError> {
    let Ok(collection) = CollectionName::new(collection) else { return Ok(None) };
    let Some(path) = demanded_field(filter) else { return Ok(None) };
    let indexes = snapshot.indexes(&collection)?;
    let is_there = indexes.iter().any(|index| index.definition.keys.first().is_some_and(|key| key.path == path));
    let help = || Help { collection: collection.as_str().to_owned(), field: path.to_string() };
    Ok((!is_there).then(help))
}

/// A field of which something is demanded of every document that matches.
pub(super) fn demanded_field(filter: &Filter) -> Option<Path> {
    let alternatives = filter.alternatives();
    let (first, others) = alternatives.split_first()?;
    let everywhere = |path: &&Path| others.iter().all(|demands| demands.iter().any(|demand| is_of(demand, path)));
    first.iter().filter_map(field).find(everywhere).cloned()
}

fn field<'f>(demand: &Demand<'f>) -> Option<&'f Path> {
    match demand.place {
        Place::Field(path) => Some(path),
        Place::Id => None,
    }
}

fn is_of(demand: &Demand<'_>, path: &Path) -> bool {
    field(demand) == Some(path)
}
