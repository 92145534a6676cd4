//! Nobody without a session gets past sign-in, and no other site can do anything
//! (docs/reference/access.md).

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use portal::limits::{ATTEMPTS_MAX, ATTEMPTS_WINDOW, SESSION_IDLE};

use crate::browser::{Answer, NOW_MS, Site, encoded, filled};

/// Where a page of the portal leads whoever is not signed in.
const SIGN_IN: &str = "/portal/sign-in?next=%2Fportal%2F";

const OPEN: [&str; 3] = ["/", "/portal/sign-in", "/portal/assets/{file}"];

/// Whatever a change would show in.
fn everything(site: &Site) -> String {
    let queries = site.topics().live_queries();
    let users = site.credentials.users(None);
    let offsets = site.app().committed_offsets("readers");
    let events = site.app().events().high_watermark();
    format!("{queries:?} {users:?} {:?} {events} {offsets:?}", site.credentials.keys())
}

fn has_headers(answer: &Answer) {
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(answer.header(header::REFERRER_POLICY), "same-origin");
    assert!(!answer.header(header::CACHE_CONTROL).is_empty());
}

#[test]
fn every_route_without_a_session_leads_to_sign_in() {
    let site = Site::new();
    let before = everything(&site);
    for (method, path) in &site.routes {
        let answer = site.visitor().ask(method.clone(), &filled(path), &[], "csrf=");
        has_headers(&answer);
        if OPEN.contains(path) {
            continue;
        }
        if method == Method::POST {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
            answer.says("Your session has ended. Nothing was done").says("name=\"key\"");
            assert!(!answer.text().contains("</nav>"), "{path}");
            continue;
        }
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{method} {path}");
        let (before, next) = answer.location().split_once("?next=").unwrap_or((answer.location(), ""));
        assert!(before == "/portal/sign-in" && !next.contains('/'), "{path}: {}", answer.location());
        assert!(answer.bytes.is_empty(), "{method} {path}");
    }
    assert_eq!(everything(&site), before);
}

#[test]
fn every_form_needs_the_sessions_token() {
    let site = Site::new();
    let before = everything(&site);
    let posts: Vec<_> = site.routes.iter().filter(|(method, _)| method == Method::POST).collect();
    assert!(posts.len() >= 10);
    for (_, path) in posts {
        let mut admin = site.admin();
        let other = site.admin().csrf;
        for body in ["", "csrf=", "csrf=0000", &encoded(&[("csrf", &other)])] {
            let answer = admin.ask(Method::POST, &filled(path), &[], body);
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {body}");
            has_headers(&answer);
            answer.says("does not carry this session&#39;s token");
        }
    }
    assert_eq!(everything(&site), before);
}

#[test]
fn no_other_site_can_do_anything() {
    let site = Site::new();
    let before = everything(&site);
    let foreign = [
        ("origin", "http://evil.example"),
        ("origin", "http://127.0.0.1:3000"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (_, path) in site.routes.iter().filter(|(method, _)| method == Method::POST) {
        let mut admin = site.admin();
        for header in foreign {
            let body = encoded(&[("csrf", &admin.csrf)]);
            let answer = admin.ask(Method::POST, &filled(path), &[header], &body);
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {header:?}");
        }
    }
    assert_eq!(everything(&site), before);
    let mut admin = site.admin();
    let body = encoded(&[("csrf", &admin.csrf), ("user", "ann")]);
    let own = [("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")];
    let answer = admin.ask(Method::POST, "/portal/apps/default/certificates", &own, &body);
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[test]
fn a_link_signs_in_once() {
    let site = Site::new();
    let (token, _) = site.tokens.make(NOW_MS, Duration::from_secs(60));
    let path = format!("/portal/sign-in?token={token}");
    let mut first = site.visitor();
    for _ in 0..3 {
        let page = first.get(&path);
        assert_eq!((page.status, page.text().matches("<button").count()), (StatusCode::OK, 1), "a GET spends nothing");
        assert_eq!(first.get("/portal/").location(), SIGN_IN, "nor does it sign in");
        assert_eq!(site.visitor().ask(Method::HEAD, &path, &[], "").status, StatusCode::OK);
        first.get(&path);
    }
    assert_eq!(first.post("/portal/sign-in", &[("token", &token)]).location(), "/portal/");
    assert_eq!(first.get("/portal/").location(), "/portal/apps/default/");
    assert_eq!(first.get(&path).location(), "/portal/", "who is signed in is not bothered");
    for token in [token.as_str(), "unknown"] {
        let mut second = site.visitor();
        let refused = second.get(&format!("/portal/sign-in?token={token}"));
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        refused.says("headwater portal").says("A link works once");
        let refused = second.post("/portal/sign-in", &[("token", token)]);
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(second.get("/portal/").location(), SIGN_IN);
    }
}

#[test]
fn a_link_ends_while_its_page_is_open() {
    let site = Site::new();
    let (token, ends_ms) = site.tokens.make(NOW_MS, portal::limits::TOKEN_LIFE);
    assert_eq!(ends_ms - NOW_MS, 10 * 60 * 1000);
    let path = format!("/portal/sign-in?token={token}");
    let mut late = site.visitor();
    assert_eq!(late.get(&path).status, StatusCode::OK);
    site.now(ends_ms);
    assert_eq!(late.post("/portal/sign-in", &[("token", &token)]).status, StatusCode::FORBIDDEN);
    assert_eq!(site.visitor().get(&path).status, StatusCode::FORBIDDEN);
}

#[test]
fn the_links_button_is_guarded_as_every_form() {
    let site = Site::new();
    let (token, _) = site.tokens.make(NOW_MS, Duration::from_secs(60));
    let body = encoded(&[("token", &token)]);
    let forged = site.visitor().ask(Method::POST, "/portal/sign-in", &[], &body);
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "it needs the token of its page");
    let mut browser = site.visitor();
    browser.get(&format!("/portal/sign-in?token={token}"));
    let body = encoded(&[("token", &token), ("csrf", &browser.csrf)]);
    for header in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(browser.ask(Method::POST, "/portal/sign-in", &[header], &body).status, StatusCode::FORBIDDEN);
    }
    assert_eq!(
        browser.post("/portal/sign-in", &[("token", &token)]).location(),
        "/portal/",
        "none of it spent the link"
    );
}

#[test]
fn the_admin_key_signs_in_and_no_other_does() {
    let site = Site::new();
    let grants = vec![credentials::Grant {
        app: "*".to_owned(),
        collection: None,
        permissions: vec![credentials::Permission::Admin],
    }];
    let new = credentials::NewKey { name: "deploy".to_owned(), grants, permission: None };
    let (_, secret) = site.credentials.create_key(new, NOW_MS).unwrap();
    let mut browser = site.visitor();
    for key in ["", "wrong", &secret] {
        browser.get("/portal/sign-in").says("Admin key");
        let answer = browser.post("/portal/sign-in", &[("key", key)]);
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        answer.says("not the admin key");
        assert_eq!(browser.get("/portal/").location(), SIGN_IN);
    }
    let admin_key = site.credentials.admin_key().to_owned();
    let forged = site.visitor().ask(Method::POST, "/portal/sign-in", &[], &encoded(&[("key", &admin_key)]));
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "the sign-in form has a token too");
    browser.get("/portal/sign-in");
    assert_eq!(browser.post("/portal/sign-in", &[("key", &admin_key)]).location(), "/portal/");
    assert_eq!(browser.get("/portal/").location(), "/portal/apps/default/");
}

#[test]
fn guessing_ends_soon_and_links_still_work() {
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let site = Site::on(paused, "localhost:9", NOW_MS);
    let mut guesser = site.visitor();
    guesser.get("/portal/sign-in");
    for _ in 0..ATTEMPTS_MAX {
        assert_eq!(guesser.post("/portal/sign-in", &[("key", "guess")]).status, StatusCode::FORBIDDEN);
    }
    let admin_key = site.credentials.admin_key().to_owned();
    let refused = guesser.post("/portal/sign-in", &[("key", &admin_key)]);
    assert_eq!((refused.status, refused.header(header::RETRY_AFTER)), (StatusCode::TOO_MANY_REQUESTS, "60"));
    site.admin();
    site.now(NOW_MS + ATTEMPTS_WINDOW.as_millis() as u64);
    guesser.get("/portal/sign-in");
    assert_eq!(guesser.post("/portal/sign-in", &[("key", &admin_key)]).location(), "/portal/");
}

#[test]
fn a_session_ends_by_sign_out_and_when_idle() {
    let site = Site::new();
    let mut admin = site.admin();
    let stolen = admin.cookies.clone();
    assert_eq!(admin.post("/portal/sign-out", &[]).location(), "/portal/sign-in");
    assert!(admin.cookies.iter().all(|(name, _)| name.ends_with("-form")), "{:?}", admin.cookies);
    admin.cookies = stolen;
    assert_eq!(admin.get("/portal/").location(), SIGN_IN, "it is over on the server too");
    let mut idle = site.admin();
    site.now(NOW_MS + SESSION_IDLE.as_millis() as u64 - 1);
    assert_eq!(idle.get("/portal/").location(), "/portal/apps/default/");
    site.now(NOW_MS + 2 * SESSION_IDLE.as_millis() as u64 - 1);
    assert_eq!(idle.get("/portal/").location(), SIGN_IN);
}

#[test]
fn what_is_too_large_or_nowhere_gets_a_page() {
    let site = Site::new();
    let mut admin = site.admin();
    let large = "x".repeat(portal::limits::FORM_BYTES_MAX + 1);
    let answer = admin.ask(Method::POST, "/portal/apps/default/certificates", &[], &large);
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.says("<h1>Payload Too Large</h1>");
    for path in ["/portal/nothing", "/portal/apps/none/", "/portal/apps/default/x/y", "/portal/assets/none.css"] {
        let answer = admin.get(path);
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        answer.says("<h1>Not Found</h1>").says("</nav>");
        has_headers(&answer);
    }
    let answer = admin.get("/portal/apps/default/settings/test");
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let small = "x".repeat(portal::limits::SIGN_IN_BYTES_MAX + portal::limits::KEPT_FORM_BYTES_MAX + 1);
    assert_eq!(site.visitor().ask(Method::POST, "/portal/sign-in", &[], &small).status, StatusCode::PAYLOAD_TOO_LARGE);
}
