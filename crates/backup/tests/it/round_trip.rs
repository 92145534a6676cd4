//! What is made of a backup says what the store said.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use backup::{Backup, Course, Error, Passphrase};

use store::{CommittedOffset, DefinitionKind};

use crate::support::*;

fn offset(offset: i64) -> CommittedOffset {
    CommittedOffset { offset, leader_epoch: -1, metadata: String::new() }
}

#[test]
fn documents_events_offsets_and_definitions_are_the_same() {
    let (dir, runtime) = (tempfile::tempdir().unwrap(), runtime());
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    let shop = app(&data, "shop");
    fill(&shop, 0, 200);
    runtime.block_on(shop.commit(remove("d00007"))).unwrap();
    runtime.block_on(shop.define(DefinitionKind::LiveQuery, "adults", "{}".into())).unwrap();
    runtime.block_on(shop.commit_offsets("g", vec![("t".into(), 0, offset(5))])).unwrap();
    app(&data, "empty");
    let taken = take(&target, &data).unwrap();
    assert_eq!((taken.apps, taken.left_out.len(), taken.has_secrets), (2, 0, false));
    let was = says(&shop);
    fill(&shop, 500, 10);

    let extracted = extract(&target, &made).unwrap();
    let named: Vec<_> = extracted.apps.iter().map(|app| (app.name.as_str(), app.newest_txn, app.next_offset)).collect();
    assert_eq!(named, [("empty", 0, 0), ("shop", 201, 201)]);
    assert!(extracted.apps[1].newest_commit_ms >= START_MS && !extracted.has_secrets);
    assert_whole(&made);
    let again = open(&made, options());
    let copy = app(&again, "shop");
    assert_same(&was, &says(&copy));
    assert_eq!((copy.instance(), app(&again, "empty").newest_txn().0), (shop.instance(), 0));
    fill(&copy, 500, 3);
    assert_eq!(verify(&target), [""; 0]);
}

#[test]
fn a_point_is_one_moment_while_the_app_takes_writes() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    let shop = app(&data, "shop");
    fill(&shop, 0, 100);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = runtime();
            // A transaction each: its number is in the document that it writes.
            for n in 0_u64.. {
                if stop.load(Relaxed) {
                    break;
                }
                runtime.block_on(shop.commit(upsert("counter", &format!(r#"{{"n":{n}}}"#)))).unwrap();
            }
        });
        for n in 0..5 {
            take(&target, &data).unwrap();
            let made = dir.path().join(format!("made{n}"));
            let extracted = extract(&target, &made).unwrap();
            assert_whole(&made);
            assert_eq!(app(&open(&made, options()), "shop").newest_txn().0, extracted.apps[0].newest_txn);
        }
        stop.store(true, Relaxed);
    });
}

#[test]
fn apps_may_be_made_and_deleted_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    for name in ["a", "b", "c"] {
        fill(&app(&data, name), 0, 3);
    }
    let mut is_first = true;
    take_with(&target, &data, None, &mut |_| {
        if std::mem::take(&mut is_first) {
            data.begin_deletion("b").unwrap();
            app(&data, "d");
        }
        Course::GoOn
    })
    .unwrap();
    let extracted = extract(&target, &made).unwrap();
    assert_eq!(extracted.apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    let again = open(&made, options());
    assert_eq!(again.app_names().len(), 2);
    assert_eq!(app(&again, "c").newest_txn().0, 3);
}

#[test]
fn secrets_are_there_with_a_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target, made] = ["data", "backup", "made"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    app(&data, "shop");
    std::fs::create_dir_all(source.join("credentials/shop/users/a b")).unwrap();
    let secret = "-----BEGIN PRIVATE KEY-----";
    let secrets = ["admin.key", "credentials/shop/user.key", "credentials/shop/users/a b/user.p12"];
    for name in secrets {
        std::fs::write(source.join(name), secret).unwrap();
    }
    std::fs::write(source.join("keys.json"), "hashes").unwrap();
    let has_secret = || {
        let mut files = vec![target.clone()];
        let mut found = false;
        while let Some(path) = files.pop() {
            match std::fs::read_dir(&path) {
                Ok(entries) => files.extend(entries.map(|entry| entry.unwrap().path())),
                Err(_) => found |= String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(secret),
            }
        }
        found
    };
    take(&target, &data).unwrap();
    let right = Passphrase::new("correct horse").unwrap();
    assert!(take_with(&target, &data, Some(&right), &mut |_| Course::GoOn).unwrap().has_secrets);
    assert!(!has_secret());

    let backup = Backup::open(&target).unwrap();
    let [without, with] = backup.points() else { panic!("{:?}", backup.points()) };
    let go_on = &mut |_| Course::GoOn;
    let wrong = Passphrase::new("wrong horse wrong").unwrap();
    let refused = backup.extract_point_into(with, &made, Some(&wrong), go_on);
    assert!(matches!(refused, Err(Error::WrongPassphrase)) && !made.exists());
    let refused = backup.extract_point_into(without, &made, Some(&right), go_on);
    assert!(matches!(refused, Err(Error::NoSecrets)) && !made.exists());
    let extracted = backup.extract_point_into(with, &made, Some(&right), go_on).unwrap();
    assert!(extracted.has_secrets && extracted.secrets_are_there);
    for name in secrets {
        assert_eq!(std::fs::read_to_string(made.join(name)).unwrap(), secret, "{name}");
    }
    let plain = dir.path().join("plain");
    let extracted = backup.extract_point_into(with, &plain, None, go_on).unwrap();
    assert!(extracted.has_secrets && !extracted.secrets_are_there);
    assert!(!plain.join("admin.key").exists() && !plain.join("credentials").exists());
    assert_eq!(std::fs::read_to_string(plain.join("keys.json")).unwrap(), "hashes");
}

#[test]
fn an_app_that_is_damaged_is_named_and_keeps_no_other_back() {
    let dir = tempfile::tempdir().unwrap();
    let [source, target] = ["data", "backup"].map(|name| dir.path().join(name));
    let data = open(&source, options());
    fill(&app(&data, "good"), 0, 3);
    let bad = app(&data, "bad");
    fill(&bad, 0, 200);
    let segment = source.join("apps/bad/journal/00000000000000000000.segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let taken = take(&target, &data).unwrap();
    assert_eq!((taken.apps, taken.left_out.len()), (1, 1));
    let left_out = &taken.left_out[0];
    assert!(left_out.app == "bad" && left_out.reason.contains("journal is damaged"), "{left_out:?}");
    let manifest = Backup::open(&target).unwrap().manifest(&taken.point).unwrap();
    assert_eq!(manifest.left_out, taken.left_out);
    runtime().block_on(bad.commit(upsert("x", "{}"))).unwrap();
}
