//! What peers push is taken exactly once, whatever fails on the way, and its events say what came of
//! it.

use crate::support::{START_MS, changeset, events, map, open_app, operation, remove, runtime, upsert};
use document::{
    Action, Changeset, Document, Operation, Origin, Path, Pushed, SiteId, Stamp, UpdateCommand, UpdateKind,
};
use document::{Value, WriteRules};
use files::{
    Act,
    faults::{Fault, Plan, inject},
};
use store::{App, CommitError, PushFaultReason, PushOutcome, PushRefusal, Refusal, TxnId, Write};

const SITE: SiteId = SiteId(0xb2);

/// The `n`th tick of a site's clock.
fn tick(site: SiteId, n: u64) -> Stamp {
    Stamp { time: (START_MS << 16) + n, site }
}

fn written(json: &str, n: u64) -> Document {
    let mut document = Document::new();
    document.upsert(&map(json), &[], tick(SITE, n), WriteRules::NEWEST);
    document
}

fn merge(document: &str, delta: Document, base: u64) -> Operation {
    let removed = !delta.exists();
    operation(document, Action::Merge { delta, removed, base })
}

fn pushed(seq: u64, operations: impl Into<Vec<Operation>>) -> Changeset {
    let pushed = Some(Pushed { seq, hash: [seq.to_le_bytes()[0]; 16], subject: "till/1".into() });
    let origin = Origin { peer: "till".into(), site: Some(SITE), pushed, ..Origin::default() };
    Changeset { origin, ..changeset(operations) }
}

async fn push(app: &App, changeset: &Changeset) -> PushOutcome {
    let outcomes = app.push(vec![Write::from(changeset.clone())]).await.unwrap();
    outcomes.into_iter().next().unwrap()
}

#[test]
fn a_push_is_one_transaction_and_is_taken_once() {
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    let runtime = runtime();
    let two = pushed(1, [merge("a", written(r#"{"n":1}"#, 1), 0), merge("b", written(r#"{"n":1}"#, 1), 0)]);
    let three = pushed(3, [merge("a", written(r#"{"n":2}"#, 2), 1)]);
    runtime.block_on(async {
        assert_eq!(push(&app, &two).await, PushOutcome::Taken(TxnId(1)));
        assert_eq!(push(&app, &two).await, PushOutcome::Known(Some(TxnId(1))));
        let both = app.push(vec![Write::from(two.clone()), Write::from(three.clone())]).await.unwrap();
        assert_eq!(both, [PushOutcome::Known(Some(TxnId(1))), PushOutcome::Taken(TxnId(2))]);
        assert_eq!(push(&app, &two).await, PushOutcome::Known(None));
        assert_eq!(events(&app).await.len(), 3);
    });
    drop((data, app));
    // The documents are there, then they are made of the journal.
    for _ in 0..2 {
        let (data, app) = open_app(dir.path());
        assert_eq!(runtime.block_on(push(&app, &three)), PushOutcome::Known(Some(TxnId(2))));
        assert_eq!(app.site(SITE).unwrap().unwrap().seq, 3);
        assert_eq!(app.events().high_watermark(), 3);
        data.stop();
        drop((data, app));
        assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole());
        std::fs::remove_dir_all(dir.path().join("apps/shop/documents")).unwrap();
        drop(std::fs::remove_file(dir.path().join("apps/shop/documents.inventory")));
    }
}

#[test]
fn headers_say_who_wrote_and_what_came_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    let headers = runtime().block_on(async {
        push(&app, &pushed(1, [merge("a", written(r#"{"x":1,"y":1}"#, 5), 0)])).await;
        app.commit(changeset([upsert("a", r#"{"x":2}"#)])).await.unwrap();
        push(&app, &pushed(2, [merge("a", written(r#"{"x":3,"y":3}"#, 6), 1)])).await;
        push(&app, &pushed(3, [merge("a", written(r#"{"x":3}"#, 4), 1)])).await;
        events(&app).await.into_iter().map(|(.., headers)| headers).collect::<Vec<_>>()
    });
    let told = |headers: &str| headers.split_once("peer=").unwrap().1.to_owned();
    let told: Vec<_> = headers.iter().map(|headers| told(headers)).collect();
    assert_eq!(
        told,
        [
            "till site=178 stamp=1645472201000.5 merge=won",
            "http",
            "till site=178 stamp=1645472201000.6 merge=part",
            "till site=178 stamp=1645472201000.4 merge=lost",
        ]
    );
}

fn reasons(outcome: PushOutcome) -> Vec<(usize, PushFaultReason)> {
    let PushOutcome::Refused { reason: PushRefusal::Rules(Refusal::Push { faults }), .. } = outcome else {
        panic!("{outcome:?}")
    };
    faults.into_iter().map(|fault| (fault.operation, fault.reason)).collect()
}

#[test]
fn a_refusal_names_every_operation_that_fails_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("gone", "{}")])).await.unwrap();
        app.commit(changeset([remove("gone")])).await.unwrap();
        let mut foreign = Document::new();
        foreign.upsert(&map("{}"), &[], tick(SiteId(0xc3), 1), WriteRules::NEWEST);
        let mut ahead = Document::new();
        let stamp = Stamp { time: (START_MS + 301_000) << 16, site: SITE };
        ahead.upsert(&map("{}"), &[], stamp, WriteRules::NEWEST);
        let large = written(&format!(r#"{{"t":"{}"}}"#, "x".repeat(5 << 20)), 1);
        let not_removed = Action::Merge { delta: written("{}", 1), removed: true, base: 0 };
        let operations = [
            merge("good", written("{}", 1), 0),
            merge("foreign", foreign, 0),
            merge("gone", written("{}", 1), 1),
            merge("large", large, 0),
            merge("ahead", ahead, 0),
            operation("kind", not_removed),
        ];
        let reasons = reasons(push(&app, &pushed(1, operations.clone())).await);
        assert_eq!(reasons.iter().map(|(operation, _)| *operation).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let [foreign, gone, large, ahead, kind] = reasons.map_to_array();
        assert!(matches!(foreign, PushFaultReason::Delta(_)), "{foreign:?}");
        assert!(matches!(gone, PushFaultReason::Removed { txn: 2 }), "{gone:?}");
        assert!(matches!(large, PushFaultReason::TooLarge { .. }), "{large:?}");
        assert!(matches!(ahead, PushFaultReason::StampAhead(_)), "{ahead:?}");
        assert!(matches!(kind, PushFaultReason::Kind { removed: true }), "{kind:?}");
        assert_eq!(app.events().high_watermark(), 2);
        assert!(app.site(SITE).unwrap().is_none());
        // The number is free for what comes next, and what was refused may come again.
        let [good, ..] = operations;
        assert_eq!(push(&app, &pushed(2, [good.clone()])).await, PushOutcome::Taken(TxnId(3)));
        assert_eq!(push(&app, &pushed(1, [good])).await, PushOutcome::Taken(TxnId(4)));
    });
}

trait MapToArray {
    fn map_to_array(self) -> [PushFaultReason; 5];
}

impl MapToArray for Vec<(usize, PushFaultReason)> {
    fn map_to_array(self) -> [PushFaultReason; 5] {
        let reasons: Vec<_> = self.into_iter().map(|(_, reason)| reason).collect();
        reasons.try_into().unwrap()
    }
}

#[test]
fn nobody_pushes_for_another_site_or_under_a_number_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let first = pushed(1, [merge("a", written("{}", 1), 0)]);
        push(&app, &first).await;
        let mut other_content = first.clone();
        other_content.origin.pushed.as_mut().unwrap().hash = [9; 16];
        assert_eq!(push(&app, &other_content).await, PushOutcome::SiteReused);
        let mut stranger = pushed(2, [merge("a", written("{}", 2), 1)]);
        stranger.origin.pushed.as_mut().unwrap().subject = "bob/1".into();
        let outcomes = app.push(vec![Write::from(stranger), Write::from(first)]).await.unwrap();
        assert_eq!(outcomes, [PushOutcome::SiteReused]);
        assert_eq!(app.events().high_watermark(), 1);
    });
}

#[test]
fn what_needs_a_push_that_was_not_taken_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        let needing = |seq: u64, need: u64| {
            let push = pushed(seq, [merge("a", written("{}", seq), 0)]);
            Write { needs: vec![need], ..Write::from(push) }
        };
        let taken = Write::from(pushed(2, [merge("a", written("{}", 2), 0)]));
        let outcomes = app.push(vec![needing(1, 9), taken, needing(3, 1), needing(4, 2)]).await.unwrap();
        let refused = |seq, at| PushOutcome::Refused { reason: PushRefusal::Needs { seq }, at: TxnId(at) };
        let expected = [refused(9, 0), PushOutcome::Taken(TxnId(1)), refused(1, 1), PushOutcome::Taken(TxnId(2))];
        assert_eq!(outcomes, expected);
        assert_eq!(app.site(SITE).unwrap().unwrap().missing, [(1, 1), (3, 3)]);
    });
}

#[test]
fn a_removed_document_comes_back_only_by_who_knew_that() {
    let dir = tempfile::tempdir().unwrap();
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        app.commit(changeset([upsert("a", r#"{"n":1}"#)])).await.unwrap();
        app.commit(changeset([remove("a")])).await.unwrap();
        let later = |seq, base| pushed(seq, [merge("a", written(r#"{"n":2}"#, 1000 + seq), base)]);
        assert_eq!(reasons(push(&app, &later(1, 1)).await).len(), 1);
        assert_eq!(push(&app, &later(2, 2)).await, PushOutcome::Taken(TxnId(3)));
        let mut gone = written(r#"{"n":2}"#, 1002);
        gone.remove(tick(SITE, 2000));
        assert_eq!(push(&app, &pushed(3, [merge("a", gone, 1)])).await, PushOutcome::Taken(TxnId(4)));
        // One that never saw it has made another of the same name.
        assert_eq!(push(&app, &pushed(4, [merge("a", written("{}", 3000), 0)])).await, PushOutcome::Taken(TxnId(5)));
        let ops: Vec<_> = events(&app).await.into_iter().map(|(.., headers)| headers).collect();
        let op = |headers: &String| headers.split_once("op=").unwrap().1.split(' ').next().unwrap().to_owned();
        assert_eq!(ops.iter().map(op).collect::<Vec<_>>(), ["insert", "remove", "insert", "remove", "insert"]);
    });
}

/// A peer sends what it got no verdict of until it has one: whatever fails on the way, each is one
/// event in the end.
#[test]
fn at_every_failed_operation_a_push_is_taken_once() {
    for (fault, step) in [(Fault::Io, 7), (Fault::Full, 13), (Fault::Torn, 13), (Fault::Crash, 11)] {
        let mut at = 1;
        while check_once(fault, at) {
            at += step;
        }
        assert!(at > 25, "{fault:?} came {at} times only");
    }
}

const WRITING: [Act; 7] = [Act::Open, Act::Write, Act::Resize, Act::Sync, Act::Rename, Act::Remove, Act::Engine];

fn increment(n: u64) -> Document {
    let mut before = written("{}", 1);
    let by = |value| UpdateCommand { path: Path::parse("n").unwrap(), kind: UpdateKind::Increment(Value::Int(value)) };
    for tick_of in 1..=n {
        before.update(&[by(1)], tick(SITE, 1 + tick_of), WriteRules::NEWEST).unwrap();
    }
    before
}

/// Whether the fault came at all.
fn check_once(fault: Fault, at: u64) -> bool {
    let place = format!("{fault:?} at {at}");
    let dir = tempfile::tempdir().unwrap();
    // Every other one needs a new segment.
    let padding = |n: u64| upsert(&format!("p{n}"), &format!(r#"{{"text":"{}"}}"#, "x".repeat(20_000)));
    let one = |n: u64| pushed(n, [merge("counter", increment(n), 0)]);
    let mut verdicts = Vec::new();
    let has_come = {
        let (_data, app) = open_app(dir.path());
        runtime().block_on(app.commit(changeset([upsert("other", "{}")]))).unwrap();
        let injected = inject(&dir.path().join("apps/shop"), Plan::new(fault, at).only(&WRITING));
        runtime().block_on(async {
            for n in 1..=4 {
                drop(app.commit(changeset([padding(n)])).await);
                match app.push(vec![Write::from(one(n))]).await {
                    Ok(outcomes) => verdicts.push((n, outcomes[0].clone())),
                    Err(CommitError::Refused(refusal)) => panic!("{place}: {refusal}"),
                    Err(_) => break,
                }
            }
        });
        injected.has_come()
    };
    assert!(store::verify(dir.path(), &mut |_| ()).unwrap().is_whole(), "{place}");
    let (_data, app) = open_app(dir.path());
    runtime().block_on(async {
        for n in 1..=4 {
            let outcome = push(&app, &one(n)).await;
            let before = verdicts.iter().find(|(seq, _)| *seq == n).map(|(_, outcome)| outcome);
            match (before, &outcome) {
                (Some(PushOutcome::Taken(first)), PushOutcome::Known(Some(again))) => {
                    assert_eq!(first, again, "{place}")
                }
                (Some(_), PushOutcome::Known(_)) | (None, PushOutcome::Taken(_) | PushOutcome::Known(_)) => {}
                other => panic!("{place}: {other:?}"),
            }
        }
        let of_counter = events(&app).await.into_iter().filter(|(_, key, ..)| key.contains("counter")).count();
        assert_eq!(of_counter, 4, "{place}: {verdicts:?}");
    });
    has_come
}

#[test]
fn sites_are_listed_by_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let (data, app) = open_app(dir.path());
    let runtime = runtime();
    for site in [700, 5, u64::MAX - 1] {
        let site = SiteId(site);
        let mut document = Document::new();
        document.upsert(&map("{}"), &[], tick(site, 1), WriteRules::NEWEST);
        let changeset = pushed(1, [merge(&format!("d{}", site.0), document, 0)]);
        let origin = Origin { site: Some(site), ..changeset.origin.clone() };
        let outcome = runtime.block_on(push(&app, &Changeset { origin, ..changeset }));
        assert!(matches!(outcome, PushOutcome::Taken(_)), "{outcome:?}");
    }
    let sites = |after: Option<u64>, count_max| {
        let listed = app.sites_after(after.map(SiteId), count_max).unwrap();
        listed.into_iter().map(|(site, known)| (site.0, known.seq)).collect::<Vec<_>>()
    };
    assert_eq!(sites(None, 9), [(5, 1), (700, 1), (u64::MAX - 1, 1)]);
    assert_eq!(sites(Some(5), 1), [(700, 1)]);
    assert_eq!(sites(Some(u64::MAX), 9), []);
    data.stop();
}
