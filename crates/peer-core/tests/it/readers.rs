//! Readers on other threads: what they see while the peer writes and syncs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use document::{Map, Value};
use peer_core::{Find, Observed, QueryError, Reader, SubscriptionRequest, Transaction, WriteError};

use crate::rig::{Rig, collection, id, key, map};
use crate::server::Server;

fn both(reader: &Reader) -> Vec<Option<Value>> {
    let rows = reader.select(Default::default(), "SELECT * FROM t WHERE n >= 0", &Map::new()).unwrap();
    rows.into_iter().map(|row| row.into_map().field("n").cloned()).collect()
}

#[test]
fn a_reader_sees_what_the_peer_sees() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    let reader = rig.peer.reader();
    server.upsert(key("t", "theirs"), map(r#"{"n":1}"#));
    rig.peer.subscribe(SubscriptionRequest::legacy("t", "true", &Map::new()).unwrap()).unwrap();
    rig.settle(&mut server);
    rig.peer.upsert(rig.now, &collection("t"), Some(id("mine")), map(r#"{"n":2}"#), vec![]).unwrap();
    for text in ["theirs", "mine", "none"] {
        let found = reader.find_by_id(&collection("t"), &id(text)).unwrap();
        assert_eq!((found.is_some(), &found), (text != "none", &rig.value(&key("t", text))));
    }
    let find = Find::new("t", "n > 1", &Map::new()).unwrap();
    assert_eq!(reader.find(&find).unwrap(), rig.peer.find(&find).unwrap());
    let rows = reader.rows(&Observed::Find(find)).unwrap();
    assert_eq!(rows[0].clone().into_map(), map(r#"{"_id":"mine","n":2}"#));
    let ask = |text: &str| reader.select(rig.now, text, &Map::new());
    assert_eq!(
        ask("SELECT * FROM system:collections").unwrap()[0].clone().into_map().field("name"),
        map(r#"{"name":"t"}"#).field("name")
    );
    assert_eq!(ask("SELECT * FROM system:pending").unwrap().len(), 1);
    assert!(matches!(ask("DELETE FROM t"), Err(QueryError::NoSelect)));
    let reader = reader.clone();
    drop(rig);
    assert_eq!(both(&reader).len(), 2, "it outlives the peer");
}

#[test]
fn a_reader_on_another_thread_never_sees_half_a_transaction() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    rig.peer.subscribe(SubscriptionRequest::legacy("t", "true", &Map::new()).unwrap()).unwrap();
    let reader = rig.peer.reader();
    let (is_over, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut before = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let values = both(&reader);
                assert!(values.windows(2).all(|it| it[0] == it[1]), "half a transaction: {values:?}");
                if values != before {
                    seen.fetch_add(1, Ordering::Relaxed);
                    before = values;
                }
            }
        });
        let is_enough = |number| number >= 100 && seen.load(Ordering::Relaxed) > 10;
        for number in (0..1_000_000).take_while(|number| !is_enough(*number) && !looks.is_finished()) {
            let write = |it: &mut Transaction<'_>| -> Result<(), WriteError> {
                for text in ["a", "b", "c"] {
                    it.upsert(&collection("t"), Some(id(text)), map(&format!(r#"{{"n":{number}}}"#)), vec![])?;
                }
                Ok(())
            };
            rig.peer.transaction(rig.now, None, write).unwrap();
            if number % 10 == 0 {
                rig.settle(&mut server);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        looks.join().unwrap();
    });
    assert!(seen.into_inner() > 10, "it saw them change");
}
