//! Several people, each with a list of their own, over wires that are cut, stalled and mended: in the end all lists are
//! one, and the server's; no task is lost, and none is added twice.
//!
//! What happens is random, under a seed that the failure names.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{demo::Demo, page::Page, terminal::Terminal};
use crate::{
    real_clients::client::Client,
    support::{
        TestServer, command,
        javascript::{Programs, package_for_browsers},
        wait_until,
        wire::Wire,
    },
};

const STEPS: usize = 120;

/// One who has a list, whatever the program.
pub(super) trait Person {
    fn add(&mut self, text: &str);
    fn set_done(&mut self, text: &str, done: bool);
    fn remove(&mut self, text: &str);
    fn set_offline(&mut self, offline: bool);
    /// Texts, and whether they are done.
    fn list(&mut self) -> Vec<(String, bool)>;
    /// Ends without a warning, and begins again.
    fn begin_again(&mut self);
    fn wait_until_synced(&mut self);
}

/// One with the terminal's app, and a folder.
struct AtTerminal<'a> {
    programs: &'a Programs,
    folder: TempDir,
    server: String,
    app: Option<Terminal>,
}

impl<'a> AtTerminal<'a> {
    fn new(programs: &'a Programs, server: String) -> Self {
        let mut person = Self { programs, folder: tempfile::tempdir().unwrap(), server, app: None };
        person.start();
        person
    }

    fn start(&mut self) {
        let mut command = self.programs.command("terminal.js");
        command.arg("--dir").arg(self.folder.path()).args(["--server", &self.server]);
        self.app = Some(Terminal::start(command));
    }

    #[track_caller]
    fn ask(&mut self, line: &str) -> String {
        let mut answer = self.app.as_mut().unwrap().ask(line);
        // A task that one marks while another removes it is gone: the mark is refused (docs/guides/small-peers.md).
        answer.retain(|line| !line.starts_with("the server refused a write: "));
        answer.join("\n")
    }

    /// Does something to a task, if it is there.
    fn change(&mut self, verb: &str, said: &str, text: &str) {
        let place = self.list().iter().position(|(listed, _)| listed == text);
        let Some(place) = place else { return };
        let answer = self.ask(&format!("{verb} {}", place + 1));
        assert_eq!(answer, format!("{said}: {text}"));
    }
}

impl Person for AtTerminal<'_> {
    fn add(&mut self, text: &str) {
        assert_eq!(self.ask(&format!("add {text}")), format!("added: {text}"));
    }

    fn set_done(&mut self, text: &str, done: bool) {
        match done {
            true => self.change("done", "done", text),
            false => self.change("undo", "not done", text),
        }
    }

    fn remove(&mut self, text: &str) {
        self.change("remove", "removed", text);
    }

    fn set_offline(&mut self, offline: bool) {
        self.ask(if offline { "offline" } else { "online" });
    }

    fn list(&mut self) -> Vec<(String, bool)> {
        let answer = self.ask("list");
        let task = |line: &str| {
            let (mark, text) = line.split_once('[')?.1.split_once("] ")?;
            Some((text.to_owned(), mark == "x"))
        };
        answer.lines().filter_map(task).collect()
    }

    fn begin_again(&mut self) {
        self.app.take().unwrap().kill();
        self.start();
    }

    fn wait_until_synced(&mut self) {
        assert_eq!(self.ask("wait"), "the server has everything");
    }
}

/// Numbers that follow from a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// What must be true in the end.
#[derive(Default)]
struct Expected {
    added: BTreeSet<String>,
    removed: BTreeSet<String>,
}

/// Has people do something at random, and their wires too.
fn live(people: &mut [Box<dyn Person + '_>], wires: &[Wire], seed: u64) -> Expected {
    let (mut random, mut expected) = (Random(seed), Expected::default());
    for step in 0..STEPS {
        let who = random.below(people.len());
        let (person, wire) = (&mut people[who], &wires[who]);
        match random.below(100) {
            0..40 => {
                let text = format!("task {step} of {who}");
                person.add(&text);
                expected.added.insert(text);
            }
            40..62 => {
                let list = person.list();
                if !list.is_empty() {
                    let (text, done) = &list[random.below(list.len())];
                    person.set_done(text, !done);
                }
            }
            62..72 => {
                let list = person.list();
                if !list.is_empty() {
                    let (text, _) = &list[random.below(list.len())];
                    person.remove(text);
                    expected.removed.insert(text.clone());
                }
            }
            72..80 => person.set_offline(random.below(2) == 0),
            80..84 => person.begin_again(),
            84..88 => wire.cut(),
            88..91 => wire.stall(),
            91..94 => wire.drop_connections(),
            _ => wire.mend(),
        }
    }
    expected
}

/// Everybody is connected, and comes to rest.
fn settle(people: &mut [Box<dyn Person + '_>], wires: &[Wire]) {
    for wire in wires {
        wire.drop_connections();
    }
    for person in people.iter_mut() {
        person.set_offline(false);
    }
    for person in people {
        person.wait_until_synced();
    }
}

/// A server, wherever it comes from.
struct Server<'a> {
    http: String,
    data_dir: &'a Path,
}

impl Server<'_> {
    fn post(&self, path: &str, body: &Value) -> Value {
        let reply = ureq::post(format!("{}{path}", self.http)).content_type("application/json").send(body.to_string());
        let text = reply.unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The list as the server has it, in its order.
    fn list(&self) -> Vec<(String, bool)> {
        let find = json!({"collection": "tasks", "query": "true", "sort": [
            {"property": "added", "direction": "asc"}, {"property": "_id", "direction": "asc"},
        ]});
        let reply = self.post("/api/v4/store/find", &find);
        let task = |document: &Value| {
            let fields = &document["fields"];
            Some((fields["text"].as_str()?.to_owned(), fields["done"].as_bool().unwrap()))
        };
        reply["documents"].as_array().unwrap().iter().filter_map(task).collect()
    }

    /// Every event of the topic so far.
    fn events(&self) -> Vec<Value> {
        let end = json!({"commands": [{"method": "upsert", "collection": "end", "id": "end", "value": {}}]});
        self.post("/api/v4/store/write", &end);
        let data_dir = self.data_dir.to_str().unwrap();
        let reader = Client::start(command(self.data_dir, &["events", "--from-beginning", "--data-dir", data_dir]));
        reader.wait_for_line(r#""collection":"end""#);
        reader.terminate().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn check(people: &mut [Box<dyn Person + '_>], server: &Server, expected: &Expected) {
    for (who, person) in people.iter_mut().enumerate() {
        wait_until(&format!("the list of {who} is the server's"), || person.list() == server.list());
    }
    let listed: BTreeSet<String> = server.list().into_iter().map(|(text, _)| text).collect();
    let left: BTreeSet<String> = expected.added.difference(&expected.removed).cloned().collect();
    assert_eq!(listed, left, "what was added and not removed is there");

    let mut added: BTreeMap<String, usize> = BTreeMap::new();
    let mut transactions = BTreeSet::new();
    for event in server.events() {
        assert!(transactions.insert(event["txnId"].as_u64().unwrap()), "twice: {event}");
        let change = &event["change"];
        if let (Some(text), true) = (change["newValue"]["text"].as_str(), change["oldValue"].is_null()) {
            *added.entry(text.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(added, expected.added.iter().map(|text| (text.clone(), 1)).collect(), "each was added once");
}

fn share(people: &mut [Box<dyn Person + '_>], wires: &[Wire], server: &Server, seed: u64) {
    let run = AssertUnwindSafe(|| {
        let expected = live(people, wires, seed);
        settle(people, wires);
        check(people, server, &expected);
    });
    if let Err(panic) = catch_unwind(run) {
        eprintln!("TASKS_SEED={seed} does it again");
        resume_unwind(panic);
    }
}

/// The seed of the tester, or this one.
fn seed_or(usual: u64) -> u64 {
    std::env::var("TASKS_SEED").map_or(usual, |seed| seed.parse().expect("TASKS_SEED is a number"))
}

#[test]
fn two_terminals_share_one_list_over_wires_that_are_cut() {
    let (server, programs) = (TestServer::start(), Programs::of("examples/tasks"));
    let http = server.run["http"].as_str().unwrap().to_owned();
    let wires = [Wire::to(&http), Wire::to(&http)];
    let mut people: Vec<Box<dyn Person>> = Vec::new();
    for wire in &wires {
        people.push(Box::new(AtTerminal::new(&programs, wire.http())));
    }
    share(&mut people, &wires, &Server { http, data_dir: &server.data_dir() }, seed_or(20));
}

#[test]
fn two_terminals_and_a_web_page_share_one_list_over_wires_that_are_cut() {
    let Some(package) = package_for_browsers() else { return };
    let (demo, programs) = (Demo::start(&package), Programs::of("examples/tasks"));
    let http = demo.http();
    let wires = [Wire::to(&http), Wire::to(&http), Wire::to(&http)];
    let mut people: Vec<Box<dyn Person>> = Vec::new();
    for wire in &wires[..2] {
        people.push(Box::new(AtTerminal::new(&programs, wire.http())));
    }
    let page = Page::open(&demo.page().replace(&http, &wires[2].http()));
    people.push(Box::new(page));
    share(&mut people, &wires, &Server { http, data_dir: &demo.data_dir() }, seed_or(21));
}
