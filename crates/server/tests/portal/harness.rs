//! The harness itself: that it sees what is wrong with a page, before it is trusted to see nothing.

use super::{
    accessibility, boxes,
    browser::{Browser, Theme},
};
use crate::support::TestServer;

#[test]
fn the_harness_sees_what_is_wrong_with_a_page() {
    let server = TestServer::start();
    let browser = Browser::start();
    browser.open(&format!("{}/openapi.json", server.run["http"].as_str().unwrap()));
    assert!(browser.text("body").contains("\"openapi\""), "{}", browser.text("body"));

    browser.show(390, 844, Theme::Dark);
    let dark = browser.run("return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]", &[]);
    assert_eq!(dark, serde_json::json!([390, true]));

    browser.run(
        "document.body.innerHTML = '<img src=x><input><p style=\"width: 900px; color: #999; background: #aaa\">faint</p>'",
        &[],
    );
    let violations = accessibility::violations(&browser).join("\n");
    for rule in ["image-alt", "label", "color-contrast"] {
        assert!(violations.contains(rule), "{rule} is not in: {violations}");
    }
    assert!(accessibility::overflowing(&browser).iter().any(|line| line.contains("faint")));
    assert!(boxes::misplaced(&browser).iter().any(|line| line.starts_with("off the screen") && line.contains("faint")));
    browser.run(
        "document.body.innerHTML = '<p>above</p><p style=\"margin-top: -30px\">below</p><p style=\"width: 40px\">unbreakable-no-matter_what</p>'",
        &[],
    );
    let misplaced = boxes::misplaced(&browser).join("\n");
    for fault in ["over its neighbour: p. below", "text out of its box: p. unbreakable"] {
        assert!(misplaced.contains(fault), "{fault} is not in: {misplaced}");
    }
    browser.run("setTimeout(() => { throw new Error('of the test') })", &[]);
    let mut console = Vec::new();
    browser.wait_until("the script's error", |browser| {
        console.extend(browser.console());
        console.iter().any(|line| line.contains("of the test"))
    });
    let shot = browser.downloaded_folder().join("shot.png");
    browser.screenshot(&shot, true);
    assert!(std::fs::read(shot).unwrap().starts_with(b"\x89PNG"));
}
