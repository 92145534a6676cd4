//! A running server: data directory, credentials, listeners, from start to clean stop.
//!
//! Invariants: the data directory is locked before anything is bound; `run.json` is there exactly
//! while every listener accepts; at the stop listeners go first, then the writes in flight, then
//! the documents are synced, then `run.json` goes, then the lock.
//! Not here: what the options mean together (`config`), how the edges are called (`edges`), signals
//! (`command::serve`).

mod address;
mod attachment_sweeps;
mod backup_schedule;
mod certificate_notes;
mod clock_notes;
mod edges;
mod pages;
mod peers;

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use credentials::{Bundle, Credentials};
use files::DirectoryFormat;
use http_api::SignInLinks as _;
use operations::{AuditLog, Maintenance};
use sinks::Sinks;
use store::{AppName, DataDir, StoreOptions, WallClock as _};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use topics::TopicRegistry;

use crate::{clock::SystemClock, config::ServerSettings, failure::UsageError, run_file::RunFile};
use address::{Listening, bind};
use edges::{Parts, Sockets};
use pages::Links;

/// How long the edges get to finish at a stop, each within bounds of its own that are below this.
/// Then they are cut.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// A running server. Dropping it without [`Server::stop`] is like a crash: nothing acknowledged is
/// lost, the next start replays.
pub(crate) struct Server {
    facts: Facts,
    data: Arc<DataDir>,
    topics: Arc<TopicRegistry>,
    credentials: Arc<Credentials>,
    maintenance: Arc<Maintenance>,
    links: Links,
    shutdown: watch::Sender<bool>,
    edges: JoinSet<anyhow::Result<()>>,
    delivering: JoinHandle<()>,
}

/// What a person or a program wants to know of a running server.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The data directory, absolute.
    pub(crate) data_dir: PathBuf,
    /// As in `run.json`.
    pub(crate) run: RunFile,
    /// Every app's name, the default one first.
    pub(crate) apps: Vec<String>,
    /// The default app's files.
    pub(crate) bundle: Bundle,
    /// The HTTP API's addresses: HTTP, then HTTPS if there is one.
    pub(crate) doors: Vec<Door>,
    /// The same on the Kafka endpoint's port, over TLS and without administration.
    pub(crate) kafka_door: Door,
}

impl Facts {
    /// Every address of the HTTP API.
    pub(crate) fn all_doors(&self) -> impl Iterator<Item = &Door> {
        self.doors.iter().chain([&self.kafka_door])
    }
}

/// One address of the HTTP API.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// As `http://127.0.0.1:8080`.
    pub(crate) base: String,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Who may call.
    pub(crate) access: Access,
}

/// Who may call the HTTP API at a door (docs/reference/access.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Loopback and no keys made: whoever is on this machine.
    OpenOnLoopback,
    /// `--insecure-open` off loopback and no keys made: whoever reaches the address.
    OpenToAll,
    /// Whoever has a key, and there are some.
    Keys,
    /// Whoever has a key, but none was made yet.
    NoKeysYet,
    /// Whoever has a key, but all are revoked or lost.
    NoKeysLeft,
}

/// What there is of API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// None was ever made, or the API was opened again since.
    NeverMade,
    /// Some were made, and none is left.
    NoneLeft,
    /// There are some.
    Some,
}

impl Keys {
    fn of(credentials: &Credentials) -> Self {
        match (credentials.keys().is_empty(), credentials.is_closed()) {
            (false, _) => Self::Some,
            (true, true) => Self::NoneLeft,
            (true, false) => Self::NeverMade,
        }
    }
}

impl Access {
    /// A key that is made closes what was open, for good.
    fn of(loopback: bool, insecure_open: bool, keys: Keys) -> Self {
        match (keys, loopback, insecure_open) {
            (Keys::Some, _, _) => Access::Keys,
            (Keys::NoneLeft, _, _) => Access::NoKeysLeft,
            (Keys::NeverMade, true, _) => Access::OpenOnLoopback,
            (Keys::NeverMade, false, true) => Access::OpenToAll,
            (Keys::NeverMade, false, false) => Access::NoKeysYet,
        }
    }
}

impl Server {
    /// Opens the data directory, makes what its first start makes, and listens. When this returns,
    /// every listener accepts and `run.json` is written.
    pub(crate) async fn start(settings: &ServerSettings) -> anyhow::Result<Self> {
        Self::start_with_pages(settings, axum::Router::new()).await
    }

    /// The same with more pages beside the API and the portal, which look after access and headers
    /// themselves.
    pub(crate) async fn start_with_pages(settings: &ServerSettings, more_pages: axum::Router) -> anyhow::Result<Self> {
        let data_dir = std::path::absolute(&settings.data_dir).context("--data-dir")?;
        let data = open_data(data_dir.clone(), settings).await?;
        warn_if_others_may_read(&data_dir);
        clock_notes::note(data.clock().clone()).await;
        let server = Self::start_on(data.clone(), data_dir, settings, more_pages).await;
        if server.is_err() {
            stop_data(data).await;
        }
        server
    }

    async fn start_on(
        data: Arc<DataDir>,
        data_dir: PathBuf,
        settings: &ServerSettings,
        more_pages: axum::Router,
    ) -> anyhow::Result<Self> {
        RunFile::remove(&data_dir)?;
        if !data.has_app(settings.app.as_str()) {
            let checked = AppName::for_new(settings.app.as_str());
            checked.map_err(|error| UsageError(error.to_string())).context("--app")?;
        }
        let http = bind("http-listen", &settings.http_listen).await?;
        let https = match &settings.https_listen {
            Some(address) => Some(bind("https-listen", address).await?),
            None => None,
        };
        let kafka = bind("kafka-listen", &settings.kafka_listen).await?;
        let listening = Listening::new(settings, &http, https.as_ref(), &kafka)?;

        let now_ms = data.clock().now_ms();
        let credentials = Credentials::open(&data_dir, now_ms)?;
        operations::finish_deletions(&data, &credentials, now_ms);
        if !data.has_app(settings.app.as_str()) {
            data.make_app(&settings.app)?;
        }
        let mut bundle = None;
        for app in data.app_names() {
            let ensured = credentials.ensure_bundle(app.as_str(), &app.main_topic(), &listening.endpoint(), now_ms);
            if app == settings.app {
                bundle = Some(ensured?);
            } else if let Err(error) = ensured {
                // What is damaged of one app keeps no other from being served; health and portal
                // tell it.
                tracing::error!(app = app.as_str(), %error, "the app's credentials cannot be used");
            }
        }
        let bundle = bundle.expect("the default app is one of the apps");
        let keys = Keys::of(&credentials);
        let door = |(base, address): (String, SocketAddr)| {
            let access = Access::of(address.ip().is_loopback(), settings.insecure_open, keys);
            Door { base, address, access }
        };
        let doors = listening.http_addresses().into_iter().map(door).collect();
        let kafka_door = door(listening.kafka_address());
        let links = Links::new(&listening.http, data.clock().clone());
        let (run, apps) = (listening.run_file(), app_names(&data, settings));
        let facts = Facts { run, apps, data_dir, bundle, doors, kafka_door };

        let https = match https {
            Some(listener) => Some((listener, https_tls(&credentials, settings, &listening.names, now_ms)?)),
            None => None,
        };
        let (shutdown, stopping) = watch::channel(false);
        let topics = TopicRegistry::new(data.clone());
        topics.open_at_start(&settings.app).await;
        let maintenance = Maintenance::new(data.clone(), topics.clone());
        if !settings.delivers {
            tracing::warn!("--no-sinks: nothing is delivered to sinks");
        }
        let (run_id, listeners, delivers) = (run_id(), listening.addresses(), settings.delivers);
        let host = sinks::Host { run_id, listeners, delivers, ..sinks::Host::of(&data) };
        let sinks = Sinks::open(topics.clone(), host).context("the sinks")?;
        let parts = Parts {
            maintenance: &maintenance,
            sinks: &sinks,
            settings,
            listening: &listening,
            data: &data,
            topics: &topics,
            credentials: &credentials,
            links: &links,
            audit: &Arc::new(AuditLog::of(&facts.data_dir)),
            more_pages,
        };
        let edges = edges::serve(&parts, Sockets { http, https, kafka }, &stopping)?;
        if data.is_sealed() {
            // Now every file has its checksum: one without is damage from here on.
            DirectoryFormat::mark(&facts.data_dir)?;
        }
        tokio::spawn(clock_notes::keep(data.clone(), stopping.clone()));
        tokio::spawn(certificate_notes::keep(credentials.clone(), data.clock().clone(), stopping.clone()));
        if let Some(schedule) = settings.backups.clone() {
            tokio::spawn(backup_schedule::keep(schedule, maintenance.clone(), data.clone(), stopping.clone()));
        }
        let grace = settings.attachment_grace;
        tokio::spawn(attachment_sweeps::keep(grace, data.clone(), topics.clone(), stopping.clone()));
        let delivering = tokio::spawn(sinks.keep(stopping.clone()));
        tokio::spawn(topics.clone().keep(stopping));
        facts.run.write(&facts.data_dir)?;
        Ok(Self { facts, data, topics, credentials, maintenance, links, shutdown, edges, delivering })
    }

    /// Where everything is.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A fresh link that opens the portal, once and for a while. It is a secret.
    pub(crate) fn portal_link(&self) -> String {
        self.links.make().url
    }

    /// Its credentials; for the demo's own consumer.
    pub(crate) fn credentials(&self) -> &Arc<Credentials> {
        &self.credentials
    }

    /// Ends only if a listener ends, which none should: the error says why.
    pub(crate) async fn failure(&mut self) -> anyhow::Error {
        match self.edges.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => anyhow::Error::new(error).context("a listener broke"),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a listener ended before the server"),
        }
    }

    /// Stops cleanly: writes in flight finish, consumers are told, documents are synced.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.shutdown.send_replace(true);
        let ended = async { while self.edges.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            tracing::warn!("connections did not end within {} s and are cut", STOP_TIMEOUT.as_secs());
            self.edges.shutdown().await;
        }
        if tokio::time::timeout(STOP_TIMEOUT, &mut self.delivering).await.is_err() {
            tracing::warn!("sinks did not end within {} s and are cut", STOP_TIMEOUT.as_secs());
            self.delivering.abort();
        }
        let maintenance = self.maintenance.clone();
        let _ = tokio::task::spawn_blocking(move || maintenance.stop()).await;
        self.topics.stop().await;
        stop_data(self.data.clone()).await;
        clock_notes::note(self.data.clock().clone()).await;
        RunFile::remove(&self.facts.data_dir)
    }
}

fn https_tls(
    credentials: &Credentials,
    settings: &ServerSettings,
    names: &[String],
    now_ms: u64,
) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let files = settings.https_files.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    Ok(credentials.https_tls(names, files, now_ms)?)
}

async fn open_data(path: PathBuf, settings: &ServerSettings) -> anyhow::Result<Arc<DataDir>> {
    if let Some(note) = &settings.newest_note {
        let folder = note.parent().unwrap_or(note);
        // One that is not mounted, say: without it nothing is found out, and nobody would know.
        anyhow::ensure!(folder.is_dir(), "--newest-note {}: there is no folder {}", note.display(), folder.display());
    }
    let options = StoreOptions {
        segment_bytes: settings.segment_bytes,
        retention_bytes: settings.retention_bytes,
        retention_ms: settings.retention_ms,
        tombstone_retention_ms: settings.tombstone_retention_ms,
        event_bytes_max: settings.event_bytes_max,
        accept_clock: settings.accept_clock,
        newest_note: settings.newest_note.clone(),
        ..StoreOptions::default()
    };
    let open = move || DataDir::open(&path, options, Arc::new(SystemClock), rand::random::<[u8; 16]>);
    Ok(tokio::task::spawn_blocking(open).await.context("the data directory cannot be opened")??)
}

/// The server makes the directory with mode 0700; one that somebody else made may be more open than
/// its owner knows.
fn warn_if_others_may_read(data_dir: &Path) {
    let Ok(metadata) = std::fs::metadata(data_dir) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let shown = data_dir.display();
        tracing::warn!(
            "{shown} is open to other users of this machine (mode {mode:04o}); to keep it to yourself: chmod 700 {shown}"
        );
    }
}

async fn stop_data(data: Arc<DataDir>) {
    if let Err(error) = tokio::task::spawn_blocking(move || data.stop()).await {
        tracing::error!("the store did not stop cleanly; the next start replays its journal: {error}");
    }
}

/// Another one for each start, so that two servers with one sink tell each other apart.
fn run_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

fn app_names(data: &DataDir, settings: &ServerSettings) -> Vec<String> {
    let mut names: Vec<String> = data.app_names().iter().map(|app| app.as_str().to_owned()).collect();
    names.sort_by_key(|name| name != settings.app.as_str());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_open_only_where_it_is_meant() {
        assert_eq!(Access::of(true, false, Keys::NeverMade), Access::OpenOnLoopback);
        assert_eq!(Access::of(false, true, Keys::NeverMade), Access::OpenToAll);
        assert_eq!(Access::of(false, false, Keys::NeverMade), Access::NoKeysYet);
        assert_eq!(Access::of(true, true, Keys::Some), Access::Keys);
        assert_eq!(Access::of(true, true, Keys::NoneLeft), Access::NoKeysLeft);
    }
}
