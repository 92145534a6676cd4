//! The table of a run: on the terminal, in the reference, and in short in README.md.
//!
//! Invariant: what stands between the marks of a document is replaced, nothing else.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    Outcome, Row,
    cells::{CELLS, Cell},
};
use crate::step;

const BEGIN: &str = "<!-- compat: made by `cargo xtask compat` -->\n";
const END: &str = "<!-- end -->\n";

/// The outcome of a cell in a word.
pub(super) fn shown(outcome: &Result<impl Sized, String>) -> String {
    match outcome {
        Ok(_) => "holds".to_owned(),
        Err(why) => format!("does NOT hold: {why}"),
    }
}

/// A row for each client, a column for each cell, with seconds.
pub(super) fn table(rows: &[Row], cells: &[Cell]) -> String {
    let names: Vec<_> = cells.iter().map(|cell| cell.name).collect();
    let mut text = format!("| client | version | group protocol | {} |\n", names.join(" | "));
    text += &format!("|---|---|---|{}\n", "---|".repeat(cells.len()));
    for Row { client, cells } in rows {
        let cells: Vec<_> = cells.iter().map(seconds).collect();
        text +=
            &format!("| {} | {} | {} | {} |\n", client.name, client.version, client.protocol.name(), cells.join(" | "));
    }
    text
}

fn seconds(outcome: &Outcome) -> String {
    outcome.as_ref().map_or_else(|_| "**no**".to_owned(), |took| format!("{:.1} s", took.as_secs_f32()))
}

/// Puts the tables of a whole run, in which everything held, into the documents.
pub(super) fn write(root: &Path, rows: &[Row]) -> Result<()> {
    for (path, table) in [("docs/reference/kafka-compatibility.md", table(rows, &CELLS)), ("README.md", summary(rows))]
    {
        let file = root.join(path);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {path}"))?;
        let replaced =
            replaced(&text, &table).with_context(|| format!("{path} has no marks of the table of clients"))?;
        if replaced != text {
            fs::write(&file, replaced).with_context(|| format!("cannot write {path}"))?;
            step::say(&format!("{path}: written"));
        }
    }
    Ok(())
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

/// A row for each client, whatever its versions and protocols.
fn summary(rows: &[Row]) -> String {
    let names: Vec<_> = CELLS.iter().map(|cell| cell.name).collect();
    let mut text = format!("| client | versions | {} |\n|---|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let mut left = rows;
    while let Some(first) = left.first() {
        let same = left.iter().take_while(|row| row.client.name == first.client.name).count();
        let (these, others) = left.split_at(same);
        let mut versions: Vec<_> = these.iter().map(|row| row.client.version).collect();
        versions.dedup();
        text += &format!("| {} | {} |{}\n", first.client.name, versions.join(", "), " yes |".repeat(names.len()));
        left = others;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::client::CLIENTS, *};

    #[test]
    fn a_document_has_its_table_between_the_marks() {
        let text = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(replaced(&text, "new\n"), Some(format!("a\n{BEGIN}new\n{END}b\n")));
        assert_eq!(replaced("a\n", "new\n"), None);
    }

    #[test]
    fn versions_of_a_client_are_one_row_in_short() {
        let row = |client| Row { client, cells: CELLS.iter().map(|_| Ok(Duration::from_millis(1234))).collect() };
        let rows = [row(&CLIENTS[0]), row(&CLIENTS[1])];
        assert!(table(&rows, &CELLS).contains("| Java | 3.1.0 | classic | 1.2 s | 1.2 s | 1.2 s | 1.2 s |\n"));
        assert!(summary(&rows).ends_with("| Java | 3.1.0, 3.9.2 | yes | yes | yes | yes |\n"));
    }
}
