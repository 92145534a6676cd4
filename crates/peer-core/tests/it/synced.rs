//! The way of a write to the server and back, and what each message changes.

use document::{Map, Path, UpdateCommand, UpdateKind, Value};
use peer_core::{Output, SubscriptionRequest, Transaction, Which, WriteError};
use query::Query;
use sync_protocol::{Seq, SubId, TxnId};

use crate::rig::{Rig, collection, id, key, map};
use crate::server::Server;

fn upsert(rig: &mut Rig, name: &str, text: &str, value: &str) -> Seq {
    rig.peer.upsert(rig.now, &collection(name), Some(id(text)), map(value), vec![]).unwrap().1.seq.unwrap()
}

fn increment(rig: &mut Rig, text: &str, by: i64) {
    let command = UpdateCommand { path: Path::parse("n").unwrap(), kind: UpdateKind::Increment(Value::Int(by)) };
    rig.peer.update(rig.now, &collection("t"), &Which::Id(id(text)), &[command]).unwrap();
}

fn subscribe(rig: &mut Rig, query: &str) -> SubId {
    rig.peer.subscribe(SubscriptionRequest::legacy("t", query, &Map::new()).unwrap()).unwrap()
}

fn check_same(rig: &Rig, server: &Server) {
    let everything = Query::parse("true").unwrap().bind(&Map::new()).unwrap();
    assert_eq!(rig.disk.synced(), server.matching("t", &everything));
    assert_eq!((rig.disk.len(2), rig.disk.len(3)), (0, 0), "no views, nothing pending");
}

#[test]
fn a_write_is_pushed_and_acked_and_another_peer_sees_it() {
    let (mut server, mut writer, mut reader) = (Server::new(), Rig::new(1), Rig::new(2));
    subscribe(&mut writer, "true");
    subscribe(&mut reader, "true");
    let seq = upsert(&mut writer, "t", "a", r#"{"n":1}"#);
    assert_eq!((writer.peer.is_pending(seq), writer.peer.committed(seq).unwrap()), (true, None));
    writer.settle(&mut server);
    assert!(writer.told.contains(&Output::Committed { seq, txn: Some(TxnId(1)) }));
    assert_eq!((writer.peer.is_pending(seq), writer.peer.committed(seq).unwrap()), (false, Some(TxnId(1))));
    reader.settle(&mut server);
    assert_eq!(reader.value(&key("t", "a")), Some(map(r#"{"n":1}"#)));
    for rig in [&writer, &reader] {
        check_same(rig, &server);
        assert!(rig.peer.is_complete(SubId(1)));
    }
    upsert(&mut reader, "t", "a", r#"{"m":2}"#);
    reader.settle(&mut server);
    writer.settle(&mut server);
    assert_eq!(writer.value(&key("t", "a")), Some(map(r#"{"m":2,"n":1}"#)));
    check_same(&writer, &server);
}

#[test]
fn what_is_refused_falls_back_and_is_kept_aside() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    let write = |t: &mut Transaction<'_>| -> Result<(), WriteError> {
        t.upsert(&collection("denied"), Some(id("x")), map(r#"{"n":1}"#), vec![])?;
        t.upsert(&collection("t"), Some(id("a")), map(r#"{"n":1}"#), vec![])?;
        Ok(())
    };
    let seq = rig.peer.transaction(rig.now, None, write).unwrap().1.seq.unwrap();
    upsert(&mut rig, "t", "b", r#"{"n":2}"#);
    rig.settle(&mut server);
    assert!(rig.told.iter().any(|it| matches!(it, Output::Rejected { seq: of, .. } if *of == seq)));
    assert_eq!((rig.value(&key("denied", "x")), rig.value(&key("t", "a"))), (None, None));
    assert!(rig.value(&key("t", "b")).is_some(), "others are not held up");
    rig.kill(&mut server);
    let rejected = rig.peer.rejected().unwrap();
    assert_eq!((rejected[0].seq, rejected[0].done.operations.len(), rejected.len()), (seq, 2, 1));
    rig.peer.forget_rejected(seq).unwrap();
    assert!(rig.peer.rejected().unwrap().is_empty());
}

#[test]
fn what_leaves_the_set_goes_unless_another_subscription_has_it() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    for (text, value) in [("a", r#"{"n":1,"m":1}"#), ("b", r#"{"n":1}"#)] {
        server.upsert(key("t", text), map(value));
    }
    subscribe(&mut rig, "n == 1");
    subscribe(&mut rig, "m == 1");
    rig.settle(&mut server);
    assert!(rig.value(&key("t", "a")).is_some() && rig.value(&key("t", "b")).is_some());
    server.upsert(key("t", "a"), map(r#"{"n":2}"#));
    server.upsert(key("t", "b"), map(r#"{"n":2}"#));
    rig.settle(&mut server);
    assert_eq!((rig.value(&key("t", "a")), rig.value(&key("t", "b"))), (Some(map(r#"{"m":1,"n":2}"#)), None));
    server.upsert(key("t", "b"), map(r#"{"n":1}"#));
    server.remove(key("t", "a"));
    rig.settle(&mut server);
    assert_eq!((rig.value(&key("t", "a")), rig.value(&key("t", "b"))), (None, Some(map(r#"{"n":1}"#))));
    check_same(&rig, &server);
}

#[test]
fn what_is_pending_outlives_that_its_document_leaves() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    server.upsert(key("t", "a"), map(r#"{"n":1}"#));
    subscribe(&mut rig, "n == 1");
    rig.settle(&mut server);
    rig.cut(&mut server);
    upsert(&mut rig, "t", "a", r#"{"mine":7}"#);
    server.upsert(key("t", "a"), map(r#"{"n":2}"#));
    rig.settle(&mut server);
    assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"mine":7,"n":2}"#)));
    assert_eq!(rig.value(&key("t", "a")), None);
    server.upsert(key("t", "b"), map(r#"{"n":1}"#));
    rig.settle(&mut server);
    assert_eq!((rig.disk.len(1), rig.disk.len(2)), (1, 0));
}

#[test]
fn who_saw_a_document_but_not_its_removal_cannot_bring_it_back() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    server.upsert(key("t", "a"), map(r#"{"n":1}"#));
    subscribe(&mut rig, "true");
    rig.settle(&mut server);
    rig.cut(&mut server);
    server.remove(key("t", "a"));
    let seq = upsert(&mut rig, "t", "a", r#"{"n":2}"#);
    rig.settle(&mut server);
    assert_eq!(rig.peer.rejected().unwrap()[0].seq, seq);
    assert_eq!((rig.value(&key("t", "a")), server.value(&key("t", "a"))), (None, None));
    upsert(&mut rig, "t", "a", r#"{"n":3}"#);
    rig.settle(&mut server);
    assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"n":3}"#)), "who saw the removal may");
    check_same(&rig, &server);
}

#[test]
fn a_clock_of_another_century_costs_nothing() {
    for ahead_ms in [80 * 365 * 24 * 3_600_000_i64, -20 * 365 * 24 * 3_600_000] {
        let (mut server, mut rig) = (Server::new(), Rig::new(1));
        rig.now.wall_ms = rig.now.wall_ms.saturating_add_signed(ahead_ms);
        subscribe(&mut rig, "true");
        for by in 1..=4 {
            increment(&mut rig, "missing", by); // not there: nothing happens
            upsert(&mut rig, "t", "a", &format!(r#"{{"last":{by}}}"#));
            increment(&mut rig, "a", by);
        }
        rig.settle(&mut server);
        assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"last":4,"n":10}"#)));
        assert!(rig.peer.rejected().unwrap().is_empty());
        increment(&mut rig, "a", 5);
        upsert(&mut rig, "t", "a", r#"{"last":5}"#);
        rig.settle(&mut server);
        assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"last":5,"n":15}"#)));
        check_same(&rig, &server);
    }
}

#[test]
fn what_a_refused_transaction_added_is_not_in_later_ones() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    subscribe(&mut rig, "true");
    upsert(&mut rig, "t", "a", r#"{"k":0}"#);
    increment(&mut rig, "a", 1);
    rig.settle(&mut server);
    rig.cut(&mut server);
    let refused = |rig: &mut Rig, by| {
        let write = |it: &mut Transaction<'_>| -> Result<(), WriteError> {
            it.upsert(&collection("denied"), Some(id("x")), map("{}"), vec![])?;
            let command =
                UpdateCommand { path: Path::parse("n").unwrap(), kind: UpdateKind::Increment(Value::Int(by)) };
            it.update(&collection("t"), &Which::Id(id("a")), &[command])?;
            Ok(())
        };
        rig.peer.transaction(rig.now, None, write).unwrap();
    };
    refused(&mut rig, 10);
    increment(&mut rig, "a", 100);
    upsert(&mut rig, "t", "a", r#"{"k":1}"#);
    refused(&mut rig, 1_000);
    increment(&mut rig, "a", 10_000);
    upsert(&mut rig, "t", "a", r#"{"k":2}"#);
    assert_eq!(rig.value(&key("t", "a")), Some(map(r#"{"k":2,"n":11111}"#)));
    rig.settle(&mut server);
    assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"k":2,"n":10101}"#)));
    assert_eq!(rig.value(&key("t", "a")), Some(map(r#"{"k":2,"n":10101}"#)));
    check_same(&rig, &server);
    assert_eq!(rig.peer.rejected().unwrap().len(), 2);
    let renumbered = rig.told.iter().filter(|it| matches!(it, Output::Renumbered { .. })).count();
    assert!(renumbered >= 2, "{:?}", rig.told);
}

#[test]
fn a_copied_store_gets_a_site_of_its_own() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    subscribe(&mut rig, "true");
    upsert(&mut rig, "t", "a", r#"{"n0":0}"#);
    increment(&mut rig, "a", 1);
    rig.settle(&mut server);
    rig.cut(&mut server);
    let mut copy = Rig::on(rig.disk.after(key_values::Crash::Kill), 9);
    for (rig, by) in [(&mut rig, 10), (&mut copy, 100)] {
        increment(rig, "a", by);
        increment(rig, "a", by);
    }
    let site = copy.peer.site();
    rig.settle(&mut server);
    server.reused = Some(site);
    copy.settle(&mut server);
    server.reused = None;
    assert!(copy.told.contains(&Output::SiteRenewed) && copy.peer.site() != site);
    rig.settle(&mut server);
    copy.settle(&mut server);
    assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"n":221,"n0":0}"#)));
    check_same(&rig, &server);
    check_same(&copy, &server);
}

#[test]
fn a_trimmed_journal_costs_a_snapshot_and_no_pending_write() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    for number in 0..10 {
        server.upsert(key("t", &format!("d{number}")), map(r#"{"n":1}"#));
    }
    let sub = subscribe(&mut rig, "true");
    rig.settle(&mut server);
    rig.cut(&mut server);
    upsert(&mut rig, "t", "mine", r#"{"n":2}"#);
    for number in 0..5 {
        server.remove(key("t", &format!("d{number}")));
    }
    server.upsert(key("t", "d6"), map(r#"{"n":3}"#));
    server.trim(0);
    rig.settle(&mut server);
    assert!(rig.peer.is_complete(sub));
    assert_eq!(rig.value(&key("t", "d0")), None);
    assert!(server.value(&key("t", "mine")).is_some());
    let everything = Query::parse("true").unwrap().bind(&Map::new()).unwrap();
    assert_eq!(rig.disk.synced(), server.matching("t", &everything));
}

#[test]
fn a_restored_server_is_healed_by_its_peers() {
    let (mut server, mut rig, mut other) = (Server::new(), Rig::new(1), Rig::new(2));
    for rig in [&mut rig, &mut other] {
        subscribe(rig, "true");
        upsert(rig, "t", "a", r#"{"n0":0}"#);
        increment(rig, "a", 1);
        rig.settle(&mut server);
    }
    let kept = server.newest();
    increment(&mut rig, "a", 10);
    upsert(&mut rig, "t", "b", r#"{"n":1}"#);
    rig.settle(&mut server);
    other.settle(&mut server);
    other.cut(&mut server);
    rig.cut(&mut server);
    server.restore(kept);
    increment(&mut other, "a", 100);
    other.settle(&mut server);
    rig.settle(&mut server);
    other.settle(&mut server);
    assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"n":112,"n0":0}"#)));
    assert!(server.value(&key("t", "b")).is_some());
    check_same(&rig, &server);
    check_same(&other, &server);
}

#[test]
fn what_was_evicted_stays_out_until_it_changes_or_is_asked_for() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    for text in ["a", "b", "c"] {
        server.upsert(key("t", text), map(r#"{"n":1}"#));
    }
    let sub = subscribe(&mut rig, "true");
    rig.settle(&mut server);
    upsert(&mut rig, "t", "b", r#"{"m":1}"#);
    rig.peer.execute(rig.now, "EVICT FROM t", &Map::new()).unwrap();
    rig.settle(&mut server);
    let count = |rig: &mut Rig| rig.peer.execute(rig.now, "SELECT * FROM t", &Map::new()).unwrap().rows.len();
    assert_eq!(count(&mut rig), 0);
    assert_eq!(server.value(&key("t", "b")), Some(map(r#"{"m":1,"n":1}"#)), "what was pending was pushed");
    rig.cut(&mut server);
    server.trim(0);
    server.upsert(key("t", "z"), map(r#"{"n":1}"#));
    rig.settle(&mut server);
    assert_eq!(count(&mut rig), 1, "a resync is not asking");
    server.upsert(key("t", "a"), map(r#"{"k":1}"#));
    rig.settle(&mut server);
    assert_eq!(rig.value(&key("t", "a")), Some(map(r#"{"k":1,"n":1}"#)), "it changed");
    rig.peer.unsubscribe(sub).unwrap();
    subscribe(&mut rig, "true");
    rig.settle(&mut server);
    assert_eq!(count(&mut rig), 4, "it was asked for");
    check_same(&rig, &server);
}

#[test]
fn what_was_removed_between_two_subscriptions_does_not_stay() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    for text in ["a", "b"] {
        server.upsert(key("t", text), map(r#"{"n":1}"#));
    }
    let sub = subscribe(&mut rig, "true");
    assert_eq!(subscribe(&mut rig, "true"), sub, "the same is one");
    rig.settle(&mut server);
    rig.peer.unsubscribe(sub).unwrap();
    rig.settle(&mut server);
    assert!(rig.value(&key("t", "a")).is_some(), "documents stay");
    server.remove(key("t", "a"));
    assert_ne!(subscribe(&mut rig, "true"), sub);
    rig.settle(&mut server);
    check_same(&rig, &server);
}

#[test]
fn a_transaction_that_comes_in_parts_is_seen_whole() {
    let (mut server, mut writer, mut rig) = (Server::new(), Rig::new(1), Rig::new(2));
    server.in_parts = true;
    subscribe(&mut rig, "true");
    rig.settle(&mut server);
    let write = |t: &mut Transaction<'_>| -> Result<(), WriteError> {
        for text in ["a", "b", "c"] {
            t.upsert(&collection("t"), Some(id(text)), map(r#"{"n":1}"#), vec![])?;
        }
        Ok(())
    };
    writer.peer.transaction(writer.now, None, write).unwrap();
    writer.settle(&mut server);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        rig.poll(&mut server).unwrap();
        rig.send_one(&mut server);
        rig.receive_one(&mut server);
        let there = ["a", "b", "c"].map(|text| rig.value(&key("t", text)).is_some());
        seen.insert(there);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [[false; 3], [true; 3]]);
    assert_eq!(rig.disk.len(9), 0, "nothing waits");
}

#[test]
fn a_part_of_a_document_that_is_not_here_is_no_document() {
    let (mut server, mut rig) = (Server::new(), Rig::new(1));
    for text in ["a", "b", "c", "d"] {
        server.upsert(key("t", text), map(r#"{"n":1}"#));
    }
    server.page_documents = 1;
    subscribe(&mut rig, "true");
    rig.peer.start_sync(rig.now);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        rig.poll(&mut server).unwrap();
        rig.send_one(&mut server);
        rig.receive_one(&mut server);
        if server.newest() < 9 && rig.value(&key("t", "a")).is_some() {
            // Its page is still to come, and so are parts of it.
            let field = server.newest();
            server.upsert(key("t", "d"), map(&format!(r#"{{"f{field}":1}}"#)));
        }
        seen.extend(rig.value(&key("t", "d")).map(|value| value.field("n").is_some()));
    }
    assert_eq!((server.newest(), seen.into_iter().collect::<Vec<_>>()), (9, vec![true]));
    rig.settle(&mut server);
    check_same(&rig, &server);
}

#[test]
fn initial_documents_lose_to_any_write() {
    let (mut server, mut rig, mut other) = (Server::new(), Rig::new(1), Rig::new(2));
    let initial = r#"INSERT INTO t INITIAL DOCUMENTS ({"_id":"a","n":0,"m":0})"#;
    for rig in [&mut rig, &mut other] {
        subscribe(rig, "true");
        rig.peer.execute(rig.now, initial, &Map::new()).unwrap();
    }
    upsert(&mut rig, "t", "a", r#"{"n":5}"#);
    rig.settle(&mut server);
    other.settle(&mut server);
    rig.settle(&mut server);
    assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"m":0,"n":5}"#)));
    check_same(&rig, &server);
    check_same(&other, &server);
}

/// Everything that changes the store: writes, pushes, changes, a refusal, a snapshot, an eviction.
fn run_through(rig: &mut Rig, server: &mut Server, stage: &mut u64) -> Result<(), ()> {
    while *stage < 7 {
        let t = collection("t");
        let done = match *stage {
            0 => {
                let request = SubscriptionRequest::legacy("t", "true", &Map::new()).unwrap();
                rig.peer.subscribe(request).map(drop).map_err(drop)
            }
            1 | 3 => {
                let (a, b) = (id("a"), id(&format!("b{stage}")));
                let write = |it: &mut Transaction<'_>| -> Result<(), WriteError> {
                    it.upsert(&t, Some(a.clone()), map("{}"), vec![])?;
                    let add = UpdateKind::Increment(Value::Int(1));
                    it.update(&t, &Which::Id(a), &[UpdateCommand { path: Path::parse("n").unwrap(), kind: add }])?;
                    it.upsert(&t, Some(b), map(r#"{"k":1}"#), vec![])?;
                    Ok(())
                };
                rig.peer.transaction(rig.now, None, write).map(drop).map_err(drop)
            }
            4 => {
                let refused = rig.peer.upsert(rig.now, &collection("denied"), Some(id("x")), map("{}"), vec![]);
                refused.map(drop).map_err(drop)
            }
            5 => rig.peer.evict(&t, &Which::Id(id("b1"))).map(drop).map_err(drop),
            _ => try_to_settle(rig, server),
        };
        done?;
        *stage += 1;
    }
    Ok(())
}

fn try_to_settle(rig: &mut Rig, server: &mut Server) -> Result<(), ()> {
    rig.peer.start_sync(rig.now);
    for _ in 0..300 {
        rig.poll(server).map_err(drop)?;
        rig.send_one(server);
        rig.receive_one(server);
    }
    Ok(())
}

#[test]
fn a_kill_at_any_batch_leaves_what_would_have_been_without() {
    let mut batches = 0;
    loop {
        let (mut server, mut rig) = (Server::new(), Rig::new(1));
        for text in ["c", "d", "e", "f"] {
            server.upsert(key("t", text), map(r#"{"n":1}"#));
        }
        rig.disk.fail_after(batches);
        let mut stage = 0;
        let mut was_killed = false;
        while run_through(&mut rig, &mut server, &mut stage).is_err() {
            assert!(!was_killed, "once is enough");
            was_killed = true;
            rig.disk.heal();
            rig.kill(&mut server);
        }
        rig.disk.heal();
        rig.settle(&mut server);
        assert_eq!(server.value(&key("t", "a")), Some(map(r#"{"n":2}"#)), "killed at batch {batches}");
        assert_eq!(rig.peer.rejected().unwrap().len(), 1, "killed at batch {batches}");
        assert_eq!(rig.value(&key("t", "b1")), None, "it was evicted");
        assert!(rig.value(&key("t", "b3")).is_some() && rig.value(&key("t", "f")).is_some());
        check_same(&rig, &server);
        assert_eq!(server.newest(), 6, "killed at batch {batches}: each transaction is one");
        if !was_killed {
            assert!(batches > 12, "{batches} batches");
            return;
        }
        batches += 1;
    }
}
