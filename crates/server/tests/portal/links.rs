//! The portal of the real binary: how one gets in, and that it leaves the HTTP API's paths alone.

use std::sync::Arc;

use serde_json::json;
use store::{AppName, DataDir, StoreOptions, WallClock};
use tempfile::TempDir;

use crate::support::{PATIENCE, TestServer};

/// A plain GET that follows nothing: status, headers of interest, body.
fn get(url: &str, cookie: &str) -> (u16, String, String, String) {
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).max_redirects(0);
    let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
    let mut reply = agent.get(url).header("cookie", cookie).call().unwrap();
    let header = |name: &str| reply.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (location, cookie) = (header("location"), header("set-cookie"));
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (reply.status().as_u16(), location, cookie, reply.body_mut().read_to_string().unwrap())
}

/// Presses the one button of a link's page: status, where it leads, the cookie that it sets.
fn press(base: &str, page: &str, cookie: &str) -> (u16, String, String) {
    assert_eq!(page.matches("<button").count(), 1, "{page}");
    let hidden = |name: &str| {
        let rest = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap().1;
        rest.split('"').next().unwrap().to_owned()
    };
    let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).max_redirects(0);
    let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
    let form = [("csrf", hidden("csrf")), ("token", hidden("token"))];
    let request = agent.post(format!("{base}/portal/sign-in")).header("cookie", cookie);
    let reply = request.send_form(form.iter().map(|(name, value)| (*name, value.as_str()))).unwrap();
    let header = |name: &str| reply.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let set = header("set-cookie").split(';').next().unwrap().to_owned();
    (reply.status().as_u16(), header("location"), set)
}

#[test]
fn links_open_the_portal_once() {
    let server = TestServer::start();
    let base = server.run["http"].as_str().unwrap();
    let start = format!("{base}/portal/sign-in?token=");
    let asked = server.run(&["portal"]);
    assert!(asked.code() == Some(0) && asked.stdout.starts_with(&start), "{asked:?}");
    let link = asked.stdout.trim();
    let (status, _, form_cookie, page) = get(link, "");
    assert_eq!(status, 200);
    assert_eq!(get(link, "").0, 200, "what previews links spends none");
    let (status, location, cookie) = press(base, &page, &form_cookie);
    assert_eq!((status, location.as_str()), (303, "/portal/"));
    let (status, location, ..) = get(&format!("{base}/portal/"), &cookie);
    assert_eq!((status, location.as_str()), (303, "/portal/apps/default/"));
    let (status, .., shown) = get(&format!("{base}{location}"), &cookie);
    assert!(status == 200 && shown.contains("From here to a first event"), "{shown}");
    assert_eq!(press(base, &page, &form_cookie).0, 403, "it works once");
    let (status, .., page) = get(link, "");
    assert!(status == 403 && page.contains("headwater portal"), "{page}");
    let json = server.run(&["portal", "--json"]).stdout;
    let link: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(link["url"].as_str().unwrap().starts_with(&start) && link["expiresMs"].is_u64(), "{json}");
}

#[test]
fn other_paths_stay_the_http_apis() {
    let server = TestServer::start_in(directory_with_app("portal"), &[]);
    let base = server.run["http"].as_str().unwrap();
    assert_eq!(get(base, "").1, "/portal/");
    let (status, .., body) = get(&format!("{base}/nothing"), "");
    assert!(status == 404 && body.starts_with(r#"{"message":"#), "{body}");
    let susan =
        json!({"commands": [{"method": "upsert", "collection": "people", "id": "abc123", "value": {"name": "Susan"}}]});
    assert_eq!(server.post("/portal/api/v4/store/write", &susan).0, 200, "an app that was named portal still opens");
    let refused = server.run(&["app", "create", "admin"]);
    assert!(refused.code() == Some(1) && refused.stderr.contains("choose another name"), "{refused:?}");
    assert_eq!(server.post("/admin/v1/sign-in-links", &json!({})).0, 401, "links need the admin key");
}

/// A data directory with an app of a name that no new app gets.
fn directory_with_app(name: &str) -> Arc<TempDir> {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let path = directory.path().join("headwater-data");
    let data = DataDir::open(&path, StoreOptions::default(), Arc::new(Noon), || [7; 16]).unwrap();
    data.create_app(&AppName::new(name).unwrap()).unwrap();
    data.stop();
    directory
}

#[derive(Debug)]
struct Noon;

impl WallClock for Noon {
    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}
