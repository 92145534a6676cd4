//! Killed at a system call: strace kills the server right before it makes, cuts, renames, removes or syncs a file,
//! each time at another call, at its first start, under load, while it stops, or while it mends what the kill before
//! left. Then it starts, has what it acknowledged, and can be read to its end; what was sent and not answered is sent
//! again under its name, and done once.
//!
//! `CRASH_POINTS` says how many calls of each kind are tried (4 if not given).

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    clients::kcat_all,
    crash::{Acknowledged, FORMAT, SMALL_SEGMENTS, check, numbers_of_documents, write},
};
use crate::support::{TestServer, command_under, run, wait_until};

const POINTS: u32 = 4;
const WRITERS: u64 = 4;
/// More than a call of each kind takes to come.
const WRITES: usize = 80;
const RETENTION: [&str; 2] = ["--retention-bytes", "64KiB"];

/// With `?` what this kind of processor does not have is passed over.
const CALLS: [&str; 7] = [
    "?fallocate",
    "?rename,?renameat,?renameat2",
    "?ftruncate",
    "?unlink,?unlinkat",
    "?fsync,?fdatasync",
    "?pwrite64,?pwritev",
    "?mkdir,?mkdirat",
];

#[test]
fn whatever_it_is_killed_before_it_starts_again_with_what_it_acknowledged() {
    if !may_trace() {
        println!("not tried: strace may not trace here (a container may need the capability SYS_PTRACE)");
        return;
    }
    let points = std::env::var("CRASH_POINTS").map_or(POINTS, |text| text.parse().unwrap());
    let (mut came, mut rounds) = (0, 0);
    for nth in 1..=points {
        let directory = Arc::new(TempDir::new().unwrap());
        let trims = nth % 2 == 0;
        let arguments = [&SMALL_SEGMENTS[..], if trims { &RETENTION } else { &[] }].concat();
        let mut acknowledged = Vec::new();
        // So that another kind of call is the first in each directory.
        let calls = CALLS.iter().cycle().skip(nth as usize).take(CALLS.len());
        for (round, calls) in calls.enumerate() {
            let Round { acknowledged: writes, unanswered, killed } =
                write_until_killed(&directory, &arguments, round, calls, nth);
            println!(
                "before a thread's call {nth} of {calls}: {}, {} writes",
                if killed { "killed" } else { "it did not come" },
                writes.len()
            );
            acknowledged.extend(writes);
            rounds += 1;
            came += u32::from(killed);
            let server = TestServer::start_in(directory.clone(), &arguments);
            acknowledged.extend(sent_again(&server, &acknowledged, unanswered));
            let events = kcat_all(&server, FORMAT);
            if trims {
                check_documents(&server, &acknowledged);
            } else {
                check(&server, &acknowledged, &events);
            }
            server.kill();
            let verified = run(directory.path(), &["verify"]);
            assert_eq!(verified.code(), Some(0), "documents and offsets equal a replay: {verified:?}");
        }
    }
    assert!(came * 2 > rounds, "the server was killed at {came} of {rounds} calls only");
}

/// What comes of writes that were not answered when they are sent again; those that were are answered as they were.
fn sent_again(server: &TestServer, acknowledged: &[Acknowledged], unanswered: Vec<(u64, String)>) -> Vec<Acknowledged> {
    let url = format!("{}/api/v4/store/write", server.run["http"].as_str().unwrap());
    for Acknowledged { number, id, txn } in acknowledged.iter().rev().take(8) {
        assert_eq!(write(&url, id, *number), Some(*txn), "write {number} is answered as it was");
    }
    let again = |(number, id): (u64, String)| {
        let txn = write(&url, &id, number).expect("it is answered now");
        assert_eq!(write(&url, &id, number), Some(txn), "and once more");
        Acknowledged { number, id, txn }
    };
    unanswered.into_iter().map(again).collect()
}

/// A disk that fails for good: whoever writes is told, and the server ends when it is told to.
#[test]
fn a_disk_that_fails_for_good_does_not_keep_the_server_from_ending() {
    if !may_trace() {
        println!("not tried: strace may not trace here (a container may need the capability SYS_PTRACE)");
        return;
    }
    let server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &SMALL_SEGMENTS);
    let url = format!("{}/api/v4/store/write", server.run["http"].as_str().unwrap());
    assert!(write(&url, "a", 0).is_some());
    let pid = server.run["pid"].to_string();
    let calls = ["-e", "trace=?fsync,?fdatasync", "-e", "inject=?fsync,?fdatasync:error=EIO"];
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null"]).args(calls).args(["-p", &pid]).stderr(Stdio::null());
    let mut strace = strace.spawn().expect("strace runs");
    let (mut number, mut is_traced) = (0, true);
    wait_until("no write is taken any more", || {
        number += 1;
        is_traced = strace.try_wait().unwrap().is_none();
        !is_traced || write(&url, "a", number).is_none()
    });
    if is_traced {
        // It cannot sync its documents, and may not be able to write them out at all.
        server.terminate();
    } else {
        println!("not tried: strace may not attach to a process here");
    }
    let _ = strace.kill();
    let _ = strace.wait();
}

fn may_trace() -> bool {
    let strace = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    strace.expect("strace is there: run cargo xtask test").success()
}

/// What came of the writes to a server that was killed or stopped.
struct Round {
    acknowledged: Vec<Acknowledged>,
    /// Numbers and ids of writes that were sent.
    unanswered: Vec<(u64, String)>,
    killed: bool,
}

/// Starts a server that is killed before the `nth` of `calls` in any of its threads, writes until then, or enough,
/// and stops it.
fn write_until_killed(directory: &Arc<TempDir>, arguments: &[&str], round: usize, calls: &str, nth: u32) -> Round {
    let run_path = directory.path().join("headwater-data/run.json");
    let _ = std::fs::remove_file(&run_path);
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:signal=KILL:when={nth}"));
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let serve = [&["serve", "--http-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"], arguments].concat();
    let mut command = command_under(&strace, directory.path(), &serve);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("strace runs");
    let mut traced = Traced { strace: child, server: None };
    let mut http = None;
    wait_until("it is ready or has ended", || {
        let run = read_json(&run_path);
        http = run["http"].as_str().map(str::to_owned);
        traced.server = run["pid"].as_i64().and_then(|pid| Pid::from_raw(pid as i32));
        http.is_some() || traced.has_ended()
    });
    // If it ended by itself, the start without strace says why.
    let Some(http) = http else {
        return Round { acknowledged: Vec::new(), unanswered: Vec::new(), killed: traced.was_killed() };
    };
    let url = format!("{http}/api/v4/store/write");
    let (acknowledged, unanswered) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (url, acknowledged, unanswered) = (&url, &acknowledged, &unanswered);
            scope.spawn(move || {
                for n in 0..WRITES as u64 / WRITERS {
                    let number = (round as u64 * WRITERS + writer) * 1_000_000 + n;
                    let id = format!("w{writer}-{}", n % 10);
                    let Some(txn) = write(url, &id, number) else {
                        unanswered.lock().unwrap().push((number, id));
                        break;
                    };
                    acknowledged.lock().unwrap().push(Acknowledged { number, id, txn });
                }
            });
        }
    });
    traced.stop();
    let (acknowledged, unanswered) = (acknowledged.into_inner().unwrap(), unanswered.into_inner().unwrap());
    Round { acknowledged, unanswered, killed: traced.was_killed() }
}

/// Every document is as it was last acknowledged, or newer.
fn check_documents(server: &TestServer, acknowledged: &[Acknowledged]) {
    let found = numbers_of_documents(server);
    for Acknowledged { number, id, .. } in acknowledged {
        assert!(found.get(id) >= Some(number), "{id} is {:?}, though {number} was acknowledged", found.get(id));
    }
}

/// A server under strace. Both are gone when it is dropped.
struct Traced {
    strace: Child,
    server: Option<Pid>,
}

impl Traced {
    fn has_ended(&mut self) -> bool {
        self.strace.try_wait().unwrap().is_some()
    }

    /// Strace ends as what it traced.
    fn was_killed(&mut self) -> bool {
        self.strace.try_wait().unwrap().is_some_and(|status| status.signal() == Some(Signal::KILL.as_raw()))
    }

    /// As an operator stops it, if it was not killed.
    fn stop(&mut self) {
        self.signal(Signal::TERM);
        wait_until("it has stopped", || self.has_ended());
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(server) = self.server
            && !self.has_ended()
        {
            // It may end at this moment.
            let _ = kill_process(server, signal);
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.strace.wait();
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
}
