//! `cargo run -p conformance -- check | write | serve`: what the vectors say of this code, and what is missing
//! in them.

#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// The conformance vectors of small peers.
#[derive(Parser)]
enum Verb {
    /// Does every case; the last line is `N passed, N failed`.
    Check {
        /// Only cases whose place and name have this in them.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Adds to new cases what must come out. What is there already is never changed: where it
    /// differs, nothing of the file is written.
    Write,
    /// Serves the transcripts of `sync` and `merge` to drivers of other languages, until it is killed.
    Serve {
        /// Where it listens on this machine; 0: anywhere. It prints its URL.
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

fn main() -> ExitCode {
    match run(&Verb::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb) -> Result<ExitCode> {
    let folder = conformance::folder();
    match verb {
        Verb::Check { only } => {
            let report = conformance::check(&folder, only)?;
            print!("{report}");
            Ok(if report.totals().1 == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Verb::Serve { port } => {
            println!("{}", conformance::Server::start(*port)?.url());
            loop {
                std::thread::park();
            }
        }
        Verb::Write => {
            for path in conformance::write(&folder)? {
                println!("{}: written", path.display());
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
