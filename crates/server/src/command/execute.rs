//! `headwater execute`: one DQL statement.
//!
//! Not here: the language (`query::dql`), rows as a table (`table`).

mod table;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _},
    path::Path,
};

use anyhow::Context as _;
use query::dql::{Kind, Statement, SyntaxError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Context, read_reply};
use crate::{
    arguments::{JsonText, NamedArgument},
    config::AppOption,
    failure::UsageError,
    input::InputFile,
    output::{counted, indented_json, print_line, write_stdout},
    store_client::{CallError, StoreClient},
};

/// How many of the ids that an INSERT wrote are printed.
const IDS_SHOWN_MAX: usize = 10;

/// A statement to run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Rows come as a table on a terminal, and as one JSON object a line elsewhere.

Examples:
  headwater execute \"SELECT name, age FROM people WHERE age >= 18 ORDER BY age DESC LIMIT 10\"
  headwater execute \"INSERT INTO people DOCUMENTS (:p)\" --args '{\"p\":{\"_id\":\"abc123\",\"name\":\"Susan\"}}'
  headwater execute \"UPDATE people SET age = age + 1 WHERE _id = :id\" --arg id=abc123
  headwater execute --explain \"SELECT * FROM people WHERE age = 31\"
  headwater execute - < statement.sql
  headwater execute -- \"-- adults
  SELECT name FROM people WHERE age >= 18\"

A statement that begins with a comment stands last, after '--'.")]
pub(crate) struct Execute {
    /// The statement; '-' is stdin
    statement: String,
    /// What stands for :name in it, as a JSON object
    #[arg(long, value_name = "JSON")]
    args: Option<JsonText>,
    /// What stands for one :NAME, as JSON; a bare word is a text. Repeatable
    #[arg(long = "arg", value_name = "NAME=JSON", conflicts_with = "args")]
    arguments: Vec<NamedArgument>,
    /// Whether an object in a field that is not declared is one value (v4) or merged (v5)
    #[arg(long, value_name = "v4|v5", default_value = "v5", value_parser = ["v4", "v5"])]
    api: String,
    /// Tell how the statement would be run, instead of running it
    #[arg(long)]
    explain: bool,
    /// A write's name: sent again under it, with the same statement, it is done once
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Print the server's JSON reply
    #[arg(long, conflicts_with_all = ["ndjson", "table"])]
    json: bool,
    /// Print one row a line
    #[arg(long, conflicts_with = "table")]
    ndjson: bool,
    /// Print a table
    #[arg(long)]
    table: bool,
    #[command(flatten)]
    app: AppOption,
}

#[derive(Serialize)]
struct ExecuteRequest<'a> {
    statement: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<BTreeMap<&'a str, &'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecuteReply<'a> {
    transaction_id: u64,
    query_type: Cow<'a, str>,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(borrow)]
    mutated_document_ids: Vec<&'a RawValue>,
    warnings: Vec<Warning>,
    total_warnings_count: u64,
}

#[derive(Deserialize)]
struct Warning {
    description: String,
}

impl Execute {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self { statement, args, arguments, api, explain, request_id, json, ndjson, table, app } = self;
        let client = StoreClient::connect(&context.common.data_dir, app.resolve(&context.file)?)?;
        let statement = if statement == "-" { read_statement()? } else { statement };
        let statement = statement.trim_start_matches('\u{feff}');
        let sent = if explain { Cow::Owned(format!("EXPLAIN {statement}")) } else { Cow::Borrowed(statement) };
        let request = ExecuteRequest { statement: &sent, args: values(args.as_ref(), &arguments)? };
        let text = match client.execute(&api, &request, request_id.as_deref()) {
            Err(error @ CallError::Refused { status: 400, .. }) => return Err(explained(statement, error)),
            reply => reply?,
        };
        if json {
            return print_line(&text);
        }
        let reply: ExecuteReply<'_> = read_reply(&text)?;
        for warning in &reply.warnings {
            eprintln!("headwater: warning: {}", warning.description);
        }
        if let Some(more @ 1..) = reply.total_warnings_count.checked_sub(reply.warnings.len() as u64) {
            eprintln!("headwater: {} more", counted(more, "warning"));
        }
        let kind = Statement::parse(&sent).map(|statement| statement.kind()).ok();
        if let Some(Kind::CreateIndex | Kind::DropIndex) = kind {
            return print_line("done");
        }
        let as_table = table || (!ndjson && std::io::stdout().is_terminal());
        reply.print(as_table, explain)?;
        match kind {
            Some(Kind::Insert) if reply.items.is_empty() => reply.print_ids(),
            _ => Ok(()),
        }
    }
}

impl ExecuteReply<'_> {
    fn print(&self, as_table: bool, explain: bool) -> anyhow::Result<()> {
        let is_mutation = self.query_type == "mutation";
        if is_mutation && self.items.is_empty() {
            return print_line(&self.written());
        }
        match (as_table, explain) {
            (true, true) => self.items.iter().try_for_each(|item| print_line(&indented_json(item.get())))?,
            (true, false) => print_line(&table::table(&self.items, table::width())?)?,
            (false, _) => {
                write_stdout(|stdout| self.items.iter().try_for_each(|item| writeln!(stdout, "{}", item.get())))?
            }
        }
        if is_mutation {
            eprintln!("headwater: {}", self.written());
        }
        Ok(())
    }

    /// Prints the ids that were written, the first of them: the server may have made some.
    fn print_ids(&self) -> anyhow::Result<()> {
        self.mutated_document_ids.iter().take(IDS_SHOWN_MAX).try_for_each(|id| print_line(id.get()))?;
        match self.mutated_document_ids.len().checked_sub(IDS_SHOWN_MAX) {
            None | Some(0) => Ok(()),
            Some(more) => print_line(&format!("and {} (--json shows all)", counted(more as u64, "more id"))),
        }
    }

    fn written(&self) -> String {
        let documents = counted(self.mutated_document_ids.len() as u64, "document");
        format!("{documents} written, transaction {}", self.transaction_id)
    }
}

fn read_statement() -> anyhow::Result<String> {
    let bytes = InputFile::open(Path::new("-"))?.read_all()?;
    String::from_utf8(bytes).context("the statement on stdin is not UTF-8")
}

/// The arguments by their names.
fn values<'a>(
    args: Option<&'a JsonText>,
    arguments: &'a [NamedArgument],
) -> anyhow::Result<Option<BTreeMap<&'a str, &'a RawValue>>> {
    if let Some(args) = args {
        let by_name = serde_json::from_str(args.as_json());
        return Ok(Some(by_name.map_err(|_| UsageError("--args takes a JSON object, as in '{\"age\":18}'".into()))?));
    }
    let by_name = arguments.iter().map(NamedArgument::pair);
    Ok((!arguments.is_empty()).then(|| by_name.collect()))
}

/// Shows the place in the statement, where it is none.
fn explained(statement: &str, refused: CallError) -> anyhow::Error {
    match Statement::parse(statement) {
        Ok(_) => refused.into(),
        Err(error) => {
            eprint!("{}", place(statement, &error));
            error.into()
        }
    }
}

/// The line that is wrong, and a mark below the column.
fn place(statement: &str, error: &SyntaxError) -> String {
    let Some(line) = statement.lines().nth(error.line.saturating_sub(1)) else { return String::new() };
    let before = line.chars().take(error.column.saturating_sub(1));
    let indent: String = before.map(|character| if character == '\t' { '\t' } else { ' ' }).collect();
    format!("{line}\n{indent}^\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked() {
        let error = |line, column| SyntaxError { message: String::new(), line, column };
        assert_eq!(place("SELECT *\n\tFORM ü", &error(2, 2)), "\tFORM ü\n\t^\n");
        assert_eq!(place("SELECT", &error(1, 7)), "SELECT\n      ^\n");
        assert_eq!(place("", &error(1, 1)), "");
    }
}
