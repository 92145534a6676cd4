//! What a permission document keeps from a peer: it never has it, and is never told of it.

use std::collections::{BTreeMap, BTreeSet};

use credentials::{GrantedQueries, NewToken, Permission, PermissionDocument};
use sync_protocol::{ItemKind, NackCode, PeerState, ResyncReason};

use crate::{
    peer::{Peer, subscription},
    world::{START_MS, World},
};

const IDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Everybody may have it: a peer that has its newest state has everything.
const MARK: &str = "m";

/// Numbers of a seed (Marsaglia, "Xorshift RNGs").
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn ids(&mut self) -> BTreeSet<&'static str> {
        IDS.into_iter().filter(|_| self.below(2) == 0).chain([MARK]).collect()
    }
}

fn half(ids: &BTreeSet<&str>, is_one_rule: bool) -> GrantedQueries {
    let mut rules: Vec<String> = ids.iter().map(|id| format!("_id == '{id}'")).collect();
    if is_one_rule && !ids.is_empty() {
        // One that is asked about each id, where the others are looked up.
        rules =
            vec![rules.iter().map(|rule| format!("starts_with(_id, 'x') || {rule}")).collect::<Vec<_>>().join(" || ")];
    }
    GrantedQueries { everything: false, queries_by_collection: [("people".to_owned(), rules)].into() }
}

fn token(world: &World, user: &str, read: GrantedQueries, write: GrantedQueries, life_ms: u64) -> String {
    let permission = PermissionDocument { read, write };
    let new = NewToken { app: "shop".into(), user: user.into(), provider: "own".into(), life_ms, permission };
    world.credentials.create_token(new, START_MS).unwrap().1
}

const HOUR_MS: u64 = 3_600_000;

fn some(ids: &[&'static str]) -> GrantedQueries {
    half(&ids.iter().copied().collect(), false)
}

#[tokio::test]
async fn what_may_not_be_read_is_not_told_and_what_may_not_be_written_is_refused_whether_it_exists_or_not() {
    let world = World::new();
    for id in ["a", "b", "c"] {
        world.upsert("people", id, "{}").await;
    }
    let token = token(&world, "ann", some(&["a", "b", "n"]), some(&["b", "c", "n"]), HOUR_MS);
    let mut peer =
        Peer::new(42, Some(&token), vec![subscription(1, "people", "true"), subscription(2, "other", "true")]);
    let (unwritable, invisible, missing) =
        (peer.upsert("people", "a", "{}"), peer.upsert("people", "c", "{}"), peer.upsert("people", "z", "{}"));
    let removed = peer.remove("people", "c");
    let taken = [peer.upsert("people", "b", r#"{"n":1}"#), peer.upsert("people", "n", "{}")];
    peer.connect(&world);
    peer.until_settled().await;
    for seq in [unwritable, invisible, missing, removed] {
        let fault = &peer.rejected[&seq][0];
        assert_eq!(fault.code, NackCode::Denied);
        assert_eq!(fault.message, peer.rejected[&invisible][0].message, "it does not say why");
    }
    assert!(taken.iter().all(|seq| peer.acked.contains_key(seq)), "{:?}", peer.rejected);
    peer.until("it has its own", |peer| peer.shows().keys().eq(["a", "b", "n"])).await;
    assert!(peer.resyncs.is_empty(), "a collection of which nothing may be read is empty: {:?}", peer.resyncs);
    // Live: changes and removals of what it may not have are silence.
    peer.until_live().await;
    peer.told.clear();
    world.upsert("people", "c", r#"{"n":2}"#).await;
    world.remove("people", "c").await;
    world.upsert("other", "o", "{}").await;
    world.upsert("people", "a", r#"{"last":true}"#).await;
    peer.until("it is told of the last", |peer| !peer.told.is_empty()).await;
    assert_eq!(peer.told, [("\"a\"".to_owned(), ItemKind::Delta)]);
    let headers = world.events().await.into_iter().find(|(key, _)| key.contains("\"n\"")).unwrap().1;
    assert!(headers.contains("peer=ann"), "{headers}");
}

#[tokio::test]
async fn a_token_that_ends_or_is_revoked_ends_its_session_and_the_user_s_next_one_goes_on() {
    let world = World::new();
    world.upsert("people", "a", "{}").await;
    let all = || some(&["a", "b"]);
    let first = token(&world, "ann", all(), all(), HOUR_MS);
    let mut peer = Peer::new(42, Some(&first), vec![subscription(1, "people", "true")]);
    peer.connect(&world);
    peer.until_live().await;
    world.clock.set(START_MS + HOUR_MS);
    world.upsert("people", "b", "{}").await;
    peer.until("it needs a token", |peer| peer.machine.state() == PeerState::NeedsAuth).await;
    assert_eq!(peer.shows().len(), 1);
    world.clock.set(START_MS);
    // The site is the user's, whichever token.
    let next = token(&world, "ann", all(), all(), HOUR_MS);
    peer.machine.authenticate(next.clone(), sync_protocol::Moment::default());
    peer.connect(&world);
    peer.until("it has both", |peer| peer.shows().len() == 2).await;
    let same = token(&world, "ann", all(), all(), HOUR_MS);
    peer.machine.authenticate(same, sync_protocol::Moment::default());
    peer.until_live().await;
    let id = next.split('_').nth(1).unwrap();
    world.credentials.revoke_token("shop", id).unwrap();
    peer.upsert("people", "a", r#"{"n":1}"#);
    peer.until_settled().await;
    assert_eq!(peer.machine.state(), PeerState::Live, "it stands on the newer token");
    world.credentials.revoke_tokens_of("shop", "ann").unwrap();
    peer.upsert("people", "a", r#"{"n":2}"#);
    peer.until("it needs a token", |peer| peer.machine.state() == PeerState::NeedsAuth).await;
    let mut stranger = Peer::new(42, Some(&token(&world, "bob", all(), all(), HOUR_MS)), Vec::new());
    stranger.connect(&world);
    stranger.until("it is told", |peer| peer.is_site_reused).await;
}

/// Law 2 over random histories: whatever the server, the peers and their permissions do.
#[tokio::test]
async fn no_peer_stores_what_its_permission_excludes() {
    for seed in 1..=6 {
        history(seed).await;
    }
}

async fn history(seed: u64) {
    let (world, mut random) = (World::new(), Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let mut peers = Vec::new();
    for site in [42, 43] {
        let (read, write) = (random.ids(), random.ids());
        let token = token(&world, &format!("u{site}"), half(&read, site == 42), half(&write, false), HOUR_MS);
        let mut peer = Peer::new(site, Some(&token), vec![subscription(1, "people", "true")]);
        peer.connect(&world);
        peers.push((peer, read, write));
    }
    let mut expected: BTreeMap<&str, String> = BTreeMap::new();
    for step in 0..40 {
        let (who, id) = (random.below(2) as usize, IDS[random.below(8) as usize]);
        let (peer, read, write) = &mut peers[who];
        match random.below(6) {
            0 | 1 => {
                let json = format!(r#"{{"n":{step}}}"#);
                world.upsert("people", id, &json).await;
                expected.insert(id, json);
            }
            2 if expected.remove(id).is_some() => drop(world.remove("people", id).await),
            3 if !expected.contains_key(id) => {
                let seq = peer.upsert("people", id, &format!(r#"{{"p{step}":1}}"#));
                settle(&world, peer).await;
                // A tombstone that it may see may stand there.
                let may = read.contains(id) && write.contains(id);
                assert_eq!(
                    peer.acked.contains_key(&seq),
                    may,
                    "seed {seed}, step {step}: {:?}",
                    peer.rejected.get(&seq)
                );
                if may {
                    world.remove("people", id).await;
                }
            }
            4 => {
                let (new_read, new_write) = (random.ids(), random.ids());
                let user = format!("u{}", peer.machine.identity().site.0);
                let is_away = random.below(2) == 0;
                if is_away {
                    peer.cut();
                }
                let next = token(&world, &user, half(&new_read, step % 2 == 0), half(&new_write, false), HOUR_MS);
                peer.machine.authenticate(next, sync_protocol::Moment::default());
                if !is_away {
                    let before = peer.grants;
                    peer.until("it is heard", |peer| peer.grants > before || !peer.is_connected()).await;
                } else {
                    let more = IDS[random.below(8) as usize];
                    world.upsert("people", more, "{}").await;
                    expected.insert(more, "{}".to_owned());
                }
                peer.told.clear();
                (*read, *write) = (new_read, new_write);
                settle(&world, peer).await;
                assert!(!peer.resyncs.iter().any(|it| *it != ResyncReason::Permission), "{:?}", peer.resyncs);
            }
            _ => peer.cut(),
        }
        for (peer, read, _) in &mut peers {
            settle(&world, peer).await;
            let has: BTreeSet<String> = peer.documents.keys().map(|key| key.1.trim_matches('"').to_owned()).collect();
            assert!(has.iter().all(|id| read.contains(&**id)), "seed {seed}, step {step}: {has:?} of {read:?}");
            assert!(
                peer.told.iter().all(|(id, _)| read.contains(id.trim_matches('"'))),
                "seed {seed}, step {step}: told {:?} of {read:?}",
                peer.told
            );
            let sees: Vec<String> = peer.shows().into_keys().collect();
            let granted = expected.keys().copied().filter(|id| read.contains(id)).chain([MARK]);
            let granted: BTreeSet<_> = granted.collect();
            assert!(sees.iter().eq(&granted), "seed {seed}, step {step}: {sees:?}, not {granted:?}");
        }
    }
}

/// Until the peer is connected, has everything, and everything of it has a verdict.
async fn settle(world: &World, peer: &mut Peer) {
    let mark = format!(r#"{{"at":{}}}"#, world.app.newest_txn().0);
    world.upsert("people", MARK, &mark).await;
    for _ in 0..3 {
        if !peer.is_connected() {
            peer.connect(world);
        }
        let is_settled = |peer: &Peer| {
            peer.machine.state() == PeerState::Live && peer.pending.is_empty() && peer.shows().get(MARK) == Some(&mark)
        };
        peer.until("it is settled or away", |peer| is_settled(peer) || !peer.is_connected()).await;
        if is_settled(peer) {
            return;
        }
    }
    panic!("it stays away: {:?}", peer.machine.state());
}

#[tokio::test]
async fn who_sees_some_documents_names_only_files_that_they_uploaded_or_that_stand_there_already() {
    let world = World::new();
    let file = |bytes: &[u8], by: &str| {
        let mut incoming = world.app.blobs().begin().unwrap();
        incoming.write(bytes).unwrap();
        incoming.finish(by, START_MS).unwrap().id
    };
    let (own, others) = (file(b"own", "@ann"), file(b"another's", "@bob"));
    let with = |id: &dyn std::fmt::Display| format!(r#"{{"f":{{"id":"{id}","len":3,"metadata":{{}}}}}}"#);
    let token = token(&world, "ann", some(&["a", "b"]), some(&["a", "b"]), HOUR_MS);
    let key = world.key("all", None, &[Permission::Read, Permission::Write]);
    let mut everybody = Peer::new(41, Some(&key), vec![]);
    let shared = everybody.attach("people", "a", &with(&others));
    everybody.connect(&world);
    everybody.until_settled().await;
    assert!(everybody.acked.contains_key(&shared), "{:?}", everybody.rejected);
    let mut ann = Peer::new(42, Some(&token), vec![subscription(1, "people", "true")]);
    let taken = [ann.attach("people", "b", &with(&own)), ann.attach("people", "a", &with(&others))];
    let refused = ann.attach("people", "b", &with(&others));
    ann.connect(&world);
    ann.until_settled().await;
    assert!(taken.iter().all(|seq| ann.acked.contains_key(seq)), "{:?}", ann.rejected);
    assert_eq!(ann.rejected[&refused][0].code, NackCode::Denied);
    assert_eq!(world.app.blobs().unheld_bytes("@ann"), 0, "a document holds it");
}
