//! What is made of `sdks/table.json`: the table of README.md, the page with every call, and a test that calls
//! everything that Rust is said to have.

use anyhow::{Context, Result};

use super::COMMAND;
use crate::sdk::table::{Column, Row, Table};

const BEGIN: &str = "<!-- sdks: made of sdks/table.json -->\n";
/// The code is as people write it, and is not run.
const LINTS: &str = "#[allow(clippy::let_unit_value, clippy::too_many_arguments, reason = \"it is only compiled\")]\n";

const END: &str = "<!-- end -->\n";

/// README.md with its table as it should be.
pub(super) fn readme(readme: &str, table: &Table) -> Result<String> {
    let no_mark = "README.md has no marks of the table of SDKs";
    let (before, rest) = readme.split_once(BEGIN).context(no_mark)?;
    let (_, after) = rest.split_once(END).context(no_mark)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", summary(table)))
}

/// A row for each language: how many calls of each tier there are.
fn summary(table: &Table) -> String {
    let tiers: Vec<_> = table.tiers.iter().map(|(tier, what)| format!("{tier}, {what}")).collect();
    let mut text = format!("| | {} |\n|---|{}\n", tiers.join(" | "), "---|".repeat(tiers.len()));
    for language in &table.languages {
        let counts = table.tiers.keys().map(|tier| {
            let rows: Vec<_> = table.calls.iter().filter(|row| row.tier == *tier).collect();
            let there = rows.iter().filter(|row| row.names(language.column).iter().any(Option::is_some)).count();
            format!("{there} of {}", rows.len())
        });
        let counts = counts.collect::<Vec<_>>().join(" | ");
        text += &format!("| [{}]({}) | {counts} |\n", language.language, language.readme);
    }
    text + &format!("| {} |{}\n", table.not_yet.join(", "), " not yet |".repeat(tiers.len()))
}

/// `docs/reference/small-peer-sdks.md`.
pub(super) fn page(table: &Table) -> String {
    let mut text = format!(
        "<!-- Made of sdks/table.json by `{COMMAND}`. -->\n\n\
         # Calls of the SDKs\n\n\
         What an app calls in each language: by our own names, and by the vendor's in a module or package beside them (`headwater::compat`,\n\
         `headwater/compat`). Every name here is looked for by a test. {} are not there yet.\n\
         What lies under all of them is in [calls of a small peer](small-peer-calls.md).\n",
        table.not_yet.join(", ")
    );
    for (tier, what) in &table.tiers {
        text += &format!("\n## {tier}: {what}\n\n");
        text += "| | Rust | the vendor's names | JavaScript | the vendor's names |\n|---|---|---|---|---|\n";
        for row in table.calls.iter().filter(|row| row.tier == *tier) {
            let names = [Column::Rust, Column::Javascript].map(|column| row.names(column)).concat();
            let cells: Vec<_> =
                names.into_iter().map(|name| name.map_or("".to_owned(), |it| format!("`{it}`"))).collect();
            text += &format!("| {} | {} |\n", row.does, cells.join(" | "));
        }
    }
    let languages: Vec<_> =
        table.languages.iter().map(|it| format!("[{}](../../{})", it.language, it.readme)).collect();
    text + &format!("\nWhere nothing stands there is nothing yet. More of each is in {}.\n", languages.join(", "))
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
