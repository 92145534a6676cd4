//! `/admin/v1/apps/{app}/peers`, where nobody is connected: sites that pushed, and who is shut out.

use document::{
    Action, Changeset, Condition, Document, DocumentId, Operation, Origin, Pushed, SiteId, Stamp, WriteRules,
};
use serde_json::{Value, json};

use crate::server::{NOW_MS, Reply, TestServer};

fn admin(server: &TestServer, method: &str, path: &str) -> Reply {
    let path = format!("/admin/v1/apps/default/peers{path}");
    server.request(method, &path).key(server.credentials.admin_key()).send()
}

fn json(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap()
}

/// What a peer of this site pushes first.
fn push(server: &TestServer, site: SiteId) {
    let mut delta = Document::new();
    let Ok(document::Value::Map(value)) = document::Value::from_json(b"{}") else { panic!("an object") };
    delta.upsert(&value, &[], Stamp { time: NOW_MS << 16, site }, WriteRules::NEWEST);
    let operation = Operation {
        collection: document::CollectionName::new("people").unwrap(),
        id: DocumentId::from_value(&document::Value::String(site.0.to_string())).unwrap(),
        condition: Condition::Always,
        action: Action::Merge { delta, removed: false, base: 0 },
    };
    let pushed = Some(Pushed { seq: 1, hash: [1; 16], subject: "till-7/17".into() });
    let origin = Origin { peer: "till-7".into(), site: Some(site), pushed, ..Origin::default() };
    let changeset = Changeset { operations: vec![operation], queries: Vec::new(), origin };
    let app = server.data_dir.app("default").unwrap();
    server.runtime.block_on(app.push(vec![changeset.into()])).unwrap();
}

#[test]
fn peers_are_listed_in_pages_revoked_and_allowed() {
    let server = TestServer::start();
    assert_eq!(server.post("/api/v4/store/count", r#"{"collection":"c"}"#).status, 200);
    assert_eq!(admin(&server, "GET", "").pair(), (200, r#"{"peers":[],"connected":0}"#));
    let large = u64::MAX - 1;
    for site in [large, 42] {
        push(&server, SiteId(site));
    }
    let first = r#"{"peers":[{"site":"42","key":"till-7","pushedTxnId":2}],"connected":0,"next":"42"}"#;
    assert_eq!(admin(&server, "GET", "?limit=1").pair(), (200, first));
    let rest = json(&admin(&server, "GET", "?after=42"));
    assert_eq!(
        rest,
        json!({"peers": [{"site": large.to_string(), "key": "till-7", "pushedTxnId": 1}], "connected": 0})
    );
    for query in ["?after=x", "?limit=-1", "?limit=a", "?other=1"] {
        assert_eq!(admin(&server, "GET", query).status, 400, "{query}");
    }

    let revoked = admin(&server, "POST", "/42/revoke");
    assert_eq!(revoked.pair(), (200, format!(r#"{{"revoked":"42","revokedMs":{NOW_MS}}}"#).as_str()));
    assert!(server.credentials.is_peer_revoked("default", 42));
    assert_eq!(json(&admin(&server, "GET", "?limit=1"))["peers"][0]["revokedMs"], json!(NOW_MS));
    let unknown = admin(&server, "POST", "/43/revoke");
    assert_eq!((unknown.status, unknown.message().as_str()), (404, r#"the app "default" has no peer 43"#));
    assert_eq!(admin(&server, "POST", "/x/revoke").status, 400);
    assert_eq!(admin(&server, "POST", "/42/allow").pair(), (200, r#"{"allowed":"42"}"#));
    assert!(!server.credentials.is_peer_revoked("default", 42));
    assert_eq!(admin(&server, "POST", "/42/allow").status, 404);
    assert_eq!(server.request("GET", "/admin/v1/apps/default/peers").send().status, 401);
}
