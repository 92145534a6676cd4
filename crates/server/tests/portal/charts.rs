//! Charts in a real browser: readable without script, and with it a value wherever one points.

use std::{path::Path, time::Duration};

use serde_json::json;

use super::{
    browser::{Browser, Theme},
    visitor::{address, fill, sign_in},
};
use crate::support::TestServer;

#[test]
fn a_chart_says_the_value_where_one_points_and_needs_no_script_to_be_read() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    let page = address(&server, "?range=15m");
    browser.wait_within(Duration::from_secs(60), "a point of memory", |browser| {
        browser.open(&page);
        browser.has("#chart-memory .places rect")
    });
    browser.wait_until("the script is ready", |browser| browser.has("#chart-memory output"));
    browser.run("document.querySelector('#chart-memory').scrollIntoView({ block: 'center' })", &[]);
    let point = "const svg = document.querySelector('#chart-memory svg'), box = svg.getBoundingClientRect();
        svg.dispatchEvent(new PointerEvent('pointermove', { clientX: box.right - 4, clientY: box.top + 40, bubbles: true }))";
    browser.run(point, &[]);
    let told = browser.text("#chart-memory output");
    assert!(told.contains("resident ") && told.contains("MiB") && told.contains(':'), "{told}");
    assert!(browser.has("#chart-memory.read"), "the line stands there");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/portal-screenshots");
    for (look, width, theme) in
        [("light", 1280, Theme::Light), ("dark", 1920, Theme::Dark), ("phone", 390, Theme::Light)]
    {
        browser.show(width, 900, theme);
        browser.screenshot(&folder.join(format!("charts-{look}.png")), true);
    }
    browser.show(1280, 900, Theme::Light);
    browser.allow_scripts(false);
    browser.open(&page);
    browser.allow_scripts(true);
    let plain = browser.run(
        "const place = document.querySelector('#chart-memory .places rect');
         return [place.textContent, place.getBoundingClientRect().height, document.querySelector('#chart-memory text.value').textContent]",
        &[],
    );
    assert!(plain[0].as_str().unwrap().contains("resident"), "{plain}");
    assert!(plain[1].as_f64().unwrap() > 50.0, "the place can be pointed at: {plain}");
    assert_eq!(plain[2], json!("0 B"));
}
