//! What every edge is refused alike, on a data directory of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use credentials::{Credentials, CredentialsError};
use operations::{
    AppError, ConsumerGroup, ConsumerGroups, FilesError, GroupMember, Operations, ResetError, Target, UserError,
};
use store::{CommittedOffset, DataDir, StoreOptions, WallClock};
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
    let operations = Operations {
        topics: TopicRegistry::new(data_dir.clone()),
        credentials: Credentials::open(directory.path(), clock.now_ms()).unwrap(),
        data_dir,
        groups: Some(groups.clone()),
        peers: None,
        clock,
        kafka_endpoint: "localhost:9093".to_owned(),
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
    let (ann, bundle) = operations.issue_user(&shop, "ann", None).await.unwrap();
    assert_eq!(bundle.directory, operations.credentials_directory("shop", Some("ann")));
    let again = operations.issue_user(&shop, "ann", None).await;
    assert!(matches!(again, Err(UserError::Credentials(CredentialsError::Exists { .. }))), "{again:?}");
    let hidden = operations.issue_user(&shop, ".ann", None).await;
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
