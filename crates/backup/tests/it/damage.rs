//! A backup that is damaged, or made to do harm: a clear error, and nothing of it anywhere.

use std::path::{Path, PathBuf};

use backup::{Backup, Error};
use files::faults::{Fault, Plan};

use crate::support::*;

fn backed_up(dir: &Path) -> [PathBuf; 2] {
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.join(name));
    let data = open(&source, options());
    fill(&app(&data, "shop"), 0, 100);
    take(&target, &data).unwrap();
    [target, made]
}

/// The largest part.
fn a_part(backup: &Path) -> PathBuf {
    let folders = std::fs::read_dir(backup.join("parts")).unwrap().map(|folder| folder.unwrap().path());
    let parts = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|part| part.unwrap().path()));
    parts.max_by_key(|part| std::fs::metadata(part).unwrap().len()).unwrap()
}

fn manifest(backup: &Path) -> PathBuf {
    std::fs::read_dir(backup.join("points")).unwrap().next().unwrap().unwrap().path()
}

/// Writes the body of the manifest as `change` has it, under a good checksum of that version.
fn change_manifest(backup: &Path, version: u32, change: impl FnOnce(&str) -> String) {
    let text = std::fs::read_to_string(manifest(backup)).unwrap();
    let body = text.split_once('\n').unwrap().1.trim_end_matches('\n');
    std::fs::write(manifest(backup), files::seal(version, &change(body))).unwrap();
}

#[test]
fn a_part_that_is_flipped_cut_missing_or_foreign_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    let part = a_part(&target);
    let whole = std::fs::read(&part).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let foreign = vec![7; whole.len()];
    for (what, bytes) in [("flipped", flipped), ("cut", whole[..whole.len() - 1].to_vec()), ("foreign", foreign)] {
        std::fs::write(&part, bytes).unwrap();
        let findings = verify(&target);
        assert!(findings.len() == 1 && findings[0].contains(part.to_str().unwrap()), "{what}: {findings:?}");
        let error = extract(&target, &made).unwrap_err();
        assert!(matches!(&error, Error::Damaged { path, .. } if *path == part), "{what}: {error}");
        assert!(!made.exists(), "{what}");
    }
    std::fs::remove_file(&part).unwrap();
    assert!(verify(&target)[0].contains("missing"));
    assert!(matches!(extract(&target, &made), Err(Error::Damaged { .. })) && !made.exists());
}

#[test]
fn a_manifest_under_the_name_of_another_point_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    let other = manifest(&target).with_file_name("20991231T235959.000Z.json");
    std::fs::copy(manifest(&target), other).unwrap();
    let error = extract(&target, &made).unwrap_err();
    assert!(error.to_string().contains("it is the manifest of the point 2022"), "{error}");
    assert!(verify(&target).len() == 1 && !made.exists());
}

#[test]
fn a_point_that_cannot_be_read_goes_with_the_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    std::fs::write(manifest(&target), "x").unwrap();
    let data = open(&dir.path().join("data"), options());
    take(&target, &data).unwrap();
    assert_eq!(Backup::open(&target).unwrap().points().len(), 2);
    assert!(matches!(backup::prune(&target, START_MS), Err(Error::Damaged { .. })), "not old, and in the way");
    let pruned = backup::prune(&target, u64::MAX).unwrap();
    assert_eq!((pruned.points.len(), verify(&target)), (1, Vec::<String>::new()));
    extract(&target, &made).unwrap();
}

#[test]
fn no_flipped_bit_of_a_manifest_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    let path = manifest(&target);
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, flipped).unwrap();
        let error = extract(&target, &made).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::NewerFormat { .. }), "byte {at}: {error}");
    }
    assert_eq!(verify(&target).len(), 1);
    assert!(!made.exists());
}

#[test]
fn a_newer_format_is_called_that() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    change_manifest(&target, 2, str::to_owned);
    assert!(matches!(extract(&target, &made), Err(Error::NewerFormat { found: 2, known: 1, .. })));
    std::fs::write(target.join("backup.json"), files::seal(9, "?")).unwrap();
    assert!(matches!(Backup::open(&target), Err(Error::NewerFormat { found: 9, known: 1, .. })));
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    let whole = std::fs::read(manifest(&target)).unwrap();
    let outside = dir.path().join("outside");
    for name in ["../outside", "/tmp/outside", "apps/../../outside", outside.to_str().unwrap(), "", ".", "apps.json/"] {
        std::fs::write(manifest(&target), &whole).unwrap();
        change_manifest(&target, 1, |body| body.replacen("\"apps.json\"", &format!("{name:?}"), 1));
        let error = extract(&target, &made).unwrap_err();
        assert!(matches!(&error, Error::BadName { name: found, .. } if found == name), "{name}: {error}");
    }
    for (from, to) in [
        ("\"name\":\"shop\"", "\"name\":\"../shop\""),
        ("\"parts\":[[\"", "\"parts\":[[\"../../../outside"),
        ("\"apps.json\"", "\"apps/shop/journal/00000000000000000000.segment\""),
    ] {
        std::fs::write(manifest(&target), &whole).unwrap();
        change_manifest(&target, 1, |body| body.replacen(from, to, 1));
        let error = extract(&target, &made).unwrap_err();
        assert!(matches!(error, Error::BadName { .. }), "{to}: {error}");
        assert_eq!(verify(&target).len(), 1);
    }
    assert!(!outside.exists() && !made.exists());
}

#[test]
fn a_backup_is_put_into_an_empty_folder_only() {
    let dir = tempfile::tempdir().unwrap();
    let [target, made] = backed_up(dir.path());
    std::fs::create_dir(&made).unwrap();
    std::fs::write(made.join("mine"), "x").unwrap();
    assert!(matches!(extract(&target, &made), Err(Error::TargetNotEmpty { .. })));
    assert_eq!(std::fs::read_dir(&made).unwrap().count(), 1);
    let nothing = dir.path().join("nothing");
    assert!(matches!(Backup::open(&nothing), Err(Error::NoBackup { .. })) && !nothing.exists());
    assert!(matches!(Backup::open(&made), Err(Error::NotABackup { .. })));
}

/// At every single operation on the target.
#[test]
fn a_kill_at_any_step_leaves_whole_points_and_the_next_backup_goes_on() {
    let dir = folder_in_memory();
    let source = dir.path().join("data");
    let data = open(&source, options());
    let shop = app(&data, "shop");
    fill(&shop, 0, 80);
    let points = |target: &Path| Backup::open(target).map(|backup| backup.points().len()).unwrap_or(0);
    let mut killed = 0;
    for at in 1.. {
        let target = dir.path().join(format!("first{at}"));
        let injected = files::faults::inject(&target, Plan::new(Fault::Crash, at));
        let taken = take(&target, &data);
        let was_killed = injected.has_come();
        drop(injected);
        if !was_killed {
            taken.unwrap();
            break;
        }
        killed += 1;
        // A kill right after the manifest has its name leaves the point, though nobody was told.
        assert!(points(&target) <= 1 && (taken.is_err() || points(&target) == 1), "{at}");
        assert!(points(&target) == 0 || verify(&target).is_empty(), "{at}");
        take(&target, &data).unwrap();
        assert_eq!(verify(&target), [""; 0], "{at}");
        std::fs::remove_dir_all(&target).unwrap();
    }
    assert!(killed > 20, "{killed}");
}

/// At every single operation on the target.
#[test]
fn a_full_target_leaves_no_point_and_no_part_of_it() {
    let dir = folder_in_memory();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    fill(&app(&data, "shop"), 0, 100);
    take(&target, &data).unwrap();
    fill(&app(&data, "shop"), 0, 100);
    let points = || Backup::open(&target).unwrap().points().to_vec();
    let before = points();
    for at in 1.. {
        let injected = files::faults::inject(&target, Plan::new(Fault::Full, at).lasting());
        let taken = take(&target, &data);
        let has_come = injected.has_come();
        drop(injected);
        if !has_come {
            taken.unwrap();
            break;
        }
        if taken.is_ok() {
            // What came after the manifest is only tidying up.
            break;
        }
        assert_eq!(points(), before, "{at}");
        assert_eq!(verify(&target), [""; 0], "{at}");
    }
    assert_eq!(verify(&target), [""; 0]);
    let made = dir.path().join("made");
    extract(&target, &made).unwrap();
    assert_whole(&made);
}
