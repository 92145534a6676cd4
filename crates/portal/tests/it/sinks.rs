//! The page of sinks: what it says of each, and what its buttons do.

use axum::http::StatusCode;
use wire::admin::NewSink;

use crate::browser::Site;

const SINKS: &str = "/portal/apps/default/sinks";

#[test]
fn a_sink_is_shown_paused_resumed_and_deleted() {
    let site = Site::new();
    let mut admin = site.admin();
    admin.get(SINKS).says("No sink yet").says("headwater sink create warehouse --app default");
    let body =
        br#"{"name":"crm","kind":"webhook","url":"https://crm.example/hook?a=1&b=2","secret":"0123456789abcdef"}"#;
    let topics = site.runtime.block_on(site.topics.app("default")).unwrap();
    site.runtime.block_on(site.sinks().create(&topics, NewSink::parse(body).unwrap())).unwrap();
    let page = admin.get(SINKS);
    page.says("crm").says("the main feed").says("https://crm.example/hook?a=1&#38;b=2");
    assert!(!page.text().contains("0123456789abcdef"));
    let answer = admin.post(&format!("{SINKS}/crm/pause"), &[]);
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, SINKS));
    admin.get(SINKS).says("Paused the sink crm.").says("paused</span>").says("Go on");
    admin.post(&format!("{SINKS}/crm/resume"), &[]);
    admin.get(SINKS).says("The sink crm goes on.");
    admin.csrf = "0".repeat(64);
    assert_eq!(admin.post(&format!("{SINKS}/crm/delete"), &[]).status, StatusCode::FORBIDDEN);
    let mut admin = site.admin();
    admin.get(SINKS);
    admin.post(&format!("{SINKS}/crm/delete"), &[]);
    admin.get(SINKS).says("Deleted the sink crm.").says("No sink yet");
    assert_eq!(admin.post(&format!("{SINKS}/crm/pause"), &[]).status, StatusCode::NOT_FOUND);
}

#[test]
fn one_sink_is_shown_without_its_secrets_and_with_what_it_has_set_aside() {
    let site = Site::new();
    let mut admin = site.admin();
    let topics = site.topics();
    let body =
        br#"{"name":"crm","kind":"webhook","url":"http://127.0.0.1:1/hook?a=1&b=2","secret":"0123456789abcdef hush"}"#;
    site.runtime.block_on(site.sinks().create(&topics, NewSink::parse(body).unwrap())).unwrap();
    let path = format!("{SINKS}/crm");
    admin.get(SINKS).says(&format!("href=\"{path}\""));
    let page = admin.get(&path);
    page.says("http://127.0.0.1:1/hook?a=1&#38;b=2").says("***").says("Pause</button>").says("Delete crm for good");
    page.says("No event is set aside.").says(&format!("href=\"{SINKS}\" aria-current=\"page\""));
    assert!(!page.text().contains("hush"));
    assert_eq!(admin.get(&format!("{SINKS}/other")).status, StatusCode::NOT_FOUND);
    assert_eq!(admin.post(&format!("{path}/set-aside/drop"), &[("id", "x")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(admin.post(&format!("{path}/set-aside/replay"), &[]).location(), path);
    assert_eq!(admin.post(&format!("{path}/set-aside/drop"), &[("id", "7")]).location(), path);
    admin.get(&path).says("0 events will be sent once more").says("Dropped 0 events.");
    assert_eq!(admin.post(&format!("{SINKS}/other/set-aside/replay"), &[]).status, StatusCode::NOT_FOUND);
}
