//! What a permission document costs: the same questions and writes with a key that has none, and with one whose
//! document has ten thousand rules and grants all, by turns.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    http::{self, BlockingConnection},
    report::{Goal, Report, percentile_ms},
    server::Server,
};

/// Rules that name an id each, beside the one that grants every document of the file.
const RULES: u64 = 9_999;

/// Upserts of one request: what is looked at for each of them is what the requests differ in.
const BATCH: u64 = 1_000;

const QUESTIONS: [(&str, &str, &str); 4] = [
    ("equality, 4 documents", "find", r#"{"collection":"people","query":"family == {n}"}"#),
    ("equality, 1,000 documents", "find", r#"{"collection":"people","query":"city == 'city-{few}'","limit":1000}"#),
    (
        "newest 50",
        "find",
        r#"{"collection":"people","query":"true","sort":[{"property":"at","direction":"desc"}],"limit":50}"#,
    ),
    ("scan", "count", r#"{"collection":"people","query":"age == 17"}"#),
];

/// Needs the indexes of `find`, and closes the server to who has no key.
pub(crate) fn run(server: &Server, documents: u64, time: Duration, report: &mut Report) -> Result<()> {
    eprintln!("    permission documents");
    let admin = std::fs::read_to_string(server.data_dir().join("admin.key"))?;
    let rules = std::iter::once("starts_with(_id, 'p')".to_owned()).chain((0..RULES).map(|n| format!("_id == 'q{n}'")));
    let half = json!({ "queriesByCollection": { "people": rules.collect::<Vec<_>>() } });
    let plain = key(server, &admin, "plain", Value::Null)?;
    let restricted = key(server, &admin, "restricted", json!({ "read": half, "write": half }))?;
    let mut connection = BlockingConnection::open(server.http())?;
    for (name, path, body) in QUESTIONS {
        let mut times = [const { Vec::new() }; 2];
        let began = Instant::now();
        while began.elapsed() < 2 * time || times[1].len() < 3 {
            let body = body
                .replace("{n}", &rand::random_range(0..documents / crate::find::FAMILY).to_string())
                .replace("{few}", &rand::random_range(0..(documents / 1_000).max(1)).to_string());
            for (key, times) in [&plain, &restricted].into_iter().zip(&mut times) {
                let request = http::post_with_key(&format!("/api/v4/store/{path}"), key, body.as_bytes());
                let sent = Instant::now();
                connection.call(&request)?;
                times.push(sent.elapsed());
            }
        }
        let [without, with] = times.map(|mut times| {
            times.sort_unstable();
            percentile_ms(&times, 0.5)
        });
        report.figure(format!("{name}, a key without a permission document, p50"), without, "ms");
        report.goal("… with one, of that", with / without, "x", Goal::AtMost(1.2));
    }
    writes(&mut connection, [&plain, &restricted], time, report)
}

fn writes(connection: &mut BlockingConnection, keys: [&str; 2], time: Duration, report: &mut Report) -> Result<()> {
    let mut times = [const { Vec::new() }; 2];
    let began = Instant::now();
    while began.elapsed() < 2 * time || times[1].len() < 5 {
        for (key, times) in keys.into_iter().zip(&mut times) {
            let upsert = |n: u64| json!({ "method": "upsert", "collection": "people", "id": format!("p-{n}"), "value": { "n": n } });
            let body = json!({ "commands": (0..BATCH).map(upsert).collect::<Vec<_>>() }).to_string();
            let request = http::post_with_key("/api/v4/store/write", key, body.as_bytes());
            let sent = Instant::now();
            connection.call(&request)?;
            times.push(sent.elapsed());
        }
    }
    let [without, with] = times.map(|mut times| {
        times.sort_unstable();
        percentile_ms(&times, 0.5) * 1e3 / BATCH as f64
    });
    report.figure("an upsert, of 1,000 in a request, without", without, "µs");
    report.goal("… 10,000 rules looked at for it", (with - without).max(0.0), "µs", Goal::AtMost(20.0));
    Ok(())
}

/// A key's secret.
pub(crate) fn key(server: &Server, admin: &str, name: &str, permission: Value) -> Result<String> {
    let grant = json!({ "app": "default", "permissions": ["read", "write"] });
    let mut new = json!({ "name": name, "grants": [grant] });
    if !permission.is_null() {
        new["permission"] = permission;
    }
    let made = http::created(server.http(), "/admin/v1/keys", admin.trim(), new.to_string().as_bytes())?;
    let made: Value = serde_json::from_str(&made)?;
    Ok(made["secret"].as_str().context("the reply has no secret")?.to_owned())
}
