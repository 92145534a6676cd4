//! kill -9 of the real binary in a backup and in a restore, at moments spread over the time that
//! one takes: earlier points are whole, a restored directory is missing, empty or whole, and the
//! next try succeeds.
//!
//! Not here: a kill at every single step (crate `backup`).

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use backup::{Backup, Course, PointName};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    restore::{copy_folder, names_in},
    support::{TestServer, command, run},
};

const MOMENTS: u32 = 8;
const SERVER_KILLS: u32 = 3;

/// Documents of 2 KB, in one transaction.
fn write(server: &TestServer, name: &str) {
    let filler = "x".repeat(2_000);
    let upsert = |n: u32| {
        let value = json!({ "filler": filler });
        json!({ "method": "upsert", "collection": "people", "id": format!("{name}{n}"), "value": value })
    };
    let commands: Vec<_> = (0..300).map(upsert).collect();
    let (status, reply) = server.post("/api/v4/store/write", &json!({ "commands": commands }));
    assert_eq!(status, 200, "{reply}");
}

/// A data directory that nobody has open, with two points in `backups` beside it, and more since.
fn backed_up() -> Arc<TempDir> {
    let small_segments = ["--segment-bytes", "64KiB"];
    let server = TestServer::start_in(Arc::new(TempDir::new().unwrap()), &small_segments);
    for name in ["a", "b", "c"] {
        write(&server, name);
        if name != "c" {
            assert_eq!(server.run(&["backup", "--to", "backups"]).code(), Some(0));
        }
    }
    let directory = server.directory();
    assert_eq!(server.terminate().code(), Some(0));
    directory
}

fn points(folder: &Path) -> Vec<PointName> {
    Backup::open(folder).unwrap().points().to_vec()
}

/// Each point that was there is there, and whole.
fn check(folder: &Path, before: &[PointName]) {
    let backup = Backup::open(folder).unwrap();
    assert!(before.iter().all(|point| backup.points().contains(point)), "{:?} of {before:?}", backup.points());
    assert!(backup.points().len() <= before.len() + 1, "{:?}", backup.points());
    assert_eq!(backup.verify(&mut |_| Course::GoOn).unwrap().findings, [""; 0]);
}

/// Runs it for so long at most, then kills it; whether it came to its end before.
fn run_for(mut command: Command, time: Duration) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < time {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

#[test]
fn a_backup_that_is_killed_leaves_earlier_points_whole_and_the_next_one_succeeds() {
    let directory = backed_up();
    let path = |name: &str| directory.path().join(name);
    let before = points(&path("backups"));
    copy_folder(&path("backups"), &path("whole"));
    let begun = Instant::now();
    assert_eq!(run(directory.path(), &["backup", "--to", "whole"]).code(), Some(0));
    let (whole, mut killed) = (begun.elapsed(), 0);
    for moment in 0..MOMENTS {
        let target = path("killed");
        copy_folder(&path("backups"), &target);
        killed +=
            u32::from(!run_for(command(directory.path(), &["backup", "--to", "killed"]), whole * moment / MOMENTS));
        check(&target, &before);
        let next = run(directory.path(), &["backup", "--to", "killed"]);
        assert_eq!(next.code(), Some(0), "{next:?}");
        assert_eq!(Backup::open(&target).unwrap().verify(&mut |_| Course::GoOn).unwrap().findings, [""; 0]);
        assert_eq!(names_in(directory.path()), ["backups", "headwater-data", "killed", "whole"]);
        std::fs::remove_dir_all(target).unwrap();
    }
    assert!(killed > 0, "the first has no time at all");

    // The same where a server takes it, and is killed.
    let target = path("backups");
    for moment in 0..SERVER_KILLS {
        let server = TestServer::start_in(directory.clone(), &[]);
        write(&server, &format!("server{moment}-"));
        let before = points(&target);
        let asking = server.start_command(&["backup", "--to", "backups"]);
        // The moment is the point: the test holds for each.
        std::thread::sleep(whole * moment / SERVER_KILLS);
        server.kill();
        asking.finish();
        check(&target, &before);
    }
    let server = TestServer::start_in(directory.clone(), &[]);
    let next = server.run(&["backup", "--to", "backups", "--verify"]);
    assert_eq!(next.code(), Some(0), "{next:?}");
}

#[test]
fn a_restore_of_a_backup_that_is_killed_leaves_a_directory_that_is_missing_or_whole() {
    let directory = backed_up();
    let restore = |to: &str| ["restore", "--from", "backups", "--data-dir", to].map(str::to_owned);
    let run_restore = |to: &str| run(directory.path(), &restore(to).each_ref().map(String::as_str));
    let begun = Instant::now();
    assert_eq!(run_restore("whole").code(), Some(0));
    let (whole, mut missing) = (begun.elapsed(), 0);
    let before = points(&directory.path().join("backups"));
    std::fs::create_dir(directory.path().join("killed")).unwrap();
    for moment in 0..MOMENTS {
        let target = directory.path().join("killed");
        let restoring = command(directory.path(), &restore("killed").each_ref().map(String::as_str));
        run_for(restoring, whole * moment / MOMENTS);
        if target.exists() && !names_in(&target).is_empty() {
            let verified = run(directory.path(), &["verify", "--data-dir", "killed"]);
            assert_eq!(verified.code(), Some(0), "{verified:?}");
            std::fs::remove_dir_all(&target).unwrap();
        } else {
            missing += 1;
        }
    }
    assert!(missing > 0, "the first has no time at all");
    check(&directory.path().join("backups"), &before);
    let next = run_restore("killed");
    assert_eq!(next.code(), Some(0), "{next:?}");
    assert_eq!(
        names_in(directory.path()),
        ["backups", "headwater-data", "killed", "whole"],
        "nothing is left beside it"
    );
    let verified = run(directory.path(), &["verify", "--data-dir", "killed"]);
    assert_eq!(verified.code(), Some(0), "{verified:?}");
}
