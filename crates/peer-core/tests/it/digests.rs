//! Whether both sides have the same, and what mends it if not.

use std::sync::Arc;

use document::Map;
use key_values::{Batch, Durability, KeyValues, Space};
use peer_core::{Output, SubscriptionDigest, SubscriptionRequest};
use sync_protocol::SubId;

use crate::rig::{Rig, collection, id, key, map};
use crate::server::Server;

fn subscribed(server: &mut Server) -> (Rig, SubId) {
    for text in ["a", "b", "c", "d", "e"] {
        server.upsert(key("t", text), map(r#"{"n":1}"#));
    }
    let mut rig = Rig::new(1);
    let sub = rig.peer.subscribe(SubscriptionRequest::legacy("t", "n == 1", &Map::new()).unwrap()).unwrap();
    rig.settle(server);
    (rig, sub)
}

fn asked(rig: &mut Rig, server: &mut Server, sub: SubId) -> SubscriptionDigest {
    rig.peer.ask_digest([sub]);
    rig.told.clear();
    rig.settle(server);
    let answers = rig.told.drain(..).filter_map(|it| match it {
        Output::Digest { subs, .. } => Some(subs),
        _ => None,
    });
    let answers: Vec<_> = answers.flatten().collect();
    assert_eq!(answers.len(), 1, "one question, one answer");
    answers[0].clone()
}

/// Takes a document from the store as damage would.
fn lose(rig: &Rig, text: &str) {
    let disk: Arc<dyn KeyValues> = Arc::new(rig.disk.clone());
    let of_it = format!("t\0\"{text}\"").into_bytes();
    let mut batch = Batch::default();
    batch.remove(Space(1), of_it.clone());
    batch.remove(Space(5), [&1_u64.to_be_bytes()[..], &of_it].concat());
    disk.write(batch, Durability::Process).unwrap();
}

#[test]
fn both_sides_have_the_same_also_after_writes_of_both() {
    let mut server = Server::new();
    let (mut rig, sub) = subscribed(&mut server);
    for n in 0..3 {
        let digest = asked(&mut rig, &mut server, sub);
        assert_eq!((digest.own.count, &digest.own), (5 + 2 * n, &digest.server));
        let text = format!("mine{n}");
        rig.peer.upsert(rig.now, &collection("t"), Some(id(&text)), map(r#"{"n":1}"#), vec![]).unwrap();
        server.upsert(key("t", &format!("theirs{n}")), map(r#"{"n":1}"#));
    }
}

#[test]
fn what_differs_is_told_and_begins_again() {
    let mut server = Server::new();
    let (mut rig, sub) = subscribed(&mut server);
    lose(&rig, "c");
    assert_eq!(rig.value(&key("t", "c")), None);
    let digest = asked(&mut rig, &mut server, sub);
    assert_eq!((digest.own.count, digest.server.count), (4, 5));
    rig.settle(&mut server);
    assert!(rig.value(&key("t", "c")).is_some(), "its snapshot came again");
    let digest = asked(&mut rig, &mut server, sub);
    assert_eq!(digest.own, digest.server);
}

#[test]
fn a_part_of_a_document_that_is_not_here_begins_the_subscription_again() {
    for in_parts in [false, true] {
        let mut server = Server::new();
        server.in_parts = in_parts;
        let (mut rig, sub) = subscribed(&mut server);
        lose(&rig, "c");
        rig.peer.upsert(rig.now, &collection("t"), Some(id("d")), map(r#"{"m":1}"#), vec![]).unwrap();
        server.tell_delta(key("t", "c"));
        rig.settle(&mut server);
        rig.settle(&mut server);
        assert_eq!(rig.value(&key("t", "c")), Some(map(r#"{"n":1}"#)));
        assert!(rig.peer.is_complete(sub));
        let digest = asked(&mut rig, &mut server, sub);
        assert_eq!(digest.own, digest.server);
    }
}

#[test]
fn a_part_of_an_evicted_document_brings_it_back_if_it_says_more() {
    let mut server = Server::new();
    let (mut rig, sub) = subscribed(&mut server);
    for text in ["a", "b"] {
        rig.peer.evict(&collection("t"), &peer_core::Which::Id(id(text))).unwrap();
    }
    server.tell_delta(key("t", "a"));
    server.upsert(key("t", "b"), map(r#"{"n":1,"m":2}"#));
    rig.settle(&mut server);
    assert_eq!(rig.value(&key("t", "a")), None, "nothing of it changed");
    assert_eq!(rig.value(&key("t", "b")), Some(map(r#"{"m":2,"n":1}"#)));
    let digest = asked(&mut rig, &mut server, sub);
    assert_eq!(digest.own, digest.server);
}
