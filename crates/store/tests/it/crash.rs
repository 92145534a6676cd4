//! What a crash leaves: every acknowledged write once, the bytes of events unchanged, documents equal to a replay.

use std::{
    fs::OpenOptions,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::support::*;
use document::{Action, Operation};
use proptest::prelude::*;

/// A directory as a kill leaves it, after `count` writes over 50 documents.
fn killed(count: u64) -> (tempfile::TempDir, Vec<Event>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    let (events, documents) = runtime().block_on(async {
        for n in 0..count {
            let operation = if n % 7 == 6 {
                remove(&format!("d{}", n % 50))
            } else {
                upsert(&format!("d{}", n % 50), &format!(r#"{{"n":{n},"x":"{}"}}"#, "x".repeat(200)))
            };
            app.commit(changeset([operation])).await.unwrap();
        }
        (events(&app).await, documents(&app))
    });
    copy_dir(dir.path(), copy.path());
    (copy, events, documents)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        std::fs::read_dir(dir.join("apps/shop/journal")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

fn flip_bit(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

fn verify(dir: &Path) -> store::VerifyReport {
    store::verify(dir, &mut |_| ()).unwrap()
}

#[test]
fn everything_acknowledged_is_there_after_a_kill() {
    let (copy, before_events, before_documents) = killed(500);
    assert!(segments(copy.path()).len() > 3, "several segments");
    let report = verify(copy.path());
    assert!(report.is_whole(), "{report:#?}");
    assert_eq!((report.apps[0].events, report.apps[0].torn_bytes), (before_events.len() as u64, 0));
    let (_data, app) = open_app(copy.path());
    assert_eq!(documents(&app), before_documents);
    assert_eq!(runtime().block_on(events(&app)), before_events);
}

#[test]
fn documents_that_lag_are_replayed() {
    let (copy, before_events, before_documents) = killed(300);
    std::fs::remove_dir_all(copy.path().join("apps/shop/documents")).unwrap();
    let (data, app) = open_app(copy.path());
    assert_eq!(documents(&app), before_documents);
    assert_eq!(runtime().block_on(events(&app)), before_events);
    runtime().block_on(app.commit(changeset([upsert("after", "{}")]))).unwrap();
    data.stop();
    drop((data, app));
    assert!(verify(copy.path()).is_whole());
}

#[test]
fn a_torn_tail_is_cut() {
    let (copy, before_events, _) = killed(40);
    // What a power failure leaves: the documents know nothing of the frame that is torn.
    std::fs::remove_dir_all(copy.path().join("apps/shop/documents")).unwrap();
    let last = segments(copy.path()).pop().unwrap();
    let written = std::fs::read(&last).unwrap();
    let end = written.iter().rposition(|&b| b != 0).unwrap() as u64;
    for cut in [1u64, 30, 300] {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(copy.path(), dir.path());
        let segment = segments(dir.path()).pop().unwrap();
        let file = OpenOptions::new().write(true).open(&segment).unwrap();
        file.write_all_at(&vec![0; cut as usize], end + 1 - cut).unwrap();
        assert!(verify(dir.path()).apps[0].torn_bytes > 0);
        let (_data, app) = open_app(dir.path());
        let events = runtime().block_on(events(&app));
        assert_eq!(events, before_events[..events.len()]);
        assert_eq!(events.len(), before_events.len() - 1, "only the torn one is gone");
        runtime().block_on(app.commit(changeset([upsert("after", "{}")]))).unwrap();
    }
}

#[test]
fn a_flipped_bit_in_the_middle_is_an_error_that_names_the_place() {
    let (copy, _, _) = killed(300);
    for (segment, at) in [(0, 5_000u64), (1, 40_000), (usize::MAX, 2_000)] {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(copy.path(), dir.path());
        let all = segments(dir.path());
        let path = &all[segment.min(all.len() - 1)];
        flip_bit(path, at);
        let report = verify(dir.path());
        assert!(!report.is_whole());
        let finding = &report.apps[0].findings[0];
        assert!(
            finding.contains(path.file_name().unwrap().to_str().unwrap()) && finding.contains("at byte"),
            "{finding}"
        );
    }
}

#[test]
fn damage_to_the_last_frame_is_not_taken_for_a_torn_tail() {
    let (copy, _, _) = killed(40);
    let last = segments(copy.path()).pop().unwrap();
    let end = std::fs::read(&last).unwrap().iter().rposition(|&b| b != 0).unwrap() as u64;
    flip_bit(&last, end - 10);
    let error = try_open(copy.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("the journal is damaged") && error.contains("at byte"), "{error}");
}

#[test]
fn verify_notices_documents_that_differ() {
    let (copy, events, _) = killed(20);
    // The documents of another history with as many frames.
    let dir = tempfile::tempdir().unwrap();
    {
        let (data, app) = open_app(dir.path());
        runtime().block_on(async {
            for n in 0..events.len() {
                app.commit(changeset([upsert(&format!("e{n}"), "{}")])).await.unwrap();
            }
        });
        data.stop();
    }
    std::fs::remove_dir_all(copy.path().join("apps/shop/documents")).unwrap();
    copy_dir(&dir.path().join("apps/shop/documents"), &copy.path().join("apps/shop/documents"));
    let report = verify(copy.path());
    let findings = report.apps[0].findings.join("\n");
    assert!(
        findings.contains("e0") && findings.contains("should not be there") && findings.contains("is missing"),
        "{findings}"
    );
}

/// What is decided when it is applied: an initial document, or what differs.
fn decided(document: &str, n: i32, is_initial: bool) -> Operation {
    let (value, types) = (map(&format!(r#"{{"n":{n}}}"#)), Vec::new());
    let action =
        if is_initial { Action::UpsertInitial { value, types } } else { Action::UpsertDifference { value, types } };
    operation(document, action)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The same changesets give the same documents and events however they are grouped, restarted and replayed.
    #[test]
    fn any_grouping_and_restart_gives_the_same_bytes(
        writes in prop::collection::vec((0..6u8, 0..6u8, any::<i32>()), 1..60),
        restart_at in 0..60usize,
        forget_documents in any::<bool>(),
    ) {
        let changesets: Vec<_> = writes.iter().map(|&(document, kind, n)| {
            let document = format!("d{document}");
            changeset(match kind {
                0 => vec![remove(&document)],
                2 => vec![decided(&document, n, true), decided("shared", n % 2, false)],
                3 => vec![decided(&document, n % 2, false)],
                1 => vec![upsert(&document, &format!(r#"{{"n":{n}}}"#)), upsert("shared", &format!(r#"{{"{document}":{n}}}"#))],
                _ => vec![upsert(&document, &format!(r#"{{"o":{{"k{}":{n}}}}}"#, n % 3))],
            })
        }).collect();
        let one_by_one = tempfile::tempdir().unwrap();
        let restarted = tempfile::tempdir().unwrap();
        let runtime = runtime();
        let (_data, app) = open_app(one_by_one.path());
        for changeset in &changesets {
            runtime.block_on(app.commit(changeset.clone())).unwrap();
        }
        let (first, second) = changesets.split_at(restart_at.min(changesets.len()));
        {
            let (_data, app) = open_app(restarted.path());
            commit_together(&runtime, &app, first);
        }
        if forget_documents {
            std::fs::remove_dir_all(restarted.path().join("apps/shop/documents")).unwrap();
        }
        let (_data2, app2) = open_app(restarted.path());
        commit_together(&runtime, &app2, second);
        prop_assert_eq!(runtime.block_on(events(&app)), runtime.block_on(events(&app2)));
        prop_assert_eq!(documents(&app), documents(&app2));
    }
}

/// Queues all at once, so that they are committed in few groups.
fn commit_together(runtime: &tokio::runtime::Runtime, app: &store::App, changesets: &[document::Changeset]) {
    runtime.block_on(async {
        let mut commits: Vec<_> = changesets.iter().map(|c| Box::pin(app.commit(c.clone()))).collect();
        for commit in &mut commits {
            // Polled once in order, so that they stand in the queue in order.
            std::future::poll_fn(|context| {
                let _ = commit.as_mut().poll(context);
                std::task::Poll::Ready(())
            })
            .await;
        }
        for commit in commits {
            drop(commit);
        }
        app.commit(changeset([remove("nothing")])).await.unwrap();
    });
}
