//! What is tried with each client: goes on where it was, takes over from a member that was killed, begins at a time,
//! is told that its certificate is revoked.
//!
//! Invariant: each client has an app of its own, so that what one does is not seen by another.

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};

use super::{
    client::Client,
    install::Installed,
    member::{Events, Member},
    server::Server,
};

/// For whatever a client does without having to wait for a session's end: a loaded machine starts a JVM slowly.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sessions of members, in ms: the shortest that every client takes.
const SESSION_MS: u64 = 6_000;

/// From the kill of a member until another one has all events: a session, a rebalance, and the slowness of the machine.
const TAKE_OVER_MAX: Duration = Duration::from_secs(90);

/// How soon a client that was revoked says so.
const COMPLAINT_MAX: Duration = Duration::from_secs(30);

/// Events that a step writes.
const FEW: u64 = 10;

/// Partitions of the topic that members share.
const PARTITIONS: &str = "4";

/// The collection that everything but the shared topic's documents is in, and theirs.
const COLLECTION: &str = "things";
const SHARED: &str = "shared";

/// One column of the table.
pub(super) struct Cell {
    pub(super) name: &'static str,
    run: fn(&mut Trial) -> Result<()>,
}

/// The first one is what `cargo xtask test` tries.
pub(super) const CELLS: [Cell; 4] = [
    Cell { name: "consumes, commits, goes on", run: goes_on },
    Cell { name: "a member is killed", run: takes_over },
    Cell { name: "begins at a time", run: begins_at_a_time },
    Cell { name: "is revoked while it reads", run: is_revoked },
];

/// A client on its app.
pub(super) struct Trial<'a> {
    server: &'a Server,
    installed: &'a Installed,
    client: &'a Client,
    app: String,
    /// Events of the main topic.
    written: u64,
}

impl<'a> Trial<'a> {
    pub(super) fn new(server: &'a Server, installed: &'a Installed, client: &'a Client) -> Self {
        Self { server, installed, client, app: client.app(), written: 0 }
    }

    pub(super) fn run(&mut self, cell: &Cell) -> Result<()> {
        if !self.server.bundle(&self.app).exists() {
            self.server.run(&["app", "create", &self.app], "")?;
        }
        (cell.run)(self)
    }

    /// Writes a few events more of the main topic.
    fn write(&mut self) -> Result<()> {
        self.server.write(&self.app, COLLECTION, self.written..self.written + FEW)?;
        self.written += FEW;
        Ok(())
    }

    fn topic(&self) -> String {
        format!("user-consumable-{}", self.app)
    }

    fn command(&self, bundle: &Path, topic: &str, more: &[&str]) -> Command {
        let mut command = self.client.command(self.installed);
        command.arg("--config").arg(bundle.join(self.client.properties())).args(["--topic", topic]).args(more);
        command
    }

    /// A member of a group that goes on until it is killed.
    fn member(&self, bundle: &Path, topic: &str, group: &str) -> Result<Member> {
        let session = SESSION_MS.to_string();
        Member::start(&mut self.command(bundle, topic, &["--group", group, "--session-timeout", &session]))
    }
}

/// Half of the events, committed; then the client starts again and gets the others, and no event twice.
fn goes_on(trial: &mut Trial) -> Result<()> {
    trial.write()?;
    trial.write()?;
    let (bundle, topic) = (trial.server.bundle(&trial.app), trial.topic());
    let count = FEW.to_string();
    let mut offsets = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut command = trial.command(&bundle, &topic, &["--group", "goes-on", "--count", &count]);
        let events = Member::start(&mut command)?.finish(PATIENCE)?;
        offsets.extend(events.iter().map(|event| event.offset));
        keys.extend(events.into_iter().map(|event| event.key));
    }
    ensure!(offsets == Vec::from_iter(0..2 * FEW), "it got the offsets {offsets:?}");
    ensure!(BTreeSet::from_iter(keys) == keys_of(COLLECTION, 0..2 * FEW), "not every document once");
    Ok(())
}

/// Keys of the documents with these numbers. Which comes before which is open: they are written at the same time.
fn keys_of(collection: &str, numbers: std::ops::Range<u64>) -> BTreeSet<String> {
    numbers.map(|n| key(collection, n)).collect()
}

fn key(collection: &str, n: u64) -> String {
    format!("[\"{collection}\",\"{n}\"]")
}

/// Two members share four partitions; one is killed, so that it cannot say goodbye: the other one gets everything
/// that was not committed, and everything that is written afterwards.
fn takes_over(trial: &mut Trial) -> Result<()> {
    let (server, app) = (trial.server, trial.app.as_str());
    let create = ["live-query", "create", SHARED, "--collection", SHARED, "--partitions", PARTITIONS, "--app", app];
    server.run(&create, "")?;
    let (bundle, topic) = (server.bundle(app), format!("{}.{SHARED}", trial.topic()));
    let mut first = trial.member(&bundle, &topic, "shares")?;
    let second = trial.member(&bundle, &topic, "shares")?;
    let mut written = 0;
    let latest = Instant::now() + PATIENCE;
    while first.events()?.is_empty() || second.events()?.is_empty() {
        ensure!(
            Instant::now() < latest,
            "the two members do not share: {:?}",
            [first.complaints(), second.complaints()]
        );
        server.write(app, SHARED, written..written + FEW)?;
        written += FEW;
        std::thread::sleep(Duration::from_millis(200));
    }
    first.kill();
    server.write(app, SHARED, written..written + 2 * FEW)?;
    written += 2 * FEW;
    let wanted = keys_of(SHARED, 0..written);
    let all = || -> Result<Events> {
        let both = [first.events()?, second.events()?].concat();
        Ok(both.into_iter().map(|event| ((event.partition, event.offset), event.key)).collect())
    };
    second.wait_until("the member that is left has everything", TAKE_OVER_MAX, || {
        Ok(all()?.into_values().collect::<BTreeSet<_>>() == wanted)
    })?;
    ensure!(all()?.len() as u64 == written, "events have more than one offset");
    Ok(())
}

/// From the first event at a time on, and none before.
fn begins_at_a_time(trial: &mut Trial) -> Result<()> {
    trial.write()?;
    let time = now_ms()? + 2;
    while now_ms()? <= time {
        std::thread::sleep(Duration::from_millis(1));
    }
    let begin = trial.written;
    trial.write()?;
    let (bundle, topic) = (trial.server.bundle(&trial.app), trial.topic());
    let arguments = ["--from-time", &time.to_string(), "--count", &FEW.to_string()].map(str::to_owned);
    let arguments = arguments.each_ref().map(String::as_str);
    let events = Member::start(&mut trial.command(&bundle, &topic, &arguments))?.finish(PATIENCE)?;
    let is_dense = events.windows(2).all(|pair| pair[0].offset + 1 == pair[1].offset);
    ensure!(is_dense, "it skips or goes back: {events:?}");
    let keys: BTreeSet<_> = events.into_iter().map(|event| event.key).collect();
    ensure!(keys == keys_of(COLLECTION, begin..trial.written), "it got {keys:?}");
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a consumer begins at a time of the wall clock")]
fn now_ms() -> Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_millis())
}

/// A client with a certificate of its own reads; the certificate is revoked: it gets nothing that is written
/// afterwards, and says so.
fn is_revoked(trial: &mut Trial) -> Result<()> {
    let bundle = trial.server.folder().join(format!("revoked-{}", trial.app));
    let out = bundle.to_str().context("the folder of temporary files has a name that is no text")?;
    trial.server.run(&["credentials", "issue", "leaver", "--app", &trial.app, "--out", out], "")?;
    trial.write()?;
    let member = trial.member(&bundle, &trial.topic(), "leaves")?;
    let seen = || -> Result<BTreeSet<String>> { Ok(member.events()?.into_iter().map(|event| event.key).collect()) };
    let before = keys_of(COLLECTION, 0..trial.written);
    member.wait_until("it reads", PATIENCE, || Ok(seen()?.is_superset(&before)))?;
    let said_before = member.complaints().len();
    trial.server.run(&["credentials", "revoke", "leaver", "--app", &trial.app], "")?;
    let begin = trial.written;
    trial.write()?;
    member.wait_until("it says that it is revoked", COMPLAINT_MAX, || {
        Ok(member.complaints()[said_before..].iter().any(|line| trial.client.is_about_revocation(line)))
    })?;
    let after = keys_of(COLLECTION, begin..trial.written);
    ensure!(seen()?.is_disjoint(&after), "it got events after it was revoked");
    Ok(())
}
