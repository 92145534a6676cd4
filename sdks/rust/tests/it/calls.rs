//! Transactions, typed fields, changes in closures, what is told of them.

use std::sync::mpsc::sync_channel;

use headwater::{Change, Config, Error, FieldType, Headwater, State};
use serde_json::{Value, json};

use crate::server::{PATIENCE, Server, free_url, wait_for};

#[derive(Debug)]
enum Own {
    Changed,
    Headwater(Error),
}

impl From<Error> for Own {
    fn from(error: Error) -> Self {
        Self::Headwater(error)
    }
}

#[test]
fn a_transaction_is_one_of_the_server_or_nothing_at_all() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let server = Server::start(&url);
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    let store = peer.store();
    store
        .collection("stock")
        .unwrap()
        .upsert_typed(json!({"_id": "tea", "left": 5}), [("left", FieldType::Counter)])
        .unwrap();
    let (count, written) = store
        .transaction(|tx| -> Result<usize, Error> {
            let id = tx.collection("orders")?.upsert(json!({"what": "tea"}))?;
            assert!(tx.collection("orders")?.find_by_id(&id)?.is_some(), "it sees its own writes");
            tx.execute("INSERT INTO orders DOCUMENTS (:order)", json!({"order": {"_id": 2, "what": "tea"}}))?;
            assert!(tx.collection("stock")?.update("tea", [Change::increment("left", -2)])?);
            assert!(!tx.collection("stock")?.remove("coffee")?);
            Ok(tx.collection("orders")?.find("what == $args.what", json!({"what": "tea"}))?.len())
        })
        .unwrap();
    assert_eq!((count, written.ids().len()), (2, 3));

    let failed = store.transaction(|tx| -> Result<(), Own> {
        tx.collection("orders")?.upsert(json!({"_id": 3}))?;
        tx.collection("")?;
        Err(Own::Changed)
    });
    assert!(matches!(failed, Err(Own::Headwater(Error::Collection(_)))));
    let changed = store.transaction(|tx| -> Result<(), Own> {
        tx.collection("orders")?.upsert(json!({"_id": 3}))?;
        Err(Own::Changed)
    });
    assert!(matches!(changed, Err(Own::Changed)));
    let held = peer.clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.transaction(move |tx| -> Result<(), Error> {
            tx.collection("orders")?.upsert(json!({"_id": 3}))?;
            let within = held.store().collection("orders")?.upsert(json!({"_id": 4}));
            assert!(matches!(within, Err(Error::InTransaction)), "it would wait for itself");
            panic!("as planned");
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"as planned"));
    assert_eq!(store.collection("orders").unwrap().find("true").documents().unwrap().len(), 2);

    peer.start_sync().unwrap();
    assert_eq!(written.committed(PATIENCE).unwrap(), Some(2));
    let events = server.events();
    assert_eq!(events.len(), 4, "{events:?}");
    assert!(events[1..].iter().all(|event| event.contains("\"txnId\":2")), "{events:?}");
}

#[test]
fn counters_of_two_peers_all_count_and_closures_change_what_they_see() {
    let url = free_url();
    let _server = Server::start(&url);
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [a, b] = dirs.each_ref().map(|dir| Headwater::open(Config::new(dir.path()).server(&url)).unwrap());
    let [cars_a, cars_b] = [&a, &b].map(|peer| peer.store().collection("cars").unwrap());
    for (peer, cars) in [(&a, &cars_a), (&b, &cars_b)] {
        cars.by_id("ford").subscribe().unwrap();
        peer.start_sync().unwrap();
    }
    let ford = json!({"_id": "ford", "mileage": 0, "owner": {"name": "Ann"}});
    cars_a.upsert_typed(ford, [("mileage", FieldType::Counter)]).unwrap();
    wait_for("the car", || cars_b.by_id("ford").get().unwrap().is_some());
    [&a, &b].into_iter().for_each(|peer| peer.stop_sync().unwrap());
    for (cars, by) in [(&cars_a, 10), (&cars_b, 5)] {
        let update = cars.by_id("ford").update(move |car| {
            assert_eq!(car.value()["owner"]["name"], json!("Ann"));
            car.at("mileage").increment(by);
            car.at(&format!("seen[\"{by}\"]")).set(true);
        });
        update.unwrap();
    }
    assert_eq!(cars_a.by_id("nothing").update(|_| panic!("it is not there")).unwrap().ids(), []);
    [&a, &b].into_iter().for_each(|peer| peer.start_sync().unwrap());
    let expected = json!({"_id": "ford", "mileage": 15, "owner": {"name": "Ann"}, "seen": {"5": true, "10": true}});
    for cars in [&cars_a, &cars_b] {
        wait_for("both", || cars.find_by_id("ford").unwrap().unwrap() == expected);
    }
    let update = cars_b.find("mileage > 1").update_with(|cars| cars.iter_mut().for_each(|car| car.at("owner").unset()));
    assert_eq!(update.unwrap().ids().len(), 1);
    assert_eq!(cars_b.find_by_id("ford").unwrap().unwrap().get("owner"), None);
    assert!(cars_b.by_id("ford").evict().unwrap());
    assert!(cars_b.find_by_id("ford").unwrap().is_none());
}

#[test]
fn local_observers_are_told_what_is_different() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Headwater::open(Config::new(dir.path())).unwrap();
    let tasks = peer.store().collection("tasks").unwrap();
    let (sender, events) = sync_channel(100);
    let callback = move |documents: Vec<Value>, event| sender.send((documents, event)).unwrap();
    let observer = tasks.find("done != true").sort("n").observe_local(callback).unwrap();
    let next = || events.recv_timeout(PATIENCE).unwrap();
    assert!(next().1.is_initial);
    tasks.upsert(json!({"_id": 1, "n": 1})).unwrap();
    let (documents, event) = next();
    assert_eq!((documents.len(), event.insertions, event.is_initial), (1, vec![0], false));
    tasks.upsert(json!({"_id": 0, "n": 0})).unwrap();
    let (_, event) = next();
    assert_eq!((event.insertions, event.moves), (vec![0], vec![(0, 1)]));
    tasks.update(json!(0), [Change::set("done", true)]).unwrap();
    let (documents, event) = next();
    assert_eq!((documents, event.deletions), (vec![json!({"_id": 1, "n": 1})], vec![0]));
    observer.cancel();
    tasks.remove(json!(1)).unwrap();
    assert!(events.try_recv().is_err());
}

#[test]
fn what_the_server_refuses_is_told_and_falls_back() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let server = Server::start(&url);
    let key = server.create_read_key("r");
    let (asked, tokens) = sync_channel(10);
    let given = key.clone();
    let config = Config::new(dir.path()).server(&url).token("an old one").token_source(move || {
        asked.send(()).unwrap();
        Some(given.clone())
    });
    let peer = Headwater::open(config).unwrap();
    let (sender, refused) = sync_channel(10);
    peer.sync().on_rejected(move |rejected| sender.send(rejected).unwrap()).unwrap();
    let written = peer.store().collection("t").unwrap().upsert(json!({"_id": 1})).unwrap();
    peer.start_sync().unwrap();
    tokens.recv_timeout(PATIENCE).expect("the old token is not taken, and a newer one asked for");
    assert!(matches!(written.committed(PATIENCE), Err(Error::Rejected { .. })));
    let rejected = refused.recv_timeout(PATIENCE).unwrap();
    assert_eq!(rejected.documents, [("t".to_owned(), json!(1).into())]);
    assert_eq!(rejected.values, [("t".to_owned(), json!({"_id": 1}))], "what was written is not lost to the app");
    assert!(rejected.why.starts_with("denied: "), "{}", rejected.why);
    assert_eq!(peer.store().collection("t").unwrap().find_by_id(json!(1)).unwrap(), None);
    assert_eq!(peer.sync().rejected().unwrap(), [rejected]);
}

#[test]
fn a_user_logs_in_and_again_when_the_token_ends() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let peer = Headwater::open(Config::new(dir.path()).server(&url)).unwrap();
    let failed = peer.sync().login("ann", "own").unwrap_err();
    assert!(matches!(failed, Error::Login { is_refused: false, .. }), "{failed}");
    let server = Server::start(&url);
    server.create_read_key("closes-it");
    let refused = peer.sync().login("ann", "other").unwrap_err();
    assert_eq!(refused.to_string(), "cannot log in: the login is refused");
    assert!(matches!(refused, Error::Login { is_refused: true, .. }));
    let login = peer.sync().login("ann", "own").unwrap();
    assert_eq!(login.user_id, "ann");
    assert!(!format!("{login:?}").contains(&login.access_token));
    peer.start_sync().unwrap();
    peer.store().collection("t").unwrap().upsert(json!({"_id": 1})).unwrap().committed(PATIENCE).unwrap();
    assert!(server.events()[0].contains("peer=ann"), "{:?}", server.events());
    peer.close();

    let (asked, logins) = sync_channel(100);
    let other = tempfile::tempdir().unwrap();
    let config = Config::new(other.path()).server(&url).token("none of its").login_source(move || {
        asked.send(()).unwrap();
        Some(("bob".to_owned(), "own".to_owned()))
    });
    let peer = Headwater::open(config).unwrap();
    peer.start_sync().unwrap();
    // A token counts for two seconds, and the next one is asked for before.
    for _ in 0..3 {
        logins.recv_timeout(PATIENCE).expect("it is asked to log in");
        peer.store().collection("t").unwrap().upsert(json!({})).unwrap().committed(PATIENCE).unwrap();
    }
}

#[test]
fn why_it_does_not_sync_can_be_asked() {
    let (dir, url) = (tempfile::tempdir().unwrap(), free_url());
    let peer = Headwater::open(Config::new(dir.path()).server(&url).token("nobody's")).unwrap();
    let subscription = peer.sync().register_subscription("SELECT * FROM t", ()).unwrap();
    assert_eq!(peer.sync().last_error().unwrap(), None);
    peer.start_sync().unwrap();
    let says = |what: &str| peer.sync().last_error().unwrap().is_some_and(|why| why.contains(what));
    wait_for("the refused connection", || says("refused"));

    let server = Server::start(&url);
    let key = server.create_write_key("w");
    wait_for("the refused token", || says("the server says denied: "));
    peer.sync().authenticate(&key).unwrap();
    wait_for("the session", || peer.sync().state().unwrap() == State::Live);
    assert_eq!(peer.sync().last_error().unwrap(), None);
    wait_for("the refused subscription", || subscription.refused().unwrap().is_some_and(|why| why.contains("read")));
    assert!(!subscription.is_complete().unwrap());
}
