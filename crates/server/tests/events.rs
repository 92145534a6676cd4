//! Events in a consumer's hands: `headwater events` and the demo.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{TestServer, command, only_line, run};

fn write(server: &TestServer, commands: Value) {
    let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": commands }));
    assert_eq!(status, 200, "{reply}");
}

#[test]
fn the_topic_is_printed_as_json_lines() {
    let server = TestServer::start();
    write(
        &server,
        json!([{"method": "upsert", "collection": "people", "id": "a", "value": {"name": "Susan", "age": 31}}]),
    );
    write(&server, json!([{"method": "remove", "collection": "people", "id": "a"}]));
    let printed = server.run(&["events", "--from-beginning", "--max", "2"]);
    assert_eq!(printed.code(), Some(0), "{printed:?}");
    let expected = r#"{"txnId":1,"type":"documentChanged","collection":"people","change":{"method":"upsert","oldValue":null,"newValue":{"_id":"a","age":31,"name":"Susan"}}}
{"txnId":2,"type":"documentChanged","collection":"people","change":{"method":"remove","value":{"_id":"a","age":31,"name":"Susan"}}}
"#;
    assert_eq!(printed.stdout, expected);
    assert_eq!(server.run(&["events", "--from-beginning", "--max", "1"]).stdout.lines().count(), 1);
}

#[test]
fn a_live_querys_partitions_are_read_side_by_side() {
    let server = TestServer::start();
    let create = ["live-query", "create", "even", "--query", "n != 7", "--partitions", "4"];
    assert_eq!(server.run(&create).code(), Some(0));
    for n in 0..20 {
        write(&server, json!([{"method": "upsert", "collection": "c", "id": n, "value": {"n": n}}]));
    }
    let places = |from: &[&str], max: &str| -> BTreeMap<u32, BTreeSet<u64>> {
        let args = [&["events", "--live-query", "even", "--max", max, "--long"], from].concat();
        let mut places: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for line in server.run(&args).stdout.lines() {
            let (place, rest) = line.split_once(' ').unwrap();
            assert!(rest.starts_with("insert [\"c\","), "{line}");
            let (partition, offset) = place.split_once(':').unwrap();
            places.entry(partition.parse().unwrap()).or_default().insert(offset.parse().unwrap());
        }
        places
    };
    // Each partition has offsets of its own, without a hole.
    let mut all = places(&["--from-beginning"], "19");
    assert_eq!(all.values().map(BTreeSet::len).sum::<usize>(), 19, "one does not match");
    assert!(all.values().all(|offsets| offsets.iter().copied().eq(0..offsets.len() as u64)), "{all:?}");
    all.values_mut().for_each(|offsets| {
        offsets.pop_first();
    });
    all.retain(|_, offsets| !offsets.is_empty());
    let left = all.values().map(BTreeSet::len).sum::<usize>();
    assert_eq!(places(&["--from-offset", "1"], &left.to_string()), all);
}

#[test]
fn a_group_goes_on_where_it_was() {
    let server = TestServer::start();
    for n in 0..5 {
        write(&server, json!([{"method": "upsert", "collection": "c", "id": n, "value": {}}]));
    }
    let read = |max: &str| {
        let printed = server.run(&["events", "--group", "audit", "--from-beginning", "--max", max]);
        assert_eq!(printed.code(), Some(0), "{printed:?}");
        let ids = printed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        ids.map(|event| event["change"]["newValue"]["_id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(read("2"), [0, 1]);
    assert_eq!(read("3"), [2, 3, 4], "what was printed is committed, and no more");
    let both = server.run(&["events", "--group", "audit", "--from-offset", "0"]);
    assert_eq!(both.code(), Some(2), "{both:?}");
}

#[test]
fn each_app_has_its_own_topic() {
    let server = TestServer::start();
    assert_eq!(server.run(&["app", "create", "shop"]).code(), Some(0));
    let body = json!({"commands": [{"method": "upsert", "collection": "orders", "id": 7, "value": {}}]});
    assert_eq!(server.post("/shop/api/v4/store/write", &body).0, 200);
    let printed = server.run(&["events", "--app", "shop", "--from-beginning", "--max", "1"]).stdout;
    assert!(printed.contains(r#""newValue":{"_id":7}"#), "{printed}");
    let foreign = server.run(&["events", "--topic", "user-consumable-shop", "--max", "1"]);
    assert_eq!(foreign.code(), Some(1));
    assert!(only_line(&foreign.stderr).contains("user-consumable-shop"), "{foreign:?}");
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let server = TestServer::start();
    for n in 0..20 {
        write(&server, json!([{"method": "upsert", "collection": "c", "id": n, "value": {"n": n}}]));
    }
    let before = server.run(&["events", "--from-beginning", "--max", "20"]).stdout;
    let directory = server.directory();
    server.kill();
    let again = TestServer::start_in(directory, &[]);
    assert_eq!(again.run(&["events", "--from-beginning", "--max", "20"]).stdout, before);
    assert_eq!(again.post("/api/v4/store/count", &json!({"collection": "c", "query": "true"})).1["count"], 20);
}

#[test]
fn the_demo_shows_events_of_writes_and_of_a_small_peer_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = command(directory.path(), &["demo"]);
    demo.env("TMPDIR", directory.path());
    let shown = crate::support::finish(demo);
    assert_eq!(shown.code(), Some(0), "{shown:?}");
    assert_eq!(shown.stderr, "");
    for words in [
        "\"oldValue\": null",
        "\"name\": \"Frank\",\n        \"ownedCars\": 0",
        "\"method\": \"remove\"",
        "in the consumer's hands",
        "2 transactions are pending, and the server knows of none",
        "the server has them as the transactions 4 and 5",
        "txnId: 4  peer: peer  site: ",
        "merge: won",
        "\"age\": 37",
        "What to try next",
    ] {
        assert!(shown.stdout.contains(words), "{words:?} is not in {}", shown.stdout);
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
    assert_eq!(run(directory.path(), &["verify"]).code(), Some(1), "there is no data to verify");
}
