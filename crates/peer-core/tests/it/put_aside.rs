//! A transaction that is put aside between its steps, as a browser's is.

use document::Map;
use peer_core::{Find, Overtaken, WriteError};
use sync_protocol::Seq;

use crate::rig::{Rig, collection, id, key, map};

#[test]
fn a_transaction_goes_on_where_it_was_put_aside() {
    let mut rig = Rig::new(1);
    let people = collection("people");
    rig.peer.upsert(rig.now, &people, Some(id("a")), map(r#"{"n":1}"#), vec![]).unwrap();
    let mut open = rig.peer.begin(rig.now, None);
    let upsert = rig.peer.within(&mut open, |it| it.upsert(&people, Some(id("a")), map(r#"{"m":2}"#), vec![]));
    assert_eq!(upsert.unwrap().unwrap(), id("a"));
    assert_eq!(rig.value(&key("people", "a")), Some(map(r#"{"n":1}"#)), "nobody else sees it");
    let failed =
        rig.peer.within(&mut open, |it| it.execute("INSERT INTO people DOCUMENTS ({\"_id\":\"a\"})", &Map::new()));
    assert!(matches!(failed, Ok(Err(WriteError::Exists { .. }))), "a step that fails does not end it");
    let inserted =
        rig.peer.within(&mut open, |it| it.execute("INSERT INTO people DOCUMENTS ({\"m\":2})", &Map::new()).unwrap());
    let made = inserted.unwrap().mutated_ids.remove(0);
    let find = Find::new("people", "m == 2", &Map::new()).unwrap();
    assert_eq!(rig.peer.within(&mut open, |it| it.find(&find)).unwrap().unwrap().len(), 2, "it sees what it wrote");
    let written = rig.peer.commit_open(open).unwrap();
    assert_eq!((written.seq, written.ids), (Some(Seq(2)), vec![id("a"), made]));
    assert_eq!(rig.value(&key("people", "a")), Some(map(r#"{"m":2,"n":1}"#)));
    assert_eq!(rig.peer.pending_len(), 2, "all of it is one transaction");
}

#[test]
fn a_transaction_that_something_overtook_writes_nothing() {
    let mut rig = Rig::new(1);
    let people = collection("people");
    let mut open = rig.peer.begin(rig.now, None);
    let one = rig.peer.within(&mut open, |it| it.upsert(&people, None, map(r#"{"n":1}"#), vec![]));
    one.unwrap().unwrap();
    rig.peer.upsert(rig.now, &people, Some(id("b")), map(r#"{"n":2}"#), vec![]).unwrap();
    assert_eq!(rig.peer.within(&mut open, |_| ()), Err(Overtaken));
    assert!(matches!(rig.peer.commit_open(open), Err(WriteError::Overtaken(Overtaken))));
    assert_eq!(rig.peer.find(&Find::new("people", "true", &Map::new()).unwrap()).unwrap().len(), 1);
}

#[test]
fn a_transaction_that_is_dropped_was_never_there() {
    let mut rig = Rig::new(1);
    let people = collection("people");
    let mut made = Vec::new();
    for _ in 0..2 {
        let mut open = rig.peer.begin(rig.now, None);
        let id = rig.peer.within(&mut open, |it| it.upsert(&people, None, map(r#"{"n":1}"#), vec![])).unwrap();
        made.push(id.unwrap());
    }
    assert_ne!(made[0], made[1], "an id that was given is not given again");
    assert_eq!((rig.peer.pending_len(), rig.peer.last_seq()), (0, Seq(0)));
    let nothing = rig.peer.begin(rig.now, None);
    assert_eq!(rig.peer.commit_open(nothing).unwrap().seq, None);
}
