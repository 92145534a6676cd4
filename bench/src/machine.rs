//! What the kernel says: CPU and memory of processes, and how busy the machine is with other things.

use std::{fs, path::Path, time::Instant};

use anyhow::{Context, Result, bail};

/// Linux counts CPU time in hundredths of a second (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds that a process has used so far, without its children; 0 when it is gone.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    times(pid).map_or(0.0, |[user, system, ..]| user + system)
}

/// Those of them that the kernel spent for it: sockets, fsync, page faults.
pub(crate) fn kernel_seconds(pid: u32) -> f64 {
    times(pid).map_or(0.0, |[_, system, ..]| system)
}

/// CPU seconds of a process and of every process below it, those that ended included.
fn tree_cpu_seconds(pid: u32) -> f64 {
    times(pid).map_or(0.0, |it| it.iter().sum()) + children(pid).into_iter().map(tree_cpu_seconds).sum::<f64>()
}

/// User and system time of a process, and of those of its children that ended and were waited for, in seconds.
fn times(pid: u32) -> Option<[f64; 4]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the times are the 12th to 15th field after it.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some([seconds()?, seconds()?, seconds()?, seconds()?])
}

/// The running processes that any thread of a process started.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
    lists.flat_map(|it| it.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Resident memory of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// All of it, in MiB (`VmRSS`).
    pub(crate) resident_mib: f64,
    /// Without pages of files, in MiB (`RssAnon`).
    pub(crate) anonymous_mib: f64,
}

/// What a process holds in memory now.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    Ok(Memory { resident_mib: status_mib(pid, "VmRSS")?, anonymous_mib: status_mib(pid, "RssAnon")? })
}

fn status_mib(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("cannot read the process's status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|it| it.split_whitespace().next()).and_then(|it| it.parse::<f64>().ok());
    kib.map(|it| it / 1024.0).with_context(|| format!("the process's status has no {name}"))
}

/// Begins to look how much a process holds at most.
pub(crate) fn begin_peak(pid: u32) -> Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("the kernel does not forget the process's peak")
}

/// How much it has held at most since then, in MiB (`VmHWM`).
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    status_mib(pid, "VmHWM")
}

/// The 1-minute load average.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or(f64::NAN)
}

/// The whole machine's CPU over a while, and how much of it went into processes that are not ours.
pub(crate) struct Noise {
    began: Instant,
    busy_before: f64,
    ours_before: f64,
    load_before: f64,
}

impl Noise {
    pub(crate) fn begin() -> Self {
        Noise {
            began: Instant::now(),
            busy_before: busy_seconds(),
            ours_before: tree_cpu_seconds(std::process::id()),
            load_before: load_average(),
        }
    }

    /// What was measured and its clients all run below this process: the rest of what kept the machine busy is others'.
    pub(crate) fn end(&self) -> serde_json::Value {
        let (seconds, busy) = (self.began.elapsed().as_secs_f64(), busy_seconds() - self.busy_before);
        let ours = tree_cpu_seconds(std::process::id()) - self.ours_before;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        serde_json::json!({
            "load_before": self.load_before,
            "busy_cores": rounded(busy / seconds),
            "others_cores": rounded(((busy - ours) / seconds).max(0.0)),
            "cores": cores,
        })
    }
}

fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = first.split_whitespace().skip(1).take(8).filter_map(|it| it.parse().ok()).collect();
    // user nice system IDLE IOWAIT irq softirq steal
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    (ticks.iter().sum::<f64>() - idle) / TICKS_PER_SECOND
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The kind of file system that a folder lies on, and whether what is freed there is at once discarded by the disk.
pub(crate) fn file_system(folder: &Path) -> String {
    let Some(Mount { kind, options }) = mount_of(folder) else { return "unknown file system".into() };
    let discards = options.split(',').any(|option| option == "discard");
    format!("{kind}{}", if discards { " mounted with discard" } else { "" })
}

struct Mount {
    kind: String,
    options: String,
}

fn mount_of(folder: &Path) -> Option<Mount> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let found = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let at = words.next()?;
        let mount = Mount { kind: words.next()?.to_owned(), options: words.next()?.to_owned() };
        folder.starts_with(at).then_some((at.len(), mount))
    });
    found.max_by_key(|(len, _)| *len).map(|(_, mount)| mount)
}

/// An error when a folder lies in memory, where fsync costs nothing and figures would mean nothing.
pub(crate) fn refuse_memory_disk(folder: &Path) -> Result<()> {
    if mount_of(folder).is_some_and(|mount| matches!(&*mount.kind, "tmpfs" | "ramfs")) {
        bail!("{} lies in memory, where fsync means nothing: name a folder on a disk with --dir", folder.display());
    }
    Ok(())
}
