//! What every edge is refused alike, on a data directory of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use credentials::{Credentials, CredentialsError, Grant, NewKey, Permission};
use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin};
use operations::{
    AppError, AuditLog, ConsumerGroup, ConsumerGroups, DeleteAppError, DeleteGroupError, DroppedDocuments, FilesError,
    GroupMember, Operations, ResetError, Target, UserError, Warning,
};
use store::{AppName, CommittedOffset, DataDir, StoreOptions, WallClock};
use tempfile::TempDir;
use topics::{ChangeError, TopicRegistry};
use wire::admin::{Compression, LiveQueryChange, NewLiveQuery, OnGap};

#[derive(Debug)]
struct Stopped;

impl WallClock for Stopped {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

/// Groups as the test says.
#[derive(Debug, Default)]
struct SaidGroups(Mutex<Vec<ConsumerGroup>>);

impl ConsumerGroups for SaidGroups {
    fn of_app(&self, _: &str) -> Vec<ConsumerGroup> {
        self.0.lock().unwrap().clone()
    }

    fn has_members(&self, _: &str, group: &str) -> bool {
        self.of_app("").iter().any(|known| known.name == group && !known.members.is_empty())
    }
}

fn operations(directory: &TempDir) -> (Arc<Operations>, Arc<SaidGroups>) {
    let clock = Arc::new(Stopped);
    let data_dir = DataDir::open(directory.path(), StoreOptions::default(), clock.clone(), rand::random).unwrap();
    let groups = Arc::new(SaidGroups::default());
    let topics = TopicRegistry::new(data_dir.clone());
    let operations = Operations {
        maintenance: operations::Maintenance::new(data_dir.clone(), topics.clone()),
        sinks: sinks::Sinks::open(topics.clone(), sinks::Host::of(&data_dir)).unwrap(),
        default_app: AppName::new("default").unwrap(),
        topics,
        credentials: Credentials::open(directory.path(), clock.now_ms()).unwrap(),
        data_dir,
        groups: Some(groups.clone()),
        peers: None,
        audit: Arc::new(AuditLog::of(directory.path())),
        clock,
        kafka_endpoint: "localhost:9093".to_owned(),
        open_doors: vec!["127.0.0.1:8080".parse().unwrap()],
    };
    (Arc::new(operations), groups)
}

#[tokio::test]
async fn an_app_is_made_once_with_its_files() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    let shop = operations.create_app("shop").await.unwrap();
    let settings = operations.bundle_files("shop", None).unwrap().settings().unwrap();
    assert_eq!((settings.topic, &*settings.endpoint), (shop.main_topic(), "localhost:9093"));
    assert!(matches!(operations.create_app("shop").await, Err(AppError::Create(_))));
    assert!(matches!(operations.create_app("Shop").await, Err(AppError::Name(_))));
    assert!(operations.app_named("shop").is_ok() && operations.app_named("bakery").is_err());
}

#[tokio::test]
async fn certificates_are_an_apps_own() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    let (shop, bakery) = (operations.create_app("shop").await.unwrap(), operations.create_app("bakery").await.unwrap());
    let (ann, bundle) = operations.issue_user(&shop, "ann", None, None).await.unwrap();
    assert_eq!(bundle.directory, operations.credentials_directory("shop", Some("ann")));
    let again = operations.issue_user(&shop, "ann", None, None).await;
    assert!(matches!(again, Err(UserError::Credentials(CredentialsError::Exists { .. }))), "{again:?}");
    let hidden = operations.issue_user(&shop, ".ann", None, None).await;
    assert!(matches!(hidden, Err(UserError::Credentials(CredentialsError::BadName { .. }))), "{hidden:?}");

    assert!(operations.bundle_files("shop", Some("ann")).unwrap().exist().unwrap());
    let foreign = operations.bundle_files("bakery", Some("ann"));
    assert!(matches!(foreign, Err(FilesError::UserNotFound { .. })), "{foreign:?}");
    let foreign = operations.revoke_certificate(&bakery, &ann.serial).await;
    assert!(matches!(foreign, Err(UserError::CertificateNotFound { .. })), "{foreign:?}");

    let revoked = operations.revoke_certificate(&shop, &ann.serial).await.unwrap();
    assert_eq!(revoked.map(|it| it.serial), Some(ann.serial.clone()));
    assert_eq!(operations.revoke_certificate(&shop, &ann.serial).await.unwrap(), None);
    assert!(operations.revoke_user(&shop, "ann").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_live_query_is_changed_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    operations.create_app("shop").await.unwrap();
    let topics = operations.topics.app("shop").await.unwrap();
    let new = NewLiveQuery {
        name: "adults".to_owned(),
        collection: Some("people".to_owned()),
        query: None,
        query_language: topics::QueryLanguage::Legacy,
        partitions: 2,
        on_gap: OnGap::Requery,
        compression: Compression::None,
        permission: None,
    };
    let made = operations.create_live_query(&topics, new.clone()).await.unwrap();
    assert_eq!(operations.live_query(&topics, "adults").unwrap(), made);
    assert!(matches!(operations.create_live_query(&topics, new).await, Err(ChangeError::Exists(_))));
    let change = LiveQueryChange { on_gap: Some(OnGap::Snapshot), compression: None };
    let changed = operations.change_live_query(&topics, "adults", change.clone()).await.unwrap();
    assert_eq!((changed.on_gap, changed.partitions), (OnGap::Snapshot, 2));
    let main = operations.change_live_query(&topics, topics::MAIN, change.clone()).await.unwrap();
    assert_eq!(main.on_gap, OnGap::Snapshot);
    let absent = operations.change_live_query(&topics, "children", change).await;
    assert!(matches!(absent, Err(ChangeError::NotFound(_))), "{absent:?}");
    operations.delete_live_query(&topics, "adults").await.unwrap();
    assert!(operations.live_query(&topics, "adults").is_err());
}

#[tokio::test]
async fn a_group_that_has_members_is_not_reset() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, groups) = operations(&directory);
    operations.create_app("shop").await.unwrap();
    let topics = operations.topics.app("shop").await.unwrap();
    let (app, main) = (topics.app().clone(), topics.main());
    let at = CommittedOffset { offset: 0, leader_epoch: -1, metadata: String::new() };
    app.commit_offsets("tills", vec![(main.name().to_owned(), 0, at)]).await.unwrap();
    let (group, present) = operations.groups(&topics).one("tills").unwrap();
    assert_eq!((&*group.state, group.members, group.partitions.len(), present), ("Empty", 0, 1, None));
    assert!(operations.groups(&topics).one("nobody").is_none());

    let member = GroupMember {
        id: "till-1".to_owned(),
        client_id: "till".to_owned(),
        host: "/192.0.2.7".to_owned(),
        instance_id: None,
        assigned: Vec::new(),
    };
    let (name, state) = ("tills".to_owned(), "Stable".to_owned());
    *groups.0.lock().unwrap() =
        vec![ConsumerGroup { name, state, protocol: "range".to_owned(), members: vec![member] }];
    let busy = operations.plan_reset(&topics, "tills", &main, Target::Nowhere).await;
    assert!(matches!(busy, Err(ResetError::Busy(_))), "{busy:?}");
    assert_eq!(operations.groups(&topics).first(9).0[0].members, 1);

    groups.0.lock().unwrap().clear();
    let ahead = operations.plan_reset(&topics, "tills", &main, Target::Offset(7)).await;
    assert!(matches!(ahead, Err(ResetError::OffsetAhead { offset: 7, next: 0 })), "{ahead:?}");
    let moves = operations.plan_reset(&topics, "tills", &main, Target::Nowhere).await.unwrap();
    operations.run_reset(&app, "tills", main.name(), &moves).await.unwrap();
    assert!(operations.groups(&topics).one("tills").is_none());
}

#[tokio::test]
async fn a_group_is_deleted_once_its_members_have_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, groups) = operations(&directory);
    operations.create_app("shop").await.unwrap();
    let topics = operations.topics.app("shop").await.unwrap();
    let app = topics.app().clone();
    for (topic, partition) in [("a", 0), ("a", 1), ("b", 0)] {
        let at = CommittedOffset { offset: 0, leader_epoch: -1, metadata: String::new() };
        app.commit_offsets("tills", vec![(topic.to_owned(), partition, at)]).await.unwrap();
    }
    let id = || "till-1".to_owned();
    let member = GroupMember { id: id(), client_id: id(), host: id(), instance_id: None, assigned: Vec::new() };
    let (name, state, protocol) = ("tills".to_owned(), "Stable".to_owned(), "range".to_owned());
    *groups.0.lock().unwrap() = vec![ConsumerGroup { name, state, protocol, members: vec![member] }];
    let busy = operations.delete_group(&app, "tills").await;
    assert!(matches!(busy, Err(DeleteGroupError::Busy(_))), "{busy:?}");
    groups.0.lock().unwrap().clear();
    assert_eq!(operations.delete_group(&app, "tills").await.unwrap(), 3);
    let again = operations.delete_group(&app, "tills").await;
    assert!(matches!(again, Err(DeleteGroupError::NotFound { .. })), "{again:?}");
}

fn written(documents: std::ops::Range<i64>) -> Changeset {
    let upsert = |id: i64| Operation {
        collection: CollectionName::new("people").unwrap(),
        id: DocumentId::from_json(&id.to_string()).unwrap(),
        condition: Condition::Always,
        action: Action::Upsert { value: document::Map::default(), types: Vec::new() },
    };
    Changeset { operations: documents.map(upsert).collect(), queries: Vec::new(), origin: Origin::default() }
}

#[tokio::test]
async fn a_collection_is_dropped_as_far_as_was_asked_for_each_with_its_event() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    operations.create_app("shop").await.unwrap();
    let app = operations.topics.app("shop").await.unwrap().app().clone();
    app.commit(written(0..2500)).await.unwrap();
    let people = CollectionName::new("people").unwrap();
    let left = || app.snapshot().unwrap().documents_in(&people).unwrap();
    let origin = Origin { peer: "portal".to_owned(), ..Origin::default() };
    let some = operations.drop_collection(&app, &people, 1200, &origin).await.unwrap();
    assert_eq!((some, left()), (DroppedDocuments { removed: 1200, has_more: true }, 1300));
    let rest = operations.drop_collection(&app, &people, u64::MAX, &origin).await.unwrap();
    assert_eq!((rest, left()), (DroppedDocuments { removed: 1300, has_more: false }, 0));
    assert_eq!(app.events().high_watermark(), 5000, "every removal is an event");
    let none = operations.drop_collection(&app, &people, u64::MAX, &origin).await.unwrap();
    assert_eq!(none, DroppedDocuments { removed: 0, has_more: false });
}

#[tokio::test]
async fn a_deleted_app_takes_everything_along_that_opened_it() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    let shop = operations.create_app("shop").await.unwrap();
    operations.create_app("bakery").await.unwrap();
    operations.create_app("default").await.unwrap();
    let (ann, _) = operations.issue_user(&shop, "ann", None, None).await.unwrap();
    let grant = |app: &str| credentials::Grant {
        app: app.to_owned(),
        collection: None,
        permissions: vec![credentials::Permission::Read],
    };
    let mut secrets = Vec::new();
    for (name, apps) in [("shop-only", vec!["shop"]), ("both", vec!["shop", "bakery"]), ("all", vec!["*"])] {
        let new = credentials::NewKey {
            name: name.to_owned(),
            grants: apps.into_iter().map(grant).collect(),
            permission: None,
        };
        secrets.push(operations.create_key(new).await.unwrap().1);
    }
    let topics = operations.topics.app("shop").await.unwrap();
    let topic_id = topics.main().id();
    topics.app().commit(written(0..3)).await.unwrap();
    drop(topics);

    let refused = operations.delete_app("default").await;
    assert!(matches!(refused, Err(DeleteAppError::Default { .. })), "{refused:?}");
    let absent = operations.delete_app("kiosk").await;
    assert!(matches!(absent, Err(DeleteAppError::Store(store::DeleteAppError::NotFound { .. }))), "{absent:?}");
    let deleted = operations.delete_app("shop").await.unwrap();
    assert!(deleted.is_finished, "nobody holds it");
    assert_eq!((deleted.withdrawn.certificates, deleted.withdrawn.keys), (2, vec!["shop-only".to_owned()]));
    assert!(!directory.path().join("apps/shop").exists() && !directory.path().join("credentials/shop").exists());
    assert!(operations.app_named("shop").is_err() && operations.topics.app("shop").await.is_err());
    assert!(operations.data_dir.unfinished_deletions().is_empty());

    operations.create_app("shop").await.unwrap();
    let topics = operations.topics.app("shop").await.unwrap();
    assert_eq!((topics.app().newest_txn().0, topics.app().events().high_watermark()), (0, 0));
    assert_ne!(topics.main().id(), topic_id, "consumers see that it is another topic");
    assert!(operations.credentials.is_revoked(&ann.serial));
    let may = |secret: &str, app: &str| {
        let principal = operations.credentials.authenticate(secret);
        principal.is_some_and(|it| it.may(credentials::Permission::Read, app, None))
    };
    let may = |app: &str| secrets.iter().map(|secret| may(secret, app)).collect::<Vec<_>>();
    assert_eq!((may("shop"), may("bakery")), (vec![false, false, true], vec![false, true, true]));
}

#[tokio::test]
async fn a_deletion_that_a_crash_broke_off_is_finished_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (before, _) = operations(&directory);
    let shop = before.create_app("shop").await.unwrap();
    let (ann, _) = before.issue_user(&shop, "ann", None, None).await.unwrap();
    before.topics.begin_deletion("shop").await.unwrap();
    assert!(!before.credentials.is_revoked(&ann.serial), "here it broke off");
    drop(before);

    let (after, _) = operations(&directory);
    assert!(after.app_named("shop").is_err() && after.create_app("shop").await.is_err());
    operations::finish_deletions(&after.data_dir, &after.credentials, 1);
    assert!(after.credentials.is_revoked(&ann.serial) && !directory.path().join("credentials/shop").exists());
    after.create_app("shop").await.unwrap();
    assert!(directory.path().join("credentials/shop/user.p12").exists());
}

#[tokio::test]
async fn who_holds_a_deleted_app_keeps_its_name_taken_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    operations.create_app("shop").await.unwrap();
    let held = operations.topics.app("shop").await.unwrap();
    let deleted = operations.delete_app("shop").await.unwrap();
    assert!(!deleted.is_finished && operations.app_named("shop").is_err());
    assert!(held.app().commit(written(0..1)).await.is_err());
    let taken = operations.create_app("shop").await.unwrap_err().to_string();
    assert!(taken.contains("still being deleted"), "{taken}");
    drop(held);
    let freed = async {
        while operations.create_app("shop").await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), freed).await.unwrap();
}

#[tokio::test]
async fn warnings_tell_of_an_open_api_and_of_a_certificate_that_ends() {
    let directory = tempfile::tempdir().unwrap();
    let (operations, _) = operations(&directory);
    let now_ms = Stopped.now_ms();
    let codes = |at_ms| -> Vec<&'static str> {
        let found = operations.warnings(at_ms);
        let is_disk = |warning: &&Warning| warning.code() == "diskNearlyFull"; // of the machine, not of this test
        found.iter().filter(|warning| !is_disk(warning)).map(Warning::code).collect()
    };
    let shop = operations.create_app("shop").await.unwrap();
    operations.topics.app("shop").await.unwrap();
    assert_eq!(codes(now_ms), ["apiOpen"]);
    let (ann, _) = operations.issue_user(&shop, "ann", None, None).await.unwrap();
    let before_end = ann.expires_ms - 5;
    assert_eq!(codes(before_end), ["certificateEnds", "certificateEnds", "apiOpen"], "the app's own and ann's");
    let grants = vec![Grant { app: "*".into(), collection: None, permissions: vec![Permission::Read] }];
    operations.create_key(NewKey { name: "reader".into(), grants, permission: None }).await.unwrap();
    assert_eq!(codes(now_ms), [""; 0]);
    for warning in operations.warnings(before_end) {
        assert!(warning.text().ends_with('.') && warning.advice().ends_with('.'), "{warning:?}");
    }
}
