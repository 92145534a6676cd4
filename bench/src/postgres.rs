//! PostgreSQL doing the same writes: pgbench, single-row upserts by primary key, every commit synced. What ours is
//! held against.
//!
//! A cluster of its own in a temporary folder, with more shared memory and rarer checkpoints than it has by default,
//! and without the logical decoding that a change feed would need: its best case.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use tempfile::TempDir;

use crate::{
    Place,
    machine::{self, Noise},
    report::Report,
};

const SETTINGS: &str = "listen_addresses = '127.0.0.1'\nsynchronous_commit = on\nfsync = on\nmax_connections = 200\nshared_buffers = 1GB\n\
                        max_wal_size = 8GB\ncheckpoint_timeout = 15min\nwal_compression = off\n";

const UPSERT: &str = "\\set id random(1, :documents)\n\\set age random(18, 90)\n\
    INSERT INTO people VALUES ('p' || :id::text, jsonb_build_object('_id', 'p' || :id::text, 'date', 1645472201, 'name', 'Susan', \
    'age', :age::int, 'n', 0, 'note', repeat('x', 105))) ON CONFLICT (id) DO UPDATE SET doc = excluded.doc;\n";

#[derive(Args)]
pub(crate) struct Options {
    /// Connections.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long to measure.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Rows that are written at random; all are there before.
    #[arg(long, default_value_t = 100_000)]
    documents: u64,
    #[command(flatten)]
    place: Place,
}

impl Options {
    /// As a measurement of our own, with 64 clients.
    pub(crate) fn like(seconds: u64, documents: u64, place: &Place) -> Self {
        Options { clients: 64, seconds, documents, place: place.clone() }
    }
}

/// Upserts committed a second.
pub(crate) fn run(options: &Options) -> Result<f64> {
    let postgres = Postgres::start(&options.place)?;
    eprintln!("    seed {} rows in PostgreSQL, warm up", options.documents);
    postgres.query(
        "CREATE TABLE people (id text PRIMARY KEY, doc jsonb NOT NULL) WITH (fillfactor = 50); \
         INSERT INTO people SELECT 'p' || i, jsonb_build_object('_id', 'p' || i, 'date', 1645472201, 'name', 'Susan', 'age', 31, 'n', 0, \
         'note', repeat('x', 105)) FROM generate_series(1, current_setting('bench.documents')::bigint) i",
        options.documents,
    )?;
    postgres.query("VACUUM ANALYZE people", options.documents)?;
    postgres.pgbench(options, 3)?;
    eprintln!("    measure PostgreSQL for {} s", options.seconds);
    let noise = Noise::begin();
    let (per_second, latency_ms) = postgres.pgbench(options, options.seconds)?;
    let noise = noise.end();
    let mut report =
        Report::new(format!("postgres: {} clients, single-row upserts, synchronous_commit=on", options.clients));
    report.figure("upserts committed", per_second, "/s");
    report.figure("mean time of one", latency_ms, "ms");
    report.publish(&noise)?;
    Ok(per_second)
}

/// A running cluster. It is stopped and removed when this is dropped.
pub(crate) struct Postgres {
    child: Child,
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Postgres {
    pub(crate) fn start(place: &Place) -> Result<Self> {
        machine::refuse_memory_disk(&place.dir)?;
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("postgres-bench-").tempdir_in(&place.dir)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        if is_root() {
            // PostgreSQL refuses to run as root.
            done(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let cluster = folder.path().join("cluster");
        done(as_postgres(&programs.join("initdb")).args(["-A", "trust", "-U", "postgres", "-D"]).arg(&cluster))?;
        let settings = format!("{SETTINGS}port = {port}\nunix_socket_directories = '{}'\n", folder.path().display());
        let path = cluster.join("postgresql.conf");
        let defaults = fs::read_to_string(&path)?;
        fs::write(&path, defaults + &settings)?;
        let mut command = as_postgres(&programs.join("postgres"));
        command.arg("-D").arg(&cluster).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context("cannot start PostgreSQL")?;
        let postgres = Postgres { child, folder, programs, port };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let began = Instant::now();
        let mut is_ready = self.client("pg_isready");
        is_ready.stdout(Stdio::null());
        while !is_ready.status()?.success() {
            if began.elapsed() > Duration::from_secs(30) {
                bail!("PostgreSQL did not come up in {}", self.folder.path().display());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(crate) fn query(&self, statement: &str, documents: u64) -> Result<()> {
        let mut psql = self.client("psql");
        psql.env("PGOPTIONS", format!("-c bench.documents={documents}")).args(["-qAt", "-v", "ON_ERROR_STOP=1", "-c"]);
        done(psql.arg(statement).arg("postgres"))
    }

    /// Transactions a second, and their mean time in milliseconds.
    fn pgbench(&self, options: &Options, seconds: u64) -> Result<(f64, f64)> {
        let script = self.folder.path().join("upsert.sql");
        fs::write(&script, UPSERT)?;
        let mut pgbench = self.client("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-j", "2", "-c", &options.clients.to_string()]);
        pgbench.args(["-T", &seconds.to_string(), "-D", &format!("documents={}", options.documents), "-f"]);
        let output =
            pgbench.arg(&script).arg("postgres").stdin(Stdio::null()).output().context("cannot run pgbench")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().find_map(|it| it.parse::<f64>().ok())
        };
        match (number("tps ="), number("latency average =")) {
            (Some(per_second), Some(latency_ms)) => Ok((per_second, latency_ms)),
            _ => bail!("pgbench failed: {text}{}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// How long each transaction of this script took, by one client with prepared statements.
    pub(crate) fn latencies(&self, script: &str, seconds: u64) -> Result<Vec<Duration>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("script.sql");
        fs::write(&path, script)?;
        let mut pgbench = self.client("pgbench");
        pgbench.current_dir(folder.path()).args(["-n", "-M", "prepared", "-c", "1", "-j", "1", "-l"]);
        done(pgbench.args(["-T", &seconds.to_string(), "-f"]).arg(&path).arg("postgres"))?;
        let mut times = Vec::new();
        for file in fs::read_dir(folder.path())?.flatten() {
            if file.file_name().to_string_lossy().starts_with("pgbench_log") {
                // client, transaction, microseconds, …
                let text = fs::read_to_string(file.path())?;
                let micros = text.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok());
                times.extend(micros.map(Duration::from_micros));
            }
        }
        Ok(times)
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Under runuser the child is not the postmaster, so pg_ctl stops it by the pid in its folder. What fails here
        // leaves a process without its folder, which ends by itself.
        let cluster = self.folder.path().join("cluster");
        let mut stop = as_postgres(&self.programs.join("pg_ctl"));
        let _ = stop.args(["stop", "-m", "fast", "-w", "-D"]).arg(cluster).stdout(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// Debian keeps the server's programs out of the path, in a folder for each version.
fn programs() -> Result<PathBuf> {
    let versions =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(|it| Some(it.ok()?.path().join("bin")));
    let newest = versions.filter(|it| it.join("initdb").exists()).max();
    newest.context("PostgreSQL is not installed. On Debian or Ubuntu: apt-get install postgresql")
}

/// The program as the user postgres when we are root, else as ourselves.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|it| it.stdout.trim_ascii() == b"0")
}

fn done(command: &mut Command) -> Result<()> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
