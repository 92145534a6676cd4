//! The conformance vectors in a page: the driver for JavaScript over the port of browsers.
//!
//! Invariant: what a page can run has passed, whatever else is there.
//! Not here: what the vectors mean (`sdks/conformance/README.md`).

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    browser::Browser,
    page::{Site, does},
};

/// So many cases there were when this was written; none is ever taken away.
const AT_LEAST: u64 = 391;

/// How long all of them may take.
const PATIENCE: Duration = Duration::from_mins(5);

#[test]
fn what_every_peer_does_alike_a_page_does_too() {
    let (site, browser) = (Site::start(), Browser::start());
    let server = conformance::Server::start(0).unwrap();
    site.open(&browser);
    let begin = "const { run } = await import('/conformance/browser.js');
        run(...args).then((it) => (window.report = it), (error) => (window.report = { failure: String(error) }))";
    does(&browser, begin, &[paths(&conformance::folder()).into(), server.url().into()]);
    browser.wait_within(PATIENCE, "all vectors are done", |it| !it.run("return window.report ?? null", &[]).is_null());
    let report = browser.run("return window.report", &[]);
    let lines: Vec<_> = report["lines"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    println!("{}", lines.join("\n"));
    assert_eq!(report["failed"], json!(0), "{report:#}");
    let passed = report["passed"].as_u64().unwrap();
    assert!(passed >= AT_LEAST, "{passed} passed, not {AT_LEAST}: {lines:#?}");
}

/// `GROUP/FILE.json` of all vectors, in order.
fn paths(folder: &Path) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
    };
    let all = names(folder).into_iter();
    let mut paths: Vec<_> = all
        .flat_map(|group| names(&folder.join(&group)).into_iter().map(move |file| format!("{group}/{file}")))
        .collect();
    paths.sort();
    paths
}
