//! What reading a message and writing its answer costs, without anything between (`cargo xtask
//! bench border`): lines of a name, a format and a message in hex come in, and go out with the
//! nanoseconds of reading it, and of an `echo` with those of its answer.

#![expect(clippy::print_stdout, reason = "it is what it is for")]

use std::{
    hint::black_box,
    io::{self, BufRead as _},
    time::Instant,
};

use peer_calls::{Answer, Call, Format, encode_result};

/// Short enough that some rounds run undisturbed on a machine that does other things too.
const ROUNDS: u32 = 100;

fn main() -> io::Result<()> {
    // As in a program that has a peer: memory is given and taken with other threads in mind.
    std::thread::spawn(std::thread::park);
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Some((name, hex)) = line.rsplit_once(' ') else { continue };
        let bytes: Vec<u8> = (0..hex.len() / 2).map(|n| byte(&hex[2 * n..2 * n + 2])).collect();
        let best = (0..2_000).map(|_| measure(&bytes)).fold(f64::INFINITY, f64::min);
        println!("{name} {best:.0}");
    }
    Ok(())
}

fn byte(hex: &str) -> u8 {
    u8::from_str_radix(hex, 16).expect("two digits")
}

fn measure(bytes: &[u8]) -> f64 {
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let answer = match Call::decode(black_box(bytes)).expect("a message") {
            Call::Echo(value) => Answer::new().with("value", value),
            other => {
                drop(black_box(other));
                continue;
            }
        };
        black_box(encode_result(Format::of(bytes), &Ok(answer)));
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}
