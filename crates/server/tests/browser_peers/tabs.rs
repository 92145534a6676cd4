//! Several pages of one site with one store, and what becomes of them when the one that leads goes away.

use serde_json::{Value, json};

use super::{
    browser::Browser,
    page::{Site, does, ids, open_peer, tries},
};
use crate::support::TestServer;

const WATCH: &str = "window.seen = []; peer.store.registerObserver('SELECT * FROM t', (items) => {
    window.seen = items.map((it) => it._id) })";

/// Waits until the page's observer has seen exactly these.
#[track_caller]
fn sees(browser: &Browser, expected: &[&str]) {
    let what = format!("{expected:?} are seen");
    browser.wait_until(&what, |it| it.run("return window.seen", &[]) == json!(expected));
}

#[track_caller]
fn upsert(browser: &Browser, id: &str) -> Value {
    // One that was on its way to a page that went away may be there or not: it is the same one.
    let body = "for (;;) try {
          return (await peer.store.collection('t').upsert({ _id: args[0] })).sequence;
        } catch (error) {
          if (error.code !== 'interrupted') throw error;
        }";
    does(browser, body, &[id.into()])
}

/// Two pages with one store, the first of which leads; shown is the second.
fn two_tabs(site: &Site, browser: &Browser, config: &Value) -> [String; 2] {
    let first = browser.tab();
    site.open(browser);
    open_peer(browser, config);
    does(browser, WATCH, &[]);
    let second = browser.new_tab();
    site.open(browser);
    open_peer(browser, config);
    does(browser, WATCH, &[]);
    [first, second]
}

#[test]
fn two_tabs_see_each_others_writes_and_the_second_goes_on_when_the_first_is_closed() {
    let (server, site, browser) = (TestServer::start(), Site::start(), Browser::start());
    let config = json!({ "server": server.run["http"], "app": "default" });
    let [first, second] = two_tabs(&site, &browser, &config);
    upsert(&browser, "of the second");
    does(&browser, "await peer.startSync(); await peer.sync.flushed({ timeoutMs: 20000 })", &[]);
    browser.switch_to(&first);
    sees(&browser, &["of the second"]);
    assert_eq!(does(&browser, "return peer.sync.state()", &[]), json!("live"), "they have one connection");
    upsert(&browser, "of the first");
    browser.switch_to(&second);
    sees(&browser, &["of the first", "of the second"]);
    browser.close_tab(&first);
    browser.switch_to(&second);
    upsert(&browser, "alone");
    sees(&browser, &["alone", "of the first", "of the second"]);
    let flushed = does(&browser, "return peer.sync.flushed({ timeoutMs: 20000 })", &[]);
    assert_eq!(flushed, json!(3), "it syncs on, without being told to");
    let third = browser.new_tab();
    site.open(&browser);
    open_peer(&browser, &config);
    assert_eq!(ids(&browser, "t"), ["alone", "of the first", "of the second"]);
    // One that closes its store gives it to the other.
    browser.switch_to(&second);
    does(&browser, "await peer.close()", &[]);
    browser.switch_to(&third);
    upsert(&browser, "last");
    assert_eq!(ids(&browser, "t").len(), 4);
}

#[test]
fn a_write_that_was_torn_with_its_tab_is_told_and_nothing_of_it_is_there() {
    let (site, browser) = (Site::start(), Browser::start());
    let [first, second] = two_tabs(&site, &browser, &json!({}));
    upsert(&browser, "before");
    browser.switch_to(&first);
    // From here on transactions of the database do not end.
    let hang = "const begin = IDBDatabase.prototype.transaction;
        IDBDatabase.prototype.transaction = function (...asked) {
          const it = begin.apply(this, asked);
          it.commit = () => {};
          const again = () => { it.objectStore('log').count().onsuccess = again; window.hangs = true };
          again();
          return it;
        }";
    does(&browser, hang, &[]);
    browser.switch_to(&second);
    let start =
        "window.torn = peer.store.collection('t').upsert({ _id: 'torn' }).then(() => 'written', (it) => it.code);
        window.waiting = peer.store.collection('t').findByID('before')";
    does(&browser, start, &[]);
    browser.switch_to(&first);
    browser.wait_until("the write hangs", |it| it.run("return window.hangs ?? false", &[]) == json!(true));
    browser.close_tab(&first);
    browser.switch_to(&second);
    assert_eq!(does(&browser, "return window.torn", &[]), json!("interrupted"));
    assert_eq!(does(&browser, "return window.waiting", &[]), json!({ "_id": "before" }), "who reads asks again");
    assert_eq!(ids(&browser, "t"), ["before"]);
    upsert(&browser, "after");
    sees(&browser, &["after", "before"]);
}

#[test]
fn a_tab_that_crashes_while_a_transaction_is_open_leaves_nothing_of_it() {
    let (site, browser) = (Site::start(), Browser::start());
    let [first, second] = two_tabs(&site, &browser, &json!({}));
    let open = "window.transaction = peer.store.transaction(async (it) => {
          await it.collection('t').upsert({ _id: 'part' });
          window.isOpen = true;
          await new Promise((resolve) => { window.goOn = resolve });
          await it.collection('t').upsert({ _id: 'rest' });
        }).then(() => 'written', (error) => error.code)";
    does(&browser, open, &[]);
    browser.wait_until("it is open", |it| it.run("return window.isOpen ?? false", &[]) == json!(true));
    browser.switch_to(&first);
    browser.crash_tab();
    browser.switch_to(&second);
    browser.wait_until("the second leads", |it| tries(it, "return peer.sync.state()", &[]).is_ok());
    browser.run("window.goOn()", &[]);
    assert_eq!(does(&browser, "return window.transaction", &[]), json!("no_transaction"));
    assert_eq!(ids(&browser, "t"), [""; 0]);
}

#[test]
fn a_store_that_is_opened_twice_in_one_page_is_one() {
    let (site, browser) = (Site::start(), Browser::start());
    site.open(&browser);
    open_peer(&browser, &json!({ "dir": "shared" }));
    let twice = "const other = await headwater.Headwater.open({ dir: 'shared' });
        const apart = await headwater.Headwater.open({ dir: 'apart' });
        await other.store.collection('t').upsert({ _id: 'a' });
        await other.close();
        const closed = await other.store.collection('t').findByID('a').catch((error) => error.code);
        const [here, there] = [peer, apart].map((it) => it.store.collection('t').findByID('a'));
        return [closed, await here, await there]";
    assert_eq!(does(&browser, twice, &[]), json!(["closed", { "_id": "a" }, null]));
}
