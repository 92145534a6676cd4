//! Kills at every single step of a backup that others came before, and of a prune: the points that
//! were there are whole, the next backup succeeds and leaves nothing over, and nothing is outside
//! the folder.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use backup::{Backup, Course, PointName, prune};
use files::faults::{Fault, Plan};
use serde_json::Value;
use store::DataDir;

use crate::support::*;

/// A folder with three points, of a store that has gone on since.
struct Before {
    /// Closed before its folder goes.
    data: std::sync::Arc<DataDir>,
    dir: tempfile::TempDir,
    points: Vec<PointName>,
}

impl Before {
    fn new() -> Self {
        let dir = folder_in_memory();
        let data = open(&dir.path().join("data"), options());
        let shop = app(&data, "shop");
        for from in [0, 40, 60] {
            fill(&shop, from, 60);
            take(&dir.path().join("before"), &data).unwrap();
        }
        fill(&shop, 100, 80);
        std::fs::create_dir(dir.path().join("killed")).unwrap();
        let points = points(&dir.path().join("before"));
        Self { data, dir, points }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// When the newest point was taken, ms since the epoch.
    fn newest_taken_ms(&self) -> u64 {
        let backup = Backup::open(&self.path("before")).unwrap();
        backup.manifest(backup.newest().unwrap()).unwrap().taken_ms
    }

    /// Has `act` killed at each of its steps on a copy of the folder. `may_go` says how many of the
    /// oldest points it may remove.
    fn kill_at_each_step(&self, may_go: usize, act: impl Fn(&Path) -> bool) {
        let mut killed = 0;
        for at in 1.. {
            let target = self.path(&format!("killed/{at}"));
            copy_tree(&self.path("before"), &target);
            let injected = files::faults::inject(&target, Plan::new(Fault::Crash, at));
            let is_done = act(&target);
            let was_killed = injected.has_come();
            drop(injected);
            self.check(&target, may_go, at);
            std::fs::remove_dir_all(&target).unwrap();
            if !was_killed {
                assert!(is_done, "nothing kept it from that");
                break;
            }
            killed += 1;
        }
        assert!(killed > 10, "{killed}");
    }

    fn check(&self, target: &Path, may_go: usize, at: u64) {
        let left = points(target);
        let (stays, may_go) = (&self.points[may_go..], &self.points[..may_go]);
        assert!(stays.iter().all(|point| left.contains(point)), "{at}: {left:?} of {:?}", self.points);
        let gone = may_go.iter().filter(|point| !left.contains(point)).count();
        assert!(left.len() + gone <= self.points.len() + 1, "{at}: {left:?}");
        assert_eq!(verify(target), [""; 0], "{at}");
        let taken = take(target, &self.data).unwrap();
        assert_eq!(verify(target), [""; 0], "{at}");
        assert_eq!(Backup::open(target).unwrap().newest().unwrap(), &taken.point, "{at}");
        assert_eq!(files_in(target), expected_files(target), "{at}: nothing is left over");
        assert_eq!(names_in(self.dir.path()), ["before", "data", "killed"], "{at}");
        assert_eq!(names_in(&self.path("killed")), [at.to_string()], "{at}");
    }
}

fn points(target: &Path) -> Vec<PointName> {
    Backup::open(target).unwrap().points().to_vec()
}

fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in names_in(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// Every file below, from there.
fn files_in(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in names_in(&folder).into_iter().map(|name| folder.join(name)) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_owned());
            }
        }
    }
    found
}

/// What the points that are there say that there is.
fn expected_files(target: &Path) -> BTreeSet<PathBuf> {
    let backup = Backup::open(target).unwrap();
    let mut expected: BTreeSet<PathBuf> = ["backup.json", "lock"].map(PathBuf::from).into();
    for point in backup.points() {
        expected.insert(format!("points/{point}.json").into());
        let text = std::fs::read_to_string(target.join(format!("points/{point}.json"))).unwrap();
        let manifest = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
        let mut parts = Vec::new();
        parts_in(&manifest, &mut parts);
        assert!(parts.len() > 3, "{manifest}");
        expected.extend(parts.iter().map(|part| PathBuf::from(format!("parts/{}/{part}", &part[..2]))));
    }
    expected
}

/// A part is written as its name and its length.
fn parts_in(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Array(pair) if pair.len() == 2 && pair[0].is_string() && pair[1].is_u64() => {
            found.push(pair[0].as_str().unwrap().to_owned());
        }
        Value::Array(all) => all.iter().for_each(|json| parts_in(json, found)),
        Value::Object(all) => all.values().for_each(|json| parts_in(json, found)),
        _ => {}
    }
}

#[test]
fn a_kill_at_any_step_of_a_later_backup_leaves_the_earlier_points_whole() {
    let before = Before::new();
    before.kill_at_each_step(0, |target| take(target, &before.data).is_ok());
}

#[test]
fn a_kill_at_any_step_of_a_backup_that_prunes_leaves_whole_points() {
    let before = Before::new();
    let keep_from_ms = before.newest_taken_ms();
    before.kill_at_each_step(2, |target| {
        take_and_keep(target, &before.data, None, Some(keep_from_ms), &mut |_| Course::GoOn).is_ok()
    });
}

#[test]
fn a_kill_at_any_step_of_a_prune_leaves_whole_points() {
    let before = Before::new();
    let keep_from_ms = before.newest_taken_ms();
    before.kill_at_each_step(2, |target| prune(target, keep_from_ms).is_ok_and(|pruned| pruned.points.len() == 2));
}
