//! `sdks/runs.json`: what came of the last run of each language, which README.md tells.
//!
//! Invariant: a language stands there if its tests, its vectors and the page's snippet passed.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::vectors::Vectors;
use crate::step;

const PATH: &str = "sdks/runs.json";
const ABOUT: &str = "What came of the conformance vectors in each language; written by `cargo xtask sdk languages --record`, compared by `cargo xtask test`.";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Runs {
    about: String,
    languages: BTreeMap<String, Vectors>,
}

impl Runs {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(PATH)).with_context(|| format!("cannot read {PATH}"))?;
        serde_json::from_str(&text).with_context(|| format!("{PATH} is not as it should be"))
    }

    /// What came of a language.
    pub(super) fn of(&self, language: &str) -> Option<Vectors> {
        self.languages.get(language).copied()
    }

    /// Fails if it does not say what came of these languages.
    pub(super) fn check(&self, came: &BTreeMap<String, Vectors>) -> Result<()> {
        for (language, vectors) in came {
            ensure!(
                self.of(language) == Some(*vectors),
                "{PATH} does not say of {language} what came of this run ({} passed, {} not run): \
                 `cargo xtask sdk languages --record` and `cargo xtask sdk generate` write it",
                vectors.passed,
                vectors.not_run
            );
        }
        Ok(())
    }

    /// Writes what came of these languages; of others it stays.
    pub(super) fn record(root: &Path, came: BTreeMap<String, Vectors>) -> Result<()> {
        let mut languages = if root.join(PATH).exists() { Self::read(root)?.languages } else { BTreeMap::new() };
        languages.extend(came);
        let text = serde_json::to_string_pretty(&Self { about: ABOUT.to_owned(), languages })? + "\n";
        fs::write(root.join(PATH), text).with_context(|| format!("cannot write {PATH}"))?;
        step::say(&format!("{PATH}: written; `cargo xtask sdk generate` makes README.md of it"));
        Ok(())
    }
}
