//! `sdks/table.json`: which calls there are in which language, and by which name.
//!
//! Not here: whether a name is really there (a test of each SDK looks).

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

const PATH: &str = "sdks/table.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(rename = "about")]
    _about: String,
    pub(super) tiers: BTreeMap<String, String>,
    pub(super) languages: Vec<Language>,
    pub(super) not_yet: Vec<String>,
    pub(super) calls: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Language {
    pub(super) language: String,
    pub(super) column: Column,
    pub(super) readme: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Column {
    Rust,
    Javascript,
}

/// A call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) tier: String,
    pub(super) does: String,
    pub(super) rust: Option<RustName>,
    pub(super) rust_compat: Option<RustName>,
    pub(super) javascript: Option<String>,
    pub(super) javascript_compat: Option<String>,
}

/// A name, and code that is compiled to see whether it is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RustName {
    pub(super) name: String,
    pub(super) code: String,
}

impl Table {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(PATH)).with_context(|| format!("cannot read {PATH}"))?;
        let table: Self = serde_json::from_str(&text).with_context(|| format!("{PATH} is not as it should be"))?;
        for row in &table.calls {
            ensure!(table.tiers.contains_key(&row.tier), "{PATH}: there is no tier {}", row.tier);
            for RustName { name, code } in row.rust.iter().chain(&row.rust_compat) {
                let last = name.rsplit("::").next().unwrap_or(name);
                ensure!(code.contains(&format!("{last}(")), "{PATH}: `{code}` does not call {name}");
            }
        }
        Ok(table)
    }
}

impl Row {
    /// By which names an app calls it in a language: ours, and the vendor's.
    pub(super) fn names(&self, column: Column) -> [Option<&str>; 2] {
        match column {
            Column::Rust => [&self.rust, &self.rust_compat].map(|it| Some(&*it.as_ref()?.name)),
            Column::Javascript => [self.javascript.as_deref(), self.javascript_compat.as_deref()],
        }
    }
}
