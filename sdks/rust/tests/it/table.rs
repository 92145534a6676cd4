//! Every name that sdks/table.json says Rust has: it compiles. Made by `cargo xtask sdk generate`.

#[test]
fn every_name_is_there() {
    let _ = (ours::calls, the_vendors::calls);
}

#[rustfmt::skip]
mod ours {
use std::time::Duration;

use headwater::*;
use serde_json::json;

#[allow(clippy::let_unit_value, clippy::too_many_arguments, reason = "it is only compiled")]
pub(super) fn calls(
    headwater: &Headwater, store: &Store, collection: &Collection, find: &Find, sync: &Sync,
    subscription: &Subscription, observer: &Observer, written: &Written, executed: &Executed,
    document: &mut MutableDocument, transaction: &mut Transaction<'_, '_>,
) -> Result<(), Error> {
    // open a peer: a folder, a server
    let _ = Headwater::open(Config::new("till-7").server("http://localhost:8080"))?;
    // a collection
    let _ = store.collection("people")?;
    // upsert, and the document's id
    let _ = collection.upsert(json!({"name": "Susan"}))?.id();
    // start sync
    let _ = headwater.start_sync()?;
    // close
    let _ = headwater.close();
    // stop sync
    let _ = headwater.stop_sync()?;
    // run a statement of DQL: SELECT, INSERT, UPDATE, DELETE, EVICT
    let _ = store.execute("SELECT * FROM people", json!({}))?;
    // its rows
    let _ = executed.items();
    // the ids that it wrote
    let _ = executed.mutated_document_ids();
    // observe a SELECT by a callback
    let _ = store.register_observer("SELECT * FROM people", (), |_| ())?;
    // observe it as a stream, or an async iterator
    let _ = store.observe("SELECT * FROM people", ())?;
    // end an observer
    let _ = observer.cancel();
    // subscribe to a query
    let _ = sync.register_subscription("SELECT * FROM people", ())?;
    // end a subscription
    let _ = subscription.cancel()?;
    // whether a subscription is complete
    let _ = subscription.is_complete()?;
    // where sync stands
    let _ = sync.state()?;
    // how many writes wait for the server
    let _ = sync.pending()?;
    // wait until the server has a write
    let _ = written.committed(Duration::from_secs(10))?;
    // wait until it has them all
    let _ = sync.flushed(Duration::from_secs(10))?;
    // writes that the server refused
    let _ = sync.rejected()?;
    // be told of one
    let _ = sync.on_rejected(|_| ())?;
    // log in with a newer token
    let _ = sync.authenticate("token")?;
    // log in with what a provider gave, through the app's login hook
    let _ = sync.login("what it gave", "own")?;
    // be asked to log in again when the token ends
    let _ = Config::new("till-7").login_source(|| None);
    // a document by its id
    let _ = collection.find_by_id("susan")?;
    // documents that match
    let _ = collection.find("age > 18").documents()?;
    // all documents
    let _ = collection.find("true");
    // sorted
    let _ = find.clone().sort("age");
    // at most so many
    let _ = find.clone().limit(10);
    // without the first ones
    let _ = find.clone().offset(10);
    // observe what matches, and what is different
    let _ = find.observe_local(|_, _| ())?;
    // subscribe to what matches
    let _ = find.subscribe()?;
    // change a document by a closure
    let _ = collection.by_id("susan").update(|susan| susan.at("age").set(32))?;
    // change what matches by a closure
    let _ = find.update_with(|_| ())?;
    // set a field in it
    let _ = document.at("age").set(32);
    // increment a counter in it
    let _ = document.at("visits").increment(1);
    // take a field away in it
    let _ = document.at("age").unset();
    // write a counter
    let _ = collection.upsert_typed(json!({"visits": 0}), [("visits", FieldType::Counter)])?;
    // remove a document
    let _ = collection.remove("susan")?;
    // remove what matches
    let _ = find.remove()?;
    // evict a document
    let _ = collection.evict("susan")?;
    // evict what matches
    let _ = find.evict()?;
    // several writes in one transaction
    let _ = store.transaction(|_| Ok::<(), Error>(()))?;
    // statements of DQL in one transaction
    let _ = transaction.execute("SELECT * FROM people", ())?;
    // make an attachment
    let _ = store.new_attachment(&b"hello"[..], [("name", "hello.txt")])?;
    // fetch an attachment
    let _ = store.fetch_attachment(store.new_attachment(&b"hello"[..], [("name", "a")])?.token(), |_| ())?;
    // put an attachment into a document by a closure
    let _ = document.at("photo").attach(store.new_attachment(&b"hello"[..], [("name", "a")])?.token());
    Ok(())
}
}

#[rustfmt::skip]
mod the_vendors {
use std::sync::Arc;

use headwater::compat::*;
use serde_json::json;

#[allow(clippy::let_unit_value, clippy::too_many_arguments, reason = "it is only compiled")]
pub(super) fn calls(
    ditto: &Ditto, ditto_collection: &Collection, query_result: &QueryResult,
    store_observer: &StoreObserver, sync_subscription: &SyncSubscription, mut_document: &mut MutDocument<'_>,
) -> Result<(), DittoError> {
    // open a peer: a folder, a server
    let _ = Ditto::open_sync(DittoConfig::new("till-7").server("http://localhost:8080"))?;
    // open it in the vendor's older way, by an identity
    let _ = Ditto::builder().with_root(Arc::new(PersistentRoot::new("till-7")?)).with_identity(|root| OnlinePlayground::new(root, "app", "", false, None))?.build()?;
    // a collection
    let _ = ditto.store().collection("people")?;
    // upsert, and the document's id
    let _ = ditto_collection.upsert(json!({"name": "Susan"}))?;
    // start sync
    let _ = ditto.start_sync()?;
    // close
    let _ = ditto.close();
    // stop sync
    let _ = ditto.stop_sync();
    // run a statement of DQL: SELECT, INSERT, UPDATE, DELETE, EVICT
    let _ = drop(ditto.store().execute("SELECT * FROM people"));
    // its rows
    let _ = query_result.iter();
    // the ids that it wrote
    let _ = query_result.mutated_document_ids();
    // observe a SELECT by a callback
    let _ = ditto.store().register_observer("SELECT * FROM people", |_| ())?;
    // end an observer
    let _ = store_observer.cancel();
    // subscribe to a query
    let _ = ditto.sync().register_subscription("SELECT * FROM people")?;
    // end a subscription
    let _ = sync_subscription.cancel()?;
    // log in with a newer token
    let _ = ditto.auth().map(|auth| auth.login("token", DittoAuthenticator::DEVELOPMENT_PROVIDER));
    // log in with what a provider gave, through the app's login hook
    let _ = ditto.auth().map(|auth| auth.login("what it gave", "own"));
    // be asked to log in again when the token ends
    let _ = ditto.auth().map(|auth| auth.set_expiration_handler(|_, _| ()));
    // a document by its id
    let _ = ditto_collection.find_by_id("susan").exec()?;
    // documents that match
    let _ = ditto_collection.find("age > 18").exec()?;
    // all documents
    let _ = ditto_collection.find_all();
    // sorted
    let _ = ditto_collection.find_all().sort("age", true);
    // at most so many
    let _ = ditto_collection.find_all().limit(10);
    // without the first ones
    let _ = ditto_collection.find_all().offset(10);
    // observe what matches, and what is different
    let _ = ditto_collection.find_all().observe_local(|_, _| ())?;
    // subscribe to what matches
    let _ = ditto_collection.find_all().subscribe()?;
    // change a document by a closure
    let _ = ditto_collection.find_by_id("susan").update(|_| ())?;
    // change what matches by a closure
    let _ = ditto_collection.find_all().update(|_| ())?;
    // set a field in it
    let _ = mut_document.set("age", 32)?;
    // increment a counter in it
    let _ = mut_document.increment("visits", 1.0)?;
    // take a field away in it
    let _ = mut_document.remove("age")?;
    // remove a document
    let _ = ditto_collection.find_by_id("susan").remove()?;
    // remove what matches
    let _ = ditto_collection.find_all().remove()?;
    // evict a document
    let _ = ditto_collection.find_by_id("susan").evict()?;
    // evict what matches
    let _ = ditto_collection.find_all().evict()?;
    // several writes in one transaction
    let _ = ditto.store().write(|_| Ok(()))?;
    // make an attachment
    let _ = ditto.store().new_attachment("a.jpg", Default::default())?;
    // fetch an attachment
    let _ = ditto.store().fetch_attachment(ditto.store().new_attachment("a.jpg", Default::default())?.token(), |_| ())?;
    Ok(())
}
}
