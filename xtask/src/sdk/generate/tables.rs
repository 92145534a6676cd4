//! What is made of `sdks/table.json`: the table of README.md, the page with every call, and a test that calls
//! everything that Rust is said to have.

use anyhow::{Context, Result};

use super::COMMAND;
use crate::sdk::{
    runs::Runs,
    table::{Language, Row, Table},
};

const BEGIN: &str = "<!-- sdks: made of sdks/table.json -->\n";
/// The code is as people write it, and is not run.
const LINTS: &str = "#[allow(clippy::let_unit_value, clippy::too_many_arguments, reason = \"it is only compiled\")]\n";

const END: &str = "<!-- end -->\n";

/// README.md with its table as it should be.
pub(super) fn readme(readme: &str, table: &Table, runs: &Runs) -> Result<String> {
    let no_mark = "README.md has no marks of the table of SDKs";
    let (before, rest) = readme.split_once(BEGIN).context(no_mark)?;
    let (_, after) = rest.split_once(END).context(no_mark)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", summary(table, runs)))
}

/// A row for each language: what of it runs here, and how many calls of each tier there are.
fn summary(table: &Table, runs: &Runs) -> String {
    let tiers: Vec<_> = table.tiers.iter().map(|(tier, what)| format!("{tier}, {what}")).collect();
    let mut text = format!("| | here | {} |\n|---|---|{}\n", tiers.join(" | "), "---|".repeat(tiers.len()));
    for language in &table.languages {
        let counts = table.tiers.keys().map(|tier| {
            let rows = table.calls.iter().zip(&language.names).filter(|(row, _)| row.tier == *tier);
            let (there, rows) = rows.fold((0, 0), |(there, rows), (_, names)| {
                (there + usize::from(names.iter().any(Option::is_some)), rows + 1)
            });
            format!("{there} of {rows}")
        });
        let counts = counts.collect::<Vec<_>>().join(" | ");
        let Language { language: name, readme, .. } = language;
        text += &format!("| [{name}]({readme}) | {} | {counts} |\n", here(language, runs));
    }
    text
}

/// Whether a language runs here, and what came of it.
fn here(language: &Language, runs: &Runs) -> String {
    match (runs.of(&language.language), &language.runs_by) {
        (Some(ran), _) => format!("runs: {} vectors and the page", ran.passed),
        (None, Some(by)) => format!("runs: {by}"),
        (None, None) => "written, **not run here**".to_owned(),
    }
}

/// `docs/reference/small-peer-sdks.md`.
pub(super) fn page(table: &Table) -> String {
    let mut text = format!(
        "<!-- Made of sdks/table.json by `{COMMAND}`. -->\n\n\
         # Calls of the SDKs\n\n\
         What an app calls in each language: by our own names, and by the vendor's in a module or package beside them (`headwater::compat`,\n\
         `headwater/compat`, `ditto`, `live.ditto`, `DittoSDK`). Every name here is looked for by a test, but in languages that are not run here (README.md).\n\
         What lies under all of them is in [calls of a small peer](small-peer-calls.md).\n"
    );
    let tiers: Vec<_> = table.tiers.iter().map(|(tier, what)| format!("{tier}: {what}")).collect();
    text += &format!("Calls are of four tiers: {}. Where nothing stands there is nothing yet.\n", tiers.join("; "));
    for Language { language, readme, names, .. } in &table.languages {
        text += &format!("\n## {language}\n\nMore of it is in [its README](../../{readme}).\n\n");
        text += "| | | our name | the vendor's |\n|---|---|---|---|\n";
        for (row, names) in table.calls.iter().zip(names) {
            let [ours, the_vendors] =
                names.each_ref().map(|it| it.as_ref().map_or(String::new(), |it| format!("`{it}`")));
            text += &format!("| {} | {} | {ours} | {the_vendors} |\n", row.tier, row.does);
        }
    }
    text
}

/// `sdks/rust/tests/it/table.rs`.
pub(super) fn rust_test(table: &Table) -> String {
    let ours = table.calls.iter().filter_map(|row| Some((row, &*row.rust.as_ref()?.code)));
    let the_vendors = table.calls.iter().filter_map(|row| Some((row, &*row.rust_compat.as_ref()?.code)));
    format!(
        "//! Every name that sdks/table.json says Rust has: it compiles. Made by `{COMMAND}`.\n\n\
         #[test]\nfn every_name_is_there() {{\n    let _ = (ours::calls, the_vendors::calls);\n}}\n\n\
         #[rustfmt::skip]\nmod ours {{\nuse std::time::Duration;\n\nuse headwater::*;\nuse serde_json::json;\n\n{LINTS}pub(super) fn calls(\n    headwater: &Headwater, store: &Store, collection: &Collection, find: &Find, sync: &Sync,\n    \
         subscription: &Subscription, observer: &Observer, written: &Written, executed: &Executed,\n    \
         document: &mut MutableDocument, transaction: &mut Transaction<'_, '_>,\n\
         ) -> Result<(), Error> {{\n{}    Ok(())\n}}\n}}\n\n\
         #[rustfmt::skip]\nmod the_vendors {{\nuse std::sync::Arc;\n\nuse headwater::compat::*;\nuse serde_json::json;\n\n{LINTS}pub(super) fn calls(\n    ditto: &Ditto, ditto_collection: &Collection, query_result: &QueryResult,\n    \
         store_observer: &StoreObserver, sync_subscription: &SyncSubscription, mut_document: &mut MutDocument<'_>,\n\
         ) -> Result<(), DittoError> {{\n{}    Ok(())\n}}\n}}\n",
        statements(ours),
        statements(the_vendors),
    )
}

fn statements<'t>(calls: impl Iterator<Item = (&'t Row, &'t str)>) -> String {
    calls.map(|(row, code)| format!("    // {}\n    let _ = {code};\n", row.does)).collect()
}
