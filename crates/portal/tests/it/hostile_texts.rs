//! Stored and reflected cross-site scripting, tried in every field that shows data: nothing comes out unescaped.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use operations::{ConsumerGroup, GroupMember};
use store::CommittedOffset;
use topics::{LiveQuery, OnGap};

use crate::browser::{Answer, NOW_MS, Site};

pub(crate) const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)//</textarea></select>",
];

#[track_caller]
pub(crate) fn is_escaped(answer: &Answer, place: &str) {
    let html = String::from_utf8_lossy(&answer.bytes);
    for raw in [
        "<script>alert",
        "<img src=x",
        "' onmouseover",
        "href=\"javascript:",
        "src=\"javascript:",
        "action=\"javascript:",
        "</textarea></select>",
    ] {
        assert!(!html.contains(raw), "{raw:?} came out at {place}: {html}");
    }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Puts hostile texts wherever texts are kept.
fn furnished() -> Site {
    let site = Site::new();
    for (n, text) in HOSTILE.iter().enumerate() {
        let json = serde_json::json!({ "text": text, *text: 1 }).to_string();
        site.write(text, text, &json);
        site.write("people", text, &json);
        let offset = CommittedOffset { offset: 0, leader_epoch: -1, metadata: (*text).to_owned() };
        let offsets = vec![("user-consumable-default".to_owned(), 0, offset)];
        site.runtime.block_on(site.app().commit_offsets(text, offsets)).unwrap();
        let query = LiveQuery {
            name: format!("hostile-{n}"),
            collection: Some((*text).to_owned()),
            query: Some(format!("text == '{}'", quoted(text))),
            query_language: topics::QueryLanguage::Legacy,
            partitions: 1,
            on_gap: OnGap::Requery,
            compression: topics::Compression::None,
            permission: None,
            created_ms: NOW_MS,
        };
        let topics = site.topics();
        site.runtime.block_on(topics.create(query)).unwrap();
        let grant = credentials::Grant {
            app: "*".to_owned(),
            collection: Some((*text).to_owned()),
            permissions: vec![credentials::Permission::Read],
        };
        let new = credentials::NewKey { name: format!("hostile-{n}"), grants: vec![grant], permission: None };
        site.credentials.create_key(new, NOW_MS).unwrap();
        let member = GroupMember {
            id: (*text).to_owned(),
            client_id: (*text).to_owned(),
            host: (*text).to_owned(),
            instance_id: Some((*text).to_owned()),
            assigned: vec![((*text).to_owned(), 0)],
        };
        let group = ConsumerGroup {
            name: (*text).to_owned(),
            state: (*text).to_owned(),
            protocol: (*text).to_owned(),
            members: vec![member],
        };
        site.groups.0.lock().unwrap().push(group);
    }
    site
}

#[test]
fn what_is_stored_comes_out_escaped_on_every_page() {
    let site = furnished();
    let mut admin = site.admin();
    for (_, path) in site.routes.clone().iter().filter(|(method, _)| method == Method::GET) {
        let path = crate::browser::filled(path);
        is_escaped(&admin.get(&path), &path);
    }
    for n in 0..HOSTILE.len() {
        let path = format!("/portal/apps/default/live-queries/hostile-{n}");
        let answer = admin.get(&path);
        assert_eq!(answer.status, StatusCode::OK);
        is_escaped(&answer, &path);
    }
    let overview = admin.get("/portal/apps/default/");
    overview.says("&#60;script&#62;alert(1)");
}

#[test]
fn what_is_typed_comes_back_escaped() {
    let site = furnished();
    let mut admin = site.admin();
    for text in HOSTILE {
        let typed = crate::browser::encoded(&[
            ("topic", text),
            ("user", text),
            ("collection", text),
            ("query", text),
            ("app", text),
            ("token", text),
        ]);
        for (_, path) in site.routes.clone().iter().filter(|(method, _)| method == Method::GET) {
            let path = format!("{}?{typed}", crate::browser::filled(path));
            is_escaped(&admin.get(&path), &path);
        }
        let segment: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            "/portal/{}",
            "/portal/apps/{}/",
            "/portal/apps/default/live-queries/{}",
            "/portal/apps/default/settings/files/{}",
        ] {
            let path = path.replace("{}", &segment);
            is_escaped(&admin.get(&path), &path);
        }
        let fields = [
            ("name", text),
            ("collection", text),
            ("query", text),
            ("partitions", text),
            ("act", "check"),
            ("user", text),
            ("app-0", text),
            ("collection-0", text),
            ("permission-0", text),
            ("on-gap", text),
            ("topic", text),
            ("keys", text),
        ];
        let posts = [
            "live-queries",
            "certificates",
            "keys",
            "indexes",
            "settings/test",
            "live-queries/main/on-gap",
            "live-queries/main/compression",
        ];
        for rest in posts {
            let answer = admin.post(&format!("/portal/apps/default/{rest}"), &fields);
            assert!(answer.status.is_success() || answer.status.is_client_error(), "{rest}: {}", answer.status);
            is_escaped(&answer, rest);
        }
        for rest in ["keys", "certificates"] {
            let path = format!("/portal/apps/default/{rest}/{segment}/revoke");
            let answer = admin.post(&path, &[]);
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            is_escaped(&answer, &path);
        }
    }
    let mut visitor = site.visitor();
    visitor.get("/portal/sign-in");
    let (_, _) = site.tokens.make(NOW_MS, Duration::from_secs(1));
    is_escaped(&visitor.post("/portal/sign-in", &[("key", HOSTILE[1])]), "sign-in");
}
