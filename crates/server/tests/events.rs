//! Events in a consumer's hands: `headwater events` and the demo.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    real_clients::client::Client,
    support::{TestServer, command, only_line, run, wait_until},
};

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

fn numbers(server: &TestServer, numbers: std::ops::Range<i64>) {
    for n in numbers {
        write(server, json!([{"method": "upsert", "collection": "c", "id": n, "value": {"n": n}}]));
    }
}

#[test]
fn it_says_that_it_waits_and_ends_at_the_end_where_that_is_asked_for() {
    let server = TestServer::start();
    let empty = server.run(&["events", "--from-beginning", "--until-end"]);
    assert_eq!((empty.code(), &*empty.stdout, &*empty.stderr), (Some(0), "", ""), "there is nothing to wait for");
    numbers(&server, 0..3);
    let all = server.run(&["events", "--from-beginning", "--until-end"]);
    assert_eq!((all.code(), all.stdout.lines().count(), &*all.stderr), (Some(0), 3, ""));
    assert_eq!(server.run(&["events", "--until-end"]).stdout, "", "it begins at the end");
    let pretty = server.run(&["events", "--from-offset", "2", "--until-end", "--pretty"]).stdout;
    assert!(pretty.starts_with("{\n  \"txnId\": 3,\n") && !pretty.contains('\u{1b}'), "{pretty}");

    let waiting = server.start_command(&["events"]);
    let says = "headwater: waiting for events of user-consumable-default; Ctrl-C ends it\n";
    wait_until("it says that it waits", || waiting.stderr() == says);
}

#[test]
fn it_begins_at_a_time() {
    let server = TestServer::start();
    numbers(&server, 0..2);
    let events = |from: &str| server.run(&["events", "--until-end", "--from-time", from]);
    assert_eq!(events("1h").stdout.lines().count(), 2);
    assert_eq!(events("2100-01-01").stdout, "");
    let bad = events("noon");
    assert!(bad.code() == Some(2) && bad.stderr.contains("a time is 2026-01-31T12:00:00Z"), "{bad:?}");
}

#[test]
fn it_goes_on_where_it_was_when_the_server_is_restarted() {
    let server = TestServer::start();
    let directory = server.directory();
    numbers(&server, 0..3);
    let consumer = Client::start(command(directory.path(), &["events", "--from-beginning", "--group", "audit"]));
    consumer.wait_for(3);
    // On another port, by a kill and by a clean stop.
    server.kill();
    let server = TestServer::start_in(directory.clone(), &[]);
    numbers(&server, 3..6);
    consumer.wait_for(6);
    server.terminate();
    let server = TestServer::start_in(directory, &[]);
    numbers(&server, 6..8);
    let lines = consumer.wait_for(8);
    let ids: Vec<i64> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["change"]["newValue"]["_id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids, (0..8).collect::<Vec<_>>(), "each once");
    let said = consumer.complaints();
    assert!(said.contains("the server is gone") && said.contains("goes on at offset 3"), "{said}");
}

#[test]
fn an_app_that_is_not_there_is_said_to_be_none() {
    let server = TestServer::start();
    let absent = server.run(&["events", "--app", "nope"]);
    let says = "headwater: there is no app \"nope\"; there are: default. To make it: headwater app create nope";
    assert_eq!((absent.code(), only_line(&absent.stderr)), (Some(1), says));
}

#[test]
fn on_a_terminal_there_are_colours_unless_they_are_not_wanted() {
    let server = TestServer::start();
    numbers(&server, 0..1);
    let on_terminal = |no_color: Option<&str>| {
        let events = concat!(env!("CARGO_BIN_EXE_headwater"), " events --from-beginning --until-end");
        let mut terminal = std::process::Command::new("script");
        terminal.args(["-qefc", events, "/dev/null"]).current_dir(server.directory().path()).env_remove("NO_COLOR");
        terminal.envs(no_color.map(|value| ("NO_COLOR", value)));
        Client::start(terminal).wait_for_line("newValue")
    };
    assert!(on_terminal(None).contains("\u{1b}[36m\"txnId\"\u{1b}[0m"), "{:?}", on_terminal(None));
    assert!(!on_terminal(Some("1")).contains('\u{1b}'), "{:?}", on_terminal(Some("1")));
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

#[test]
fn on_a_terminal_the_demo_stays_and_shows_what_comes() {
    let directory = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_headwater");
    let demo = |arguments: &str| {
        let mut terminal = std::process::Command::new("script");
        terminal.args(["-qefc", &format!("{program} demo{arguments}"), "/dev/null"]);
        Client::start({
            terminal.current_dir(directory.path()).env("TMPDIR", directory.path());
            terminal
        })
    };
    let mut once = demo(" --once");
    once.wait_for_line("What to try next");
    assert!(once.wait().success(), "it ends, and its directory goes with it");
    let stays = demo("");
    stays.wait_for_line("The portal, in a browser");
    assert!(stays.wait_for_line("/portal/sign-in?token=").contains("http://127.0.0.1:"));
    let data_dir = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path().join("data");
    let insert = ["execute", "INSERT INTO people DOCUMENTS ({'name':'Ann'})", "--data-dir", data_dir.to_str().unwrap()];
    assert_eq!(run(directory.path(), &insert).code(), Some(0));
    stays.wait_for_line("Ann");
    let lines = stays.terminate();
    assert!(!lines.iter().any(|line| line.contains("WARN")), "{lines:?}");
}
