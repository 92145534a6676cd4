//! What a peer does without a server.

use document::{CollectionName, DocumentId, FieldType, Map, Path, UpdateCommand, UpdateKind, Value};
use peer_core::{Find, Observed, Output, Transaction, Which, WriteError};
use query::dql::Row;

use crate::rig::{Rig, collection, id, key, map, open};

fn json(row: &Row) -> String {
    let mut out = Vec::new();
    row.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

fn upsert(rig: &mut Rig, name: &str, text: &str, value: &str) -> Option<sync_protocol::Seq> {
    rig.peer.upsert(rig.now, &collection(name), Some(id(text)), map(value), vec![]).unwrap().1.seq
}

fn rows(rig: &mut Rig, text: &str) -> Vec<String> {
    let executed = rig.peer.execute(rig.now, text, &Map::new()).unwrap();
    executed.rows.iter().map(json).collect()
}

#[test]
fn a_write_is_there_at_once_and_after_a_restart() {
    let mut rig = Rig::new(1);
    let (made, written) =
        rig.peer.upsert(rig.now, &collection("people"), None, map(r#"{"name":"Ann"}"#), vec![]).unwrap();
    assert_eq!((written.seq, written.ids.as_slice()), (Some(sync_protocol::Seq(1)), [made.clone()].as_slice()));
    assert!(rig.peer.is_persist_due());
    rig.peer.persist().unwrap();
    let left = rig.disk.after(key_values::Crash::PowerLoss);
    let peer = open(&left, 2);
    assert_eq!((peer.pending_len(), peer.site()), (1, rig.peer.site()));
    assert_eq!(peer.find_by_id(&collection("people"), &made).unwrap(), Some(map(r#"{"name":"Ann"}"#)));
}

#[test]
fn statements_see_what_is_pending() {
    let mut rig = Rig::new(1);
    let run = |rig: &mut Rig, text: &str| rig.peer.execute(rig.now, text, &Map::new()).unwrap();
    let inserted = run(&mut rig, r#"INSERT INTO t DOCUMENTS ({"_id":"a","n":1}), ({"_id":"b","n":2})"#);
    assert_eq!((inserted.mutated_ids.len(), inserted.seq), (2, Some(sync_protocol::Seq(1))));
    run(&mut rig, "UPDATE t SET n = n + 10 WHERE n > 1");
    assert_eq!(rows(&mut rig, "SELECT * FROM t ORDER BY n DESC"), [r#"{"_id":"b","n":12}"#, r#"{"_id":"a","n":1}"#]);
    assert_eq!(run(&mut rig, "DELETE FROM t WHERE n = 1").mutated_ids, [id("a")]);
    assert_eq!(rows(&mut rig, "SELECT COUNT(*) AS n FROM t"), [r#"{"n":1}"#]);
    assert_eq!(rows(&mut rig, "SELECT * FROM system:collections"), [r#"{"_id":"t","name":"t"}"#]);
    assert_eq!(run(&mut rig, "DELETE FROM t WHERE n = 99").seq, None, "nothing to do is no transaction");
    let again = rig.peer.execute(rig.now, r#"INSERT INTO t DOCUMENTS ({"_id":"b"})"#, &Map::new());
    assert!(matches!(again, Err(WriteError::Exists { .. })));
    assert!(rig.peer.execute(rig.now, "SHOW ALL", &Map::new()).is_err());
}

#[test]
fn an_eviction_hides_and_pushes_nothing() {
    let mut rig = Rig::new(1);
    upsert(&mut rig, "t", "a", r#"{"n":1}"#);
    upsert(&mut rig, "t", "b", r#"{"n":2}"#);
    let evicted = rig.peer.execute(rig.now, " evict FROM t WHERE n = 1", &Map::new()).unwrap();
    assert_eq!((evicted.mutated_ids, evicted.seq), (vec![id("a")], None));
    assert_eq!(rows(&mut rig, "SELECT _id FROM t"), [r#"{"_id":"b"}"#]);
    assert_eq!(rig.peer.pending_len(), 2, "what is pending stays");
    upsert(&mut rig, "t", "a", r#"{"m":3}"#);
    assert_eq!(rig.value(&key("t", "a")), Some(map(r#"{"m":3,"n":1}"#)), "who writes it wants it");
}

#[test]
fn a_transaction_is_one_number_or_nothing() {
    let mut rig = Rig::new(1);
    let people = collection("people");
    let write = |t: &mut Transaction<'_>| -> Result<(), WriteError> {
        t.upsert(&people, Some(id("a")), map(r#"{"n":1}"#), vec![])?;
        t.update(&people, &Which::Id(id("a")), &[set("n", 2)])?;
        assert_eq!(t.find_by_id(&people, &id("a"))?, Some(map(r#"{"n":2}"#)));
        t.upsert(&people, Some(id("b")), map(r#"{"n":5}"#), vec![])?;
        assert_eq!(t.find(&Find::new("people", "n > 1", &Map::new())?)?.len(), 2);
        Ok(())
    };
    let ((), written) = rig.peer.transaction(rig.now, None, write).unwrap();
    assert_eq!((written.seq.map(|seq| seq.0), written.ids.len(), rig.peer.pending_len()), (Some(1), 2, 1));
    let failing = |t: &mut Transaction<'_>| -> Result<(), WriteError> {
        t.remove(&people, &Which::Id(id("a")))?;
        Err(WriteError::TooDeep)
    };
    assert!(rig.peer.transaction(rig.now, None, failing).is_err());
    assert_eq!(rig.value(&key("people", "a")), Some(map(r#"{"n":2}"#)));
    let unmade = |t: &mut Transaction<'_>| -> Result<(), WriteError> {
        t.upsert(&people, Some(id("c")), map(r#"{"n":1}"#), vec![])?;
        t.remove(&people, &Which::Id(id("c")))?;
        Ok(())
    };
    assert_eq!(rig.peer.transaction(rig.now, None, unmade).unwrap().1.seq, None);
}

fn set(path: &str, value: i64) -> UpdateCommand {
    UpdateCommand { path: Path::parse(path).unwrap(), kind: UpdateKind::Set(Value::Int(value)) }
}

#[test]
fn observers_are_told_first_of_what_is_there_and_then_once_of_what_concerns_them() {
    let mut rig = Rig::new(1);
    let mut server = crate::server::Server::new();
    upsert(&mut rig, "t", "a", r#"{"n":1}"#);
    let observed = rig.peer.reader().observable(rig.now, "SELECT * FROM t WHERE n > 0", &Map::new()).unwrap();
    let observer = rig.peer.observe(observed).unwrap();
    let find = Find::new("t", "n == 7", &Map::new()).unwrap();
    let other = rig.peer.observe(Observed::Find(find)).unwrap();
    let told = |rig: &mut Rig, server: &mut crate::server::Server| {
        rig.poll(server).unwrap();
        let mut told = std::mem::take(&mut rig.told);
        told.retain(|it| matches!(it, Output::Observed(_)));
        told
    };
    assert_eq!(told(&mut rig, &mut server), [Output::Observed(observer), Output::Observed(other)]);
    upsert(&mut rig, "t", "a", r#"{"n":2}"#);
    upsert(&mut rig, "t", "a", r#"{"n":3}"#);
    upsert(&mut rig, "u", "a", r#"{"n":3}"#);
    assert_eq!(told(&mut rig, &mut server), [Output::Observed(observer)]);
    assert_eq!(
        rig.peer.observed(observer).unwrap().unwrap().iter().map(json).collect::<Vec<_>>(),
        [r#"{"_id":"a","n":3}"#]
    );
    upsert(&mut rig, "t", "a", r#"{"n":0}"#);
    assert_eq!(told(&mut rig, &mut server), [Output::Observed(observer)], "it left");
    upsert(&mut rig, "t", "a", r#"{"n":-1}"#);
    assert_eq!(told(&mut rig, &mut server), []);
    rig.peer.cancel_observer(observer);
    upsert(&mut rig, "t", "a", r#"{"n":5}"#);
    assert_eq!(told(&mut rig, &mut server), []);
    assert_eq!(rig.peer.observed(observer).unwrap(), None);
}

#[test]
fn a_full_disk_refuses_the_write_and_loses_nothing() {
    let mut rig = Rig::new(1);
    upsert(&mut rig, "t", "a", r#"{"n":1}"#);
    rig.disk.fail_after(0);
    let refused = rig.peer.upsert(rig.now, &collection("t"), Some(id("a")), map(r#"{"n":2}"#), vec![]);
    assert!(refused.is_err());
    assert_eq!((rig.value(&key("t", "a")), rig.peer.pending_len()), (Some(map(r#"{"n":1}"#)), 1));
    rig.disk.heal();
    assert_eq!(upsert(&mut rig, "t", "a", r#"{"n":3}"#).map(|seq| seq.0), Some(2));
}

#[test]
fn what_is_too_large_or_the_systems_is_refused() {
    let mut rig = Rig::new(1);
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(peer_core::limits::TRANSACTION_BYTES_MAX));
    let refused = rig.peer.upsert(rig.now, &collection("t"), None, map(&large), vec![]);
    assert!(matches!(refused, Err(WriteError::TooLarge)));
    let refused = rig.peer.upsert(rig.now, &collection("__x"), None, map("{}"), vec![]);
    assert!(matches!(refused, Err(WriteError::SystemCollection { .. })));
    assert_eq!(rig.peer.pending_len(), 0);
}

#[test]
fn a_thread_can_own_a_peer() {
    fn owned_by_a_thread<T: Send>() {}
    owned_by_a_thread::<peer_core::Peer>();
}

#[test]
fn the_types_that_a_write_says_are_those_of_the_fields() {
    let mut rig = Rig::new(1);
    let t = collection("t");
    let path = |text| Path::parse(text).unwrap();
    let types = vec![(path("n"), FieldType::Counter), (path("o"), FieldType::Register)];
    let value = map(r#"{"m":{"a":1},"n":5,"o":{"a":1}}"#);
    rig.peer.upsert(rig.now, &t, Some(id("a")), value, types).unwrap();
    let statement = "INSERT INTO COLLECTION t (n COUNTER, o REGISTER) DOCUMENTS (:it)";
    let args = map(r#"{"it":{"_id":"b","m":{"a":1},"n":5,"o":{"a":1}}}"#);
    rig.peer.execute(rig.now, statement, &args).unwrap();
    for text in ["a", "b"] {
        let increment = |name| UpdateCommand { path: path(name), kind: UpdateKind::Increment(Value::Int(2)) };
        let inside = UpdateCommand { path: path("o.b"), kind: UpdateKind::Increment(Value::Int(1)) };
        rig.peer.update(rig.now, &t, &Which::Id(id(text)), &[increment("n")]).unwrap();
        assert!(rig.peer.update(rig.now, &t, &Which::Id(id(text)), &[inside]).is_err(), "no counter in a register");
        rig.peer.upsert(rig.now, &t, Some(id(text)), map(r#"{"m":{"b":2}}"#), vec![]).unwrap();
        let expected = map(r#"{"m":{"a":1,"b":2},"n":7,"o":{"a":1}}"#);
        assert_eq!(rig.peer.find_by_id(&t, &id(text)).unwrap(), Some(expected));
    }
}

#[test]
fn tokens_of_attachments_are_values_of_a_kind() {
    let mut rig = Rig::new(1);
    let t = collection("t");
    let types = vec![(Path::parse("f").unwrap(), FieldType::Attachment)];
    let token = r#"{"f":{"id":"aGVsbG8","len":5,"metadata":{}}}"#;
    rig.peer.upsert(rig.now, &t, Some(id("a")), map(token), types).unwrap();
    let statement = "INSERT INTO COLLECTION t (f ATTACHMENT) DOCUMENTS (:it)";
    let args = map(r#"{"it":{"_id":"b","f":{"id":"aGVsbG8","len":5,"metadata":{}}}}"#);
    rig.peer.execute(rig.now, statement, &args).unwrap();
    let mut seen = Vec::new();
    let note = &mut |collection: &CollectionName, id: &DocumentId, token: &Map| {
        assert_eq!((collection, token), (&t, &map(r#"{"id":"aGVsbG8","len":5,"metadata":{}}"#)));
        seen.push(id.clone());
        true
    };
    rig.peer.reader().each_token(note).unwrap();
    assert_eq!(seen, [id("a"), id("b")]);
    assert!(rig.peer.find_by_id(&t, &id("a")).unwrap() == Some(map(token)));
    let wrong = map(r#"{"it":{"_id":"c","f":{"id":"aGVsbG8"}}}"#);
    assert!(rig.peer.execute(rig.now, statement, &wrong).is_err(), "no token");
}
