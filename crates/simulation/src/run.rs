//! Runs histories: one, or one with ever fewer steps until only those are left that break a law.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{
    law::{Broken, Held},
    step::{History, Step},
    tally::Tally,
    world::World,
};

/// What a history came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// A number that is the same for the same history.
    pub trace: u64,
    /// What it exercised.
    pub tally: Tally,
    /// The law that it broke.
    pub broken: Option<Broken>,
}

/// A history that breaks a law, without the steps that it needs none of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// It.
    pub history: History,
    /// The law, and how.
    pub broken: Broken,
}

/// How many shorter histories are tried.
const TRIES_MAX: usize = 600;

/// Runs a history to its end, or to where it breaks a law.
pub fn run(history: &History) -> Ended {
    run_so(history, How::default())
}

/// How a history is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct How {
    /// Everything that happens is told on stderr.
    pub is_told: bool,
    /// Faults that are known break the laws too.
    pub is_strict: bool,
}

/// The same, told or by the letter of the laws.
pub fn run_so(history: &History, how: How) -> Ended {
    let ran = catch_unwind(AssertUnwindSafe(|| run_in(history, how)));
    ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let how = format!("it panicked: {}", text.unwrap_or_default());
        Ended { trace: 0, tally: Tally::default(), broken: Some(Broken { law: 0, how }) }
    })
}

fn run_in(history: &History, how: How) -> Ended {
    let mut world = match World::new(history, how) {
        Ok(world) => world,
        Err(broken) => return Ended { trace: 0, tally: Tally::default(), broken: Some(broken) },
    };
    let broken = steps(&mut world, &history.steps).err();
    world.tally.add("steps", history.steps.len() as u64);
    world.tally.add("events", world.server.events.len() as u64);
    world.tally.add("marked transactions", world.ledger.marks.len() as u64);
    Ended { trace: world.trace.digest(), tally: world.tally, broken }
}

fn steps(world: &mut World, steps: &[Step]) -> Held {
    for step in steps {
        world.step(step)?;
    }
    world.settle()?;
    world.check_end()
}

/// Takes steps out of a history that breaks a law, as long as it still breaks the same
/// (delta debugging: Zeller, Hildebrandt).
pub fn shrink(history: &History, broken: Broken, how: How) -> Story {
    let how = How { is_told: false, ..how };
    let mut story = Story { history: history.clone(), broken };
    let mut tries = 0;
    let mut piece = story.history.steps.len() / 2;
    while piece > 0 && tries < TRIES_MAX {
        let mut at = 0;
        while at < story.history.steps.len() && tries < TRIES_MAX {
            let mut fewer = story.history.clone();
            fewer.steps.drain(at..(at + piece).min(fewer.steps.len()));
            tries += 1;
            match run_so(&fewer, how).broken {
                Some(broken) if broken.law == story.broken.law => story = Story { history: fewer, broken },
                _ => at += piece,
            }
        }
        piece /= 2;
    }
    story
}

impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {} ({:?})", self.history.seed, self.history.kind)?;
        for (number, step) in self.history.steps.iter().enumerate() {
            writeln!(f, "  {:>3}. {step}", number + 1)?;
        }
        write!(f, "{}", self.broken)
    }
}
