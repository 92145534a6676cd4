//! `simulation --seeds N [--from S] [--minutes M]`: histories by their seeds, on all cores. What
//! breaks a law is shrunk, and tells its story.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use simulation::{EXPECTED, History, How, Story, Tally, run_so, shrink};

/// Histories of peers and a server under seeds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 300)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Ends after so many minutes, however many seeds are left.
    #[arg(long)]
    minutes: Option<u64>,
    /// How many at once; by default as many as there are cores.
    #[arg(long)]
    threads: Option<usize>,
    /// Ends once so many stories are told.
    #[arg(long, default_value_t = 3)]
    stories: usize,
    /// Tells everything that happens in what is left of a history that breaks a law.
    #[arg(long)]
    tell: bool,
    /// Faults that are known break the laws too.
    #[arg(long)]
    strict: bool,
    /// Prints the trace of each seed.
    #[arg(long)]
    traces: bool,
}

/// From so many seeds on, each kind of thing must have happened.
const SEEDS_MIN: u64 = 300;

struct Found {
    tally: Tally,
    traces: Vec<(u64, u64)>,
    stories: Vec<Story>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let began = Instant::now();
    let end = arguments.minutes.map(|minutes| began + Duration::from_secs(60 * minutes));
    let next = AtomicU64::new(arguments.from);
    let found = Mutex::new(Found { tally: Tally::default(), traces: Vec::new(), stories: Vec::new() });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.unwrap_or(cores) {
            scope.spawn(|| work(&arguments, end, &next, &found));
        }
    });
    let Found { tally, mut traces, stories } = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    traces.sort_unstable();
    if arguments.traces {
        traces.iter().for_each(|(seed, trace)| eprintln!("seed {seed}: {trace:016x}"));
    }
    let together = traces.iter().fold(0_u64, |all, (_, trace)| all.rotate_left(1) ^ trace);
    eprint!("{tally}");
    let seconds = began.elapsed().as_secs_f32();
    eprintln!("{} seeds from {} in {seconds:.1} s, trace {together:016x}", traces.len(), arguments.from);
    for story in &stories {
        eprintln!("\n{story}");
    }
    let is_enough = traces.len() as u64 >= SEEDS_MIN;
    let missing = if is_enough { tally.missing() } else { Vec::new() };
    if !missing.is_empty() {
        eprintln!("of {} kinds of things these never happened: {missing:?}", EXPECTED.len());
    }
    if stories.is_empty() && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(arguments: &Arguments, end: Option<Instant>, next: &AtomicU64, found: &Mutex<Found>) {
    loop {
        let seed = next.fetch_add(1, Relaxed);
        let is_over = end.is_some_and(|end| Instant::now() > end);
        let told = found.lock().unwrap_or_else(PoisonError::into_inner).stories.len();
        if seed >= arguments.from.saturating_add(arguments.seeds) || is_over || told >= arguments.stories {
            return;
        }
        let history = History::of(seed);
        let how = How { is_strict: arguments.strict, ..How::default() };
        let ended = run_so(&history, how);
        let story = ended.broken.map(|broken| {
            eprintln!("seed {seed}: {broken}");
            shrink(&history, broken, how)
        });
        if let (Some(story), true) = (&story, arguments.tell) {
            run_so(&story.history, How { is_told: true, ..how });
        }
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.tally.merge(&ended.tally);
        found.traces.push((seed, ended.trace));
        found.stories.extend(story);
    }
}
