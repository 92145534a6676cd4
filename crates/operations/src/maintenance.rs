//! What the server does beside its work, on a thread of its own: backups, exports of apps, and looks for
//! damage.
//!
//! Not here: imports (`import_job`), when a backup is due (crate `server`), how it is laid out (crate `backup`).

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use backup::{Course, Passphrase, Progress, PruneAfter, Taken, Taking};
use store::{AppName, AppUnavailable, DataDir, TakeOverAppError, WallClock as _};
use tokio::runtime::Handle;
use topics::TopicRegistry;

use crate::{
    app_import::Imported,
    job::{Job, JobState, Turn},
};

/// How long [`Maintenance::stop`] waits for a job to end: it looks after each part that it writes.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How fast a look for damage reads, in bytes a second, where nothing else is said.
pub const SCRUB_BYTES_PER_SECOND: u64 = 32 << 20;

/// As `nice` says it: 19 is the lowest, which would come to no end where all cores are busy.
const PRIORITY: i32 = 5;

/// How soon one that rests sees that it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a backup came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The point that was added.
    pub taken: Taken,
    /// How many old points were removed after it.
    pub pruned: usize,
}

/// What is to be backed up, and where to.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// A folder of backups, or an empty one, or one that is not there; absolute.
    pub to: PathBuf,
    /// The only app that is wanted: an export. `None`: everything.
    pub app: Option<AppName>,
    /// Has private keys and tokens copied too.
    pub passphrase: Option<String>,
    /// Removes points that are older, in ms, once this one is there.
    pub keep_ms: Option<u64>,
}

/// What a look for damage came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// Bytes that were read.
    pub bytes: u64,
    /// How many apps were looked at.
    pub apps: usize,
    /// What is damaged, with its place.
    pub findings: Vec<String>,
}

/// Why a backup, an export, an import, or a look for damage, is not begun.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// One runs.
    #[error("one is under way already, of {about}")]
    UnderWay {
        /// Where a backup goes to; what is looked at.
        about: String,
    },
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
    /// The path is relative.
    #[error("{0:?} is no absolute path")]
    Relative(PathBuf),
    /// The name is taken.
    #[error(transparent)]
    Taken(#[from] TakeOverAppError),
    /// There is no such app to export.
    #[error(transparent)]
    App(#[from] AppUnavailable),
    /// The passphrase, say.
    #[error(transparent)]
    Backup(#[from] backup::Error),
    /// There is no thread for it.
    #[error("cannot start the backup: {0}")]
    Thread(#[from] io::Error),
}

/// See the module.
#[derive(Debug)]
pub struct Maintenance {
    data_dir: Arc<DataDir>,
    topics: Arc<TopicRegistry>,
    backups: Arc<Job<BackedUp>>,
    exports: Arc<Job<BackedUp>>,
    pub(crate) imports: Arc<Job<Imported>>,
    scrubs: Arc<Job<Scrubbed>>,
}

impl Maintenance {
    /// That of these apps.
    pub fn new(data_dir: Arc<DataDir>, topics: Arc<TopicRegistry>) -> Arc<Self> {
        let (backups, exports) = (Arc::default(), Arc::default());
        Arc::new(Self { data_dir, topics, backups, exports, imports: Arc::default(), scrubs: Arc::default() })
    }

    /// How backups stand.
    pub fn backups(&self) -> JobState<BackedUp> {
        self.backups.state()
    }

    /// How exports of apps stand.
    pub fn exports(&self) -> JobState<BackedUp> {
        self.exports.state()
    }

    /// How imports of apps stand.
    pub fn imports(&self) -> JobState<Imported> {
        self.imports.state()
    }

    /// Begins a backup, or the export of an app; [`Maintenance::backups`], or [`Maintenance::exports`],
    /// says how far it is. To be called within the runtime.
    ///
    /// # Errors
    /// It was not begun.
    pub fn begin_backup(self: &Arc<Self>, request: BackupRequest) -> Result<(), BackupError> {
        let BackupRequest { to, app, passphrase, keep_ms } = request;
        if !to.is_absolute() {
            return Err(BackupError::Relative(to));
        }
        if let Some(app) = app.as_ref().filter(|app| !self.data_dir.has_app(app.as_str())) {
            return Err(AppUnavailable::NotFound { app: app.as_str().to_owned() }.into());
        }
        let passphrase = passphrase.map(|text| Passphrase::new(&text)).transpose()?;
        let now_ms = self.data_dir.clock().now_ms();
        let (jobs, thread) = match &app {
            Some(_) => (&self.exports, "export"),
            None => (&self.backups, "backup"),
        };
        let turn = begin(jobs, to.display().to_string(), now_ms)?;
        let (maintenance, runtime) = (self.clone(), Handle::current());
        std::thread::Builder::new().name(thread.to_owned()).spawn(move || {
            yield_to_others();
            let clock = maintenance.data_dir.clock().clone();
            let open = |name: &AppName| match runtime.block_on(maintenance.topics.app(name.as_str())) {
                Ok(topics) => Ok(topics.app().clone()),
                Err(error) => Err(error.to_string()),
            };
            let taking = Taking {
                data: &maintenance.data_dir,
                open: &open,
                only: app.as_ref(),
                passphrase: passphrase.as_ref(),
                server: env!("CARGO_PKG_VERSION"),
                now_ms,
            };
            let prune = keep_ms.map(|keep_ms| PruneAfter { taken_before_ms: now_ms.saturating_sub(keep_ms) });
            let result = backup::take_and_prune(&to, &taking, prune, &mut tell_of(turn.job()))
                .map(|(taken, pruned)| BackedUp { taken, pruned: pruned.len() });
            log(&to, app.as_ref(), &result);
            turn.end(clock.now_ms(), result.map_err(|error| error.to_string()));
        })?;
        Ok(())
    }

    /// How looks for damage stand.
    pub fn scrubs(&self) -> JobState<Scrubbed> {
        self.scrubs.state()
    }

    /// What the last look for damage has found.
    pub fn damage(&self) -> Vec<String> {
        let last = self.scrubs.state().last.and_then(|last| last.result.ok());
        last.map(|last| last.findings).unwrap_or_default()
    }

    /// Begins to read everything that is stored, at most so many bytes a second
    /// ([`SCRUB_BYTES_PER_SECOND`] if it is not said). To be called within the runtime.
    ///
    /// # Errors
    /// It was not begun.
    pub fn begin_scrub(self: &Arc<Self>, bytes_per_second: Option<u64>) -> Result<(), BackupError> {
        let about = self.data_dir.path().display().to_string();
        let turn = begin(&self.scrubs, about, self.data_dir.clock().now_ms())?;
        let (maintenance, runtime) = (self.clone(), Handle::current());
        let pace = bytes_per_second.unwrap_or(SCRUB_BYTES_PER_SECOND).max(1);
        std::thread::Builder::new().name("scrub".to_owned()).spawn(move || {
            yield_to_others();
            let job = turn.job();
            let scrubbed = maintenance.scrub(&runtime, job, pace);
            let result = if job.is_stopped() { Err("the server was stopped".to_owned()) } else { Ok(scrubbed) };
            turn.end(maintenance.data_dir.clock().now_ms(), result);
        })?;
        Ok(())
    }

    fn scrub(self: &Arc<Self>, runtime: &Handle, job: &Job<Scrubbed>, bytes_per_second: u64) -> Scrubbed {
        let mut scrubbed = Scrubbed::default();
        let began = Instant::now();
        let mut total_bytes = 0;
        for name in self.data_dir.app_names() {
            if job.is_stopped() {
                break;
            }
            let app = match runtime.block_on(self.topics.app(name.as_str())) {
                Ok(topics) => topics.app().clone(),
                Err(_) if !self.data_dir.has_app(name.as_str()) => continue,
                Err(error) => {
                    scrubbed.findings.push(error.to_string());
                    continue;
                }
            };
            total_bytes += app.scrub_bytes();
            let bytes = &mut scrubbed.bytes;
            let found = app.scrub(&mut |at| {
                *bytes += at.read_bytes;
                job.tell(*bytes, total_bytes.max(*bytes));
                rest(began, *bytes, bytes_per_second, job);
                !job.is_stopped()
            });
            let found = found.unwrap_or_else(|error| vec![error.to_string()]);
            for finding in &found {
                tracing::error!(app = name.as_str(), finding, "damage");
            }
            scrubbed.findings.extend(found.into_iter().map(|finding| format!("app {:?}: {finding}", name.as_str())));
            scrubbed.apps += 1;
        }
        let Scrubbed { bytes, apps, findings } = &scrubbed;
        tracing::info!(bytes, apps, findings = findings.len(), "looked for damage");
        scrubbed
    }

    /// Has what runs end, and waits for it for a moment. Nothing is begun any more. Blocks.
    pub fn stop(&self) {
        self.backups.stop();
        self.exports.stop();
        self.imports.stop();
        self.scrubs.stop();
        let began = Instant::now();
        let runs = || {
            [self.backups.is_running(), self.exports.is_running(), self.imports.is_running(), self.scrubs.is_running()]
                .contains(&true)
        };
        while runs() && began.elapsed() < STOP_TIMEOUT {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The right to run one, if none runs.
pub(crate) fn begin<R: Clone>(jobs: &Arc<Job<R>>, about: String, now_ms: u64) -> Result<Turn<R>, BackupError> {
    jobs.begin(about, now_ms).ok_or_else(|| {
        let running = jobs.state().running;
        running.map_or(BackupError::Stopping, |running| BackupError::UnderWay { about: running.about })
    })
}

/// Notes how far it is, and says whether it is to go on.
pub(crate) fn tell_of<R>(job: &Job<R>) -> impl FnMut(Progress) -> Course + use<'_, R> {
    |at| {
        job.tell(at.done_bytes, at.total_bytes);
        if job.is_stopped() { Course::Stop } else { Course::GoOn }
    }
}

/// Whoever writes or reads goes first.
pub(crate) fn yield_to_others() {
    // Where the system does not allow it, it runs as any other thread.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), PRIORITY);
}

/// Waits until so many bytes may have been read.
fn rest(began: Instant, bytes: u64, bytes_per_second: u64, job: &Job<Scrubbed>) {
    let due = Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64);
    while let Some(left) = due.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        if job.is_stopped() {
            return;
        }
        std::thread::sleep(left.min(LOOK_EVERY));
    }
}

fn log(to: &std::path::Path, app: Option<&AppName>, result: &Result<BackedUp, backup::Error>) {
    let to = to.display();
    if let Some(app) = app {
        return match result {
            Ok(BackedUp { taken, .. }) => {
                let (bytes, new_bytes) = (taken.bytes, taken.new_bytes);
                tracing::info!(%to, app = app.as_str(), point = %taken.point, bytes, new_bytes, "exported an app");
            }
            Err(error) => tracing::error!(%to, app = app.as_str(), %error, "the export failed"),
        };
    }
    match result {
        Ok(BackedUp { taken, pruned }) => tracing::info!(
            %to, point = %taken.point, apps = taken.apps, left_out = taken.left_out.len(), bytes = taken.bytes,
            new_bytes = taken.new_bytes, pruned, "took a backup"
        ),
        Err(error) => tracing::error!(%to, %error, "the backup failed"),
    }
}
