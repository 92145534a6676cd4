//! A store is copied, and both write: no increment is lost, and none counts twice (law 11).

use document::{Map, Path, SiteId, UpdateCommand, UpdateKind, Value};
use key_values::Crash;
use peer_core::{Output, SubscriptionRequest, Transaction, Which, WriteError};

use crate::random::Random;
use crate::rig::{Rig, collection, id, key, map};
use crate::server::Server;

fn rig(seed: u64) -> Rig {
    let mut rig = Rig::new(seed);
    rig.peer.subscribe(SubscriptionRequest::legacy("t", "true", &Map::new()).unwrap()).unwrap();
    rig
}

fn copy_of(rig: &Rig, seed: u64) -> Rig {
    let mut copy = Rig::on(rig.disk.after(Crash::Kill), seed);
    copy.now = rig.now;
    copy
}

/// Adds to one counter, and to another one in the same transaction if `together`.
fn add(rig: &mut Rig, by: i64, together: bool) {
    let write = |it: &mut Transaction<'_>| -> Result<(), WriteError> {
        for text in if together { &["a", "b"][..] } else { &["a"] } {
            let kind = UpdateKind::Increment(Value::Int(by));
            let command = UpdateCommand { path: Path::parse("n").unwrap(), kind };
            let which = Which::Id(id(text));
            if it.update(&collection("t"), &which, std::slice::from_ref(&command))?.is_empty() {
                it.upsert(&collection("t"), Some(id(text)), map("{}"), vec![])?;
                it.update(&collection("t"), &which, &[command])?;
            }
        }
        Ok(())
    };
    rig.peer.transaction(rig.now, None, write).unwrap();
}

fn count(server: &Server, text: &str) -> i64 {
    match server.value(&key("t", text)).and_then(|it| it.field("n").cloned()) {
        Some(Value::Int(count)) => count,
        None => 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_pending_at_the_copy_counts_once_and_what_came_after_too() {
    let (mut server, mut first) = (Server::new(), rig(1));
    add(&mut first, 1, true);
    first.settle(&mut server);
    first.cut(&mut server);
    add(&mut first, 10, false);
    let mut second = copy_of(&first, 2);
    for (rig, by) in [(&mut first, 100), (&mut second, 1_000)] {
        add(rig, by, false);
        add(rig, by, true);
    }
    first.settle(&mut server);
    first.cut(&mut server);
    let site = second.peer.site();
    second.settle(&mut server);
    assert!(second.told.contains(&Output::SiteRenewed) && second.peer.site() != site);
    assert_eq!((count(&server, "a"), count(&server, "b")), (2_211, 1_101));
    assert!(second.peer.rejected().unwrap().is_empty());
    first.settle(&mut server);
    for rig in [&first, &second] {
        assert_eq!(rig.value(&key("t", "a")), server.value(&key("t", "a")));
    }
}

#[test]
fn a_copy_that_comes_first_keeps_the_site() {
    let (mut server, mut first) = (Server::new(), rig(1));
    add(&mut first, 1, false);
    let mut second = copy_of(&first, 2);
    add(&mut first, 10, false);
    add(&mut second, 100, false);
    second.settle(&mut server);
    second.cut(&mut server);
    first.settle(&mut server);
    assert!(first.told.contains(&Output::SiteRenewed) && !second.told.contains(&Output::SiteRenewed));
    assert_eq!(count(&server, "a"), 111);
}

#[test]
fn a_backup_that_is_taken_back_loses_nothing() {
    let (mut server, mut first) = (Server::new(), rig(1));
    add(&mut first, 1, false);
    let mut backup = copy_of(&first, 2);
    add(&mut first, 10, false);
    first.settle(&mut server);
    first.cut(&mut server);
    backup.settle(&mut server);
    add(&mut backup, 100, false);
    backup.settle(&mut server);
    assert_eq!(count(&server, "a"), 111);
    assert_eq!(backup.value(&key("t", "a")), server.value(&key("t", "a")));
}

/// Whether no other store has its site, or pending transactions of it (docs/reference/sync-protocol.md,
/// "Copied stores": of three with one site not all of it holds).
fn is_alone(rigs: &[Rig], at: usize, first: SiteId) -> bool {
    let site = rigs[at].peer.site();
    let may_be_settling = site != first && rigs[at].peer.pending_len() > 0;
    rigs.iter().filter(|it| it.peer.site() == site).count() == 1 && !may_be_settling
}

/// Copies, and copies of these, killed and cut anywhere; one has a connection at a time.
fn run(seed: u64) {
    let mut random = Random(seed);
    let (mut server, mut rigs) = (Server::new(), vec![rig(seed * 100 + 1)]);
    let (mut added, mut live, first) = ([0_i64; 2], 0, rigs[0].peer.site());
    for step in 0..300 {
        let at = random.below(rigs.len() as u64) as usize;
        match random.below(12) {
            0..=3 => {
                let (by, together) = (random.below(9) as i64 + 1, random.once_in(3));
                added[0] += by;
                added[1] += if together { by } else { 0 };
                add(&mut rigs[at], by, together);
            }
            4 if rigs.len() < 4 && is_alone(&rigs, at, first) && random.once_in(4) => {
                let copy = copy_of(&rigs[at], seed * 100 + 10 + step);
                rigs.push(copy);
            }
            5 if random.once_in(4) => rigs[at].kill(&mut server),
            6 if random.once_in(3) => rigs[at].cut(&mut server),
            _ => {
                if at != live {
                    rigs[live].peer.stop_sync();
                    rigs[live].poll(&mut server).unwrap();
                    live = at;
                }
                let rig = &mut rigs[at];
                rig.peer.start_sync(rig.now);
                for _ in 0..random.below(8) {
                    rig.now.steady_ms += 100;
                    rig.peer.tick(rig.now);
                    rig.poll(&mut server).unwrap();
                    rig.send_one(&mut server);
                    if random.once_in(2) {
                        rig.receive_one(&mut server);
                    }
                }
            }
        }
    }
    rigs[live].cut(&mut server);
    for _ in 0..3 {
        for rig in &mut rigs {
            rig.settle(&mut server);
            rig.peer.stop_sync();
            rig.poll(&mut server).unwrap();
        }
    }
    assert_eq!([count(&server, "a"), count(&server, "b")], added, "seed {seed}: the counters");
    for rig in &rigs {
        assert!(rig.peer.rejected().unwrap().is_empty(), "seed {seed}");
        assert_eq!(rig.value(&key("t", "a")), server.value(&key("t", "a")), "seed {seed}");
    }
}

#[test]
fn copies_lose_and_double_nothing_over_random_histories() {
    let first: u64 = std::env::var("SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let count: u64 = std::env::var("SEEDS").ok().map_or(60, |seeds| seeds.parse().unwrap());
    (first..first + count).for_each(run);
}
