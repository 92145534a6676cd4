//! DQL beside the older calls: the same question through `execute` and through `find`, INSERT beside
//! `write`, by turns; grouping; and what parsing a statement costs.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::{
    find::FAMILY,
    http::{self, BlockingConnection},
    machine,
    report::{Goal, Report, percentile_ms},
    server::Server,
};

/// Documents of one INSERT and of one `write`.
const BATCH: u64 = 100;

/// How long the statement is whose parsing is measured, in bytes.
const STATEMENT_BYTES: usize = 200;

/// Asks a server that has the collection `people` with its indexes.
pub(crate) fn run(server: &Server, documents: u64, time: Duration, turns: u64, report: &mut Report) -> Result<()> {
    eprintln!("    DQL");
    let mut connection = BlockingConnection::open(server.http())?;
    equality(&mut connection, documents, time, turns, report)?;
    parsing(&mut connection, time, report)?;
    grouping(server, &mut connection, documents, report)?;
    inserts(&mut connection, time, turns, report)
}

fn execute(statement: &str, args: serde_json::Value) -> Vec<u8> {
    http::post("/api/v5/store/execute", json!({"statement": statement, "args": args}).to_string().as_bytes())
}

/// How long each call takes, until the time is over.
fn timed(
    connection: &mut BlockingConnection,
    time: Duration,
    mut next: impl FnMut() -> Vec<u8>,
) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let request = next();
        let sent = Instant::now();
        connection.call(&request)?;
        times.push(sent.elapsed());
    }
    Ok(times)
}

fn equality(
    connection: &mut BlockingConnection,
    documents: u64,
    time: Duration,
    turns: u64,
    report: &mut Report,
) -> Result<()> {
    let family = || rand::random_range(0..documents / FAMILY);
    let statement = "SELECT * FROM people WHERE family = :family";
    let (mut by_find, mut by_statement) = (Vec::new(), Vec::new());
    for _ in 0..turns.max(2) {
        by_find.extend(timed(connection, time / 2, || {
            let body = json!({"collection": "people", "query": "family == $args.family", "args": {"family": family()}});
            http::post("/api/v4/store/find", body.to_string().as_bytes())
        })?);
        by_statement.extend(timed(connection, time / 2, || execute(statement, json!({"family": family()})))?);
    }
    by_find.sort_unstable();
    by_statement.sort_unstable();
    let p50 = percentile_ms(&by_statement, 0.5);
    report.figure("execute, equality by index, p50", p50, "ms");
    report.goal("… of find's time", p50 / percentile_ms(&by_find, 0.5), "x", Goal::AtMost(1.2));
    Ok(())
}

/// The same statement again and again beside one that is new each time.
fn parsing(connection: &mut BlockingConnection, time: Duration, report: &mut Report) -> Result<()> {
    let mut serial = 0_u64;
    let mut statement = |is_new: bool| {
        serial += u64::from(is_new);
        let start = "SELECT name, age + 1 AS next, address.zip FROM people WHERE _id = 'p00000001' AND age >= 18";
        let mut text = format!("{start} AND (name LIKE 'Susan%' OR score IN (1, 2, 3)) AND note != '{serial:08}");
        text.push_str(&"x".repeat(STATEMENT_BYTES.saturating_sub(text.len() + 1)));
        text.push('\'');
        execute(&text, json!({}))
    };
    let (mut known, mut new) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        known.extend(timed(connection, time / 8, || statement(false))?);
        new.extend(timed(connection, time / 8, || statement(true))?);
    }
    known.sort_unstable();
    new.sort_unstable();
    let micros = (percentile_ms(&new, 0.5) - percentile_ms(&known, 0.5)).max(0.0) * 1e3;
    report.goal(format!("parsing {STATEMENT_BYTES} bytes: new beside known"), micros, "us", Goal::AtMost(20.0));
    Ok(())
}

fn grouping(server: &Server, connection: &mut BlockingConnection, documents: u64, report: &mut Report) -> Result<()> {
    let request = execute(
        "SELECT age, COUNT(*) AS people, SUM(score) AS score FROM people GROUP BY age ORDER BY people DESC LIMIT 5",
        json!({}),
    );
    connection.call(&request)?;
    let (began, cpu) = (Instant::now(), machine::cpu_seconds(server.pid()));
    const TIMES: u64 = 3;
    for _ in 0..TIMES {
        connection.call(&request)?;
    }
    let (took, cpu) = (began.elapsed().as_secs_f64(), machine::cpu_seconds(server.pid()) - cpu);
    let grouped = (TIMES * documents) as f64;
    report.goal("GROUP BY", grouped / cpu, "doc/s of CPU", Goal::AtLeast(300_000.0));
    report.figure("GROUP BY, waited for", grouped / took, "doc/s");
    Ok(())
}

/// The same documents by `write` and by INSERT, each into a collection of its own.
fn inserts(connection: &mut BlockingConnection, time: Duration, turns: u64, report: &mut Report) -> Result<()> {
    let mut serial = 0_u64;
    let mut documents = || {
        serial += 1;
        let note = "x".repeat(crate::load::FILLER_LEN);
        let one = |n: u64| {
            let id = format!("b{serial}-{n}");
            json!({"_id": id, "age": 18 + n % 73, "n": n, "name": "Susan", "note": note})
        };
        (0..BATCH).map(one).collect::<Vec<_>>()
    };
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..turns.max(3) {
        for (which, rates) in rates.iter_mut().enumerate() {
            let times = timed(connection, time / 2, || {
                let documents = documents();
                if which == 0 {
                    let upsert = |value| json!({"method": "upsert", "collection": "written", "value": value});
                    let commands: Vec<_> = documents.into_iter().map(upsert).collect();
                    return http::post("/api/v4/store/write", json!({"commands": commands}).to_string().as_bytes());
                }
                execute("INSERT INTO inserted DOCUMENTS (:documents)", json!({"documents": documents}))
            })?;
            let waited: f64 = times.iter().map(Duration::as_secs_f64).sum();
            rates.push((times.len() as u64 * BATCH) as f64 / waited);
        }
    }
    let [by_write, by_insert] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    report.figure(format!("INSERT of {BATCH} documents a statement"), by_insert, "doc/s");
    report.goal("… of write's rate", by_insert / by_write, "x", Goal::AtLeast(0.9));
    Ok(())
}
