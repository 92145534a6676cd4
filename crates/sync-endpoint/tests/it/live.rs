//! Many sessions that have everything: each is told what concerns it, and nothing else wakes it.

use std::time::Duration;

use document::{Action, Document};
use store::StoreOptions;
use tokio::time::Instant;

use crate::{
    deltas::{had, stored},
    peer::{Key, Peer, subscription},
    world::{World, map, operation},
};

async fn live(world: &World, site: u64, query: &str) -> Peer {
    let mut peer = Peer::new(site, None, vec![subscription(1, "people", query)]);
    peer.connect(world);
    peer.until_live().await;
    peer
}

fn looks(world: &World) -> u64 {
    let metrics = world.metrics();
    let line = metrics.lines().find(|line| line.starts_with("headwater_sync_looks_total")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn who_is_not_concerned_is_not_woken() {
    let world = World::new();
    let mut peers = Vec::new();
    for n in 0..40 {
        peers.push(live(&world, 40 + n, &format!("owner == {n}")).await);
    }
    world.upsert("people", "first", r#"{"owner":99}"#).await;
    for peer in &mut peers {
        peer.live_on(Duration::from_millis(2)).await;
    }
    let before = looks(&world);
    for n in 0..200 {
        world.upsert("people", &format!("p{n}"), r#"{"owner":7}"#).await;
    }
    peers[7].until("it has all", |peer| peer.shows().len() == 200).await;
    assert!(looks(&world) - before <= 200 + 2 * 40, "{} looks", looks(&world) - before);
    for (n, peer) in peers.iter_mut().enumerate() {
        peer.live_on(Duration::from_millis(1)).await;
        assert!(n == 7 || peer.told.is_empty(), "{n}: {:?}", peer.told);
    }
}

/// Whatever happens between: large events, large transactions, peers that take nothing for a while,
/// that go and come back, that ask for more.
#[tokio::test]
async fn whatever_happens_all_have_what_they_asked_for() {
    let options = StoreOptions { event_bytes_max: 3_000, ..StoreOptions::default() };
    let world = World::with(options);
    let queries = ["owner == 1", "owner == 2", "true", "age >= 18", "SELECT * FROM people WHERE owner = 1 AND age > 5"];
    let mut peers = Vec::new();
    for (n, query) in queries.iter().enumerate() {
        peers.push(live(&world, 40 + n as u64, query).await);
    }
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let mut random: u64 = seed.unwrap_or(0x9e37_79b9_7f4a_7c15);
    let mut draw = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let text = "x".repeat(4_000);
    for round in 0..400 {
        let person = |n: u64| format!("p{n}");
        let upsert = |n: u64, owner: u64, age: u64| {
            let value = map(&format!(r#"{{"owner":{owner},"age":{age},"round{}":{round}}}"#, round % 7));
            operation("people", &person(n), Action::upsert(value))
        };
        match draw(12) {
            0..6 => drop(world.commit(vec![upsert(draw(30), draw(4), draw(30))]).await),
            6 => drop(world.commit(vec![operation("people", &person(draw(30)), Action::Remove)]).await),
            7 => drop(world.commit((0..20).map(|n| upsert(n, draw(4), draw(30))).collect()).await),
            8 => drop(world.upsert("people", &person(draw(30)), &format!(r#"{{"text":"{text}"}}"#)).await),
            9 => {
                let peer = &mut peers[draw(5) as usize];
                peer.upsert("people", &person(draw(30)), &format!(r#"{{"owner":{},"by":{round}}}"#, draw(4)));
                peer.live_on(Duration::from_millis(1)).await;
            }
            10 => {
                let peer = &mut peers[draw(5) as usize];
                peer.cut();
                peer.is_slow = false;
                peer.connect(&world);
            }
            _ => {
                let peer = &mut peers[draw(5) as usize];
                peer.is_slow = !peer.is_slow;
                peer.live_on(Duration::from_millis(1)).await;
            }
        }
        if round == 200 {
            world.commit((0..3_000).map(|n| upsert(100 + n, draw(4), draw(30))).collect()).await;
        }
        if draw(3) == 0 {
            peers[draw(5) as usize].live_on(Duration::from_millis(1)).await;
        }
    }
    let is_in = [
        |owner: i64, _: i64| owner == 1,
        |owner: i64, _: i64| owner == 2,
        |_: i64, _: i64| true,
        |_: i64, age: i64| age >= 18,
        |owner: i64, age: i64| owner == 1 && age > 5,
    ];
    for peer in &mut peers {
        peer.is_slow = false;
        peer.until_settled().await;
    }
    for (n, peer) in peers.iter_mut().enumerate() {
        let number = |document: &Document, name: &str| match document.value().unwrap().field(name) {
            Some(document::Value::Int(number)) => *number,
            _ => -1,
        };
        let stored = stored(&world, "people", |it| is_in[n](number(it, "owner"), number(it, "age")));
        let deadline = Instant::now() + Duration::from_secs(20);
        while had(peer) != stored && Instant::now() < deadline {
            peer.live_on(Duration::from_millis(5)).await;
        }
        let differs = |mine: &[(Key, Document)], others: &[(Key, Document)]| -> Vec<(Key, Option<document::Map>)> {
            let of = mine.iter().filter(|one| !others.contains(one));
            of.map(|(key, document)| (key.clone(), document.value())).collect()
        };
        let had = had(peer);
        assert_eq!((differs(&had, &stored), differs(&stored, &had)), (vec![], vec![]), "{}", queries[n]);
    }
}

/// What 10,000 peers that wait take up is mostly this, for each.
#[tokio::test]
async fn a_session_is_small() {
    let world = World::new();
    let address = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    let place = world.endpoint.admit(address).unwrap();
    let (_ours, theirs) = tokio::io::duplex(64);
    let arrival = sync_endpoint::Arrival { app: "shop".into(), address, is_open: true };
    let bytes = size_of_val(&world.endpoint.run(place, arrival, theirs));
    assert!(bytes <= 6 * 1024, "{bytes} bytes");
}
