//! What apps and requests write.

use std::collections::BTreeSet;

use document::{
    Action, CollectionName, Condition, DocumentId, FieldType, Map, Operation, Path, UpdateCommand, UpdateKind, Value,
};
use peer_core::{Transaction, Which, WriteError, Written};

use crate::{
    law::{Broken, Held, law, unplanned},
    ledger::{Mark, mark_key},
    rig::{collection, id, map, stored_key},
    step::WriteKind,
    wire::event_key,
    world::World,
};

/// Larger than a document may be.
const LARGE_BYTES: usize = 5 << 20;

type Types = Vec<(Path, FieldType)>;

fn command(path: &str, kind: UpdateKind) -> UpdateCommand {
    UpdateCommand { path: Path::parse(path).expect("it is a path"), kind }
}

fn increment(by: i64) -> UpdateCommand {
    command("count", UpdateKind::Increment(Value::Int(by)))
}

/// What a transaction of a peer is to do.
struct Draft {
    kind: WriteKind,
    peer: usize,
    document: DocumentId,
    number: i64,
    /// The name of its mark.
    name: Option<String>,
}

/// What it did: the documents that are known to be written, and what was added to the counter.
#[derive(Default)]
struct Drafted {
    keys: Vec<(CollectionName, DocumentId)>,
    /// A statement writes what it finds.
    is_statement: bool,
    by: i64,
}

impl Draft {
    fn write(&self, it: &mut Transaction<'_>) -> Result<Drafted, WriteError> {
        let (t, document) = (collection("t"), self.document.clone());
        let mut done = Drafted::default();
        let n = Value::Int(self.number);
        match self.kind {
            WriteKind::Mark => {}
            WriteKind::Upsert => {
                let value = map(&[("n", n.clone()), ("deep", Value::Map(map(&[("a", n)])))]);
                done.upsert(it, &t, document, value)?;
            }
            WriteKind::Update => {
                let set = |path: &str, number| command(path, UpdateKind::Set(Value::Int(number)));
                let commands = [set("m", self.number), set("deep.c", self.number)];
                it.update(&t, &Which::Id(document), &commands)?;
            }
            WriteKind::Remove => {
                let removed = it.remove(&t, &Which::Id(document))?;
                done.keys.extend(removed.into_iter().map(|id| (t.clone(), id)));
            }
            WriteKind::Pair => {
                for half in ["a", "b"] {
                    let pair = id(&format!("pair{}{half}", self.peer));
                    let value = self.name.clone().map_or(n.clone(), Value::String);
                    done.upsert(it, &t, pair, map(&[("pair", value)]))?;
                }
            }
            WriteKind::Increment => {
                let (counter, by) = (id("counter"), self.number + 1);
                if it.update(&t, &Which::Id(counter.clone()), &[increment(by)])?.is_empty() {
                    it.upsert(&t, Some(counter.clone()), Map::new(), Types::new())?;
                    it.update(&t, &Which::Id(counter.clone()), &[increment(by)])?;
                }
                done.keys.push((t, counter));
                done.by = by;
            }
            WriteKind::Statement => {
                let text = format!("UPDATE t SET m = n + {0} WHERE n = {0}", self.number);
                it.execute(&text, &Map::new())?;
                done.is_statement = true;
            }
            WriteKind::Secret => done.upsert(it, &collection("secret"), document, map(&[("n", n)]))?,
            WriteKind::Locked => done.upsert(it, &collection("locked"), document, map(&[("n", n)]))?,
            WriteKind::Initial => {
                let text = format!("INSERT INTO t INITIAL DOCUMENTS ({{'_id':{},'n':0,'m':0}})", quoted(&document));
                it.execute(&text, &Map::new())?;
                done.is_statement = true;
            }
            WriteKind::System => done.upsert(it, &collection("__system"), document, map(&[("n", n)]))?,
            WriteKind::Large => {
                let value = map(&[("text", Value::String("x".repeat(LARGE_BYTES)))]);
                done.upsert(it, &t, id("large"), value)?;
            }
        }
        if let Some(name) = &self.name {
            done.upsert(it, &collection("log"), id(name), map(&[("by", Value::Int(done.by))]))?;
        }
        Ok(done)
    }
}

fn quoted(id: &DocumentId) -> String {
    id.as_json().replace('"', "'")
}

impl Drafted {
    fn upsert(
        &mut self,
        it: &mut Transaction<'_>,
        collection: &CollectionName,
        id: DocumentId,
        value: Map,
    ) -> Result<(), WriteError> {
        it.upsert(collection, Some(id.clone()), value, Types::new())?;
        self.keys.push((collection.clone(), id));
        Ok(())
    }

    fn event_keys(&self) -> Option<BTreeSet<String>> {
        let keys = self.keys.iter().map(|(collection, id)| event_key(collection.as_str(), id.as_json()));
        (!self.is_statement).then(|| keys.collect())
    }
}

impl World {
    /// The app of a peer writes.
    pub(crate) fn write(&mut self, peer: usize, kind: WriteKind, document: u64, number: i64) -> Held {
        let name = (kind != WriteKind::Update).then(|| self.ledger.next_name(&peer.to_string()));
        let draft = Draft { kind, peer, document: id(&format!("d{document}")), number, name };
        let now = self.rigs[peer].now(&self.server);
        let rig = &mut self.rigs[peer];
        let written = rig.peer.transaction(now, None, |it| draft.write(it));
        let is_done = written.is_ok();
        match written {
            Ok((done, Written { seq: Some(seq), ids })) => {
                for (of, id) in &done.keys {
                    let key = stored_key(of.as_str(), id);
                    rig.evicted.remove(&key);
                    rig.wrote.insert(key);
                }
                for id in &ids {
                    let key = stored_key("t", id);
                    rig.evicted.remove(&key);
                    rig.wrote.insert(key);
                }
                if let Some(name) = draft.name {
                    let (keys, by) = (done.event_keys(), done.by);
                    let mark = Mark { peers: [peer].into(), keys, by, ..Mark::default() };
                    self.ledger.note(name, mark, Some((peer, seq.0)));
                }
            }
            Ok((_, Written { seq: None, .. })) => {
                law(4, draft.name.is_none(), || "a transaction with a mark came to nothing".to_owned())?;
            }
            Err(WriteError::Query(peer_core::QueryError::Peer(_))) => {}
            Err(error) => return Err(unplanned("a write is refused", format!("{kind:?}: {error}"))),
        }
        self.after_local(peer, is_done)
    }

    /// The server gets a request.
    pub(crate) fn http(&mut self, kind: WriteKind, document: u64, number: i64) -> Held {
        let name = self.ledger.next_name("h");
        let document = id(&format!("d{document}"));
        let n = Value::Int(number);
        let mut operations = match kind {
            WriteKind::Upsert => vec![upsert("t", document, map(&[("n", n)]))],
            WriteKind::Remove => vec![operation("t", document, Action::Remove)],
            WriteKind::Pair => {
                let pair = |half: &str| upsert("t", id(&format!("pairH{half}")), map(&[("pair", name_of(&name))]));
                vec![pair("a"), pair("b")]
            }
            WriteKind::Increment => vec![operation("t", id("counter"), Action::Update(vec![increment(number + 1)]))],
            WriteKind::Secret => vec![upsert("secret", document, map(&[("n", n)]))],
            _ => Vec::new(),
        };
        let by = if kind == WriteKind::Increment { number + 1 } else { 0 };
        operations.push(upsert("log", id(&name), map(&[("by", Value::Int(by))])));
        let written = self.server.write(operations);
        let mark = Mark { by, may_be_lost: written.is_err(), ..Mark::default() };
        self.ledger.note(name.clone(), mark, None);
        self.after_server()?;
        if let Ok(txn) = written {
            let known = self.ledger.marks.get(&name).is_some_and(|mark| mark.txns.contains(&txn));
            // Where a crash came right after it, nobody got the answer.
            law(12, known, || format!("{name} was written as {txn}, and has no event {}", mark_key(&name)))?;
        }
        Ok(())
    }

    pub(crate) fn make_counter(&mut self) -> Held {
        let counter = upsert("t", id("counter"), map(&[("name", Value::String("counter".into()))]));
        let made = self.server.write(vec![counter]);
        made.map_err(|error| unplanned("no counter", error))?;
        self.after_server().map(drop)
    }

    /// What the counter must be.
    pub(crate) fn counted(&self) -> Held<i64> {
        let mut sum = 0;
        for (name, mark) in &self.ledger.marks {
            let times = match self.ledger.has_forked {
                // Which transaction brought it is lost: its document is there or not.
                true => i64::from(self.server_has("log", &id(name))?),
                false => i64::try_from(mark.txns.len()).unwrap_or(i64::MAX),
            };
            sum += mark.by * times;
        }
        Ok(sum)
    }

    pub(crate) fn server_has(&self, of: &str, id: &DocumentId) -> Held<bool> {
        Ok(self.server_value(of, id)?.is_some())
    }

    pub(crate) fn server_value(&self, of: &str, id: &DocumentId) -> Held<Option<Map>> {
        let snapshot = self.server.app().snapshot().map_err(|error| unplanned("no snapshot", error))?;
        let found = snapshot.document(&collection(of), id);
        let found = found.map_err(|error| -> Broken { unplanned("no document", error) })?;
        Ok(found.and_then(|found| found.document.value()))
    }
}

fn name_of(name: &str) -> Value {
    Value::String(name.to_owned())
}

pub(crate) fn operation(of: &str, id: DocumentId, action: Action) -> Operation {
    Operation { collection: collection(of), id, condition: Condition::Always, action }
}

pub(crate) fn upsert(of: &str, id: DocumentId, value: Map) -> Operation {
    operation(of, id, Action::upsert(value))
}
