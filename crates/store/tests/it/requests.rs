//! A request that is repeated gets its first answer and writes nothing, whenever it comes; and what
//! cannot be known is called unknown.

use crate::support::*;
use document::{Action, Changeset, Path, UpdateCommand, UpdateKind, Value};
use files::{
    Act,
    faults::{Fault, Plan, inject},
};
use store::{App, CommitError, Committed, Counts, Request, Written};

fn request(id: &str) -> Request {
    Request { caller: "till".into(), id: id.into(), body: [1; 16], given: true }
}

fn increment() -> Changeset {
    let kind = UpdateKind::Increment(Value::Int(1));
    let command = UpdateCommand { path: Path::parse("n").unwrap(), kind };
    changeset([operation("counter", Action::Update(vec![command]))])
}

async fn send(app: &App, request: Request) -> Result<Written, CommitError> {
    let render = |committed: &Committed| format!("txn {}", committed.txn_id.0).into_bytes();
    app.commit_request(increment(), request, Box::new(render)).await
}

#[track_caller]
fn check_repeated(written: Result<Written, CommitError>, txn: u64) {
    let Ok(Written::Repeated(remembered)) = written else { panic!("{written:?}") };
    assert_eq!(remembered.txn_id.0, txn);
    assert_eq!(remembered.reply, Some(format!("txn {txn}").into_bytes()));
    assert_eq!(remembered.counts, Counts { updated: 1, ..Counts::default() });
}

fn counter(app: &App) -> String {
    documents(app).concat()
}

fn with_counter(dir: &std::path::Path) -> (std::sync::Arc<store::DataDir>, std::sync::Arc<App>) {
    let (data, app) = open_app(dir);
    runtime().block_on(app.commit(changeset([upsert("counter", r#"{"n":0}"#)]))).unwrap();
    (data, app)
}

#[test]
fn a_repetition_gets_the_first_answer_before_and_after_a_restart_and_a_kill() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    {
        let (_data, app) = with_counter(dir.path());
        runtime().block_on(async {
            assert!(matches!(send(&app, request("a")).await, Ok(Written::New(committed)) if committed.txn_id.0 == 2));
            check_repeated(send(&app, request("a")).await, 2);
            assert!(matches!(send(&app, request("b")).await, Ok(Written::New(_))));
            check_repeated(send(&app, request("a")).await, 2);
        });
        assert_eq!(app.events().high_watermark(), 3);
        copy_dir(dir.path(), killed.path());
    }
    for dir in [&dir, &killed] {
        let (_data, app) = open_app(dir.path());
        check_repeated(runtime().block_on(send(&app, request("a"))), 2);
        assert_eq!(app.repeated(&request("b")).unwrap().map(|found| found.txn_id.0), Some(3));
        assert!(app.repeated(&request("c")).unwrap().is_none());
    }
}

#[test]
fn another_body_and_another_caller_are_another_request() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = with_counter(dir.path());
    runtime().block_on(async {
        send(&app, request("a")).await.unwrap();
        let other_body = Request { body: [2; 16], ..request("a") };
        let error = send(&app, other_body.clone()).await.unwrap_err();
        assert!(matches!(&error, CommitError::RequestReused { id } if id == "a"), "{error}");
        assert!(matches!(app.repeated(&other_body), Err(CommitError::RequestReused { .. })));
        let other_caller = Request { caller: String::new(), ..other_body };
        assert!(matches!(send(&app, other_caller).await, Ok(Written::New(_))));
    });
    assert_eq!(app.events().high_watermark(), 3);
}

#[test]
fn repetitions_that_come_at_once_are_one_write() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = with_counter(dir.path());
    let written = runtime().block_on(async {
        let sends = (0..50).map(|n| {
            let app = app.clone();
            tokio::spawn(async move { send(&app, request(&(n % 5).to_string())).await })
        });
        let mut written = Vec::new();
        for send in sends.collect::<Vec<_>>() {
            written.push(send.await.unwrap().unwrap());
        }
        written
    });
    let new = written.iter().filter(|written| matches!(written, Written::New(_))).count();
    assert_eq!((new, app.events().high_watermark()), (5, 6));
    assert!(counter(&app).contains(r#""n":5"#), "{}", counter(&app));
}

/// Whatever operation on the app's files fails, a writer is told the truth: what is acknowledged is
/// there after a restart, what is refused is not, and what is unknown is there once or not at all,
/// also when it is sent again.
#[test]
fn at_every_failed_operation_writers_are_told_the_truth() {
    for (fault, given, step) in [
        (Fault::Io, true, 2),
        (Fault::Io, false, 5),
        (Fault::Full, false, 5),
        (Fault::Torn, true, 3),
        (Fault::Crash, true, 5),
    ] {
        let mut at = 1;
        while check_truth(fault, at, given) {
            at += step;
        }
        assert!(at > 30, "{fault:?} came {at} times only");
    }
}

/// Whether the fault came at all.
fn check_truth(fault: Fault, at: u64, given: bool) -> bool {
    let place = format!("{fault:?} at {at}, given {given}");
    let dir = tempfile::tempdir().unwrap();
    let named = |n: u64| Request { given, ..request(&format!("r{n}")) };
    let (mut acknowledged, mut unknown) = (Vec::new(), Vec::new());
    let has_come = {
        let (_data, app) = with_counter(dir.path());
        // Every other write needs a new segment.
        let padding = format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000));
        runtime().block_on(app.commit(changeset([upsert("counter", &padding)]))).unwrap();
        let injected = inject(&dir.path().join("apps/shop"), Plan::new(fault, at).only(&WRITING));
        runtime().block_on(async {
            for n in 0..6 {
                match send(&app, named(n)).await {
                    Ok(Written::New(_)) => acknowledged.push(n),
                    Ok(other) => panic!("{place}: {other:?}"),
                    Err(CommitError::Unknown { .. }) => unknown.push(n),
                    Err(_) => {}
                }
            }
        });
        injected.has_come()
    };
    assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole(), "{place}");
    let (_data, app) = open_app(dir.path());
    let count = || app.events().high_watermark() as usize - 2;
    let known = acknowledged.len();
    assert!((known..=known + unknown.len()).contains(&count()), "{place}: {} events", count());
    // Sent again, under the name that the error gave.
    runtime().block_on(async {
        for &n in acknowledged.iter().filter(|_| given).chain(&unknown) {
            send(&app, Request { given: true, ..named(n) }).await.unwrap();
        }
    });
    assert_eq!(count(), known + unknown.len(), "{place}: acknowledged {acknowledged:?}, unknown {unknown:?}");
    has_come
}

const WRITING: [Act; 7] = [Act::Open, Act::Write, Act::Resize, Act::Sync, Act::Rename, Act::Remove, Act::Engine];

/// A panic on the way to the disk, or while documents are written, leaves nobody waiting; and the
/// app can be stopped.
#[test]
fn a_panic_of_the_committer_leaves_nobody_waiting() {
    for act in [Act::Write, Act::Sync, Act::Engine] {
        let dir = tempfile::tempdir().unwrap();
        let runtime = runtime();
        let (data, app) = with_counter(dir.path());
        let injected = inject(&dir.path().join("apps/shop"), Plan::new(Fault::Panic, 1).only(&[act]));
        let answers = runtime.block_on(async {
            let sends = (0..20).map(|n| {
                let app = app.clone();
                tokio::spawn(async move { send(&app, request(&n.to_string())).await })
            });
            let mut answers = Vec::new();
            for send in sends.collect::<Vec<_>>() {
                let answer = tokio::time::timeout(std::time::Duration::from_secs(30), send).await;
                answers.push(answer.expect("nobody waits in vain").unwrap());
            }
            answers
        });
        assert!(injected.has_come());
        assert!(answers.iter().all(|answer| answer.is_err()), "{answers:?}");
        assert!(matches!(app.write_obstacle(), Some(CommitError::Halted { .. })));
        drop(injected);
        data.stop();
        drop((data, app));
        let unknown = answers.iter().filter(|answer| matches!(answer, Err(CommitError::Unknown { .. }))).count();
        let (_data, app) = open_app(dir.path());
        assert!(app.events().high_watermark() as usize - 1 <= unknown);
    }
}

/// A repetition that comes while the first is on its way to the disk is not better than the first.
#[test]
fn a_repetition_of_what_fails_on_the_way_is_unknown_too_until_it_is_known() {
    for act in [Act::Write, Act::Sync, Act::Engine] {
        for given in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let runtime = runtime();
            let (data, app) = with_counter(dir.path());
            let injected = inject(&dir.path().join("apps/shop"), Plan::new(Fault::Io, 1).only(&[act]));
            let first = Request { given, ..request("a") };
            runtime.block_on(async {
                // Nobody knows the server's name for it before it has failed.
                let sends = (0..if given { 20 } else { 1 }).map(|_| {
                    let (app, request) = (app.clone(), first.clone());
                    tokio::spawn(async move { send(&app, request).await })
                });
                for send in sends.collect::<Vec<_>>() {
                    let answer = send.await.unwrap();
                    assert!(matches!(answer, Err(CommitError::Unknown { .. })), "{act:?}, given {given}: {answer:?}");
                }
                let again = send(&app, request("a")).await;
                assert!(matches!(again, Err(CommitError::Unknown { .. })), "{act:?}, given {given}: {again:?}");
                let other = send(&app, request("b")).await;
                assert!(matches!(other, Err(CommitError::Halted { .. })), "{act:?}: {other:?}");
            });
            drop(injected);
            drop((data, app));
            let (_data, app) = open_app(dir.path());
            for _ in 0..2 {
                runtime.block_on(send(&app, request("a"))).unwrap();
            }
            assert_eq!(app.events().high_watermark(), 2, "{act:?}, given {given}: done once");
        }
    }
}
