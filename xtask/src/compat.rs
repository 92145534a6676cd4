//! `cargo xtask compat`: real Kafka clients against the real binary, and a table of what holds.
//!
//! Invariants: a client is given what a bundle has, and nothing else; a cell that does not hold makes the verb
//! fail; the tables in README.md and docs/reference/kafka-compatibility.md are those of one whole run.
//! Not here: the clients' programs (`compat/`), tests of what the endpoint answers (`crates/kafka-endpoint`).

mod cells;
mod client;
mod install;
mod member;
mod report;
mod server;

use std::{
    collections::VecDeque,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

pub(crate) use self::server::Server;
use self::{
    cells::{CELLS, Cell, Trial},
    client::{CLIENTS, Client},
    install::Installed,
};
use crate::{build, step, tools};

/// Clients that are tried at the same time: most of a trial is waiting, for sessions to end above all.
const AT_ONCE: usize = 3;

/// What came of a client: for each cell that was tried how long it took, or what did not hold.
struct Row {
    client: &'static Client,
    cells: Vec<Outcome>,
}

type Outcome = Result<Duration, String>;

/// Tries all clients, or those whose names have a word of `only`; all cells.
pub(crate) fn run(root: &Path, only: &[String], short: bool) -> Result<()> {
    if short {
        return run_short(root, &tools::install(root)?);
    }
    let is_asked = |client: &&Client| only.is_empty() || only.iter().any(|word| client.title().contains(word.as_str()));
    let clients: Vec<_> = CLIENTS.iter().filter(is_asked).collect();
    if clients.is_empty() {
        let names: Vec<_> = CLIENTS.iter().map(Client::title).collect();
        bail!("no such client; there are: {}", names.join(", "));
    }
    let tools = tools::install(root)?;
    let rows = run_all(root, &Installed::prepare(root, tools, &clients)?, clients, &CELLS)?;
    if only.is_empty() { report::write(root, &rows) } else { Ok(()) }
}

/// Tries those that are there after `cargo xtask tools`, and only whether they go on where they were: well under a
/// minute.
pub(crate) fn run_short(root: &Path, tools: &Path) -> Result<()> {
    let clients: Vec<_> = CLIENTS.iter().filter(|client| client.is_short).collect();
    run_all(root, &Installed::prepare(root, tools.to_owned(), &clients)?, clients, &CELLS[..1]).map(drop)
}

fn run_all(root: &Path, installed: &Installed, clients: Vec<&'static Client>, cells: &[Cell]) -> Result<Vec<Row>> {
    let began = Instant::now();
    build::package(root, "the server", "server")?;
    let server = Server::start(root)?;
    let count = clients.len();
    step::say(&format!("compat: {count} clients, {} cells each", cells.len()));
    let left = Mutex::new(VecDeque::from_iter(clients.into_iter().enumerate()));
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((place, client)) = locked(&left).pop_front() {
                    let row = try_client(&server, installed, client, cells);
                    locked(&done).push((place, row));
                }
            });
        }
    });
    let mut rows = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by_key(|(place, _)| *place);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    eprintln!("{}    compat: done in {:.1} s", report::table(&rows, cells), began.elapsed().as_secs_f32());
    let red: Vec<String> = rows.iter().flat_map(|row| row.failures(cells)).collect();
    if !red.is_empty() {
        bail!("clients do not get what they should:\n  {}", red.join("\n  "));
    }
    Ok(rows)
}

fn try_client(server: &Server, installed: &Installed, client: &'static Client, cells: &[Cell]) -> Row {
    let mut trial = Trial::new(server, installed, client);
    let cells = cells.iter().map(|cell| {
        let began = Instant::now();
        let outcome = trial.run(cell).map_err(|error| format!("{error:#}"));
        eprintln!("    {}: {}: {}", client.title(), cell.name, report::shown(&outcome));
        outcome.map(|()| began.elapsed())
    });
    Row { client, cells: cells.collect() }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Row {
    fn failures(&self, cells: &[Cell]) -> Vec<String> {
        let both = cells.iter().zip(&self.cells);
        let failed = both.filter_map(|(cell, outcome)| Some((cell, outcome.as_ref().err()?)));
        failed.map(|(cell, why)| format!("{}: {}: {why}", self.client.title(), cell.name)).collect()
    }
}
