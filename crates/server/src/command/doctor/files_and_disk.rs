//! What is looked at without the server: the data directory, its files' modes, room, clock, limits.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::process::{Resource, getrlimit};
use store::WallClock as _;

use super::checks::Check;
use crate::{clock::SystemClock, run_file::RunFile, sizes::shown_bytes};

/// Files and directories that are the owner's alone, below the data directory.
const PRIVATE: [&str; 12] = [
    "admin.key",
    "admin.key.sha256",
    "access.json",
    "keys.json",
    "revoked-peers.json",
    "tokens.log",
    "login-hooks.json",
    "authority",
    "credentials",
    "sinks",
    "sinks.json",
    "apps.json",
];
/// Each connection is an open file; below this a busy server runs out of them.
const OPEN_FILES_MIN: u64 = 4096;
/// A part of the file system that should be free.
const FREE_PART_MIN: u64 = 10;
/// So little free is as good as full.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// By how much a clock may seem to be behind a file.
const CLOCK_SLACK: Duration = Duration::from_secs(120);
/// Files whose modes are looked at; more are not listed one by one.
const FILES_MAX: usize = 100_000;

/// All of them. Where there is no data directory, that is all there is to say.
pub(super) fn all(data_dir: &Path) -> Vec<Check> {
    let shown = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned()).display().to_string();
    match fs::metadata(data_dir) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return vec![Check::failed("data directory", format!("{shown} is no directory"))],
        Err(error) => {
            let detail =
                format!("{shown} cannot be read ({error}): give the server's --data-dir, and run this as its user");
            return vec![Check::failed("data directory", detail)];
        }
    }
    vec![data_directory(data_dir, &shown), modes(data_dir), space(data_dir), clock(data_dir), open_files(data_dir)]
}

fn data_directory(data_dir: &Path, shown: &str) -> Check {
    match mode(data_dir) {
        Ok(mode) if mode & 0o077 == 0 => Check::ok("data directory", format!("{shown} is its owner's alone")),
        Ok(mode) => Check::warning(
            "data directory",
            format!(
                "{shown} is open to other users of this machine (mode {mode:04o}); to keep it to yourself: chmod 700 {shown}"
            ),
        ),
        Err(error) => Check::failed("data directory", format!("{shown}: {error}")),
    }
}

/// Whether nobody but the owner can read what opens the server.
fn modes(data_dir: &Path) -> Check {
    let name = "file modes";
    let (mut open, mut looked_at) = (Vec::new(), 0);
    let mut to_do: Vec<PathBuf> = PRIVATE.iter().map(|name| data_dir.join(name)).collect();
    while let Some(path) = to_do.pop() {
        match mode(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Check::failed(name, format!("{} cannot be looked at: {error}", path.display())),
            Ok(mode) if mode & 0o077 != 0 => open.push(format!("{} (mode {mode:04o})", path.display())),
            Ok(_) => {}
        }
        looked_at += 1;
        if looked_at < FILES_MAX && path.is_dir() {
            let inside = fs::read_dir(&path).into_iter().flatten().flatten();
            to_do.extend(inside.map(|entry| entry.path()));
        }
    }
    match open.as_slice() {
        [] => Check::ok(name, format!("keys, certificates and {looked_at} files in all are their owner's alone")),
        [first, rest @ ..] => {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let detail = format!("others can read or change {first}{more}: chmod -R go-rwx {}", data_dir.display());
            Check::failed(name, detail)
        }
    }
}

fn space(data_dir: &Path) -> Check {
    let name = "free space";
    let (free, total) = match rustix::fs::statvfs(data_dir) {
        Ok(found) => (found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize),
        Err(error) => return Check::warning(name, format!("it cannot be asked for: {error}")),
    };
    let detail = format!("{} of {}", shown_bytes(free), shown_bytes(total));
    let remedy = "make room, or let less be kept with --retention-bytes";
    match free {
        _ if free < FREE_BYTES_MIN.min(total / 8) => {
            Check::failed(name, format!("{detail}: writes are refused, or soon will be; {remedy}"))
        }
        _ if free < total / FREE_PART_MIN => Check::warning(name, format!("{detail}; {remedy}")),
        _ => Check::ok(name, detail),
    }
}

/// Whether the machine's clock stands before what the server has written. What the running server
/// thinks of it is asked elsewhere.
fn clock(data_dir: &Path) -> Check {
    let name = "clock";
    let written = ["clock.json", "run.json", "apps.json"].iter();
    let written = written.filter_map(|name| fs::metadata(data_dir.join(name)).ok()?.modified().ok()).max();
    let Some(written) = written else {
        return Check::warning(name, "no server has run here yet, so there is nothing to compare it with");
    };
    let ahead = written.duration_since(now()).unwrap_or_default();
    if ahead > CLOCK_SLACK {
        let detail =
            format!("it is {} s behind what the server wrote last: look what time it is (date --utc)", ahead.as_secs());
        return Check::failed(name, detail);
    }
    Check::ok(name, "it stands after what the server wrote last")
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms())
}

fn open_files(data_dir: &Path) -> Check {
    let name = "open files";
    let of_server = RunFile::of_running(data_dir).ok().and_then(|run| limit_of(run.pid));
    let (whose, limit) = match of_server {
        Some(limit) => ("the server may have", limit),
        // The server raises its own to this.
        None => ("a server started here may have", getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)),
    };
    if limit == u64::MAX {
        return Check::ok(name, format!("{whose} as many as it likes"));
    }
    let detail = format!("{whose} {limit}, and each connection is one");
    if limit < OPEN_FILES_MIN {
        return Check::warning(name, format!("{detail}: raise it with ulimit -n, or LimitNOFILE= of the systemd unit"));
    }
    Check::ok(name, detail)
}

/// The soft limit of a process, as Linux tells it.
fn limit_of(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn mode(path: &Path) -> std::io::Result<u32> {
    Ok(fs::symlink_metadata(path)?.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use super::super::checks::Verdict;
    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_can_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let bundle = directory.path().join("credentials/shop");
        fs::create_dir_all(&bundle).unwrap();
        for path in [directory.path(), &directory.path().join("credentials"), &bundle] {
            set_mode(path, 0o700);
        }
        let key = bundle.join("user.key");
        fs::write(&key, "secret").unwrap();
        set_mode(&key, 0o640);
        let check = modes(directory.path());
        assert!(check.verdict == Verdict::Failed && check.detail.contains("user.key (mode 0640)"), "{check:?}");
        set_mode(&key, 0o600);
        assert_eq!(modes(directory.path()).verdict, Verdict::Ok);
        assert_eq!(data_directory(directory.path(), "d").verdict, Verdict::Ok);
        set_mode(directory.path(), 0o755);
        let check = data_directory(directory.path(), "d");
        assert!(check.verdict == Verdict::Warning && check.detail.contains("chmod 700 d"), "{check:?}");
    }

    #[test]
    fn a_clock_behind_a_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(clock(directory.path()).verdict, Verdict::Warning);
        let noted = fs::File::create(directory.path().join("clock.json")).unwrap();
        assert_eq!(clock(directory.path()).verdict, Verdict::Ok);
        noted.set_modified(now() + Duration::from_secs(3_600)).unwrap();
        let check = clock(directory.path());
        assert!(check.verdict == Verdict::Failed && check.detail.contains("behind"), "{check:?}");
    }

    #[test]
    fn without_a_directory_there_is_one_check() {
        let checks = all(Path::new("/nowhere/at/all"));
        assert_eq!((checks.len(), checks[0].verdict), (1, Verdict::Failed));
    }
}
