//! The `headwater` binary: configuration, wiring, shutdown, command line.
//!
//! Invariants: results go to stdout, the log and errors to stderr; the exit status is 0 for a clean end, 1 for a failure, 2 for bad usage
//! (CONTRACT section 5).
//! Not here: rules of documents, topics or access; every crate below keeps its own.

mod cli;
mod command;
mod server;
mod start_screen;

mod config;
mod run_file;

mod admin_client;
mod topic_reader;

mod clock;
mod failure;
mod logging;
mod output;

use std::process::ExitCode;

use clap::Parser as _;

/// The system's allocator costs the sequencer a tenth of its time, and keeps memory that sixty-four connections' buffers once took.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match command::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
