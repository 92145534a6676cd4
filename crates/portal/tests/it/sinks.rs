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
    let body = br#"{"name":"crm","kind":"webhook","url":"https://crm.example/<b>","secret":"0123456789abcdef"}"#;
    let topics = site.runtime.block_on(site.topics.app("default")).unwrap();
    site.runtime.block_on(site.sinks().create(&topics, NewSink::parse(body).unwrap())).unwrap();
    let page = admin.get(SINKS);
    page.says("crm").says("the main feed").says("https://crm.example/&#60;b&#62;");
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
