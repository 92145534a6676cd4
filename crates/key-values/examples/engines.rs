//! Figures of both engines with what a small peer does to them:
//! `cargo run --release -p key-values --features fjall,redb --example engines -- FOLDER`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement says what it measured, or ends")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use key_values::{Access, Batch, DiskOptions, Durability, FjallDisk, KeyValues, RedbDisk, Space, SpaceOptions};

const DOCUMENTS: u64 = 100_000;
const WRITES: u64 = 2_000;
const CACHE_BYTES: usize = 16 << 20;
const SPACES: &[SpaceOptions] = &[
    SpaceOptions { name: "meta", memtable_bytes: 4 << 20, access: Access::Small },
    SpaceOptions { name: "synced", memtable_bytes: 4 << 20, access: Access::Large },
    SpaceOptions { name: "view", memtable_bytes: 4 << 20, access: Access::Large },
    SpaceOptions { name: "pending", memtable_bytes: 4 << 20, access: Access::Large },
];

fn open(engine: &str, dir: &Path) -> Box<dyn KeyValues> {
    let path = dir.join(engine);
    match engine {
        "fjall" => {
            let options = DiskOptions { cache_bytes: CACHE_BYTES as u64, threads: 1, spaces: SPACES };
            Box::new(FjallDisk::open(&path, &options).unwrap())
        }
        _ => Box::new(RedbDisk::open(&path, CACHE_BYTES, SPACES).unwrap()),
    }
}

fn key(number: u64) -> Vec<u8> {
    // Ids come in any order.
    format!("people\0\"{:016x}\"", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes()
}

/// What a document of 200 bytes comes to.
fn value(number: u64) -> Vec<u8> {
    (0..200).map(|at| (number.wrapping_mul(31).wrapping_add(at * 7) % 64 + 32).to_le_bytes()[0]).collect()
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn measure(engine: &str, dir: &Path) {
    let store = open(engine, dir);
    let mut documents: Vec<_> = (0..DOCUMENTS).map(|number| (key(number), value(number))).collect();
    for (how, space) in [("in any order", Space(2)), ("in the order of their ids, as a snapshot's", Space(1))] {
        let begun = Instant::now();
        for documents in documents.chunks(1_000) {
            let mut batch = Batch::default();
            documents.iter().for_each(|(key, value)| batch.insert(space, &key[..], &value[..]));
            store.write(batch, Durability::Process).unwrap();
            store.persist().unwrap();
        }
        println!("{engine}: {DOCUMENTS} documents, 1,000 a batch, {how}: {:?}", begun.elapsed());
        documents.sort();
    }

    let mut times = Vec::new();
    for number in 0..WRITES {
        let begun = Instant::now();
        let (document, mut batch) = (DOCUMENTS + number, Batch::default());
        batch.insert(Space(0), &b"peer"[..], vec![7; 80]);
        batch.insert(Space(2), key(document), value(document));
        batch.insert(Space(3), document.to_be_bytes(), value(document));
        store.write(batch, Durability::Process).unwrap();
        store.persist().unwrap();
        times.push(begun.elapsed());
    }
    let (p50, p99) = median(times);
    println!("{engine}: durable write: p50 {p50:?}, p99 {p99:?}");

    let times = (0..WRITES).map(|number| {
        let (key, begun) = (key(number * 37), Instant::now());
        assert!(store.get(Space(1), &key).unwrap().is_some());
        begun.elapsed()
    });
    let (p50, p99) = median(times.collect());
    println!("{engine}: by key: p50 {p50:?}, p99 {p99:?}");

    // What a kill leaves is what is there now.
    let killed = dir.join("killed");
    std::fs::create_dir(&killed).unwrap();
    let copied = std::process::Command::new("cp").arg("-r").arg(dir.join(engine)).arg(&killed).status();
    assert!(copied.unwrap().success());
    drop(store);
    for (how, dir) in [("closed", dir), ("killed", &killed)] {
        let begun = Instant::now();
        let store = open(engine, dir);
        assert_eq!(store.prefix(Space(3), &[]).count() as u64, WRITES);
        println!("{engine}: opened after it was {how}: {:?}, {} MiB", begun.elapsed(), store.disk_bytes() >> 20);
    }
    std::fs::remove_dir_all(&killed).unwrap();
}

fn main() {
    let dir = std::env::args().nth(1).expect("a folder");
    for engine in ["fjall", "redb"] {
        let dir = tempfile::tempdir_in(&dir).unwrap();
        measure(engine, dir.path());
    }
}
