//! Reading documents: by an index, in the order of one, by ids, counted and scanned, by DQL too; what indexes cost
//! writers, and permission documents whoever has one (`restricted`); and PostgreSQL at the same questions over the
//! same documents.
//!
//! The documents are about 0.5 kB, loaded by `headwater import` from one file of lines, which
//! PostgreSQL copies too.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    Place,
    http::{self, BlockingConnection},
    load::{self, Until, Work},
    machine::{self, Noise},
    postgres::Postgres,
    report::{Goal, Report, percentile_ms},
    restricted,
    server::{self, Server},
    statements,
};

/// Filler that makes a document about 500 bytes of JSON.
const FILLER_LEN: usize = 280;

/// Documents of one family, and of one city.
pub(crate) const FAMILY: u64 = 4;
const CITY: u64 = 1_000;

/// How long an index may take to be built before that counts as failed.
const BUILD_TIME_MAX: Duration = Duration::from_secs(600);

#[derive(Args)]
pub(crate) struct Options {
    /// Documents.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10_000..))]
    documents: u64,
    /// How long each question is asked, in each turn.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// How often all of it is asked, ours and PostgreSQL's by turns.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    turns: u64,
    /// Leave PostgreSQL out.
    #[arg(long)]
    without_postgres: bool,
    /// Leave out what indexes cost writers.
    #[arg(long)]
    without_writes: bool,
    #[command(flatten)]
    place: Place,
}

/// A question, in our words and in SQL; `{family}`, `{city}`, `{score}`, `{score_end}` and `{id}` are random.
struct Question {
    name: &'static str,
    path: &'static str,
    body: &'static str,
    sql: Option<&'static str>,
    /// Of the median, in milliseconds.
    goal: Option<Goal>,
    goal_p99: Option<Goal>,
}

const QUESTIONS: &[Question] = &[
    Question {
        name: "equality, 4 documents",
        path: "find",
        body: r#"{"collection":"people","query":"family == {family}"}"#,
        sql: Some("SELECT doc FROM people WHERE (doc->>'family')::int8 = :family"),
        goal: Some(Goal::AtMost(0.5)),
        goal_p99: Some(Goal::AtMost(5.0)),
    },
    Question {
        name: "equality, 1,000 documents",
        path: "find",
        body: r#"{"collection":"people","query":"city == 'city-{city}'","limit":1000}"#,
        sql: Some("SELECT doc FROM people WHERE doc->>'city' = 'city-' || :city"),
        goal: Some(Goal::AtMost(15.0)),
        goal_p99: None,
    },
    Question {
        name: "range, about 100 documents",
        path: "find",
        body: r#"{"collection":"people","query":"score >= {score} && score < {score_end}"}"#,
        sql: Some(
            "SELECT doc FROM people WHERE (doc->>'score')::int8 >= :score AND (doc->>'score')::int8 < :score + 100",
        ),
        goal: None,
        goal_p99: None,
    },
    Question {
        name: "newest 50",
        path: "find",
        body: r#"{"collection":"people","query":"true","sort":[{"property":"at","direction":"desc"}],"limit":50}"#,
        sql: Some("SELECT doc FROM people ORDER BY doc->>'at' DESC LIMIT 50"),
        goal: Some(Goal::AtMost(2.0)),
        goal_p99: None,
    },
    Question {
        name: "_id > x, limit 1",
        path: "find",
        body: r#"{"collection":"people","query":"_id > '{id}'","limit":1}"#,
        sql: Some("SELECT doc FROM people WHERE id > :id::text ORDER BY id LIMIT 1"),
        goal: Some(Goal::AtMost(1.0)),
        goal_p99: None,
    },
    Question {
        name: "count of the collection",
        path: "count",
        body: r#"{"collection":"people"}"#,
        sql: Some("SELECT count(*) FROM people"),
        goal: Some(Goal::AtMost(1.0)),
        goal_p99: None,
    },
    Question {
        name: "count of half by an index",
        path: "count",
        body: r#"{"collection":"people","query":"score < {half}"}"#,
        sql: Some("SELECT count(*) FROM people WHERE (doc->>'score')::int8 < :half"),
        goal: None,
        goal_p99: None,
    },
];

/// PostgreSQL's indexes of the same fields.
const SQL_INDEXES: &str = "CREATE INDEX ON people (((doc->>'family')::int8)); CREATE INDEX ON people ((doc->>'city')); \
                           CREATE INDEX ON people (((doc->>'score')::int8)); CREATE INDEX ON people ((doc->>'at'));";

const INDEXES: [(&str, &str); 4] =
    [("by-family", "family"), ("by-city", "city"), ("by-score", "score"), ("by-at", "at:desc")];

pub(crate) fn run(options: &Options) -> Result<()> {
    let documents = options.documents;
    machine::refuse_memory_disk(&options.place.dir)?;
    let folder = tempfile::Builder::new().prefix("find-bench-").tempdir_in(&options.place.dir)?;
    let lines = folder.path().join("people.ndjson");
    let few_lines = folder.path().join("few.ndjson");
    let bytes = write_lines(&lines, documents)?;
    write_lines(&few_lines, 10_000)?;
    let noise = Noise::begin();
    let mut report = Report::new(format!(
        "find: {documents} documents of {} bytes, {} turns of {} s",
        bytes / documents,
        options.turns,
        options.seconds
    ));
    let server = Server::start(&options.place)?;
    let few = Server::start(&options.place)?;
    import(&few, &few_lines)?;
    eprintln!("    import {documents} documents");
    let took = import(&server, &lines)?;
    report.goal("import", documents as f64 / took.as_secs_f64(), "doc/s", Goal::AtLeast(80_000.0));
    scan(&server, documents, &mut report)?;
    for server in [&few, &server] {
        build(server, if std::ptr::eq(server, &few) { None } else { Some((documents, &mut report)) })?;
    }
    let postgres = if options.without_postgres { None } else { Some(prepare_postgres(options, &lines)?) };
    ask(options, [&server, &few], postgres.as_ref(), &mut report)?;
    statements::run(&server, documents, Duration::from_secs(options.seconds), options.turns, &mut report)?;
    restricted::run(&server, documents, Duration::from_secs(options.seconds), &mut report)?;
    drop((postgres, server, few));
    if !options.without_writes {
        writes(options, &mut report)?;
    }
    report.publish(&noise.end())
}

/// Writes the documents; gives how many bytes they are.
fn write_lines(path: &Path, documents: u64) -> Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut bytes = 0;
    for n in 0..documents {
        // Far from the order of the ids, and each once.
        let shuffled = n.wrapping_mul(7_368_787) % documents;
        let seconds = shuffled % 86_400;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let (month, day) = (1 + shuffled / 86_400 % 12, 1 + shuffled / 86_400 / 12 % 28);
        let line = json!({
            "_id": format!("p{n:08}"),
            "family": shuffled / FAMILY,
            "city": format!("city-{}", shuffled % (documents / CITY).max(1)),
            "score": shuffled,
            "at": format!("2024-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
            "name": format!("Susan {n}"),
            "age": 18 + n % 73,
            "address": { "street": format!("Street {}", n % 500), "zip": 1000 + n % 9000 },
            "note": "x".repeat(FILLER_LEN),
        })
        .to_string();
        bytes += line.len() as u64;
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    Ok(bytes)
}

fn import(server: &Server, lines: &Path) -> Result<Duration> {
    let began = Instant::now();
    headwater(server, &["import", "people", lines.to_str().context("the path is no text")?, "--progress", "never"])?;
    Ok(began.elapsed())
}

/// A filter that no index answers and that few documents match.
fn scan(server: &Server, documents: u64, report: &mut Report) -> Result<()> {
    let mut connection = BlockingConnection::open(server.http())?;
    let request = http::post("/api/v4/store/count", br#"{"collection":"people","query":"age == 17"}"#);
    connection.call(&request)?;
    let (began, cpu) = (Instant::now(), machine::cpu_seconds(server.pid()));
    const TIMES: u64 = 3;
    for _ in 0..TIMES {
        connection.call(&request)?;
    }
    let (took, cpu) = (began.elapsed().as_secs_f64(), machine::cpu_seconds(server.pid()) - cpu);
    let scanned = (TIMES * documents) as f64;
    report.goal("scan without index", scanned / cpu, "doc/s of CPU", Goal::AtLeast(300_000.0));
    report.figure("scan without index, waited for", scanned / took, "doc/s");
    Ok(())
}

/// Makes the indexes, one after the other.
fn build(server: &Server, report: Option<(u64, &mut Report)>) -> Result<()> {
    let bytes_before = documents_bytes(server)?;
    let mut took = Duration::ZERO;
    for (name, key) in INDEXES {
        let began = Instant::now();
        headwater(server, &["index", "create", name, "--collection", "people", "--key", key])?;
        while !is_ready(server, name)? {
            if began.elapsed() > BUILD_TIME_MAX {
                bail!("the index {name} is not built after {BUILD_TIME_MAX:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        took += began.elapsed();
    }
    if let Some((documents, report)) = report {
        let entries = (documents * INDEXES.len() as u64) as f64;
        report.goal("building an index", entries / took.as_secs_f64(), "doc/s", Goal::AtLeast(100_000.0));
        let bytes = documents_bytes(server)?.saturating_sub(bytes_before) as f64;
        report.figure("disk for an entry, keys and ids in it", bytes / entries, "B");
    }
    Ok(())
}

fn is_ready(server: &Server, name: &str) -> Result<bool> {
    let output = output_of(server, &["index", "show", name, "--collection", "people", "--json"])?;
    let index: Value = serde_json::from_slice(&output)?;
    Ok(index["state"] == "ready")
}

/// What the documents and their indexes take on disk, after they were written out: a clean stop does that.
fn documents_bytes(server: &Server) -> Result<u64> {
    let metrics = http::get(server.http(), "/metrics")?;
    let line = metrics.lines().find(|line| line.starts_with("headwater_documents_bytes"));
    let value = line.and_then(|line| line.rsplit(' ').next()).context("/metrics has no headwater_documents_bytes")?;
    Ok(value.parse::<f64>()? as u64)
}

fn prepare_postgres(options: &Options, lines: &Path) -> Result<Postgres> {
    eprintln!("    the same documents in PostgreSQL");
    let postgres = Postgres::start(&options.place)?;
    postgres
        .query("CREATE TABLE lines (doc jsonb); CREATE TABLE people (id text PRIMARY KEY, doc jsonb NOT NULL)", 0)?;
    let copy = format!(
        r"\copy lines FROM '{}' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')",
        lines.to_str().context("the path is no text")?
    );
    postgres.query(&copy, 0)?;
    postgres.query("INSERT INTO people SELECT doc->>'_id', doc FROM lines", 0)?;
    postgres.query(SQL_INDEXES, 0)?;
    postgres.query("VACUUM ANALYZE people", 0)?;
    Ok(postgres)
}

/// Every question in every turn, to each.
fn ask(options: &Options, [server, few]: [&Server; 2], postgres: Option<&Postgres>, report: &mut Report) -> Result<()> {
    let time = Duration::from_secs(options.seconds);
    for question in QUESTIONS {
        eprintln!("    {}", question.name);
        let (mut ours, mut of_few, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.turns {
            ours.extend(ask_ours(server, question, options.documents, time)?);
            if question.name.starts_with("equality, 4") {
                of_few.extend(ask_ours(few, question, 10_000, time)?);
            }
            if let Some((postgres, sql)) = postgres.zip(question.sql) {
                theirs.extend(postgres.latencies(&script(sql, options.documents), options.seconds)?);
            }
        }
        [&mut ours, &mut of_few, &mut theirs].into_iter().for_each(|all| all.sort_unstable());
        let p50 = percentile_ms(&ours, 0.5);
        let figure = |report: &mut Report, name: String, value, unit, goal: Option<Goal>| match goal {
            Some(goal) => report.goal(name, value, unit, goal),
            None => report.figure(name, value, unit),
        };
        figure(report, format!("{}, p50", question.name), p50, "ms", question.goal);
        figure(report, format!("{}, p99", question.name), percentile_ms(&ours, 0.99), "ms", question.goal_p99);
        if question.name == "count of half by an index" {
            let entries = options.documents as f64 / 2.0;
            report.goal("entries counted", entries / (p50 / 1e3), "/s", Goal::AtLeast(2_000_000.0));
        }
        if !of_few.is_empty() {
            let ratio = p50 / percentile_ms(&of_few, 0.5);
            report.goal("… of the time at 10,000 documents", ratio, "x", Goal::AtMost(2.0));
        }
        if !theirs.is_empty() {
            let p50_theirs = percentile_ms(&theirs, 0.5);
            report.figure("… PostgreSQL, p50", p50_theirs, "ms");
            let limit = if question.name.starts_with("equality") { 3.0 } else { 1.0 };
            report.goal("… of PostgreSQL's time", p50 / p50_theirs, "x", Goal::AtMost(limit));
        }
    }
    Ok(())
}

fn ask_ours(server: &Server, question: &Question, documents: u64, time: Duration) -> Result<Vec<Duration>> {
    let mut connection = BlockingConnection::open(server.http())?;
    let path = format!("/api/v4/store/{}", question.path);
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let score = rand::random_range(0..documents - 100);
        let body = question
            .body
            .replace("{family}", &rand::random_range(0..documents / FAMILY).to_string())
            .replace("{city}", &rand::random_range(0..(documents / CITY).max(1)).to_string())
            .replace("{score}", &score.to_string())
            .replace("{score_end}", &(score + 100).to_string())
            .replace("{half}", &(documents / 2).to_string())
            .replace("{id}", &format!("p{:08}", rand::random_range(0..documents - 1)));
        let request = http::post(&path, body.as_bytes());
        let sent = Instant::now();
        connection.call(&request)?;
        times.push(sent.elapsed());
    }
    Ok(times)
}

/// For pgbench.
fn script(sql: &str, documents: u64) -> String {
    let random = [
        ("family", documents / FAMILY - 1),
        ("city", (documents / CITY).max(1) - 1),
        ("score", documents - 101),
        ("id", documents - 2),
    ];
    let mut script = format!("\\set half {}\n", documents / 2);
    for (name, most) in random {
        script += &format!("\\set {name} random(0, {most})\n");
    }
    script + &sql.replace(":id::text", "'p' || lpad((:id)::text, 8, '0')") + ";\n"
}

/// Upserts of random documents, without an index and with one and four, by turns.
fn writes(options: &Options, report: &mut Report) -> Result<()> {
    const DOCUMENTS: u64 = 100_000;
    let keys = [("by-age", "age"), ("by-n", "n"), ("by-name", "name"), ("by-date", "date")];
    let servers = [0, 1, 4].map(|indexes| -> Result<Server> {
        let server = Server::start(&options.place)?;
        let work =
            Work { connections: 8, batch: 100, documents: DOCUMENTS, filler_len: FILLER_LEN, until: Until::EachOnce };
        load::run(server.http(), work)?;
        for (name, key) in keys.into_iter().take(indexes) {
            headwater(&server, &["index", "create", name, "--collection", "people", "--key", key])?;
        }
        Ok(server)
    });
    let servers = servers.into_iter().collect::<Result<Vec<_>>>()?;
    eprintln!("    writes without an index, with one, and with four");
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..options.turns.max(3) {
        for (server, rates) in servers.iter().zip(&mut rates) {
            let work = Work {
                connections: 64,
                batch: 1,
                documents: DOCUMENTS,
                filler_len: FILLER_LEN,
                until: Until::Elapsed(Duration::from_secs(options.seconds)),
            };
            rates.push(load::run(server.http(), work)?.commands_per_second());
        }
    }
    let [without, one, four] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    });
    report.figure("writes, 64 writers, without an index", without, "/s");
    report.goal("… with one, of that", one / without, "x", Goal::AtLeast(0.8));
    report.goal("… with four, of that", four / without, "x", Goal::AtLeast(0.6));
    Ok(())
}

fn headwater(server: &Server, arguments: &[&str]) -> Result<()> {
    output_of(server, arguments).map(drop)
}

fn output_of(server: &Server, arguments: &[&str]) -> Result<Vec<u8>> {
    let binary: PathBuf = server::binary()?;
    let mut command = Command::new(binary);
    let output = command.args(arguments).arg("--data-dir").arg(server.data_dir()).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("headwater {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}
