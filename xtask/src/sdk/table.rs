//! `sdks/table.json`: which calls there are in which language, and by which name.
//!
//! Not here: whether a name is really there (a test of each SDK looks).

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

const PATH: &str = "sdks/table.json";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(rename = "about")]
    _about: String,
    pub(super) tiers: BTreeMap<String, String>,
    pub(super) languages: Vec<Language>,
    pub(super) calls: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Language {
    pub(super) language: String,
    /// Its names stand in the table itself…
    #[serde(default)]
    column: Option<Column>,
    /// … or in a file of its own.
    #[serde(default, rename = "names")]
    file: Option<String>,
    pub(super) readme: String,
    /// What runs it, if `cargo xtask sdk languages` does not.
    #[serde(default)]
    pub(super) runs_by: Option<String>,
    /// What is refused there, though the names are: rows by what they do.
    #[serde(default)]
    without: Vec<String>,
    /// By which names an app calls each row of the table: ours, and the vendor's.
    #[serde(skip)]
    pub(super) names: Vec<[Option<String>; 2]>,
}

/// A row of a language's own file: it has all rows of the table, in their order. What else stands in a row is for the
/// language's own test.
#[derive(Deserialize)]
struct Named {
    does: String,
    ours: Option<String>,
    compat: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Column {
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
    javascript: Option<String>,
    javascript_compat: Option<String>,
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
        let mut table: Self = serde_json::from_str(&text).with_context(|| format!("{PATH} is not as it should be"))?;
        for row in &table.calls {
            ensure!(table.tiers.contains_key(&row.tier), "{PATH}: there is no tier {}", row.tier);
            for RustName { name, code } in row.rust.iter().chain(&row.rust_compat) {
                let last = name.rsplit("::").next().unwrap_or(name);
                ensure!(code.contains(&format!("{last}(")), "{PATH}: `{code}` does not call {name}");
            }
        }
        for language in &mut table.languages {
            language.names = language.read_names(root, &table.calls)?;
            for does in &language.without {
                let row = table.calls.iter().position(|row| row.does == *does);
                let row = row.with_context(|| format!("{PATH}: no row does {does:?}"))?;
                language.names[row] = [None, None];
            }
        }
        Ok(table)
    }
}

impl Language {
    fn read_names(&self, root: &Path, rows: &[Row]) -> Result<Vec<[Option<String>; 2]>> {
        let path = match (self.column, &self.file) {
            (Some(column), None) => return Ok(rows.iter().map(|row| row.names(column)).collect()),
            (None, Some(path)) => path,
            _ => bail!("{PATH}: {} has a column of the table or a file of names", self.language),
        };
        let text = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        let named: Vec<Named> =
            serde_json::from_str(&text).with_context(|| format!("{path} is not as it should be"))?;
        let are_all = named.iter().map(|it| &it.does).eq(rows.iter().map(|row| &row.does));
        ensure!(are_all, "{path} has other rows than {PATH}, or in another order");
        Ok(named.into_iter().map(|it| [it.ours, it.compat]).collect())
    }
}

impl Row {
    fn names(&self, column: Column) -> [Option<String>; 2] {
        match column {
            Column::Rust => [&self.rust, &self.rust_compat].map(|it| Some(it.as_ref()?.name.clone())),
            Column::Javascript => [self.javascript.clone(), self.javascript_compat.clone()],
        }
    }
}
