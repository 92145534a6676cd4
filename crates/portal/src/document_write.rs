//! A write to one document as a person plans it: what it is asked to do, what comes of it, and
//! whether it is still the same document.
//!
//! Invariants: a plan is made from the very command that the HTTP API would take (`wire::write`),
//! so that both refuse the same; what it shows as the outcome is computed by the document itself;
//! it is done only if nobody wrote the document since it was looked at.
//! Not here: forms and pages (`page`).

use document::{
    Action, Changeset, CollectionName, Condition, Document, DocumentId, FieldType, Map, Operation, Origin, Path,
    PathSegment, SiteId, Stamp, UpdateKind, Value, WriteRules,
};
use store::{App, Outcome, TxnId};
use wire::write::{WriteCommand, WriteRequest};

use crate::{failure::Failure, json_text};

/// As the `peer` header of its events names the portal.
const PEER: &str = "portal";

/// A write to one document.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) collection: CollectionName,
    pub(crate) id: DocumentId,
    action: Action,
    /// The newest stamp of the state that it was made for.
    since: Stamp,
    /// The command as the HTTP API would take it.
    pub(crate) command: String,
    pub(crate) before: Option<Map>,
    pub(crate) after: Option<Map>,
}

/// What became of a plan.
#[derive(Debug)]
pub(crate) enum Done {
    Written(TxnId),
    /// Somebody wrote the document meanwhile: nothing was done.
    Outdated,
}

/// Changes that turn a document into what somebody typed.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    commands: Vec<Value>,
    /// Fields that were left out: a write merges, so they stay.
    pub(crate) stays: Vec<String>,
}

impl Plan {
    /// A document that is not there yet; `id` as JSON. `counters` are the paths at which a number
    /// starts a counter.
    pub(crate) fn insert(
        document: &Document,
        collection: &str,
        id: &DocumentId,
        value: Map,
        counters: &[&str],
    ) -> Result<Self, String> {
        let counter = |path: &&str| ((*path).to_owned(), string("counter"));
        let mut command = command("upsert", collection, id);
        command.insert("value".to_owned(), Value::Map(value));
        if !counters.is_empty() {
            command.insert("valueTypeOverrides".to_owned(), object(counters.iter().map(counter).collect()));
        }
        Self::of(document, command)
    }

    /// Changes of a document that is there.
    pub(crate) fn update(
        document: &Document,
        collection: &CollectionName,
        id: &DocumentId,
        edits: Edits,
    ) -> Result<Self, String> {
        let mut command = command("update", collection.as_str(), id);
        command.insert("commands".to_owned(), Value::Array(edits.commands));
        Self::of(document, command)
    }

    pub(crate) fn remove(document: &Document, collection: &CollectionName, id: &DocumentId) -> Result<Self, String> {
        Self::of(document, command("remove", collection.as_str(), id))
    }

    fn of(document: &Document, command: Map) -> Result<Self, String> {
        let body = object(vec![("commands".to_owned(), Value::Array(vec![Value::Map(command.clone())]))]);
        let request = WriteRequest::parse(json_text::line(&body).as_bytes()).map_err(|error| error.to_string())?;
        let id = command.field("id").and_then(|id| DocumentId::from_value(id).ok()).expect("it was just read as one");
        let (collection, action) = match request.commands.into_iter().next().expect("one command was just read") {
            WriteCommand::Upsert { collection, value, types, .. } => (collection, Action::Upsert { value, types }),
            WriteCommand::Update { collection, changes, .. } => (collection, Action::Update(changes)),
            WriteCommand::Remove { collection, .. } => (collection, Action::Remove),
        };
        let after = outcome(document, &action)?;
        Ok(Self {
            collection,
            id,
            action,
            since: document.stamp_max(),
            command: json_text::pretty(&command),
            before: document.value(),
            after,
        })
    }

    /// Names the state that the plan was made for, for a form.
    pub(crate) fn since(&self) -> String {
        stamp_text(self.since)
    }

    /// Writes it.
    pub(crate) async fn run(self, app: &App) -> Result<Done, Failure> {
        let condition = Condition::Unchanged { since: self.since };
        let operation = Operation { collection: self.collection, id: self.id, condition, action: self.action };
        let origin = Origin { peer: PEER.to_owned(), ..Origin::default() };
        let committed = app.commit(Changeset { operations: vec![operation], queries: Vec::new(), origin }).await?;
        match committed.outcomes.first() {
            Some(Outcome::Failed(error)) => Err(Failure::BadInput(error.to_string())),
            Some(Outcome::Applied) => Ok(Done::Written(committed.txn_id)),
            _ => Ok(Done::Outdated),
        }
    }
}

/// The form's name of a state.
pub(crate) fn stamp_text(stamp: Stamp) -> String {
    format!("{}.{}", stamp.time, stamp.site.0)
}

/// What a reader would see after `action`: done on a copy, by the same code that will do it.
fn outcome(document: &Document, action: &Action) -> Result<Option<Map>, String> {
    let newest = document.stamp_max();
    let stamp = Stamp { time: newest.time + 1, site: SiteId(newest.site.0.max(1)) };
    let mut after = document.clone();
    match action {
        Action::Upsert { value, types } => after.upsert(value, types, stamp, WriteRules::NEWEST),
        Action::Update(commands) => {
            after.update(commands, stamp, WriteRules::NEWEST).map_err(|error| error.to_string())?;
        }
        Action::Remove => after.remove(stamp),
        Action::UpsertInitial { .. }
        | Action::UpsertDifference { .. }
        | Action::Computed { .. }
        | Action::Merge { .. } => unreachable!("only statements and peers write so"),
    }
    Ok(after.value())
}

impl Edits {
    /// From the whole document as somebody typed it. Counters are moved by the difference.
    pub(crate) fn to(document: &Document, wanted: &Map) -> Result<Self, String> {
        let counters: Vec<Path> = document
            .fields()
            .into_iter()
            .filter(|field| field.kind == FieldType::Counter)
            .map(|field| field.path)
            .collect();
        let mut edits = Self::default();
        let present = document.value().unwrap_or_default();
        edits.compare(&present, wanted, &mut Vec::new(), &counters)?;
        Ok(edits)
    }

    /// Of one field.
    pub(crate) fn of_field(path: &str, kind: &UpdateKind) -> Self {
        let (method, value) = match kind {
            UpdateKind::Set(value) => ("set", value.clone()),
            UpdateKind::Increment(value) => ("increment", value.clone()),
            UpdateKind::ReplaceWithCounter(value) => ("replaceWithCounter", value.clone()),
            UpdateKind::SetAttachment(token) => ("setAttachment", Value::Map(token.clone())),
            UpdateKind::SetRegister(_) | UpdateKind::Merge { .. } | UpdateKind::Unset => {
                unreachable!("the page has no such change")
            }
        };
        Self { commands: vec![change(method, path.to_owned(), value)], stays: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    fn compare(
        &mut self,
        present: &Map,
        wanted: &Map,
        path: &mut Vec<PathSegment>,
        counters: &[Path],
    ) -> Result<(), String> {
        for (name, _) in present.iter().filter(|(name, _)| wanted.field(name).is_none()) {
            path.push(PathSegment::Field(name.to_owned()));
            self.stays.push(Path { segments: path.clone() }.to_string());
            path.pop();
        }
        for (name, value) in wanted.iter() {
            path.push(PathSegment::Field(name.to_owned()));
            let here = Path { segments: path.clone() };
            match (present.field(name), value) {
                (Some(Value::Map(present)), Value::Map(wanted)) => self.compare(present, wanted, path, counters)?,
                (Some(present), wanted) if present == wanted => {}
                (Some(present), wanted) if counters.contains(&here) => {
                    let by = step(present, wanted).ok_or_else(|| format!("{here} is a counter: it takes a number"))?;
                    self.commands.push(change("increment", here.to_string(), by));
                }
                (_, wanted) => self.commands.push(change("set", here.to_string(), wanted.clone())),
            }
            path.pop();
        }
        Ok(())
    }
}

/// What must be added to a counter; `None` where that is no number.
fn step(from: &Value, to: &Value) -> Option<Value> {
    if let (Some(from), Some(to)) = (integer(from), integer(to)) {
        let by = to - from;
        return i64::try_from(by).map(Value::Int).ok().or_else(|| u64::try_from(by).map(Value::Uint).ok());
    }
    let by = float(to)? - float(from)?;
    by.is_finite().then_some(Value::Float(by))
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn command(method: &str, collection: &str, id: &DocumentId) -> Map {
    Map::from_fields(vec![
        ("method".to_owned(), string(method)),
        ("collection".to_owned(), string(collection)),
        ("id".to_owned(), id.to_value()),
    ])
}

fn change(method: &str, path: String, value: Value) -> Value {
    object(vec![
        ("method".to_owned(), string(method)),
        ("path".to_owned(), Value::String(path)),
        ("value".to_owned(), value),
    ])
}

fn object(fields: Vec<(String, Value)>) -> Value {
    Value::Map(Map::from_fields(fields))
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(json: &str) -> Map {
        let Ok(Value::Map(map)) = Value::from_json(json.as_bytes()) else { panic!("{json} is no object") };
        map
    }

    fn susan() -> Document {
        let mut document = Document::new();
        let fields = map(r#"{"name":"Susan","age":31,"n":5,"address":{"city":"Ulm","zip":"89073"}}"#);
        let types = [(Path::parse("n").unwrap(), FieldType::Counter)];
        document.upsert(&fields, &types, Stamp { time: 9, site: SiteId(2) }, WriteRules::NEWEST);
        document
    }

    fn collection() -> CollectionName {
        CollectionName::new("people").unwrap()
    }

    fn id() -> DocumentId {
        DocumentId::from_json("\"a\"").unwrap()
    }

    #[test]
    fn typing_a_document_changes_what_was_changed_and_moves_counters() {
        let wanted = map(r#"{"age":32,"n":3,"address":{"city":"Bonn"},"new":{"x":1}}"#);
        let edits = Edits::to(&susan(), &wanted).unwrap();
        assert_eq!(edits.stays, ["name", "address.zip"]);
        let plan = Plan::update(&susan(), &collection(), &id(), edits).unwrap();
        let expected = map(r#"{"name":"Susan","age":32,"n":3,"address":{"city":"Bonn","zip":"89073"},"new":{"x":1}}"#);
        assert_eq!(plan.after, Some(expected));
        let command = plan.command.split_whitespace().collect::<String>();
        assert!(command.contains(r#"{"method":"increment","path":"n","value":-2}"#), "{command}");
        assert_eq!(plan.since(), "9.2");
        assert!(Edits::to(&susan(), &susan().value().unwrap()).unwrap().is_empty());
        let error = Edits::to(&susan(), &map(r#"{"n":"x"}"#)).unwrap_err();
        assert_eq!(error, "n is a counter: it takes a number");
    }

    #[test]
    fn what_the_http_api_refuses_is_refused() {
        let none = Document::new();
        let refused = |collection: &str, counters: &[&str]| {
            Plan::insert(&none, collection, &id(), map("{}"), counters).map(|plan| plan.after).unwrap_err()
        };
        assert!(refused("__collections", &[]).contains("the system's"), "{}", refused("__collections", &[]));
        assert!(refused("", &[]).contains("must not be empty"));
        assert!(refused("people", &["n"]).contains("a counter needs a number"));
        let other = Plan::insert(&none, "people", &id(), map(r#"{"_id":"b"}"#), &[]).unwrap_err();
        assert!(other.contains("but \"id\" is"), "{other}");
    }
}
