//! Open, write offline, reload, sync.

use serde_json::json;

use super::{
    browser::Browser,
    page::{Site, does, ids, open_peer, tries},
};
use crate::support::TestServer;

#[test]
fn what_is_written_offline_is_there_after_a_reload_and_arrives_once() {
    let (server, site, browser) = (TestServer::start(), Site::start(), Browser::start());
    let config = json!({ "server": server.run["http"], "app": "default" });
    site.open(&browser);
    open_peer(&browser, &config);
    does(&browser, "await peer.store.collection('people').upsert({ _id: 'susan', age: 2n ** 60n })", &[]);
    site.open(&browser);
    open_peer(&browser, &config);
    assert_eq!(ids(&browser, "people"), ["susan"]);
    let age = does(&browser, "return String((await peer.store.collection('people').findByID('susan')).age)", &[]);
    assert_eq!(age, json!((1_u64 << 60).to_string()));
    does(&browser, "await peer.startSync()", &[]);
    assert_eq!(does(&browser, "return peer.sync.flushed({ timeoutMs: 20000 })", &[]), json!(1));
    // The page goes away while what it wrote is on its way.
    for n in 0..5 {
        does(&browser, "await peer.store.collection('people').upsert({ _id: args[0] })", &[format!("p{n}").into()]);
        site.open(&browser);
        open_peer(&browser, &config);
        does(&browser, "await peer.startSync()", &[]);
    }
    does(&browser, "return peer.sync.flushed({ timeoutMs: 20000 })", &[]);
    assert_eq!(ids(&browser, "people"), ["p0", "p1", "p2", "p3", "p4", "susan"]);
    let events = server.run(&["events", "--from-beginning", "--max", "6"]).stdout;
    assert_eq!(events.lines().count(), 6);
    let last = does(&browser, "return (await peer.store.collection('people').upsert({})).committed()", &[]);
    assert_eq!(last, json!(7), "each write was one transaction");
}

#[test]
fn what_others_write_comes_and_what_the_server_refuses_is_told() {
    let (server, site, browser) = (TestServer::start(), Site::start(), Browser::start());
    let key = server.run(&["key", "create", "page", "--grant", "default=read"]).stdout;
    site.open(&browser);
    open_peer(&browser, &json!({ "server": server.run["http"], "app": "default", "token": "nonsense" }));
    let watch = "window.states = []; peer.sync.observeState((state) => states.push(state));
        window.refused = []; peer.sync.onRejected((it) => refused.push(it));
        window.seen = []; peer.store.registerObserver('SELECT * FROM people', (items) => seen.push(items));
        await peer.sync.registerSubscription('SELECT * FROM people'); await peer.startSync()";
    does(&browser, watch, &[]);
    let state = |state: &str| {
        browser.wait_until(state, |it| it.run("return window.states.at(-1)", &[]) == json!(state));
    };
    state("needs_token");
    let asked = "peer.sync.tokenSource(async () => { window.asked = (window.asked ?? 0) + 1; return args[0] })";
    does(&browser, asked, &[key.trim().into()]);
    state("live");
    assert_eq!(browser.run("return window.asked", &[]), json!(1));
    let admin = std::fs::read_to_string(server.data_dir().join("admin.key")).unwrap();
    let insert = json!({ "statement": "INSERT INTO people DOCUMENTS ({'_id': 'tom'})" });
    let (status, reply) = server.post_with_key("/api/v4/store/execute", &insert, Some(admin.trim()));
    assert_eq!(status, 200, "{reply}");
    browser.wait_until("the document comes", |it| it.run("return seen.at(-1)", &[]) == json!([{ "_id": "tom" }]));
    let refused =
        tries(&browser, "return (await peer.store.collection('people').upsert({ _id: 'x' })).committed()", &[]);
    assert!(refused.as_ref().is_err_and(|it| it.starts_with("rejected: ")), "{refused:?}");
    browser.wait_until("the refusal is told", |it| it.run("return refused.length", &[]) == json!(1));
    assert_eq!(browser.run("return refused[0].values[0].value", &[]), json!({ "_id": "x" }));
    assert_eq!(ids(&browser, "people"), ["tom"], "it is taken back");
    does(&browser, "await peer.close()", &[]);
    let closed = tries(&browser, "await peer.sync.state()", &[]);
    assert!(closed.as_ref().is_err_and(|it| it.starts_with("closed: ")), "{closed:?}");
}

#[test]
fn a_transaction_is_whole_and_others_wait_for_it() {
    let (site, browser) = (Site::start(), Browser::start());
    site.open(&browser);
    open_peer(&browser, &json!({}));
    let both = "const people = peer.store.collection('people');
        const done = [];
        const slow = peer.store.transaction(async (it) => {
          await it.collection('people').upsert({ _id: 'a', n: 1 });
          await new Promise((resolve) => setTimeout(resolve, 100));
          await it.execute('UPDATE people SET n = n + 1 WHERE _id = :id', { id: 'a' });
          done.push('transaction');
        });
        await new Promise((resolve) => setTimeout(resolve, 20));
        const before = await people.findByID('a');
        const other = people.upsert({ _id: 'a', m: 1 }).then(() => done.push('other'));
        const { written } = await slow; await other;
        return [before, await people.findByID('a'), done, written.ids]";
    let expected = json!([null, { "_id": "a", "m": 1, "n": 2 }, ["transaction", "other"], ["a"]]);
    assert_eq!(does(&browser, both, &[]), expected);
    let fails = "const failing = peer.store.transaction(async (it) => {
          await it.collection('people').upsert({ _id: 'b' });
          throw new Error('not this');
        });
        return [await failing.catch((error) => error.message), await peer.store.collection('people').findByID('b')]";
    assert_eq!(does(&browser, fails, &[]), json!(["not this", null]));
    // One that waits for a write outside waits for itself: it is ended.
    let waits = "return peer.store.transaction(async (it) => {
          await it.collection('people').upsert({ _id: 'c' });
          await peer.store.collection('people').upsert({ _id: 'd' });
          await it.collection('people').upsert({ _id: 'e' });
        })";
    let ended = tries(&browser, waits, &[]);
    assert!(ended.as_ref().is_err_and(|it| it.starts_with("no_transaction: ")), "{ended:?}");
    assert_eq!(ids(&browser, "people"), ["a", "d"]);
}
