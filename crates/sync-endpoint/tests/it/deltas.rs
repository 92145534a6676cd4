//! What was written is told by parts to whoever has the documents.

use document::{Action, Document, Path, UpdateCommand, UpdateKind, Value};
use store::Snapshot;
use sync_protocol::ItemKind;

use crate::{
    peer::{Key, Peer, subscription},
    world::{World, collection, id, map, operation},
};

/// The documents that a peer is to have, as they are stored.
pub fn stored(world: &World, name: &str, is_in: impl Fn(&Document) -> bool) -> Vec<(Key, Document)> {
    let snapshot: Snapshot = world.app.snapshot().unwrap();
    let all = snapshot.scan(&collection(name)).map(|entry| entry.unwrap());
    let key = |id: &document::DocumentId| (name.to_owned(), id.as_json().to_owned());
    let found = all.filter(|(_, stored)| stored.document.exists() && is_in(&stored.document));
    found.map(|(id, stored)| (key(&id), stored.document)).collect()
}

pub fn had(peer: &Peer) -> Vec<(Key, Document)> {
    let there = peer.documents.iter().filter(|(_, (document, _))| document.exists());
    there.map(|(key, (document, _))| (key.clone(), document.clone())).collect()
}

fn large() -> String {
    let fields: Vec<String> = (0..20).map(|n| format!(r#""field{n}":"{}""#, "x".repeat(40))).collect();
    format!("{{{}}}", fields.join(","))
}

#[tokio::test]
async fn one_field_of_a_document_of_a_kilobyte_is_a_hundred_bytes() {
    let world = World::new();
    let name = "6a1f0c3d2b4e5f6071829304";
    world.upsert("tasks", name, &large()).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "tasks", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    for n in 0..3 {
        peer.heard_bytes = 0;
        world.upsert("tasks", name, &format!(r#"{{"field7":{n}}}"#)).await;
        peer.until("it has it", |peer| peer.told.len() == n + 1).await;
        assert!(peer.heard_bytes <= 120, "{} bytes", peer.heard_bytes);
    }
    let quoted = format!("\"{name}\"");
    assert_eq!(peer.told, vec![(quoted, ItemKind::Delta); 3]);
    assert_eq!(had(&peer), stored(&world, "tasks", |_| true));
    assert!(world.metrics().contains("headwater_sync_deltas_total 3"), "{}", world.metrics());
}

#[tokio::test]
async fn what_enters_is_told_wholly_and_what_is_removed_by_its_tombstone() {
    let world = World::new();
    world.upsert("people", "a", r#"{"age":20,"name":"Ann"}"#).await;
    world.upsert("people", "b", r#"{"age":10,"name":"Bob"}"#).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "age >= 18")]);
    peer.connect(&world);
    peer.until_live().await;
    world.upsert("people", "b", r#"{"age":18}"#).await;
    peer.until("b is there", |peer| peer.told.len() == 1).await;
    world.upsert("people", "b", r#"{"age":19}"#).await;
    peer.until("b is older", |peer| peer.told.len() == 2).await;
    world.upsert("people", "c", r#"{"age":19}"#).await;
    peer.until("c is there", |peer| peer.told.len() == 3).await;
    let add = UpdateCommand { path: Path::parse("visits").unwrap(), kind: UpdateKind::Increment(Value::Int(2)) };
    world.commit(vec![operation("people", "c", Action::Update(vec![add]))]).await;
    peer.until("c was there", |peer| peer.told.len() == 4).await;
    world.remove("people", "c").await;
    peer.until("c is removed", |peer| peer.told.len() == 5).await;
    world.upsert("people", "c", r#"{"age":30}"#).await;
    peer.until("c is there again", |peer| peer.told.len() == 6).await;
    let kinds: Vec<_> = peer.told.iter().map(|(_, kind)| *kind).collect();
    use ItemKind::{Delta, Removed, State};
    assert_eq!(kinds, [State, Delta, State, Delta, Removed, State]);
    assert_eq!(had(&peer), stored(&world, "people", |_| true));
}

#[tokio::test]
async fn several_writes_of_a_document_are_told_as_one_part() {
    let world = World::new();
    world.upsert("people", "a", &large()).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    // The session cannot read before all of them are there.
    for n in 0..5 {
        world.upsert("people", "a", &format!(r#"{{"n{n}":{n}}}"#)).await;
    }
    peer.until("it has all", |peer| had(peer) == stored(&world, "people", |_| true)).await;
    assert!(peer.told.iter().all(|(_, kind)| *kind == ItemKind::Delta), "{:?}", peer.told);
}

#[tokio::test]
async fn what_changed_nothing_is_not_told() {
    let world = World::new();
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "true")]);
    let seq = peer.upsert("people", "a", r#"{"n":1}"#);
    let again = peer.pending[&seq].operations.clone();
    peer.connect(&world);
    peer.until_live().await;
    peer.until_settled().await;
    world.upsert("people", "a", r#"{"n":2}"#).await;
    peer.until("it has n", |peer| peer.told.last().is_some_and(|(_, kind)| *kind == ItemKind::Delta)).await;
    let told = peer.told.len();
    peer.push(again);
    peer.until_settled().await;
    world.upsert("people", "z", "{}").await;
    peer.until("it has z", |peer| peer.told.len() > told).await;
    assert_eq!(peer.told[told..], [(r#""z""#.to_owned(), ItemKind::State)]);
}

/// A subscription that is added while others are live gets its documents wholly.
#[tokio::test]
async fn a_subscription_whose_snapshot_is_under_way_gets_no_parts() {
    let world = World::new();
    let text = "x".repeat(1000);
    let all = (0..2000).map(|n| {
        let value = map(&format!(r#"{{"text":"{text}"}}"#));
        operation("people", &format!("p{n:04}"), Action::upsert(value))
    });
    world.commit(all.collect()).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "others", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    peer.is_slow = true;
    peer.machine.subscribe(subscription(2, "people", "true"));
    peer.until("pages come", |peer| peer.changes_messages > 2).await;
    for n in 0..20 {
        world.upsert("people", &format!("p{:04}", n * 99), r#"{"n":1}"#).await;
    }
    peer.is_slow = false;
    peer.until("it has all", |peer| had(peer) == stored(&world, "people", |_| true)).await;
    let id = id("p0000");
    world.upsert("people", "p0000", r#"{"n":2}"#).await;
    peer.until("it has more", |peer| peer.told.last() == Some(&(id.as_json().to_owned(), ItemKind::Delta))).await;
    assert_eq!(had(&peer), stored(&world, "people", |_| true));
}
