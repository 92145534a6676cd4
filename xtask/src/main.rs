//! What is done to this workspace beyond `cargo build`: `cargo xtask test | tools | compat | tidy |
//! law | sim | flips | fuzz | sdk | deny | dist | bench`.
//!
//! One file per verb. Progress and errors go to stderr; the test runner's own lines go to stdout
//! untouched.
//! Not here: product code, and anything that a plain `cargo test` could not do as well once the
//! tools are there.

mod bench;
mod build;
mod compat;
mod deny;
mod dist;
mod flips;
mod fuzz;
mod law;
mod screenshots;
mod sdk;
mod sim;
mod step;
mod test;
mod tidy;
mod tools;
mod wasm;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// The work on Headwater's own source: tests, checks and measurements.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Everything that must hold: tools, tidy, format, lints, dependencies, all tests. This is what
    /// CI runs.
    Test {
        /// Passed on to `cargo test`, for example `-p store` or a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Install what the tests with real clients need into target/tools (Kafka, kafkajs, librdkafka,
    /// Chromium, axe-core, TypeScript), and say what is missing.
    Tools,
    /// Try every Kafka client against the real binary: goes on where it was, takes over from a member that
    /// was killed, begins at a time, is told that it is revoked. A whole run writes the tables in README.md
    /// and docs/reference/kafka-compatibility.md.
    #[command(after_help = "Examples:\n  cargo xtask compat\n  cargo xtask compat --only franz-go --only 'Java 4'")]
    Compat {
        /// Only clients that have this in their name, version or protocol; nothing is written then.
        #[arg(long, value_name = "CLIENT")]
        only: Vec<String>,
        /// What `cargo xtask test` does: clients that need no further installation, whether they go on.
        #[arg(long, conflicts_with = "only")]
        short: bool,
    },
    /// Look at every page of the portal in a real Chromium (target/portal-screenshots), and refresh
    /// the pictures in docs/portal.
    Screenshots,
    /// The structure: crate arrows as ARCHITECTURE.md draws them, module headers, nothing
    /// unfinished, no path of one machine, cited documents.
    Tidy,
    /// Try the law of the copies over many random histories (crates/topics/tests/law/main.rs).
    Law {
        /// How many.
        #[arg(long, default_value_t = 1_000_000)]
        histories: u32,
    },
    /// Try the laws of sync over many random histories of peers and a server (crates/simulation): a
    /// seed that breaks one tells the shortest history that does.
    Sim {
        /// How many.
        #[arg(long, default_value_t = 20_000)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Ends after so many minutes, however many are left.
        #[arg(long)]
        minutes: Option<u64>,
    },
    /// Flip bits of stored files: each is refused or harmless. `cargo xtask test` tries a sample of
    /// them.
    Flips {
        /// How long, where a flip is costly.
        #[arg(long, default_value_t = 600)]
        seconds: u32,
        /// Every bit, however long it takes: days.
        #[arg(long)]
        all: bool,
    },
    /// What nobody would send: mutated DQL statements, sessions, peers and messages, and, guided by
    /// coverage, the targets of fuzz/. None breaks anything. For one target alone:
    /// `cargo xtask fuzz --only requests --seconds 3600`
    Fuzz {
        /// How many statements; of the others as many as take about as long.
        #[arg(long, default_value_t = 5_000_000)]
        cases: u64,
        /// How long for each target of fuzz/.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// One target of fuzz/, and nothing else.
        #[arg(long, value_name = "TARGET")]
        only: Option<String>,
    },
    /// The SDKs for small peers in other languages: what is generated for them, and how they are
    /// built.
    #[command(subcommand)]
    Sdk(sdk::Verb),
    /// Check licences, advisories and bans of all dependencies (deny.toml); builds cargo-deny at
    /// its first use.
    Deny,
    /// Make what people install, in target/dist: an archive, a Debian package, what a container is made
    /// of, and checksums. Unpacks and tries each.
    Dist {
        /// Of this binary, instead of a release build.
        #[arg(long, value_name = "PATH")]
        binary: Option<PathBuf>,
        /// Into this folder, which is emptied first, instead of target/dist.
        #[arg(long, value_name = "DIR")]
        into: Option<PathBuf>,
    },
    /// Build the release binary and measure it: write, latency, drain, broker, connections, members, start,
    /// postgres, node, size
    /// (`cargo xtask bench --help`); `border`: what a call of the C library costs; `browser`.
    #[command(disable_help_flag = true)]
    Bench {
        /// What to measure, and how.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

fn main() -> ExitCode {
    let root = workspace_root();
    let done = match Arguments::parse().verb {
        Verb::Test { rest } => test::run(&root, &rest),
        Verb::Tools => tools::install(&root).map(drop),
        Verb::Compat { only, short } => compat::run(&root, &only, short),
        Verb::Screenshots => screenshots::run(&root),
        Verb::Tidy => tidy::run(&root),
        Verb::Law { histories } => law::run(&root, histories),
        Verb::Sim { seeds, from, minutes } => sim::run(&root, seeds, from, minutes),
        Verb::Flips { seconds, all } => flips::run(&root, seconds, all),
        Verb::Fuzz { cases, seconds, only } => fuzz::run(&root, cases, seconds, only.as_deref()),
        Verb::Sdk(verb) => sdk::run(&root, &verb),
        Verb::Deny => deny::run(&root),
        Verb::Dist { binary, into } => dist::run(&root, binary, into),
        Verb::Bench { rest } => bench::run(&root, &rest),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder that holds the workspace's Cargo.toml. Cargo says at run time where this package is,
/// so that a binary built in one checkout and run in another works on the right one.
fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    PathBuf::from(package).parent().expect("the package lies inside the workspace").to_path_buf()
}
