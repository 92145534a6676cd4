//! What a session says to whoever asks whether both sides have the same.

use document::Action;
use sha2::{Digest as _, Sha256};
use sync_protocol::SubId;

use crate::{
    deltas::had,
    peer::{Peer, subscription},
    world::{World, map, operation},
};

fn digest(peer: &Peer) -> (u64, Vec<u8>) {
    let mut hash = Sha256::new();
    for ((_, id), document) in &had(peer) {
        let mut state = Vec::new();
        document.encode(&mut state);
        for part in [id.as_bytes(), &state] {
            hash.update((part.len() as u32).to_be_bytes());
            hash.update(part);
        }
    }
    (had(peer).len() as u64, hash.finalize().to_vec())
}

#[tokio::test]
async fn who_has_the_same_has_the_same_digest() {
    let world = World::new();
    let name = |n: i64| format!("p{n}");
    let all = (0..3000).map(|n| {
        let value = map(&format!(r#"{{"age":{}}}"#, n % 40));
        operation("people", &name(n), Action::upsert(value))
    });
    world.commit(all.collect()).await;
    let mut peer = Peer::new(42, None, vec![subscription(1, "people", "age >= 18")]);
    peer.connect(&world);
    peer.until_live().await;
    world.upsert("people", "p20", r#"{"name":"Ann"}"#).await;
    let txn = world.remove("people", "p21").await;
    peer.until("it knows", |peer| peer.told.len() == 2).await;
    peer.machine.ask_digest(vec![SubId(1), SubId(9)]);
    peer.machine.ask_digest(vec![SubId(1)]);
    peer.until("both are answered", |peer| peer.digests.len() == 2).await;
    for reply in &peer.digests {
        let entries: Vec<_> = reply.entries.iter().map(|it| (it.sub, it.count, it.hash.clone())).collect();
        let (count, hash) = digest(&peer);
        assert_eq!((reply.at.0, entries), (txn, vec![(SubId(1), count, hash)]));
    }
    world.upsert("people", "p22", r#"{"name":"Bob"}"#).await;
    let before = digest(&peer);
    peer.machine.ask_digest(vec![SubId(1)]);
    peer.until("it is answered", |peer| peer.digests.len() == 3).await;
    let reply = &peer.digests[2];
    assert_eq!((reply.at.0, reply.entries[0].count), (txn + 1, before.0));
    assert_ne!(reply.entries[0].hash, before.1);
}
