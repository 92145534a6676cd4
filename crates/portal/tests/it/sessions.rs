//! A session over time: over a restart, to its end and back to what was asked, and what was typed
//! meanwhile.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use portal::limits::{DRAFTS_MAX, KEPT_FORM_BYTES_MAX, SECRET_SHOWN, SESSION_IDLE};

use crate::browser::{Answer, Browser, NOW_MS, Site, encoded};

const KEYS: &str = "/portal/apps/default/keys";
const NEW: &str = "/portal/apps/default/documents/new";

/// What a field of the page holds.
fn field(answer: &Answer, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let (_, rest) = answer.text().split_once(&mark).unwrap_or_else(|| panic!("{name} is not in: {}", answer.text()));
    let text = rest.split('"').next().unwrap();
    text.replace("&#38;", "&").replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">")
}

fn sign_in_by_key(browser: &mut Browser<'_>, fields: &[(&str, &str)]) -> Answer {
    let key = browser.site.credentials.admin_key().to_owned();
    browser.post("/portal/sign-in", &[&[("key", key.as_str())], fields].concat())
}

#[test]
fn signing_in_leads_to_the_page_that_was_asked_and_nowhere_else() {
    let site = Site::new();
    let mut browser = site.visitor();
    let asked = "/portal/apps/shop/documents?collection=people&query=age+%3E%3D+30";
    let sign_in = browser.get(asked).location().to_owned();
    let page = browser.get(&sign_in);
    let next = field(&page, "next");
    assert_eq!(next, asked);
    assert_eq!(sign_in_by_key(&mut browser, &[("next", &next)]).location(), asked);
    assert_eq!(browser.get(&sign_in).location(), asked, "who is signed in is not bothered");
    for evil in ["https://evil.example/", "//evil.example", "/\\evil.example", "/portal/..//evil.example", "/metrics"] {
        let mut browser = site.visitor();
        browser.get("/portal/sign-in");
        assert_eq!(sign_in_by_key(&mut browser, &[("next", evil)]).location(), "/portal/", "{evil}");
    }
}

#[test]
fn a_form_that_comes_after_the_end_is_shown_again_and_not_carried_out() {
    let site = Site::new();
    let mut admin = site.admin();
    admin.get(NEW);
    site.now(NOW_MS + SESSION_IDLE.as_millis() as u64);
    let typed = [("collection", "people"), ("id", "abc"), ("text", r#"{"name":"Susan & Tom"}"#), ("step", "save")];
    let referer = format!("http://127.0.0.1:8080{NEW}?collection=people");
    let body = encoded(&[&[("csrf", admin.csrf.clone().as_str())], &typed[..]].concat());
    let ended = admin.ask(Method::POST, NEW, &[("referer", &referer)], &body);
    assert_eq!(ended.status, StatusCode::FORBIDDEN);
    ended.says("Your session has ended").says("What you typed is kept");
    let [next, action, kept] = ["next", "action", "typed"].map(|name| field(&ended, name));
    assert_eq!((next.as_str(), action.as_str()), (&referer["http://127.0.0.1:8080".len()..], NEW));
    let wrong = admin.post("/portal/sign-in", &[("key", "x"), ("next", &next), ("action", &action), ("typed", &kept)]);
    assert_eq!(field(&wrong, "typed"), kept, "a wrong key loses nothing");
    let back = sign_in_by_key(&mut admin, &[("next", &next), ("action", &action), ("typed", &kept)]);
    assert_eq!(back.location(), next);
    let form = admin.get(back.location());
    form.says("Nothing was done; the form is filled in").says("Susan &#38; Tom").says("value=\"abc\"");
    assert_eq!(site.app().events().high_watermark(), 0, "it was not carried out");
    admin.get(&format!("{NEW}?draft=none"));
    assert!(!admin.get(NEW).text().contains("Susan"), "it can be begun anew");
}

#[test]
fn signed_in_by_a_link_in_another_tab_the_form_goes_on() {
    let site = Site::new();
    let mut admin = site.admin();
    site.now(NOW_MS + SESSION_IDLE.as_millis() as u64);
    let body = encoded(&[("csrf", &admin.csrf.clone()), ("user", "warehouse")]);
    let ended = admin.ask(Method::POST, "/portal/apps/default/certificates", &[], &body);
    let [next, action, kept] = ["next", "action", "typed"].map(|name| field(&ended, name));
    let csrf_of_page = admin.csrf.clone();
    let go = |admin: &mut Browser<'_>| {
        let fields =
            [("csrf", csrf_of_page.as_str()), ("go", "on"), ("next", &next), ("action", &action), ("typed", &kept)];
        admin.ask(Method::POST, "/portal/sign-in", &[], &encoded(&fields))
    };
    let not_yet = go(&mut admin);
    assert_eq!(not_yet.status, StatusCode::FORBIDDEN);
    not_yet.says("Nobody has signed in");
    let (token, _) = site.tokens.make(NOW_MS + SESSION_IDLE.as_millis() as u64, Duration::from_secs(60));
    admin.get(&format!("/portal/sign-in?token={token}"));
    admin.post("/portal/sign-in", &[("token", &token)]);
    let back = go(&mut admin);
    assert_eq!(back.location(), "/portal/apps/default/certificates");
    admin.get(back.location()).says("value=\"warehouse\"");
    assert!(site.credentials.users(Some("default")).iter().all(|it| it.user != "warehouse"));
}

#[test]
fn a_form_of_an_earlier_sign_in_is_shown_again() {
    let site = Site::new();
    let mut admin = site.admin();
    let old_csrf = admin.csrf.clone();
    admin.get("/portal/sign-in");
    let (token, _) = site.tokens.make(NOW_MS, Duration::from_secs(60));
    admin.post("/portal/sign-in", &[("token", &token)]);
    let body = encoded(&[("csrf", &old_csrf), ("name", "by-age"), ("collection", "people"), ("keys", "age")]);
    let answer = admin.ask(Method::POST, "/portal/apps/default/indexes", &[], &body);
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/portal/apps/default/indexes"));
    admin.get(answer.location()).says("value=\"by-age\"").says("No index yet");
}

#[test]
fn what_somebody_else_makes_up_is_never_kept() {
    let site = Site::new();
    let body = encoded(&[("csrf", "x"), ("user", "mallory")]);
    for header in [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")] {
        let answer = site.visitor().ask(Method::POST, "/portal/apps/default/certificates", &[header], &body);
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        answer.says("did not come from this portal").says("Forbidden");
        assert!(!answer.text().contains("mallory"));
    }
    let long = "x".repeat(KEPT_FORM_BYTES_MAX);
    let answer = site.visitor().ask(Method::POST, NEW, &[], &encoded(&[("text", &long)]));
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    answer.says("too long to be kept");
    assert!(answer.bytes.len() < 10_000);
}

#[test]
fn previews_and_mistakes_can_be_loaded_again_and_come_back_to() {
    let site = Site::new();
    let mut admin = site.admin();
    let typed = [("collection", "people"), ("id", "abc"), ("text", r#"{"name":"Susan"}"#)];
    let csrf = admin.csrf.clone();
    let body = encoded(&[&[("csrf", csrf.as_str())], &typed[..]].concat());
    let preview = admin.ask(Method::POST, NEW, &[], &body).location().to_owned();
    assert!(preview.starts_with(&format!("{NEW}?draft=")), "{preview}");
    for _ in 0..2 {
        admin.get(&preview).says("What would be added").says("<ins>&#34;Susan&#34;</ins>");
        admin.get(NEW).says("value=\"abc\"").says("did not carry out").says("Begin anew");
    }
    let bad = encoded(&[("csrf", &csrf), ("collection", "people"), ("text", "{")]);
    let wrong = admin.ask(Method::POST, NEW, &[], &bad).location().to_owned();
    admin.get(&wrong).says("is not JSON");
    admin.get(&preview).says("<ins>&#34;Susan&#34;</ins>");
    let since = field(&admin.get(&preview), "since");
    let save = [&typed[..], &[("since", &since), ("step", "save")]].concat();
    assert_eq!(admin.post(NEW, &save).location(), "/portal/apps/default/documents/people/%22abc%22");
    let after = admin.get(NEW);
    assert!(!after.text().contains("value=\"abc\"") && !after.text().contains("Begin anew"), "it is done");
    assert_eq!(admin.get(&preview).status, StatusCode::OK, "an old page is the empty form");
    for _ in 0..DRAFTS_MAX + 1 {
        admin.post("/portal/apps/default/certificates", &[("user", "..")]);
    }
}

#[test]
fn a_secret_is_shown_for_a_minute() {
    let site = Site::new();
    let mut admin = site.admin();
    let fields = [("csrf", admin.csrf.clone()), ("name", "till".to_owned()), ("app-0", "shop".to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = encoded(&[&fields[..], &[("permission-0", "read")]].concat());
    let made = admin.ask(Method::POST, KEYS, &[], &body).location().to_owned();
    assert_eq!(made, "/portal/apps/default/keys?made");
    for _ in 0..2 {
        admin.get(&made).says("id=\"secret\">");
    }
    site.now(NOW_MS + SECRET_SHOWN.as_millis() as u64);
    assert!(!admin.get(&made).text().contains("id=\"secret\">"));
}

#[test]
fn a_restart_signs_nobody_out_and_a_sign_out_lasts() {
    let mut site = Site::new();
    let (first, second) = (site.admin().kept(), site.admin().kept());
    {
        let mut leaving = site.browser_of(&second);
        leaving.get(KEYS);
        assert_eq!(leaving.post("/portal/sign-out", &[]).location(), "/portal/sign-in");
    }
    site.restart();
    assert_eq!(site.browser_of(&first).get(KEYS).status, StatusCode::OK);
    assert!(site.browser_of(&second).get(KEYS).location().starts_with("/portal/sign-in"));
    let mut here = site.browser_of(&first);
    here.get(KEYS);
    assert_eq!(here.post(&format!("{KEYS}/none/revoke"), &[]).status, StatusCode::NOT_FOUND, "its forms go on");
}

#[test]
fn who_did_what_is_in_the_audit_log_and_no_secret() {
    let site = Site::new();
    let mut admin = site.admin();
    let admin_key = site.credentials.admin_key().to_owned();
    let mut guesser = site.visitor();
    guesser.get("/portal/sign-in");
    guesser.post("/portal/sign-in", &[("key", "a-wrong-guess")]);
    let made = admin.post(KEYS, &[("name", "till"), ("app-0", "shop"), ("permission-0", "read")]);
    let secret = made.text().split("id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    admin.post(KEYS, &[("name", "a b")]);
    admin.post(&format!("{KEYS}/none/revoke"), &[]);
    admin.post(NEW, &[("collection", "people"), ("id", "a"), ("text", "{}")]);
    admin.get("/portal/apps/default/settings/files/user.p12");
    admin.post("/portal/sign-out", &[]);
    let (entries, _) = site.audit().newest(0, 99).unwrap();
    let told = entries.iter().rev().map(|it| (it.action.as_str(), it.target.as_str(), it.outcome.word()));
    let expected = [
        ("session.begin", "link", "done"),
        ("session.begin", "admin key", "refused"),
        ("key.create", "till", "done"),
        ("key.revoke", "none", "refused"),
        ("credentials.download", "user.p12", "done"),
        ("session.end", "", "done"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected, "previews and mistakes are not there");
    let file = std::fs::read_to_string(site.directory.path().join(operations::AUDIT_FILE)).unwrap();
    for secret in [&secret, &admin_key, "a-wrong-guess"] {
        assert!(!file.contains(secret), "{secret} is in it");
    }
    let mut later = site.admin();
    later.get("/portal/audit-log?app=shop").says("key.create").says("till").says("refused").says("Audit log");
}
