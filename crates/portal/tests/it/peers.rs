//! The page of small peers: who is shown how, and what revoking and allowing one does.

use std::net::IpAddr;

use axum::http::StatusCode;
use document::SiteId;
use operations::{PeerConnection, SeenPeer};
use store::TxnId;

use crate::browser::{NOW_MS, Site};

const PEERS: &str = "/portal/apps/default/peers";

fn seen(site: u64, connection: Option<PeerConnection>) -> SeenPeer {
    SeenPeer {
        site: SiteId(site),
        subject: "till-7/1".to_owned(),
        sdk: "rust <b>1</b>".to_owned(),
        address: IpAddr::from([192, 0, 2, 7]),
        connection,
        seen_ms: NOW_MS - 3_600_000,
        pending: 12,
        through: TxnId(1),
    }
}

fn connection(is_caught_up: bool) -> PeerConnection {
    let (received_bytes, sent_bytes) = (1536, 7);
    PeerConnection { since_ms: NOW_MS - 60_000, is_caught_up, subscriptions: 1, received_bytes, sent_bytes }
}

#[test]
fn peers_are_shown_with_what_is_known_of_them() {
    let site = Site::new();
    let mut admin = site.admin();
    let empty = admin.get(PEERS);
    empty.says("No small peer has connected").says("Config::new(").says("http://127.0.0.1:8080").says("/keys");
    assert!(!empty.text().contains("<table"));
    for id in ["a", "b", "c"] {
        site.write("people", id, "{}");
    }
    *site.peers.seen.lock().unwrap() =
        vec![seen(7, None), seen(42, Some(connection(true))), seen(43, Some(connection(false)))];
    let page = admin.get(PEERS);
    page.says("2 connected now").says("<code>42</code>").says("key till-7").says("rust &#60;b&#62;1&#60;/b&#62;");
    page.says("192.0.2.7").says("1 subscription, 1.5 KiB from it, 7 B to it").says("2023-11-14 22:12:20 UTC");
    page.says("last seen <time datetime=\"2023-11-14T21:13:20Z\">");
    let places: Vec<usize> = ["connected</span>", "catching up</span>", "away</span>"]
        .iter()
        .map(|badge| page.text().find(badge).unwrap_or_else(|| panic!("{badge} is not there")))
        .collect();
    assert!(places.is_sorted(), "who is connected comes first");
    // Three transactions, of which they have one.
    assert_eq!(page.text().matches("data-label=\"Behind\">2</td>").count(), 3);
    assert_eq!(page.text().matches("data-label=\"Pending\">12</td>").count(), 3);
    page.says("href=\"/portal/apps/default/peers\" aria-current=\"page\"");
}

#[test]
fn a_peer_is_revoked_and_let_in_again() {
    let site = Site::new();
    let mut admin = site.admin();
    *site.peers.seen.lock().unwrap() = vec![seen(42, Some(connection(true)))];
    admin.get(PEERS);
    let answer = admin.post(&format!("{PEERS}/42/revoke"), &[]);
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, PEERS));
    assert!(site.credentials.is_peer_revoked("default", 42));
    assert_eq!(*site.peers.shut_out.lock().unwrap(), [SiteId(42)]);
    admin.get(PEERS).says("Revoked the peer 42.").says("revoked</span>").says("Let in again");
    let answer = admin.post(&format!("{PEERS}/42/allow"), &[]);
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, PEERS));
    assert!(!site.credentials.is_peer_revoked("default", 42));
    admin.get(PEERS).says("The peer 42 is let in again.");
    for path in ["43/revoke", "x/revoke", "42/allow"] {
        assert_eq!(admin.post(&format!("{PEERS}/{path}"), &[]).status, StatusCode::NOT_FOUND, "{path}");
    }
    admin.csrf = "0".repeat(64);
    assert_eq!(admin.post(&format!("{PEERS}/42/revoke"), &[]).status, StatusCode::FORBIDDEN);
    assert!(!site.credentials.is_peer_revoked("default", 42));
}

#[test]
fn many_peers_come_in_pages() {
    let site = Site::new();
    let mut admin = site.admin();
    *site.peers.seen.lock().unwrap() = (1..=80).map(|site| seen(site, None)).collect();
    let first = admin.get(PEERS);
    assert_eq!(first.text().matches("<tr>").count(), 51);
    first.says("href=\"/portal/apps/default/peers?after=50\"");
    let last = admin.get(&format!("{PEERS}?after=50"));
    assert_eq!(last.text().matches("<tr>").count(), 31);
    last.says("First page");
    assert!(!last.text().contains("?after="));
    assert_eq!(admin.get(&format!("{PEERS}?after=x")).status, StatusCode::NOT_FOUND);
}
