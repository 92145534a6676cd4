//! How long a peer with 100,000 documents and 20,000 pending transactions takes to be opened, and to
//! answer questions. Prints times; run it as
//! `cargo run --release -p peer-core --example measure [documents] [pending]`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people that measure")]

use std::time::{Duration, Instant};

use document::{CollectionName, DocumentId, Map, Value};
use key_values::{DiskOptions, FjallDisk};
use peer_core::{Find, Now, Options, Peer, SPACES, Transaction, WriteError};

fn open(dir: &std::path::Path, seed: u64) -> Peer {
    let options = DiskOptions { cache_bytes: 32 << 20, threads: 1, spaces: SPACES };
    let disk = timed("open the engine", 1, || FjallDisk::open(dir, &options).unwrap());
    let start = Instant::now();
    let peer = Peer::open(Box::new(disk), Options::default(), [seed, 1]).unwrap();
    println!("open the peer: {:?}", start.elapsed());
    peer
}

fn id(number: u64) -> DocumentId {
    DocumentId::from_value(&Value::String(format!("document-{number:08}"))).unwrap()
}

fn value(number: u64) -> Map {
    let text = |name: &str, text: String| (name.to_owned(), Value::String(text));
    Map::from_fields(vec![
        ("age".to_owned(), Value::Int(i64::try_from(number % 100).unwrap())),
        text("name", format!("a name of some length {number}")),
        text("street", format!("{number} Long Street, a town that has no name")),
        text("text", "x".repeat(60)),
    ])
}

fn timed<T>(what: &str, times: u32, mut run: impl FnMut() -> T) -> T {
    let start = Instant::now();
    let mut last = run();
    for _ in 1..times {
        last = run();
    }
    let each: Duration = start.elapsed() / times;
    println!("{what}: {each:?}");
    last
}

fn main() {
    let number = |at: usize, default: u64| std::env::args().nth(at).map_or(default, |it| it.parse().unwrap());
    let (documents, pending) = (number(1, 100_000), number(2, 20_000));
    let people = CollectionName::new("people").unwrap();
    let now = Now { steady_ms: 0, wall_ms: 1_700_000_000_000 };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut peer = open(&path, 1);
    // In transactions of many, so that few of them are pending.
    for first in (0..documents).step_by(5_000) {
        let write = |it: &mut Transaction<'_>| -> Result<(), WriteError> {
            for number in first..(first + 5_000).min(documents) {
                it.upsert(&people, Some(id(number)), value(number), vec![])?;
            }
            Ok(())
        };
        peer.transaction(now, None, write).unwrap();
    }
    let start = Instant::now();
    for number in 0..pending {
        peer.upsert(now, &people, Some(id(number % documents)), value(number + 1), vec![]).unwrap();
    }
    println!("{pending} upserts: {:?} each", start.elapsed() / u32::try_from(pending.max(1)).unwrap());
    peer.persist().unwrap();
    drop(peer);
    let peer = open(&path, 2);
    println!("pending: {}, {} bytes", peer.pending_len(), peer.pending_bytes());
    let reader = peer.reader();
    let mut at = 0;
    timed("by id", 100_000, || {
        at = (at + 7_919) % documents;
        reader.find_by_id(&people, &id(at)).unwrap().unwrap()
    });
    let none = Map::new();
    let select = |text: &str| reader.select(now, text, &none).unwrap().len();
    let find = |query: &str, limit| Find { limit, ..Find::new("people", query, &none).unwrap() };
    timed("find: _id == \"…\"", 1_000, || reader.find(&find("_id == \"document-00000777\"", None)).unwrap());
    timed("find: true, limit 10", 100, || reader.find(&find("true", Some(10))).unwrap());
    timed("find: age == 7 (all are looked at)", 1, || reader.find(&find("age == 7", None)).unwrap());
    timed("SELECT … WHERE _id = …", 1_000, || select("SELECT * FROM people WHERE _id = 'document-00000777'"));
    timed("SELECT … WHERE _id IN (…)", 1_000, || {
        select("SELECT * FROM people WHERE _id IN ('document-00000777', 'document-00000005')")
    });
    timed("SELECT … LIMIT 10", 100, || select("SELECT * FROM people LIMIT 10"));
    timed("SELECT … WHERE age = 7", 1, || select("SELECT * FROM people WHERE age = 7"));
}
