//! kill -9 of peers and of the server while pushes are under way: every write that returned is one
//! event, and the documents say what was written.
//!
//! `KILLS=200` kills as often; `cargo xtask test` kills less often. A peer's process is this very test
//! program, with one test of it to run.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use headwater_sdk::{Change, Config, Headwater};
use serde_json::{Value, json};

use crate::support::{
    PATIENCE, TestServer,
    raw_peer::{RawPeer, hello, push},
    wait_until,
};

/// Kills, where nothing else is said.
const KILLS: u64 = 40;

const PEERS: usize = 3;

/// Says to a process which folder, server and first number are a peer's.
const PEER: &str = "PEERS_PROCESS";

/// What a peer's process does: it writes as fast as it can, and says what has returned.
#[test]
#[ignore = "a process of the test below"]
fn a_peers_process() {
    let Ok(given) = std::env::var(PEER) else { return };
    let [folder, server, name, first] = given.split(' ').collect::<Vec<_>>()[..] else { panic!("{given}") };
    let peer = Headwater::open(Config::new(folder).server(server)).unwrap();
    peer.start_sync().unwrap();
    let people = peer.store().collection("people").unwrap();
    for number in first.parse::<u64>().unwrap().. {
        if number % 5 == 0 {
            people.upsert(json!({"_id": format!("count-{name}")})).unwrap();
            people.update(format!("count-{name}"), [Change::increment("count", 1)]).unwrap();
        } else {
            people.upsert(json!({"_id": format!("{name}-{number}"), "number": number})).unwrap();
        }
        // A line is one call to the system: read whole or not at all.
        std::io::stderr().write_all(format!("wrote {number}\n").as_bytes()).unwrap();
    }
}

struct PeerProcess {
    name: String,
    folder: tempfile::TempDir,
    /// The numbers of the writes that returned.
    returned: Arc<Mutex<BTreeSet<u64>>>,
    /// The next number that nobody used.
    next: u64,
    running: Option<(Child, JoinHandle<()>)>,
}

impl PeerProcess {
    fn new(name: &str) -> Self {
        let (folder, returned) = (tempfile::tempdir().unwrap(), Arc::default());
        Self { name: name.to_owned(), folder, returned, next: 1, running: None }
    }

    fn start(&mut self, server: &str) {
        let path = std::env::current_exe().unwrap();
        let mut command = Command::new(path);
        command.args(["--exact", "killed_peers::a_peers_process", "--ignored", "--nocapture"]);
        let folder = self.folder.path().display();
        command.env(PEER, format!("{folder} {server} {} {}", self.name, self.next));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, returned) = (child.stderr.take().unwrap(), self.returned.clone());
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(said).lines() {
                let line = line.unwrap();
                match line.strip_prefix("wrote ") {
                    Some(number) => drop(returned.lock().unwrap().insert(number.parse().unwrap())),
                    None => eprintln!("{line}"),
                }
            }
        });
        self.running = Some((child, reading));
    }

    fn returned(&self) -> usize {
        self.returned.lock().unwrap().len()
    }

    /// kill -9. A write that was under way may be there or not: its number is not given again.
    fn kill(&mut self) {
        let Some((mut child, reading)) = self.running.take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
        reading.join().unwrap();
        self.next = self.returned.lock().unwrap().last().copied().unwrap_or(0) + 2;
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Chance from a seed.
fn below(random: &mut u64, bound: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % bound
}

fn metric(server: &TestServer, name: &str) -> u64 {
    let (_, metrics) = server.get("/metrics");
    let text = metrics.as_str().unwrap().to_owned();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

fn taken(server: &TestServer) -> u64 {
    metric(server, "headwater_sync_pushes_total{result=\"taken\"}")
}

#[test]
fn every_write_that_returned_is_one_event_however_often_either_side_is_killed() {
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    let mut server = TestServer::start();
    let url = server.run["http"].as_str().unwrap().to_owned();
    let listen = url.strip_prefix("http://").unwrap().to_owned();
    let mut peers: Vec<_> = (0..PEERS).map(|n| PeerProcess::new(&format!("peer{n}"))).collect();
    peers.iter_mut().for_each(|peer| peer.start(&url));
    let mut random = 0x9e37_79b9_7f4a_7c15;
    let mut killed = [0, 0];
    for _ in 0..kills {
        if below(&mut random, 2) == 0 {
            // Right after so many pushes were taken: some of them are not acked, or not yet stored.
            let more = taken(&server) + 1 + below(&mut random, 40);
            wait_until("pushes are taken", || taken(&server) >= more);
            let directory = server.directory();
            server.kill();
            server = TestServer::start_in(directory, &["--http-listen", &listen]);
            killed[0] += 1;
        } else {
            let peer = &mut peers[below(&mut random, PEERS as u64) as usize];
            let more = peer.returned() + 1 + below(&mut random, 40) as usize;
            wait_until("a peer writes", || peer.returned() >= more);
            peer.kill();
            peer.start(&url);
            killed[1] += 1;
        }
    }
    peers.iter_mut().for_each(PeerProcess::kill);
    for peer in &peers {
        let opened = Headwater::open(Config::new(peer.folder.path()).server(&url)).unwrap();
        opened.start_sync().unwrap();
        opened.sync().flushed(PATIENCE).unwrap();
        assert_eq!(opened.sync().rejected().unwrap().len(), 0);
    }
    let events = events(&server);
    let returned: usize = peers.iter().map(PeerProcess::returned).sum();
    println!("{killed:?} kills of server and peers, {returned} writes returned, {} documents", events.len());
    assert!(killed[0] > kills / 4 && killed[1] > kills / 4, "{killed:?}");
    for peer in &peers {
        check(peer, &events, &server);
    }
}

/// The new values of each document, in the order of its events.
fn events(server: &TestServer) -> BTreeMap<String, Vec<Value>> {
    let all = metric(server, "headwater_events_high_watermark").to_string();
    let mut of_documents: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in server.run(&["events", "--from-beginning", "--max", &all]).stdout.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let value = event["change"]["newValue"].clone();
        of_documents.entry(value["_id"].as_str().unwrap().to_owned()).or_default().push(value);
    }
    of_documents
}

fn check(peer: &PeerProcess, events: &BTreeMap<String, Vec<Value>>, server: &TestServer) {
    let name = &peer.name;
    let returned = peer.returned.lock().unwrap();
    for number in returned.iter().filter(|number| *number % 5 != 0) {
        let id = format!("{name}-{number}");
        assert_eq!(events.get(&id), Some(&vec![json!({"_id": id, "number": number})]), "a write that returned");
    }
    // Also a write that was killed before it returned is one event, if any.
    let own = events.iter().filter(|(id, _)| id.starts_with(&format!("{name}-")));
    own.for_each(|(id, values)| assert_eq!(values.len(), 1, "{id}: {values:?}"));
    // Increments: each is an event of its own, counted once.
    let id = format!("count-{name}");
    let Some(values) = events.get(&id) else { return };
    let counts: Vec<_> = values.iter().filter_map(|it| it["count"].as_f64()).collect();
    let mut distinct = counts.clone();
    distinct.dedup();
    let increments = returned.iter().filter(|number| *number % 5 == 0).count() as f64;
    let last = *counts.last().unwrap();
    let unreturned = (peer.next as f64) - returned.len() as f64;
    assert!((increments..=increments + unreturned).contains(&last), "{last} of {increments} increments");
    assert!(distinct.windows(2).all(|pair| pair[1] == pair[0] + 1.0), "{counts:?}");
    let found = server.get(&format!("/api/v4/store/findbyid?collection=people&id={id}"));
    assert_eq!(found.1["fields"]["count"].as_f64(), Some(last));
}

/// The moment that chance seldom meets: durable at the server, and nobody was told.
#[test]
fn what_was_taken_and_not_acked_is_known_after_a_kill() {
    let mut server = TestServer::start();
    let mut before = 0;
    for round in 0..8 {
        let (welcome, mut peer) = RawPeer::welcomed(&server, hello(42, 1_000_000));
        assert_eq!(welcome.site_seq.0, before);
        let pushes: Vec<_> = (before + 1..=before + 5)
            .map(|seq| push(seq, 42, welcome.wall_ms, &format!("d{seq}"), "{\"name\":\"x\"}"))
            .collect();
        let taken_before = taken(&server);
        pushes.iter().for_each(|it| peer.send(it.clone()));
        // Nothing is read from here on. In the last rounds the kill may also come before.
        let wanted = if round < 4 { 5 } else { round - 4 };
        wait_until("they are durable", || taken(&server) >= taken_before + wanted);
        let directory = server.directory();
        server.kill();
        server = TestServer::start_in(directory, &[]);
        let (welcome, mut peer) = RawPeer::welcomed(&server, hello(42, 1_000_000));
        let known = welcome.site_seq.0;
        assert!((before + wanted..=before + 5).contains(&known), "{known} after {before}");
        pushes.iter().for_each(|it| peer.send(it.clone()));
        let last = peer.taken(before + 5);
        before += 5;
        assert_eq!(last, before, "each is one transaction, and nothing else was written");
    }
    let events = events(&server);
    assert_eq!(events.len() as u64, before);
    assert!(events.values().all(|values| values.len() == 1), "{events:?}");
}
