//! Charts over time, warnings, and lag in words.

use std::time::Duration;

use axum::http::StatusCode;
use store::CommittedOffset;

use crate::browser::{NOW_MS, Site};

const OVERVIEW: &str = "/portal/apps/default/";

/// Waits, in the portal's own time, until a page says something.
fn wait_until(site: &Site, admin: &mut crate::browser::Browser<'_>, path: &str, words: &str) {
    for _ in 0..600 {
        if admin.get(path).text().contains(words) {
            return;
        }
        site.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }
    panic!("{path} does not say {words:?}: {}", admin.get(path).text());
}

#[test]
fn the_overview_has_charts_for_four_spans_that_need_no_script() {
    let site = Site::new();
    site.write("people", "a", "{}");
    let mut admin = site.admin();
    for (range, words) in [("15m", "15 minutes"), ("1h", "1 hour"), ("6h", "6 hours"), ("24h", "24 hours")] {
        let page = admin.get(&format!("{OVERVIEW}?range={range}"));
        assert_eq!(page.status, StatusCode::OK);
        page.says(&format!("?range={range}\" aria-current=\"true\">{words}</a>"));
        for chart in ["writes", "latency", "lag", "disk", "free", "memory"] {
            page.says(&format!("id=\"chart-{chart}\""));
        }
        assert!(!page.text().contains(" style=") && !page.text().contains("<script>"), "the policy forbids both");
    }
    admin.get(&format!("{OVERVIEW}?range=nonsense")).says("?range=1h\" aria-current=\"true\"");
    assert!(!admin.get("/portal/apps/default/charts?range=1h").text().contains("<html"), "a fragment");
}

#[test]
fn numbers_are_measured_and_outlive_a_restart() {
    let mut site = Site::new();
    site.write("people", "a", "{}");
    let at = CommittedOffset { offset: 0, leader_epoch: -1, metadata: String::new() };
    let offsets = vec![("user-consumable-default".to_owned(), 0, at)];
    site.runtime.block_on(site.app().commit_offsets("readers", offsets)).unwrap();
    let cookies = site.admin().kept();
    let group = "/portal/apps/default/consumers/readers?range=15m";
    let file = site.directory.path().join("portal-history.bin");
    let places = |site: &Site| site.browser_of(&cookies).get(group).text().matches("; behind 1</title></rect>").count();
    // The clock of the test stands still unless it is set: so each round has a time of its own.
    for n in 1..4 {
        // What is written from here on has the rounds before.
        drop(std::fs::remove_file(&file));
        site.now(NOW_MS + n * 60_000);
        let told = format!("id=\"chart-events-behind\" data-from=\"{}\"", NOW_MS + n * 60_000 - 900_000);
        let mut admin = site.browser_of(&cookies);
        admin.get(group).says(&told);
        wait_until(&site, &mut admin, group, "behind <b>1</b>");
        let mut looks = 0;
        while places(&site) < n as usize {
            looks += 1;
            assert!(looks < 600, "round {n} does not come");
            site.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
        }
    }
    let mut admin = site.browser_of(&cookies);
    wait_until(&site, &mut admin, &format!("{OVERVIEW}?range=15m"), "resident <b>");
    admin.get(group).says("; behind 1</title></rect>");
    admin.get(&format!("{OVERVIEW}now")).says("1 event, ");
    wait_until(&site, &mut admin, group, "behind <b>1</b>");
    for _ in 0..600 {
        if file.exists() {
            break;
        }
        site.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    }
    assert!(file.exists());
    drop(admin);
    site.restart();
    assert!(places(&site) >= 2, "what was measured before is there");
    std::fs::write(&file, "damaged").unwrap();
    site.restart();
    assert!(places(&site) <= 1, "at most what was measured since");
    assert!(site.directory.path().join("portal-history.bin.damaged").exists(), "and nothing else is in its way");
}

#[test]
fn the_strip_says_what_to_do_and_where() {
    let site = Site::new();
    let mut admin = site.admin();
    let now = format!("{OVERVIEW}now");
    admin
        .get(&now)
        .says("The HTTP API asks for no key on 127.0.0.1:8080: whoever is on this machine may read and write.")
        .says("href=\"/portal/apps/default/keys\">Keys</a>");
    let ends_ms = site.credentials.users(Some("default"))[0].expires_ms;
    site.now(ends_ms - 86_400_000);
    let mut later = site.admin();
    later.get(&now).says("The certificate of consumer, app default, ends in 24 hours.").says("Issue a new one");
}
