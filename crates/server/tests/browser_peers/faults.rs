//! Faults of the library itself, and of the browser below it: a defined error, and nothing lost that was durable.

use serde_json::json;

use super::{
    browser::Browser,
    page::{Site, does, ids, open_peer, tries},
};
use crate::support::TestServer;

#[test]
fn a_core_that_traps_is_made_again_of_what_is_durable() {
    let (server, site, browser) = (TestServer::start(), Site::start(), Browser::start());
    site.open(&browser);
    let wrap = "const make = WebAssembly.instantiate;
        WebAssembly.instantiate = async (...given) => {
          const { exports } = await make(...given);
          const call = (...given) => {
            if (window.traps) { window.traps = false; throw new WebAssembly.RuntimeError('unreachable') }
            return exports.call(...given);
          };
          return { exports: { ...exports, call } };
        }";
    does(&browser, wrap, &[]);
    open_peer(&browser, &json!({ "server": server.run["http"], "app": "default" }));
    let before = "await peer.startSync();
        window.seen = [];
        peer.store.registerObserver('SELECT * FROM t', (items) => { seen = items.map((it) => it._id) });
        await peer.store.collection('t').upsert({ _id: 'before' })";
    does(&browser, before, &[]);
    browser.run("window.traps = true", &[]);
    let trapped = tries(&browser, "await peer.store.collection('t').upsert({ _id: 'lost' })", &[]);
    assert!(trapped.as_ref().is_err_and(|it| it.starts_with("internal: ")), "{trapped:?}");
    does(&browser, "await peer.store.collection('t').upsert({ _id: 'after' })", &[]);
    assert_eq!(ids(&browser, "t"), ["after", "before"]);
    let seen = json!(["after", "before"]);
    browser.wait_until("the observer goes on", |it| it.run("return window.seen", &[]) == seen);
    assert_eq!(does(&browser, "return peer.sync.flushed({ timeoutMs: 20000 })", &[]), json!(2), "and sync too");
}

#[test]
fn what_is_asked_wrongly_has_its_code() {
    let (site, browser) = (Site::start(), Browser::start());
    site.open(&browser);
    let failing = |body: &str, code: &str| {
        let failed = tries(&browser, body, &[]);
        assert!(failed.as_ref().is_err_and(|it| it.starts_with(&format!("{code}: "))), "{body}: {failed:?}");
    };
    failing("await headwater.Headwater.open({ server: 'ftp://a' })", "invalid_server");
    failing("await headwater.Headwater.open({ caCertificates: ['x'] })", "unsupported");
    open_peer(&browser, &json!({}));
    failing("await peer.startSync()", "no_server");
    failing("await peer.store.execute('SELECT')", "invalid_query");
    failing("await peer.store.collection('t').upsert({ a: NaN })", "invalid_value");
    failing("await peer.store.collection('t').upsert({ a: 'x'.repeat(8 << 20) })", "too_large");
}
