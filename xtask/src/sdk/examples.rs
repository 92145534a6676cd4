//! The examples of the reference: steps of `sdks/conformance/vectors/api/examples.json`.
//!
//! Invariants: an example is what a vector says, and so what every SDK does.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

const PATH: &str = "sdks/conformance/vectors/api/examples.json";

/// What a page shows in the place of what is left to chance.
const SHOWN_VERSION: &str = "\"0.1.0\"";

/// By the name of the call, or `watch` and the name of the watch.
pub(super) struct Examples {
    of: BTreeMap<String, Example>,
    /// A call that is refused.
    pub(super) error: Example,
}

/// What is asked for, and what comes back: each a line of JSON.
pub(super) struct Example {
    pub(super) lines: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    steps: Vec<Step>,
}

/// A step is an example if it says so.
#[derive(Deserialize)]
struct Step {
    example: Option<String>,
    call: Option<Box<RawValue>>,
    watch: Option<Box<RawValue>>,
    gives: Option<Box<RawValue>>,
    event: Option<Box<RawValue>>,
}

impl Examples {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(PATH)).with_context(|| format!("cannot read {PATH}"))?;
        let file: File = serde_json::from_str(&text).with_context(|| format!("{PATH} is not as it should be"))?;
        let mut of = BTreeMap::new();
        for step in file.cases.into_iter().flat_map(|case| case.steps) {
            let parts = [&step.call, &step.watch, &step.gives, &step.event];
            let lines = parts.into_iter().flatten().map(|json| on_one_line(json.get())).collect();
            if let Some(name) = step.example {
                of.insert(name, Example { lines });
            }
        }
        let error = of.remove("error").context("no step is the example of an error")?;
        Ok(Self { of, error })
    }

    pub(super) fn of(&self, name: &str) -> Option<&Example> {
        self.of.get(name)
    }
}

/// A text in a vector may be broken into lines; strings of JSON never are.
fn on_one_line(json: &str) -> String {
    let mut line = String::new();
    for part in json.lines().map(str::trim) {
        if line.ends_with(',') {
            line.push(' ');
        }
        line.push_str(part);
    }
    line.replace("\"$version\"", SHOWN_VERSION)
}
