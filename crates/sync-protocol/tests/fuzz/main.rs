//! Sessions with a party that sends what it likes, by a seed: valid messages out of order, made up
//! ones, frames with bits turned. Neither machine panics, leaves its documented ways, says anything
//! before it may, or holds more than is stated.
//!
//! `cargo xtask fuzz` tries as many as one has time for; `FUZZ_CASES` says how many. Alone in its
//! process, because it watches the process's address space.

#[path = "../it/random.rs"]
mod random;
#[path = "../it/samples.rs"]
#[expect(dead_code, reason = "other tests use more of them")]
mod samples;

mod peer;
mod server;

use sync_protocol::{Codec, ItemKind, Message, Push, encode_frame};

use peer::Peer;
use random::Random;
use server::Server;

/// Sessions that are tried, where nothing else is said.
const CASES: u64 = 4_000;

/// What happens in one of them, at most.
const STEPS: u64 = 60;

/// How much address space both machines and all frames may need, in KiB.
const PEAK_KIB: u64 = 96 * 1024;

fn cases() -> u64 {
    std::env::var("FUZZ_CASES").map_or(CASES, |cases| cases.parse().expect("FUZZ_CASES is a number"))
}

/// The largest address space this process ever had (proc(5), `VmPeak`); 0 where nothing tells.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmPeak:"));
    line.map_or(0, |line| line.split_whitespace().nth(1).expect("a number follows").parse().expect("it is decimal"))
}

#[test]
fn whatever_comes_neither_machine_panics_nor_leaves_its_ways() {
    let before = peak_kib();
    let (mut server_ends, mut peer_ends) = (0, 0);
    for seed in 0..cases() {
        server_ends += u64::from(Server::run(seed));
        peer_ends += u64::from(Peer::run(seed));
    }
    let grown = peak_kib() - before;
    assert!(grown < PEAK_KIB, "it took {grown} KiB");
    // Both kinds of sessions prove something: those that go on, and those that are ended.
    for ends in [server_ends, peer_ends] {
        assert!(ends * 20 > cases() && ends < cases(), "{ends} of {} sessions ended", cases());
    }
}

/// A frame of the message, often not as it should be.
fn frame(random: &mut Random, message: &Message) -> Vec<u8> {
    let codec = if random.once_in(4) { Codec::for_reader(&[1]) } else { Codec::Plain };
    let mut frame = encode_frame(message, codec).0;
    if random.once_in(12) {
        turn_bits(random, &mut frame);
    }
    frame
}

fn turn_bits(random: &mut Random, frame: &mut Vec<u8>) {
    for _ in 0..=random.below(4) {
        let at = random.below(frame.len() as u64) as usize;
        match random.below(5) {
            0 => frame[at] = random.next().to_le_bytes()[0],
            1 => frame[at] ^= 1 << random.below(8),
            2 => frame.insert(at, random.next().to_le_bytes()[0]),
            3 => frame.truncate(at.max(1)),
            _ => drop(frame.splice(at..at, [0x9b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])),
        }
    }
}

fn a_push(random: &mut Random, seq: u64) -> Push {
    let mut push = samples::push(seq);
    let large = if random.once_in(40) { 600_000 } else { 300 };
    push.operations[0].delta = vec![7; random.below(large) as usize];
    if random.once_in(10) {
        push.operations[0].kind = ItemKind::Removed;
    }
    push
}
