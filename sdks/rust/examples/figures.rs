//! Figures of a peer without a server: `cargo run --release -p headwater --example figures -- FOLDER`.

#![expect(clippy::print_stdout, reason = "a measurement says what it measured")]

use std::{
    env,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use headwater::{Config, Error, Headwater};
use serde_json::{Value, json};

const DOCUMENTS: u64 = 100_000;
const PENDING: u64 = 20_000;
const WRITES: u64 = 2_000;

/// A document of about 200 bytes.
fn document(number: u64) -> Value {
    let note = format!("{:>0120}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    json!({"_id": format!("{number:016x}"), "number": number, "name": "Susan", "age": 31, "note": note})
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!("{what}: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
}

fn time(done: impl FnOnce() -> Result<(), Error>) -> Result<Duration, Error> {
    let begun = Instant::now();
    done()?;
    Ok(begun.elapsed())
}

fn fill(dir: &Path) -> Result<(), Error> {
    let peer = Headwater::open(Config::new(dir).relaxed(true))?;
    let begun = Instant::now();
    for first in (0..DOCUMENTS).step_by(1_000) {
        peer.store().transaction(move |tx| -> Result<(), Error> {
            let mut people = tx.collection("people")?;
            (first..first + 1_000).try_for_each(|number| people.upsert(document(number)).map(drop))
        })?;
    }
    println!("{DOCUMENTS} documents, 1,000 a transaction: {:?}", begun.elapsed());
    let people = peer.store().collection("people")?;
    let begun = Instant::now();
    for number in 0..PENDING {
        people.upsert(document(number * 3))?;
    }
    println!("relaxed upserts: {:.0}/s", PENDING as f64 / begun.elapsed().as_secs_f64());
    Ok(())
}

fn measure(dir: &Path) -> Result<(), Error> {
    let begun = Instant::now();
    let peer = Headwater::open(Config::new(dir))?;
    let pending = peer.sync().pending()?;
    println!("opened with {DOCUMENTS} documents and {pending} pending transactions: {:?}", begun.elapsed());
    let people = peer.store().collection("people")?;
    let upsert = |number| time(|| people.upsert(document(DOCUMENTS + number)).map(drop));
    say("durable upsert", (0..WRITES).map(upsert).collect::<Result<_, _>>()?);
    let by_id = |number: u64| {
        let id = format!("{:016x}", number * 7_919 % DOCUMENTS);
        time(|| people.find_by_id(id).map(|found| assert!(found.is_some(), "it is there")))
    };
    say("by id", (0..WRITES * 10).map(by_id).collect::<Result<_, _>>()?);
    Ok(())
}

fn main() -> Result<(), Error> {
    let dir = PathBuf::from(env::args().nth(1).expect("a folder that is not there yet"));
    fill(&dir)?;
    measure(&dir)
}
