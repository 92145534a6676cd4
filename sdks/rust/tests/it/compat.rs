//! Programs by the vendor's names.

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use headwater::compat::{
    Ditto, DittoAuthenticationEventHandler, DittoAuthenticator, DittoConfig, DittoError, OnlinePlayground,
    OnlineWithAuthentication, PersistentRoot,
};
use serde_json::json;

use crate::{
    server::{PATIENCE, Server, free_url, wait_for},
    streams::block_on,
};

#[test]
fn a_tasks_app_with_the_vendors_names() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let server = Server::start(&url);
    let root = Arc::new(PersistentRoot::new(dir.path()).unwrap());
    let ditto = Ditto::builder()
        .with_root(root)
        .with_identity(|root| OnlinePlayground::new(root, "shop", "", false, Some(&url)))
        .unwrap()
        .build();
    // The app's name is a part of the path, which this test's server does not know.
    drop(ditto.unwrap());
    let ditto = block_on(Ditto::open(DittoConfig::new(dir.path()).server(&url))).unwrap();
    let (sender, counts) = sync_channel(100);
    let store = ditto.store();
    let observer = store
        .register_observer(("SELECT * FROM tasks WHERE done = :done", json!({"done": false})), move |result| {
            sender.send(result.item_count()).unwrap();
        })
        .unwrap();
    let subscription = ditto.sync().register_subscription("SELECT * FROM tasks").unwrap();
    ditto.start_sync().unwrap();
    let task = json!({"task": {"_id": "milk", "done": false, "count": 1}});
    let inserted = block_on(store.execute(("INSERT INTO tasks DOCUMENTS (:task)", task))).unwrap();
    assert_eq!(inserted.mutated_document_ids(), ["milk".into()]);
    while counts.recv_timeout(PATIENCE).unwrap() != 1 {}
    block_on(store.execute("UPDATE tasks SET done = true WHERE _id = 'milk'")).unwrap();
    while counts.recv_timeout(PATIENCE).unwrap() != 0 {}
    let found = block_on(store.execute_v2("SELECT * FROM tasks")).unwrap();
    let item = found.get_item(0).unwrap();
    assert_eq!(item.deserialize_value::<serde_json::Value>().unwrap(), item.value());
    assert!(matches!(block_on(store.execute("SELEKT")), Err(DittoError::Query(_) | DittoError::Write(_))));
    wait_for("the events", || server.events().len() == 2);
    observer.cancel();
    subscription.cancel().unwrap();
    ditto.close();
}

#[test]
fn a_legacy_app_with_the_vendors_names() {
    let dir = tempfile::tempdir().unwrap();
    let ditto = Ditto::open_sync(DittoConfig::new(dir.path())).unwrap();
    let people = ditto.store().collection("people").unwrap();
    for (name, age) in [("Ann", 31), ("Bob", 28), ("Eve", 40)] {
        people.upsert(json!({"_id": name, "age": age, "address": {"city": "Rome"}})).unwrap();
    }
    let (sender, seen) = sync_channel(100);
    let live = people
        .find_with_args("age > $args.age", json!({"age": 30}))
        .sort("age", true)
        .observe_local(move |documents, event| sender.send((documents.len(), event.is_initial)).unwrap())
        .unwrap();
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), (2, true));
    let found = people.find("age > 30").sort("age", true).limit(1).exec().unwrap();
    assert_eq!((found[0].id(), found[0].get::<String>("address.city").unwrap()), ("Eve".into(), "Rome".to_owned()));
    people
        .find_by_id("Ann")
        .update(|document| {
            let document = document.unwrap();
            document.set("age", 20).unwrap();
            document.increment("visits", 2.0).unwrap();
            document.remove("address").unwrap();
        })
        .unwrap();
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), (1, false));
    assert_eq!(
        people.find_by_id("Ann").exec().unwrap().unwrap().value(),
        json!({"_id": "Ann", "age": 20, "visits": 2.0})
    );
    let updated = people.find("age < 30").update(|all| all.iter_mut().for_each(|it| it.set("young", true).unwrap()));
    assert_eq!(updated.unwrap().len(), 2);
    drop(live);
    let written = ditto.store().write(|mut transaction| {
        transaction.collection("people")?.upsert(json!({"_id": "Kim"}))?;
        transaction.collection("log")?.upsert(json!({"what": "Kim came"}))
    });
    written.unwrap();
    assert!(people.find_by_id("Bob").remove().unwrap() && people.find_by_id("Kim").evict().unwrap());
    assert_eq!(people.find_all().exec().unwrap().len(), 2);
}

/// Logs in, and says with how long left.
struct LogsIn(SyncSender<Duration>);

impl LogsIn {
    fn log_in(&self, auth: &DittoAuthenticator, remaining: Duration) {
        let login = auth.login("ann", "own").unwrap().unwrap();
        assert_eq!(login.user_id, "ann");
        let _ = self.0.send(remaining); // unless the test is over
    }
}

impl DittoAuthenticationEventHandler for LogsIn {
    fn authentication_required(&self, auth: DittoAuthenticator) {
        self.log_in(&auth, Duration::ZERO);
    }

    fn authentication_expiring_soon(&self, auth: DittoAuthenticator, seconds_remaining: Duration) {
        self.log_in(&auth, seconds_remaining);
    }
}

#[test]
fn a_user_logs_in_by_the_vendors_names() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let server = Server::start(&url);
    let key = server.create_write_key("closes-it");
    let (sender, logins) = sync_channel(100);
    let root = Arc::new(PersistentRoot::new(dir.path()).unwrap());
    let handler = LogsIn(sender.clone());
    let identity = |root| OnlineWithAuthentication::new(root, "", handler, false, Some(&url));
    let ditto = Ditto::builder().with_root(root).with_identity(identity).unwrap().build().unwrap();
    ditto.start_sync().unwrap();
    assert_eq!(logins.recv_timeout(PATIENCE).unwrap(), Duration::ZERO, "it has no token at first");
    // A token counts for two seconds, and the next one is asked for a second before, unless all is slow.
    assert!((0..10).any(|_| !logins.recv_timeout(PATIENCE).unwrap().is_zero()));

    let auth = ditto.auth().unwrap();
    assert!(matches!(auth.login("ann", "other"), Err(DittoError::Login { is_refused: true, .. })));
    auth.set_expiration_handler(move |ditto, _| {
        assert!(ditto.auth().unwrap().login(&key, DittoAuthenticator::DEVELOPMENT_PROVIDER).unwrap().is_none());
        sender.send(Duration::MAX).unwrap();
    })
    .unwrap();
    while logins.recv_timeout(PATIENCE).unwrap() != Duration::MAX {}
    ditto.store().collection("people").unwrap().upsert(json!({"_id": "susan"})).unwrap();
    wait_for("the write by the key", || server.events().len() == 1);
    auth.logout().unwrap();
}
