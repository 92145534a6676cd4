//! The portal of the real binary: how one gets in, and that it leaves the HTTP API's paths alone.

use serde_json::json;

use crate::support::{PATIENCE, TestServer, wait_until};

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

#[test]
fn links_open_the_portal_once() {
    let server = TestServer::start();
    let base = server.run["http"].as_str().unwrap();
    let start = format!("{base}/portal/sign-in?token=");
    wait_until("the screen is printed", || server.stdout().contains("Ctrl-C stops the server"));
    let screen = server.stdout();
    let of_screen = screen.split_whitespace().find(|word| word.starts_with(&start)).unwrap();
    let asked = server.run(&["portal"]);
    assert!(asked.code() == Some(0) && asked.stdout.starts_with(&start), "{asked:?}");
    for link in [of_screen, asked.stdout.trim()] {
        let (status, location, cookie, _) = get(link, "");
        assert_eq!((status, location.as_str()), (303, "/portal/"));
        let (status, location, ..) = get(&format!("{base}/portal/"), &cookie);
        assert_eq!((status, location.as_str()), (303, "/portal/apps/default/"));
        let (status, .., page) = get(&format!("{base}{location}"), &cookie);
        assert!(status == 200 && page.contains("From here to a first event"), "{page}");
        let (status, .., page) = get(link, "");
        assert!(status == 403 && page.contains("headwater portal"), "{page}");
    }
    let json = server.run(&["portal", "--json"]).stdout;
    let link: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(link["url"].as_str().unwrap().starts_with(&start) && link["expiresMs"].is_u64(), "{json}");
}

#[test]
fn other_paths_stay_the_http_apis() {
    let server = TestServer::start();
    let base = server.run["http"].as_str().unwrap();
    assert_eq!(get(base, "").1, "/portal/");
    let (status, .., body) = get(&format!("{base}/nothing"), "");
    assert!(status == 404 && body.starts_with(r#"{"message":"#), "{body}");
    assert_eq!(server.run(&["app", "create", "portal"]).code(), Some(0));
    let susan =
        json!({"commands": [{"method": "upsert", "collection": "people", "id": "abc123", "value": {"name": "Susan"}}]});
    assert_eq!(server.post("/portal/api/v4/store/write", &susan).0, 200, "an app may be named portal");
    assert_eq!(server.post("/admin/v1/sign-in-links", &json!({})).0, 401, "links need the admin key");
}
