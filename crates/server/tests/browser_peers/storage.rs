//! What a browser does to a store: no room, private pages, a killed process, old and damaged records.

use std::sync::Arc;

use serde_json::json;

use super::{
    browser::Browser,
    page::{Site, does, ids, open_peer, tries},
};

#[test]
fn what_finds_no_room_is_refused_and_all_else_is_there() {
    let (site, browser) = (Site::start(), Browser::start());
    site.open(&browser);
    // Chromium goes by what room there was when a page began to write, for some time.
    browser.set_quota(&site.url, Some(4 << 20));
    open_peer(&browser, &json!({}));
    does(&browser, "await peer.store.collection('t').upsert({ _id: 'before' })", &[]);
    does(
        &browser,
        "window.seen = []; peer.store.registerObserver('SELECT * FROM t', (it) => { seen = it.length })",
        &[],
    );
    // What is random takes as much room as it has bytes.
    let fill = "for (let n = 0; n < 100; n++) {
          const bytes = crypto.getRandomValues(new Uint8Array(1 << 16));
          const large = Array.from(bytes, (it) => it.toString(36)).join('');
          await peer.store.collection('t').upsert({ _id: `large ${n}`, large });
          window.written = n + 1;
        }";
    let full = tries(&browser, fill, &[]);
    assert!(full.as_ref().is_err_and(|it| it.starts_with("store_failed: ")), "{full:?}");
    let written = browser.run("return window.written ?? 0", &[]).as_u64().unwrap();
    assert_eq!(ids(&browser, "t").len() as u64, written + 1, "nothing of what failed is there");
    browser.set_quota(&site.url, None);
    does(&browser, "await peer.store.collection('t').upsert({ _id: 'there is room' })", &[]);
    browser.wait_until("the observer goes on", |it| it.run("return window.seen", &[]) == json!(written + 2));
    site.open(&browser);
    open_peer(&browser, &json!({}));
    assert_eq!(ids(&browser, "t").len() as u64, written + 2);
}

#[test]
fn a_private_page_has_a_store_until_it_ends() {
    let site = Site::start();
    let browser = Browser::start_with(&["--incognito"]);
    site.open(&browser);
    open_peer(&browser, &json!({}));
    does(&browser, "await peer.store.collection('t').upsert({ _id: 'a' })", &[]);
    site.open(&browser);
    open_peer(&browser, &json!({}));
    assert_eq!(ids(&browser, "t"), ["a"]);
}

#[test]
fn a_page_that_may_keep_nothing_is_told_so() {
    let (site, browser) = (Site::start(), Browser::start());
    browser.open(&site.url);
    // A frame of nobody's site has no IndexedDB.
    let frame = "const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts';
        frame.srcdoc = `<script type=module>
          import { Headwater } from '${location.origin}/src/browser/index.js';
          const told = (it) => parent.postMessage(it, '*');
          Headwater.open({}).then(() => told('opened'), (error) => told(error.code));
        </scr` + 'ipt>';
        const told = new Promise((resolve) => addEventListener('message', ({ data }) => resolve(data)));
        document.body.append(frame);
        return told";
    assert_eq!(does(&browser, frame, &[]), json!("open_failed"));
}

#[test]
fn what_was_acknowledged_outlives_a_browser_that_is_killed() {
    let site = Site::start();
    let browser = Browser::start();
    site.open(&browser);
    open_peer(&browser, &json!({}));
    let write = "window.acknowledged = 0;
        (async () => {
          for (let n = 0; ; n++) {
            await peer.store.collection('t').upsert({ _id: String(n).padStart(5, '0') });
            window.acknowledged = n + 1;
          }
        })()";
    browser.run(write, &[]);
    let acknowledged = || browser.run("return window.acknowledged", &[]).as_u64().unwrap();
    browser.wait_until("much is written", |_| acknowledged() > 300);
    let least = acknowledged();
    let profile: Arc<tempfile::TempDir> = browser.kill();
    let browser = Browser::start_again(profile, &[]);
    site.open(&browser);
    open_peer(&browser, &json!({}));
    let there = ids(&browser, "t");
    assert!(there.len() as u64 >= least, "{} of at least {least}", there.len());
    assert_eq!(there.last().unwrap(), &format!("{:05}", there.len() - 1), "nothing in between is missing");
}

#[test]
fn a_store_that_is_damaged_or_of_a_newer_program_is_not_opened() {
    let (site, browser) = (Site::start(), Browser::start());
    site.open(&browser);
    let newer = "const it = indexedDB.open('headwater:newer', 99);
        await new Promise((resolve) => { it.onsuccess = resolve });
        it.result.close();
        await headwater.Headwater.open({ dir: 'newer' })";
    let refused = tries(&browser, newer, &[]);
    assert!(refused.as_ref().is_err_and(|it| it.starts_with("damaged: ")), "{refused:?}");
    open_peer(&browser, &json!({ "dir": "d" }));
    does(&browser, "await peer.store.collection('t').upsert({ _id: 'a' }); await peer.close()", &[]);
    let tear = "const opening = indexedDB.open('headwater:d');
        await new Promise((resolve) => { opening.onsuccess = resolve });
        const tearing = opening.result.transaction('log', 'readwrite');
        const log = tearing.objectStore('log');
        log.get(0).onsuccess = ({ target }) => log.put(target.result.slice(0, -3), 0);
        await new Promise((resolve) => { tearing.oncomplete = resolve });
        opening.result.close();
        await headwater.Headwater.open({ dir: 'd' })";
    let refused = tries(&browser, tear, &[]);
    assert!(refused.as_ref().is_err_and(|it| it.starts_with("damaged: ")), "{refused:?}");
}

#[test]
fn a_long_log_is_joined_and_packed_and_says_the_same() {
    let (site, browser) = (Site::start(), Browser::start());
    site.open(&browser);
    open_peer(&browser, &json!({ "dir": "long" }));
    let write = "const t = peer.store.collection('t');
        for (let n = 0; n < 150; n++) await t.upsert({ _id: String(n % 10), n });
        const padding = 'x'.repeat(500_000);
        for (let n = 0; n < 12; n++) await t.upsert({ _id: 'large', padding: padding + n });
        await t.upsert({ _id: 'large', padding: 'small' });
        return (await t.find().documents()).map((it) => [it._id, it.n ?? it.padding])";
    let before = does(&browser, write, &[]);
    let records = "const opening = indexedDB.open('headwater:long');
        await new Promise((resolve) => { opening.onsuccess = resolve });
        const all = opening.result.transaction('log').objectStore('log').getAll();
        await new Promise((resolve) => { all.onsuccess = resolve });
        opening.result.close();
        return [all.result.length, all.result.reduce((sum, it) => sum + it.length, 0)]";
    let kept = does(&browser, records, &[]);
    assert!(kept[0].as_u64().unwrap() < 100, "small records are joined: {kept}");
    site.open(&browser);
    open_peer(&browser, &json!({ "dir": "long" }));
    let again = "const t = peer.store.collection('t');
        return (await t.find().documents()).map((it) => [it._id, it.n ?? it.padding])";
    assert_eq!(does(&browser, again, &[]), before);
}
