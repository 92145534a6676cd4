//! Definitions are entries of the order: whatever becomes of the documents, the journal has them.

use crate::support::*;
use files::faults::{Fault, Plan, inject};
use store::{CommitError, Definition, DefinitionKind, TxnId};

const LIVE_QUERY: DefinitionKind = DefinitionKind::LiveQuery;

fn shown(definitions: &[Definition]) -> Vec<(&str, &str, u64, u64)> {
    definitions.iter().map(|one| (&*one.name, &*one.body, one.origin, one.txn_id.0)).collect()
}

#[test]
fn what_is_defined_outlives_restarts_and_the_loss_of_the_documents() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (_data, app) = open_app(dir.path());
        runtime().block_on(async {
            app.define(LIVE_QUERY, "a", "1".into()).await.unwrap();
            app.commit(changeset([upsert("x", "{}")])).await.unwrap();
            app.define(LIVE_QUERY, "b", "2".into()).await.unwrap();
            app.define(LIVE_QUERY, "a", "3".into()).await.unwrap();
            app.define(DefinitionKind::Sink, "b", "4".into()).await.unwrap();
            app.forget_definition(LIVE_QUERY, "b").await.unwrap();
            app.forget_definition(LIVE_QUERY, "never").await.unwrap();
        });
        assert_eq!(shown(&app.definitions(LIVE_QUERY)), [("a", "3", 0, 1)]);
        assert_eq!((app.newest_txn(), app.events().high_watermark()), (TxnId(1), 1), "no transaction, no event");
    }
    for remove_documents in [false, true] {
        if remove_documents {
            std::fs::remove_dir_all(dir.path().join("apps/shop/documents")).unwrap();
        }
        let (_data, app) = open_app(dir.path());
        assert_eq!(shown(&app.definitions(LIVE_QUERY)), [("a", "3", 0, 1)]);
        assert_eq!(shown(&app.definitions(DefinitionKind::Sink)), [("b", "4", 0, 1)]);
    }
    let report = store::verify(dir.path(), &mut |_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn a_definition_that_was_not_acknowledged_is_there_or_not_and_nobody_is_lied_to() {
    for at in 1..40 {
        let dir = tempfile::tempdir().unwrap();
        let (answer, has_come) = {
            let (_data, app) = open_app(dir.path());
            runtime().block_on(app.define(LIVE_QUERY, "a", "old".into())).unwrap();
            let injected = inject(&dir.path().join("apps/shop"), Plan::new(Fault::Crash, at));
            let answer = runtime().block_on(app.define(LIVE_QUERY, "a", "new".into()));
            (answer, injected.has_come())
        };
        let (_data, app) = open_app(dir.path());
        let body = app.definitions(LIVE_QUERY)[0].body.clone();
        match answer {
            Ok(()) => assert_eq!(body, "new"),
            Err(CommitError::Unknown { .. }) => assert!(["old", "new"].contains(&&*body), "{body}"),
            Err(error) => assert_eq!(body, "old", "{error}"),
        }
        if !has_come {
            return;
        }
    }
    panic!("the fault comes however late it is planned");
}
