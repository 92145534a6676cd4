//! What `headwater demo --tasks` serves, and what it does not.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
};

use super::{converge::Person as _, demo::Demo, page::Page};
use crate::{
    portal::accessibility,
    support::{
        browser::Theme,
        command, finish,
        javascript::{Programs, package_for_browsers},
        only_line,
    },
};

/// A package that has what the demo looks for.
fn package_of_stubs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("src/browser/index.js", "export {};"),
        ("src/node/port.js", "for Node"),
        ("dist/headwater.wasm", "\0asm"),
        ("package.json", "{}"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Sends a request as it stands; no client puts the path right before. The whole answer.
fn send(demo: &Demo, method: &str, path: &str) -> String {
    let http = demo.http();
    let host = http.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[test]
fn the_demo_serves_the_page_and_the_package_and_nothing_else() {
    let (package, elsewhere) = (package_of_stubs(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("secret.js"), "secret").unwrap();
    symlink(elsewhere.path(), package.path().join("src/out")).unwrap();
    symlink(elsewhere.path().join("secret.js"), package.path().join("src/secret.js")).unwrap();
    let demo = Demo::start(package.path());

    for (path, content_type) in [
        ("/tasks/", "text/html; charset=utf-8"),
        ("/tasks/?list=mine", "text/html; charset=utf-8"),
        ("/tasks/style.css", "text/css; charset=utf-8"),
        ("/tasks/page.js", "text/javascript; charset=utf-8"),
        ("/tasks/icon.svg", "image/svg+xml"),
        ("/tasks/headwater/src/browser/index.js", "text/javascript; charset=utf-8"),
        ("/tasks/headwater/dist/headwater.wasm", "application/wasm"),
    ] {
        let answer = send(&demo, "GET", path);
        assert_eq!(status(&answer), "200", "{path}");
        assert!(answer.contains(&format!("content-type: {content_type}\r\n")), "{path}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'; "), "{path}: {answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{path}: {answer}");
        assert_eq!(status(&send(&demo, "HEAD", path)), "200", "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_eq!(status(&send(&demo, method, path)), "405", "{method} {path}");
        }
    }
    for path in [
        "/tasks/headwater/",
        "/tasks/headwater/package.json",
        "/tasks/headwater/src/node/port.js",
        "/tasks/headwater/src/secret.js",
        "/tasks/headwater/src/out/secret.js",
        "/tasks/headwater/../page.js",
        "/tasks/../tasks/page.js",
        "/tasks/headwater/..%2fpage.js",
        "/tasks/%2e%2e/%2e%2e/etc/passwd",
        "/tasks/..%5cpage.js",
        "/tasks//page.js",
        "/tasks/./page.js",
        "/tasks/page%2ejs",
        "/tasks/page.js%00",
        "/tasks//etc/passwd",
    ] {
        let answer = send(&demo, "GET", path);
        assert_eq!(status(&answer), "404", "{path}: {answer}");
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
    let (said, folder) = demo.terminate();
    assert!(said.iter().any(|line| line.contains("its data is removed")), "{said:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_demo_without_the_package_says_how_it_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let finished = finish(command(folder.path(), &["demo", "--tasks"]));
    assert_eq!(finished.code(), Some(2), "{finished:?}");
    assert!(only_line(&finished.stderr).contains("`cargo xtask sdk js` builds it"), "{finished:?}");
}

#[test]
fn the_demo_shows_what_a_terminal_does() {
    let package = package_of_stubs();
    let (demo, programs) = (Demo::start(package.path()), Programs::of("examples/tasks"));
    let lines = "add Water the plants\nlist\ndone 1\nwait\nstatus\n";
    let said = run_terminal(&programs, &demo, lines);
    assert_eq!(
        said,
        "added: Water the plants\n  1 [ ] Water the plants\ndone: Water the plants\nthe server has everything\nin sync\n"
    );
    demo.wait_for_event(2);
    let events = demo.events();
    assert_eq!(events[0]["change"]["newValue"]["text"], "Water the plants");
    assert_eq!(events[1]["change"]["newValue"]["done"], true);
}

fn run_terminal(programs: &Programs, demo: &Demo, lines: &str) -> String {
    let mut terminal: Command = programs.command("terminal.js");
    terminal.args(["--server", &demo.http()]);
    let mut child = terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn the_page_is_well_in_both_themes_and_on_a_phone() {
    let Some(package) = package_for_browsers() else { return };
    let demo = Demo::start(&package);
    let mut page = Page::open(&demo.page());
    look(&page, "empty");
    for text in [
        "Bread, flour and yeast",
        "Call the lake house about the boat that we wanted to rent, and ask whether the dog may come along",
        "Repair the bicycle",
        "Water the plants",
    ] {
        page.add(text);
    }
    page.set_done("Repair the bicycle", true);
    page.wait_until_synced();
    look(&page, "list");
    keep(&page);
    page.set_offline(true);
    page.add(&"Unbreakable".repeat(8));
    page.browser.wait_for_text("offline, 1 pending");
    look(&page, "offline");
    page.set_offline(false);
    page.wait_until_synced();
    let console = page.browser.console();
    assert!(console.is_empty(), "{console:#?}");
}

/// Looks at the page as it is, in every way.
fn look(page: &Page, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tasks-screenshots");
    let mut faults = Vec::new();
    for (look, width, theme) in [
        ("light", 1280, Theme::Light),
        ("dark", 1280, Theme::Dark),
        ("phone", 390, Theme::Light),
        ("phone-dark", 390, Theme::Dark),
    ] {
        page.browser.show(width, 844, theme);
        page.browser.screenshot(&folder.join(format!("{name}-{look}.png")), false);
        faults.extend(accessibility::overflowing(&page.browser).iter().map(|it| format!("{look}: too wide: {it}")));
        faults.extend(accessibility::violations(&page.browser).iter().map(|it| format!("{look}: {it}")));
    }
    page.browser.show(1280, 844, Theme::Light);
    assert!(faults.is_empty(), "{name}: {faults:#?}");
}

/// Keeps a picture of it for the README, where that is asked for.
fn keep(page: &Page) {
    if std::env::var_os("HEADWATER_SCREENSHOTS").is_none() {
        return;
    }
    page.browser.show(960, 560, Theme::Light);
    page.browser.screenshot(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tasks.png"), false);
}

#[test]
fn the_page_opens_and_works_while_the_server_is_away() {
    let Some(package) = package_for_browsers() else { return };
    let demo = Demo::start(&package);
    let wire = crate::support::wire::Wire::to(&demo.http());
    let mut page = Page::open(&demo.page().replace(&demo.http(), &wire.http()));
    page.add("before");
    page.wait_until_synced();
    wire.cut();
    page.add("while it is away");
    page.reload();
    page.browser.wait_for_text("while it is away");
    assert_eq!(page.list(), [("before".to_owned(), false), ("while it is away".to_owned(), false)]);
    assert!(page.status().ends_with("1 pending"), "{}", page.status());
    wire.mend();
    page.wait_until_synced();
    demo.wait_for_event(2);
    assert_eq!(demo.events()[1]["change"]["newValue"]["text"], "while it is away");
}
