//! The server under measurement: the release binary beside this one, in a folder of its own, on free ports of the
//! loopback address.
//!
//! Invariants: it is killed and its folder removed when its value is dropped.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{Place, machine};

/// How long a start may take before it counts as failed.
const START_TIME_MAX: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    place: Place,
    http: SocketAddr,
    kafka: String,
    /// From starting the process to `run.json`, which stands there once every listener accepts.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts one on an empty data directory.
    pub(crate) fn start(place: &Place) -> Result<Self> {
        machine::refuse_memory_disk(&place.dir)?;
        fs::create_dir_all(&place.dir).with_context(|| format!("cannot make {}", place.dir.display()))?;
        let folder = tempfile::Builder::new().prefix("headwater-bench-").tempdir_in(&place.dir)?;
        let (child, run) = spawn(folder.path(), place, &[])?;
        let Run { http, kafka, ready_after } = run;
        Ok(Server { child, folder, place: place.clone(), http, kafka, ready_after })
    }

    /// Stops it cleanly; the time that took.
    pub(crate) fn stop(&mut self) -> Result<Duration> {
        let began = Instant::now();
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().context("cannot run kill")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server did not stop cleanly ({status}); its log ends:\n{}", self.log_end());
        }
        Ok(began.elapsed())
    }

    /// Ends it as a power cut would, but for the page cache.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again on the same data directory, after `stop` or `kill`.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.start_again(&[])
    }

    /// Stops it cleanly, and starts it again with these further arguments, this time only.
    pub(crate) fn restart_with(&mut self, arguments: &[&str]) -> Result<()> {
        self.stop()?;
        self.start_again(arguments)
    }

    fn start_again(&mut self, arguments: &[&str]) -> Result<()> {
        let (child, run) = spawn(self.folder.path(), &self.place, arguments)?;
        (self.child, self.http, self.kafka, self.ready_after) = (child, run.http, run.kafka, run.ready_after);
        Ok(())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// What Kafka clients connect to.
    pub(crate) fn kafka(&self) -> &str {
        &self.kafka
    }

    pub(crate) fn topic(&self) -> &'static str {
        "user-consumable-default"
    }

    /// A file of the default app's credentials.
    pub(crate) fn credential(&self, name: &str) -> PathBuf {
        self.data_dir().join("credentials/default").join(name)
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The first line of its log since its start that holds `part`.
    pub(crate) fn log_line(&self, part: &str) -> Option<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).ok()?;
        log.lines().find(|line| line.contains(part)).map(str::to_owned)
    }

    fn log_end(&self) -> String {
        log_end(self.folder.path())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `run.json` says.
struct Run {
    http: SocketAddr,
    kafka: String,
    ready_after: Duration,
}

fn spawn(folder: &Path, place: &Place, further: &[&str]) -> Result<(Child, Run)> {
    let binary = binary()?;
    let data_dir = folder.join("data");
    let log = File::create(folder.join("log"))?;
    let mut command = Command::new(&binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
        command.env_remove(name);
    }
    command.arg("serve").arg("--data-dir").arg(&data_dir);
    command.args(["--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"]).args(&place.serve).args(further);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
    loop {
        if let Some((http, kafka)) = read_run(&data_dir, child.id()) {
            return Ok((child, Run { http, kafka, ready_after: began.elapsed() }));
        }
        if let Some(status) = child.try_wait()? {
            bail!("the server ended at its start ({status}); its log ends:\n{}", log_end(folder));
        }
        if began.elapsed() > START_TIME_MAX {
            let _ = child.kill();
            bail!("the server was not ready after {START_TIME_MAX:?}; its log ends:\n{}", log_end(folder));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The addresses in `run.json`, once the process of that id has written it.
fn read_run(data_dir: &Path, pid: u32) -> Option<(SocketAddr, String)> {
    let text = fs::read_to_string(data_dir.join("run.json")).ok()?;
    let run: serde_json::Value = serde_json::from_str(&text).ok()?;
    if run["pid"].as_u64() != Some(pid.into()) {
        return None;
    }
    let http = run["http"].as_str()?.strip_prefix("http://")?.parse().ok()?;
    Some((http, run["kafka"].as_str()?.to_owned()))
}

fn log_end(folder: &Path) -> String {
    let log = fs::read(folder.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&log[log.len().saturating_sub(4_000)..]).into_owned()
}

/// The binary under measurement: `HEADWATER_BIN`, or the one that was built beside this program.
pub(crate) fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("HEADWATER_BIN") {
        return Ok(path.into());
    }
    let path = std::env::current_exe()?.with_file_name("headwater");
    if !path.exists() {
        bail!("{} is not there: run this as cargo xtask bench", path.display());
    }
    Ok(path)
}
