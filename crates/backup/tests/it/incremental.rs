//! Points that share what has not changed, and pruning them.

use backup::{Backup, Course, Error, prune};

use crate::support::*;

#[test]
fn a_second_backup_writes_what_is_new_and_each_restores_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    let shop = app(&data, "shop");
    fill(&shop, 0, 1_500);
    let first = take(&target, &data).unwrap();
    let was = says(&shop);
    fill(&shop, 0, 15);
    let second = take(&target, &data).unwrap();
    assert!(first.new_bytes > 1_500_000, "{first:?}");
    // 1 % of the documents; at most a segment of 64 KiB was begun before.
    assert!(second.new_bytes < first.new_bytes * 3 / 100 + 64 * 1024, "{second:?}");
    let same = take(&target, &data).unwrap();
    assert!(same.new_bytes < 1_000, "{same:?}");

    let backup = Backup::open(&target).unwrap();
    assert_eq!(backup.points().len(), 3);
    let made = dir.path().join("made");
    let oldest = backup.points()[0].clone();
    backup.extract_point_into(&oldest, &made, None, &mut |_| Course::GoOn).unwrap();
    assert_same(&was, &says(&app(&open(&made, options()), "shop")));

    let taken_ms = backup.manifest(&backup.points()[2]).unwrap().taken_ms;
    let pruned = prune(&target, taken_ms).unwrap();
    assert_eq!(pruned.points, backup.points()[..2]);
    assert!(pruned.parts > 0 && verify(&target).is_empty());
    let made = dir.path().join("made2");
    extract(&target, &made).unwrap();
    assert_same(&says(&shop), &says(&app(&open(&made, options()), "shop")));
    assert_eq!(prune(&target, u64::MAX).unwrap().points, [], "the newest stays");
}

#[test]
fn what_is_taken_after_the_clock_was_set_back_is_the_newest_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    let shop = app(&data, "shop");
    fill(&shop, 0, 3);
    let take_at = |now_ms| take_at(now_ms, &target, &data, None, None, &mut |_| Course::GoOn).unwrap().point;
    let first = take_at(START_MS);
    fill(&shop, 3, 3);
    let second = take_at(START_MS - 3_600_000);
    fill(&shop, 6, 3);
    let third = take_at(START_MS);
    let backup = Backup::open(&target).unwrap();
    assert_eq!(backup.points(), [first, second.clone(), third]);
    assert_eq!(backup.manifest(&second).unwrap().taken_ms, START_MS - 3_600_000, "as the clock said");
    extract(&target, &made).unwrap();
    assert_same(&says(&shop), &says(&app(&open(&made, options()), "shop")));
}

#[test]
fn the_newest_point_of_an_app_that_is_gone_stays() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    for name in ["a", "b"] {
        fill(&app(&data, name), 0, 3);
    }
    take(&target, &data).unwrap();
    let with_b = take(&target, &data).unwrap().point;
    data.begin_deletion("b").unwrap();
    take(&target, &data).unwrap();
    let newest = take(&target, &data).unwrap().point;
    assert_eq!(prune(&target, u64::MAX).unwrap().points.len(), 2);
    assert_eq!(Backup::open(&target).unwrap().points(), [with_b, newest]);
}

#[test]
fn one_that_was_stopped_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    fill(&app(&data, "shop"), 0, 300);
    let mut left = 3;
    let stopped = take_with(&target, &data, None, &mut |_| {
        left -= 1;
        if left == 0 { Course::Stop } else { Course::GoOn }
    });
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert!(matches!(extract(&target, &dir.path().join("made")), Err(Error::NoPoint { .. })));
    let taken = take(&target, &data).unwrap();
    assert!(taken.new_bytes + 100_000 < taken.bytes, "{taken:?}");
}

#[test]
fn one_backup_at_a_time_and_one_data_directory_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let [source, other, target] = ["data", "other", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    std::fs::write(source.join("access.json"), files::seal(2, r#"{"directory":"a","closed":false}"#)).unwrap();
    fill(&app(&data, "shop"), 0, 3);
    let mut tried = None;
    take_with(&target, &data, None, &mut |_| {
        tried.get_or_insert_with(|| take(&target, &data));
        Course::GoOn
    })
    .unwrap();
    assert!(matches!(tried, Some(Err(Error::InUse { .. }))), "{tried:?}");
    let other = open(&other, options());
    assert!(matches!(take(&target, &other), Err(Error::OtherDataDirectory { .. })));
    assert!(matches!(take(&source.join("backup"), &data), Err(Error::InsideDataDirectory { .. })));
    assert!(matches!(take(dir.path(), &data), Err(Error::InsideDataDirectory { .. })));
    let full = dir.path().join("full");
    std::fs::create_dir(&full).unwrap();
    std::fs::write(full.join("holiday.jpg"), "x").unwrap();
    assert!(matches!(take(&full, &data), Err(Error::NotABackup { .. })));
    assert_eq!(std::fs::read_dir(&full).unwrap().count(), 1);
}
