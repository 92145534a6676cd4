//! The page about metrics, the alert rules and the dashboard, held against what a server tells.
//!
//! Invariants: each metric that `/metrics` has is in the page's tables with its type and labels, and no other is;
//! rules and dashboard name only these. Not here: what the numbers are (`http_api`, `kafka_endpoint`, `sync_endpoint`
//! test that).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::support::{TestServer, wait_until};

const PAGE: &str = include_str!("../../../docs/operating/metrics.md");
const ALERTS: &str = include_str!("../../../docs/operating/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../docs/operating/grafana.json");

/// A metric as it is asked for, without the suffixes of a histogram; its type.
type Metrics = BTreeMap<String, String>;

#[test]
fn the_page_has_each_metric_of_a_server_and_no_other() {
    assert_eq!(metrics_of_the_page(), metrics_of(&busy_server()));
}

#[test]
fn the_labels_of_the_page_are_those_of_a_server() {
    let text = busy_server();
    let metrics = metrics_of_the_page();
    for (name, labels) in page_rows().map(|[name, _, labels, _]| (name, labels)) {
        let suffix = if metrics[&name] == "histogram" { "_count" } else { "" };
        let sample = text.lines().find(|line| {
            line.strip_prefix(&format!("{name}{suffix}")).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        // Nothing is damaged here, and nothing is going to be trimmed.
        let Some(sample) = sample else {
            assert!(name.ends_with("app_damaged") || name.ends_with("gap_seconds"), "{name} has no sample");
            continue;
        };
        let found: Vec<&str> = label_names(sample);
        let said: Vec<&str> = labels.split(", ").filter(|label| !label.is_empty()).collect();
        assert_eq!(found, said, "{name}");
    }
}

#[test]
fn rules_name_only_what_there_is() {
    let rules: Value = serde_saphyr::from_str(ALERTS).unwrap();
    let rules: Vec<&Value> =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() >= 15);
    let mut names = BTreeSet::new();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        assert!(rule["annotations"]["summary"].is_string() && rule["annotations"]["description"].is_string(), "{name}");
        check_expression(name, rule["expr"].as_str().unwrap());
    }
}

#[test]
fn the_dashboard_names_only_what_there_is() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = BTreeSet::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            shown.extend(check_expression(title, target["expr"].as_str().unwrap()));
        }
    }
    let places: BTreeSet<_> = panels.iter().map(|panel| panel["gridPos"].to_string()).collect();
    assert_eq!(places.len(), panels.len(), "no panel covers another");
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        names_in(variable["definition"].as_str().unwrap_or_default()).iter().for_each(|name| assert_known(name));
    }
    assert!(shown.len() >= 30, "{shown:?}");
}

/// The names of an expression, each of which there is; brackets are closed.
#[track_caller]
fn check_expression(place: &str, expression: &str) -> Vec<String> {
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        assert_eq!(expression.matches(open).count(), expression.matches(close).count(), "{place}: {expression}");
    }
    let names = names_in(expression);
    assert!(!names.is_empty() || expression.starts_with("up{"), "{place} asks for nothing: {expression}");
    names.iter().for_each(|name| assert_known(name));
    names
}

#[track_caller]
fn assert_known(name: &str) {
    let metrics = metrics_of_the_page();
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    let is_histogram = |name: &str| metrics.get(name).is_some_and(|kind| kind == "histogram");
    let is_plain = metrics.get(name).is_some_and(|kind| kind != "histogram");
    assert!(is_plain || of_histogram.is_some_and(is_histogram), "{name} is no metric of the page");
}

fn names_in(expression: &str) -> Vec<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("headwater_")).map(str::to_owned).collect()
}

/// Name, type, labels and what it is, of each row.
fn page_rows() -> impl Iterator<Item = [String; 4]> {
    PAGE.lines().filter(|line| line.starts_with("| `headwater_")).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let cells = cells.iter().map(|cell| cell.trim_matches('`').to_owned()).collect::<Vec<_>>();
        cells.try_into().unwrap_or_else(|_| panic!("a row has four cells: {line}"))
    })
}

fn metrics_of_the_page() -> Metrics {
    page_rows().map(|[name, kind, _, _]| (name, kind)).collect()
}

/// What the types in a scrape say.
fn metrics_of(text: &str) -> Metrics {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let suffix = if kind == "counter" { "_total" } else { "" };
            (format!("{name}{suffix}"), kind.to_owned())
        })
        .collect()
}

fn label_names(sample: &str) -> Vec<&str> {
    let Some((_, labels)) = sample.split_once('{') else { return Vec::new() };
    let labels = labels.rsplit_once('}').unwrap().0;
    labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name).collect()
}

/// What a server tells that has been written to, consumed from as a group, and refused somebody.
fn busy_server() -> String {
    let server = TestServer::start();
    let command = json!({"method": "upsert", "collection": "people", "id": "abc123", "value": {"name": "Susan"}});
    assert_eq!(server.post("/api/v4/store/write", &json!({ "commands": [command] })).0, 200);
    let read = server.run(&["events", "--group", "reader", "--from-beginning", "--max", "1"]);
    assert_eq!(read.code(), Some(0), "{read:?}");
    for command in [&["backup", "--to", "backups"][..], &["verify"]] {
        assert_eq!(server.run(command).code(), Some(0), "{command:?}");
    }
    // Nobody listens there.
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "0123456789abcdef").unwrap();
    let (path, to) = (secret.path().to_str().unwrap(), ["--webhook", "http://127.0.0.1:9/"]);
    let made = server.run(&["sink", "create", "hook", to[0], to[1], "--secret-file", path]);
    assert_eq!(made.code(), Some(0), "{made:?}");
    // The app has no login hook.
    let http = server.run["http"].as_str().unwrap().trim_start_matches("http://");
    let (mut login, form) = (TcpStream::connect(http).unwrap(), "appId=default&provider=own&token=x");
    let head = format!("POST /_ditto/auth/login HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}", form.len());
    login.write_all(format!("{head}\r\n\r\n{form}").as_bytes()).unwrap();
    let mut answer = String::new();
    login.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 401 "), "{answer}");
    let mut plain = TcpStream::connect(server.run["kafka"].as_str().unwrap()).unwrap();
    plain.write_all(b"this is no TLS\n").unwrap();
    let _ = plain.read(&mut [0; 16]);
    let scrape = || server.get("/metrics").1.as_str().unwrap().to_owned();
    wait_until("the plain connection is counted", || scrape().contains("reason=\"plain_text\""));
    wait_until("the sink knows where it is", || {
        let told = scrape();
        ["lag_events{", "lag_seconds{"].iter().all(|name| told.contains(&format!("headwater_sink_{name}")))
    });
    scrape()
}
