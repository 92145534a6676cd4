//! The simulation itself: the same seed gives the same trace, and a law that does not hold is found
//! and told by the steps that break it.

#![allow(missing_docs, reason = "a test")]

use simulation::{History, How, Step, WriteKind, run, shrink};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..=12 {
        let history = History::of(seed);
        let (first, second) = (run(&history), run(&history));
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(first.broken, None, "seed {seed}");
    }
}

#[test]
fn other_seeds_give_other_traces() {
    assert_ne!(run(&History::of(1)).trace, run(&History::of(5)).trace);
}

#[test]
fn a_history_shrinks_to_what_it_needs() {
    let mut history = History::of(4);
    let at = history.steps.len() / 2;
    // Nothing may be written to a collection of the system's: it is refused, and nobody planned that.
    history.steps.insert(at, Step::Write { peer: 0, kind: WriteKind::System, document: 0, number: 0 });
    let broken = run(&history).broken.expect("nobody planned that");
    assert_eq!(broken.law, 0);
    let story = shrink(&history, broken, How::default());
    assert_eq!(story.history.steps.len(), 1, "{story}");
    assert!(story.to_string().contains("1. peer 0 writes: System"), "{story}");
    assert!(story.to_string().contains("law 0"), "{story}");
}
