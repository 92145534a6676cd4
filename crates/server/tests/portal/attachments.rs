//! Attachments in the portal: images are shown where one asks for it, and nothing that somebody uploaded ever runs.

use serde_json::{Value, json};

use super::{
    accessibility, boxes,
    browser::{Browser, Theme},
    pages::screenshots,
    visitor::{address, sign_in},
};
use crate::{real_clients::events::write, support::TestServer};

/// What would mark the page that it runs in, and the tab's title.
const PAGE: &str =
    "<!doctype html><title>ran</title><script>document.title = 'ran'; top.ran = true</script><h1>A page</h1>";
const DRAWING: &str =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><script>top.ran = true</script></svg>";

/// Uploads files, and writes a document that holds them.
fn fill(server: &TestServer) {
    let photo = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/portal/settings.png")).unwrap();
    let broken = [&b"\x89PNG\r\n\x1a\n"[..], &[7; 100]].concat();
    let token = |name: &str, content: &[u8]| -> Value {
        let (status, stored) = server.upload(content);
        assert_eq!(status, 200, "{stored}");
        // What they say of themselves is not asked.
        json!({ "id": stored["id"], "len": stored["len"], "metadata": { "name": name, "type": "image/png" } })
    };
    let value = json!({ "broken": token("broken.png", &broken), "drawing": token("drawing.svg", DRAWING.as_bytes()),
        "name": "Susan", "page": token("page.html", PAGE.as_bytes()), "photo": token("photo of a page.html", &photo) });
    let types = json!({ "broken": "attachment", "drawing": "attachment", "page": "attachment", "photo": "attachment" });
    write(
        server,
        json!({ "method": "upsert", "collection": "people", "id": "abc123", "value": value, "valueTypeOverrides": types }),
    );
}

/// The height and width of the image that is shown, if one is.
fn shown(browser: &Browser) -> Value {
    browser.run("const image = document.querySelector('.attachment img'); return image && [image.naturalWidth, image.naturalHeight]", &[])
}

#[test]
fn an_image_is_shown_and_nothing_else_runs() {
    let server = TestServer::start();
    fill(&server);
    let browser = Browser::start();
    sign_in(&server, &browser);
    let document = address(&server, "documents/people/%22abc123%22");
    browser.open(&document);
    let buttons =
        browser.run("return [...document.querySelectorAll('button[data-show]')].map((it) => it.ariaLabel)", &[]);
    assert_eq!(buttons, json!(["Show broken.png", "Show photo of a page.html"]), "by what the bytes say");
    assert_eq!(shown(&browser), Value::Null, "not before somebody asks for it");
    browser.click("[aria-label='Show photo of a page.html']");
    browser.wait_until("the image", |browser| shown(browser) != Value::Null);
    assert!(shown(&browser)[0].as_u64() > Some(0), "{}", shown(&browser));
    let mut faults = Vec::new();
    for (look, width, theme) in
        [("light", 1280, Theme::Light), ("dark", 1920, Theme::Dark), ("phone", 390, Theme::Light)]
    {
        browser.show(width, 900, theme);
        browser.screenshot(&screenshots().join(format!("attachment-{look}.png")), true);
        faults.extend(
            [boxes::misplaced(&browser), accessibility::overflowing(&browser), accessibility::violations(&browser)]
                .concat(),
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
    browser.show(1280, 900, Theme::Light);
    browser.click("[aria-label='Show photo of a page.html']");
    assert_eq!(shown(&browser), Value::Null, "hidden again");
    browser.click("[aria-label='Show broken.png']");
    browser.wait_for_text("Cannot be shown");

    // In a list a file has its name, and in the drawer beside it the same buttons.
    browser.open(&address(&server, "documents?collection=people"));
    assert!(browser.text("td[data-label=page]").starts_with("page.html ("), "{}", browser.text("main"));
    browser.click("a[data-drawer]");
    browser.click("dialog [aria-label='Show photo of a page.html']");
    browser.wait_until("the image in the drawer", |browser| shown(browser) != Value::Null);
    browser.screenshot(&screenshots().join("attachment-drawer.png"), false);
    assert_eq!(accessibility::violations(&browser), Vec::<String>::new());

    // Opened by its address, a page is a download like everything else.
    browser.open(&document);
    let console = browser.console();
    let is_ours = |line: &String| !line.contains("broken") && !line.contains("DEBUG");
    assert_eq!(console.into_iter().filter(is_ours).collect::<Vec<_>>(), Vec::<String>::new());
    for (field, name, content) in [("page", "page.html", PAGE), ("drawing", "drawing.svg", DRAWING)] {
        let script =
            "return [...document.querySelectorAll('.attachment a')].find((it) => it.textContent === arguments[0]).href";
        let link = browser.run(script, &[json!(name)]);
        if field == "page" {
            browser.run("location.assign(arguments[0])", std::slice::from_ref(&link));
        } else {
            // Of downloads that nobody clicked for, Chromium takes one.
            browser.click(&format!(".attachment a[href$='{name}']"));
        }
        assert_eq!(std::fs::read_to_string(browser.downloaded(name)).unwrap(), content, "{field}");
        let asked = "const done = arguments[1]; fetch(arguments[0]).then((it) => done(['content-type', 'content-security-policy',
            'content-disposition', 'x-content-type-options'].map((name) => it.headers.get(name))))";
        let headers = browser.run_async(asked, &[link]);
        let expected = [
            "application/octet-stream",
            "default-src 'none'; sandbox",
            &format!("attachment; filename*=UTF-8''{name}"),
            "nosniff",
        ];
        assert_eq!(headers, json!(expected));
    }
    assert_eq!(browser.run("return [top.ran ?? null, document.title.includes('ran')]", &[]), json!([null, false]));
    assert_eq!(browser.address(), document);

    browser.allow_scripts(false);
    browser.open(&document);
    browser.allow_scripts(true);
    let buttons = browser
        .run("return [...document.querySelectorAll('button[data-show]')].map((it) => it.checkVisibility())", &[]);
    assert_eq!(buttons, json!([false, false]), "a button that does nothing is not there");
}
