//! The configuration: every option is a flag, an environment variable and a key of the TOML file,
//! in that order of precedence (docs/operating/running.md).
//!
//! Invariants: the three spell an option the same way, because flags and keys come from one struct;
//! an option that this version cannot honour is refused, never ignored.
//! Not here: what the options do (`server`).

mod effective;
mod file;
mod value;

pub(crate) use effective::effective;
pub(crate) use file::ConfigFile;
pub(crate) use value::{ByteSize, KeepLimit, ListenAddress, LogFormat, Milliseconds, PublicAddress, bracketed};

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use store::AppName;

use crate::failure::UsageError;

/// Where a server is found and how a command logs. Every verb has these.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct CommonOptions {
    /// The directory that holds everything; one server at a time. Made with mode 0700 [default:
    /// headwater-data]
    #[arg(long, value_name = "DIR", env = "HEADWATER_DATA_DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// What is logged to stderr: error, warn, info, debug, trace, or a filter such as
    /// info,store=debug [default: info]
    #[arg(long, value_name = "FILTER", env = "HEADWATER_LOG", global = true)]
    pub(crate) log: Option<String>,
    /// How it is logged: lines for people, or one JSON object a line [default: text]
    #[arg(long, value_name = "text|json", env = "HEADWATER_LOG_FORMAT", global = true, hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
}

/// The app a command is about.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub(crate) struct AppOption {
    /// The app [default: default]
    #[arg(long, value_name = "NAME", env = "HEADWATER_APP")]
    pub(crate) app: Option<String>,
}

/// What a server is run with.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ServeOptions {
    /// Where HTTP listens; port 0 takes any free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_HTTP_LISTEN", help_heading = "HTTP")]
    pub(crate) http_listen: Option<ListenAddress>,
    /// Where HTTPS listens; without it there is none
    #[arg(long, value_name = "ADDR", env = "HEADWATER_HTTPS_LISTEN", help_heading = "HTTP")]
    pub(crate) https_listen: Option<ListenAddress>,
    /// PEM file with the certificate chain of HTTPS [default: a certificate of the server's own CA]
    #[arg(long, value_name = "FILE", env = "HEADWATER_HTTPS_CERT", help_heading = "HTTP")]
    pub(crate) https_cert: Option<PathBuf>,
    /// PEM file with the private key of HTTPS
    #[arg(long, value_name = "FILE", env = "HEADWATER_HTTPS_KEY", help_heading = "HTTP")]
    pub(crate) https_key: Option<PathBuf>,
    /// The largest request body, in bytes or as 8MiB [default: 2MiB]
    #[arg(long, value_name = "N", env = "HEADWATER_MAX_REQUEST_BYTES", help_heading = "HTTP")]
    pub(crate) max_request_bytes: Option<ByteSize>,
    /// The longest attachment, in bytes or as 50MiB [default: 20MiB]
    #[arg(long, value_name = "N", env = "HEADWATER_MAX_ATTACHMENT_BYTES", help_heading = "HTTP")]
    pub(crate) max_attachment_bytes: Option<ByteSize>,
    /// How long a request waits for the transaction of its X-DITTO-TXN-ID, as 5s or plain
    /// milliseconds [default: 5s]
    #[arg(long, value_name = "TIME", env = "HEADWATER_REQUEST_TIMEOUT_MS", help_heading = "HTTP")]
    pub(crate) request_timeout_ms: Option<Milliseconds>,
    /// Ask for no keys although the address is not loopback: whoever reaches it can read and write
    #[arg(
        long,
        env = "HEADWATER_INSECURE_OPEN",
        help_heading = "HTTP",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub(crate) insecure_open: Option<bool>,
    /// Where the Kafka endpoint (mutual TLS) listens, and HTTPS on the same port [default:
    /// 127.0.0.1:9093]
    #[arg(long, value_name = "ADDR", env = "HEADWATER_KAFKA_LISTEN", help_heading = "Kafka endpoint")]
    pub(crate) kafka_listen: Option<ListenAddress>,
    /// The address that Kafka clients are told; its name is put in the server certificate [default:
    /// localhost and the port, on loopback]
    #[arg(long, value_name = "HOST:PORT", env = "HEADWATER_KAFKA_ADVERTISE", help_heading = "Kafka endpoint")]
    pub(crate) kafka_advertise: Option<PublicAddress>,
    /// How many connections one user certificate may have at the Kafka endpoint; one more is refused,
    /// and the log warns at 80 % [default: 4096]
    #[arg(long, value_name = "N", env = "HEADWATER_MAX_CONNECTIONS_PER_USER", help_heading = "Kafka endpoint")]
    pub(crate) max_connections_per_user: Option<u32>,
    /// Forget the offsets of consumer groups that nobody used for so many minutes, as Kafka does; -1
    /// keeps them [default: 10080, 7 days]
    #[arg(
        long,
        value_name = "N",
        env = "HEADWATER_OFFSETS_RETENTION_MINUTES",
        help_heading = "Kafka endpoint",
        allow_negative_numbers = true
    )]
    pub(crate) offsets_retention_minutes: Option<i64>,
    /// Of how many consumer groups an app keeps offsets; one more is refused [default: 1000]
    #[arg(long, value_name = "N", env = "HEADWATER_MAX_GROUPS_PER_APP", help_heading = "Kafka endpoint")]
    pub(crate) max_groups_per_app: Option<u32>,
    /// An event larger than this becomes a requeryRequired for its document [default: 1MiB]
    #[arg(long, value_name = "N", env = "HEADWATER_MAX_EVENT_BYTES", help_heading = "Kafka endpoint")]
    pub(crate) max_event_bytes: Option<ByteSize>,
    /// The default app's id; made at the first start [default: default]
    #[arg(long, value_name = "NAME", env = "HEADWATER_APP", help_heading = "Data")]
    pub(crate) app: Option<String>,
    /// A journal segment is sealed at this size; at least 64KiB [default: 64MiB]
    #[arg(long, value_name = "N", env = "HEADWATER_SEGMENT_BYTES", help_heading = "Data")]
    pub(crate) segment_bytes: Option<ByteSize>,
    /// Trim the oldest segments while the journal keeps this many bytes without them; -1 keeps all
    /// [default: -1]
    #[arg(
        long,
        value_name = "N",
        env = "HEADWATER_RETENTION_BYTES",
        help_heading = "Data",
        allow_negative_numbers = true
    )]
    pub(crate) retention_bytes: Option<KeepLimit<ByteSize>>,
    /// Trim segments whose newest event is older than this, as 7d, 12h, 30m, 10s or plain
    /// milliseconds; -1 keeps all [default: -1]
    #[arg(
        long,
        value_name = "TIME",
        env = "HEADWATER_RETENTION_MS",
        help_heading = "Data",
        allow_negative_numbers = true
    )]
    pub(crate) retention_ms: Option<KeepLimit<Milliseconds>>,
    /// Forget removed documents whose events were trimmed after this, as 30d or plain milliseconds;
    /// a consumer that was away for longer is told to begin again from offset 0. -1 keeps them for
    /// ever [default: -1]
    #[arg(
        long,
        value_name = "TIME",
        env = "HEADWATER_TOMBSTONE_RETENTION_MS",
        help_heading = "Data",
        allow_negative_numbers = true
    )]
    pub(crate) tombstone_retention_ms: Option<KeepLimit<Milliseconds>>,
    /// Remove an attachment so long after no document holds it any more, as 7d or plain milliseconds
    /// [default: 7d]
    #[arg(long, value_name = "TIME", env = "HEADWATER_ATTACHMENT_GRACE", help_heading = "Data")]
    pub(crate) attachment_grace: Option<Milliseconds>,
    /// Take the machine's clock as it is, however far it is from the time that was noted last: for
    /// one start, after somebody has looked that it is right
    #[arg(
        long,
        env = "HEADWATER_ACCEPT_CLOCK",
        help_heading = "Data",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub(crate) accept_clock: Option<bool>,
    /// Note the newest transaction of each app in this file, apart from the data directory and best on
    /// another disk: an older copy of the whole directory that is put back is found out by it. Its
    /// folder must be there
    #[arg(long, value_name = "FILE", env = "HEADWATER_NEWEST_NOTE", help_heading = "Data")]
    pub(crate) newest_note: Option<PathBuf>,
    /// Deliver nothing to sinks: for a drill with a restored backup, which would take them over from the server that
    /// it is of
    #[arg(
        long,
        env = "HEADWATER_NO_SINKS",
        help_heading = "Data",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub(crate) no_sinks: Option<bool>,
    /// Take backups into this folder by itself: an empty one, one that is not there, or one of this
    /// data directory's backups; best on another disk
    #[arg(long, value_name = "DIR", env = "HEADWATER_BACKUP_TO", help_heading = "Backups")]
    pub(crate) backup_to: Option<PathBuf>,
    /// How long after the last backup the next one begins, as 6h or plain milliseconds; a day if it is
    /// not given
    #[arg(long, value_name = "TIME", env = "HEADWATER_BACKUP_EVERY", help_heading = "Backups")]
    pub(crate) backup_every: Option<Milliseconds>,
    /// Remove backups that are older, as 30d or plain milliseconds; the newest always stays. -1 keeps
    /// all, as without this
    #[arg(
        long,
        value_name = "TIME",
        env = "HEADWATER_BACKUP_KEEP",
        help_heading = "Backups",
        allow_negative_numbers = true
    )]
    pub(crate) backup_keep: Option<KeepLimit<Milliseconds>>,
    /// Put private keys and tokens into the backups too, under the passphrase in this file: one line,
    /// 12 characters or more
    #[arg(long, value_name = "FILE", env = "HEADWATER_BACKUP_PASSPHRASE_FILE", help_heading = "Backups")]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
}

/// Backups that the server takes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupSettings {
    /// The folder, absolute.
    pub(crate) to: PathBuf,
    /// From one to the next.
    pub(crate) every: Duration,
    /// `None` keeps all.
    pub(crate) keep: Option<Duration>,
    /// Read before each backup.
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Where a server is found and how a command logs, with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CommonSettings {
    /// The data directory, as given: relative to the working directory.
    pub(crate) data_dir: PathBuf,
    /// A filter of `tracing_subscriber::EnvFilter`.
    pub(crate) log: String,
    /// How to log.
    pub(crate) log_format: LogFormat,
}

/// What a server is run with, checked and with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerSettings {
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// Where HTTP listens.
    pub(crate) http_listen: ListenAddress,
    /// Where HTTPS listens, if it does.
    pub(crate) https_listen: Option<ListenAddress>,
    /// Certificate chain and key of HTTPS, if not of the server's own CA.
    pub(crate) https_files: Option<(PathBuf, PathBuf)>,
    /// The largest request body.
    pub(crate) request_bytes_max: u64,
    /// The longest attachment.
    pub(crate) attachment_bytes_max: u64,
    /// How long a request waits for its transaction.
    pub(crate) request_timeout_ms: u64,
    /// Whether no keys are asked for off loopback.
    pub(crate) insecure_open: bool,
    /// Where the Kafka endpoint listens.
    pub(crate) kafka_listen: ListenAddress,
    /// What Kafka clients are told, if not derived from where it listens.
    pub(crate) kafka_advertise: Option<PublicAddress>,
    /// How many connections one user may have at the Kafka endpoint.
    pub(crate) connections_per_user_max: usize,
    pub(crate) offsets_retention: Option<Duration>,
    pub(crate) groups_per_app_max: usize,
    /// The default app.
    pub(crate) app: AppName,
    /// When a journal segment is sealed.
    pub(crate) segment_bytes: u64,
    /// `None` keeps all.
    pub(crate) retention_bytes: Option<u64>,
    /// `None` keeps all.
    pub(crate) retention_ms: Option<u64>,
    /// `None` keeps all.
    pub(crate) tombstone_retention_ms: Option<u64>,
    /// How long an attachment stays that no document holds.
    pub(crate) attachment_grace: Duration,
    /// Whether the machine's clock is taken as it is at the start.
    pub(crate) accept_clock: bool,
    /// Where the newest transactions are noted, absolute; `None`: in the data directory.
    pub(crate) newest_note: Option<PathBuf>,
    /// Whether sinks deliver.
    pub(crate) delivers: bool,
    /// The largest event.
    pub(crate) event_bytes_max: u32,
    /// `None`: nobody takes any but who asks for one.
    pub(crate) backups: Option<BackupSettings>,
}

/// The smallest segment.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
/// The largest segment; Kafka's `segment.bytes` is a 32-bit integer too.
const SEGMENT_BYTES_MAX: u64 = (1 << 31) - 1;
/// Bounds of `--max-request-bytes`: a request is held in memory while it is read.
const REQUEST_BYTES_MIN: u64 = 1 << 10;
const REQUEST_BYTES_MAX: u64 = 1 << 30;
/// Bounds of `--max-attachment-bytes`: never in memory whole, so that the disk is what bounds it.
const ATTACHMENT_BYTES_MIN: u64 = 1;
const ATTACHMENT_BYTES_MAX: u64 = 1 << 40;
/// `--attachment-grace`.
const ATTACHMENT_GRACE_MS_DEFAULT: u64 = 7 * 24 * 60 * 60 * 1000;
/// Bounds of `--max-event-bytes`: no smaller than a `requeryRequired`, no larger than a document
/// before and after a change.
const EVENT_BYTES_MIN: u64 = 4 << 10;
const EVENT_BYTES_MAX: u64 = 16 << 20;
/// `--request-timeout-ms`, and its bounds: whoever waits holds a connection.
const REQUEST_TIMEOUT_MS_DEFAULT: u64 = 5_000;
const REQUEST_TIMEOUT_MS_MAX: u64 = 10 * 60 * 1000;
/// Bound of `--offsets-retention-minutes`, as in Kafka.
const OFFSETS_RETENTION_MINUTES_MAX: i64 = i32::MAX as i64;

/// Bound of `--max-groups-per-app`: what is kept of groups is in memory.
const GROUPS_PER_APP_MAX: u32 = 100_000;

/// `--backup-every`, and the least that it may be.
const BACKUP_EVERY_MS_DEFAULT: u64 = 24 * 60 * 60 * 1000;
const BACKUP_EVERY_MS_MIN: u64 = 1_000;

/// Bound of `--max-connections-per-user`: each is an open file, and so many fit no process.
const CONNECTIONS_PER_USER_MAX: u32 = 1 << 20;
const APP_DEFAULT: &str = "default";

impl CommonOptions {
    /// Flags and environment before the file before the defaults.
    pub(crate) fn resolve(self, file: &ConfigFile) -> CommonSettings {
        let file = file.common.clone();
        CommonSettings {
            data_dir: self.data_dir.or(file.data_dir).unwrap_or_else(|| PathBuf::from("headwater-data")),
            log: self.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            log_format: self.log_format.or(file.log_format).unwrap_or(LogFormat::Text),
        }
    }
}

impl AppOption {
    /// Flag and environment before the file before `default`.
    pub(crate) fn resolve(self, file: &ConfigFile) -> anyhow::Result<AppName> {
        app_name(self.app.or_else(|| file.serve.app.clone()))
    }
}

impl ServeOptions {
    /// Flags and environment before the file before the defaults; then checks what only makes sense
    /// together.
    ///
    /// Fails with a [`UsageError`] that names the option.
    pub(crate) fn resolve(self, file: &ConfigFile, data_dir: &Path) -> anyhow::Result<ServerSettings> {
        let options = self.over(file.serve.clone());
        let backups = backups(&options)?;
        let newest_note = newest_note(options.newest_note.as_deref(), data_dir)?;
        let https_files = match (options.https_cert, options.https_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(usage("--https-cert needs --https-key: the certificate's private key")),
            (None, Some(_)) => return Err(usage("--https-key needs --https-cert: the key's certificate")),
        };
        if https_files.is_some() && options.https_listen.is_none() {
            return Err(usage("--https-cert and --https-key need --https-listen: where HTTPS should listen"));
        }
        let event_bytes_max =
            bounded("max-event-bytes", options.max_event_bytes, 1 << 20, EVENT_BYTES_MIN, EVENT_BYTES_MAX)?;
        Ok(ServerSettings {
            data_dir: data_dir.to_owned(),
            http_listen: options.http_listen.unwrap_or_else(|| ListenAddress::loopback(8080)),
            https_listen: options.https_listen,
            https_files,
            request_bytes_max: bounded(
                "max-request-bytes",
                options.max_request_bytes,
                2 << 20,
                REQUEST_BYTES_MIN,
                REQUEST_BYTES_MAX,
            )?,
            attachment_bytes_max: bounded(
                "max-attachment-bytes",
                options.max_attachment_bytes,
                20 << 20,
                ATTACHMENT_BYTES_MIN,
                ATTACHMENT_BYTES_MAX,
            )?,
            request_timeout_ms: request_timeout(options.request_timeout_ms)?,
            insecure_open: options.insecure_open.unwrap_or(false),
            kafka_listen: options.kafka_listen.unwrap_or_else(|| ListenAddress::loopback(9093)),
            kafka_advertise: options.kafka_advertise,
            connections_per_user_max: connections_per_user(options.max_connections_per_user)?,
            offsets_retention: offsets_retention(options.offsets_retention_minutes)?,
            groups_per_app_max: groups_per_app(options.max_groups_per_app)?,
            app: app_name(options.app)?,
            retention_bytes: options.retention_bytes.and_then(KeepLimit::limit).map(|size| size.0),
            retention_ms: options.retention_ms.and_then(KeepLimit::limit).map(|time| time.0),
            tombstone_retention_ms: options.tombstone_retention_ms.and_then(KeepLimit::limit).map(|time| time.0),
            attachment_grace: Duration::from_millis(
                options.attachment_grace.map_or(ATTACHMENT_GRACE_MS_DEFAULT, |time| time.0),
            ),
            accept_clock: options.accept_clock.unwrap_or(false),
            newest_note,
            delivers: !options.no_sinks.unwrap_or(false),
            segment_bytes: bounded(
                "segment-bytes",
                options.segment_bytes,
                64 << 20,
                SEGMENT_BYTES_MIN,
                SEGMENT_BYTES_MAX,
            )?,
            event_bytes_max: u32::try_from(event_bytes_max).expect("its bound is below 2^32"),
            backups,
        })
    }

    /// These, and `below` where these say nothing.
    fn over(self, below: Self) -> Self {
        Self {
            http_listen: self.http_listen.or(below.http_listen),
            https_listen: self.https_listen.or(below.https_listen),
            https_cert: self.https_cert.or(below.https_cert),
            https_key: self.https_key.or(below.https_key),
            max_request_bytes: self.max_request_bytes.or(below.max_request_bytes),
            max_attachment_bytes: self.max_attachment_bytes.or(below.max_attachment_bytes),
            request_timeout_ms: self.request_timeout_ms.or(below.request_timeout_ms),
            insecure_open: self.insecure_open.or(below.insecure_open),
            kafka_listen: self.kafka_listen.or(below.kafka_listen),
            kafka_advertise: self.kafka_advertise.or(below.kafka_advertise),
            max_connections_per_user: self.max_connections_per_user.or(below.max_connections_per_user),
            offsets_retention_minutes: self.offsets_retention_minutes.or(below.offsets_retention_minutes),
            max_groups_per_app: self.max_groups_per_app.or(below.max_groups_per_app),
            max_event_bytes: self.max_event_bytes.or(below.max_event_bytes),
            app: self.app.or(below.app),
            segment_bytes: self.segment_bytes.or(below.segment_bytes),
            retention_bytes: self.retention_bytes.or(below.retention_bytes),
            retention_ms: self.retention_ms.or(below.retention_ms),
            tombstone_retention_ms: self.tombstone_retention_ms.or(below.tombstone_retention_ms),
            attachment_grace: self.attachment_grace.or(below.attachment_grace),
            accept_clock: self.accept_clock.or(below.accept_clock),
            newest_note: self.newest_note.or(below.newest_note),
            no_sinks: self.no_sinks.or(below.no_sinks),
            backup_to: self.backup_to.or(below.backup_to),
            backup_every: self.backup_every.or(below.backup_every),
            backup_keep: self.backup_keep.or(below.backup_keep),
            backup_passphrase_file: self.backup_passphrase_file.or(below.backup_passphrase_file),
        }
    }
}

fn backups(options: &ServeOptions) -> anyhow::Result<Option<BackupSettings>> {
    let Some(to) = &options.backup_to else {
        let alone = [
            ("backup-every", options.backup_every.is_some()),
            ("backup-keep", options.backup_keep.is_some()),
            ("backup-passphrase-file", options.backup_passphrase_file.is_some()),
        ];
        return match alone.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(usage(format!("--{name} needs --backup-to: where backups should go"))),
            None => Ok(None),
        };
    };
    let every_ms = options.backup_every.map_or(BACKUP_EVERY_MS_DEFAULT, |time| time.0);
    if every_ms < BACKUP_EVERY_MS_MIN {
        return Err(usage(format!("--backup-every must be 1s or more, not {every_ms} ms")));
    }
    Ok(Some(BackupSettings {
        to: std::path::absolute(to).context("--backup-to")?,
        every: Duration::from_millis(every_ms),
        keep: options.backup_keep.and_then(KeepLimit::limit).map(|time| Duration::from_millis(time.0)),
        passphrase_file: options.backup_passphrase_file.clone(),
    }))
}

/// What lies in the data directory is put back with it, and finds nothing out.
fn newest_note(given: Option<&Path>, data_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    let Some(given) = given else { return Ok(None) };
    let (note, data_dir) = (std::path::absolute(given).context("--newest-note")?, std::path::absolute(data_dir)?);
    if note.starts_with(&data_dir) {
        let said =
            format!("--newest-note {} must lie apart from the data directory, best on another disk", note.display());
        return Err(usage(said));
    }
    Ok(Some(note))
}

fn bounded(name: &str, given: Option<ByteSize>, default: u64, min: u64, max: u64) -> anyhow::Result<u64> {
    let bytes = given.map_or(default, |size| size.0);
    if (min..=max).contains(&bytes) {
        return Ok(bytes);
    }
    Err(usage(format!("--{name} must be from {min} to {max} bytes, not {bytes}")))
}

fn request_timeout(given: Option<Milliseconds>) -> anyhow::Result<u64> {
    let ms = given.map_or(REQUEST_TIMEOUT_MS_DEFAULT, |time| time.0);
    if (1..=REQUEST_TIMEOUT_MS_MAX).contains(&ms) {
        return Ok(ms);
    }
    Err(usage(format!("--request-timeout-ms must be from 1ms to 10m, such as 5s, not {ms} ms")))
}

fn connections_per_user(given: Option<u32>) -> anyhow::Result<usize> {
    match given {
        None => Ok(kafka_endpoint::limits::CONNECTIONS_PER_USER_MAX),
        Some(max @ 1..=CONNECTIONS_PER_USER_MAX) => Ok(max as usize),
        Some(max) => {
            Err(usage(format!("--max-connections-per-user must be from 1 to {CONNECTIONS_PER_USER_MAX}, not {max}")))
        }
    }
}

fn offsets_retention(given: Option<i64>) -> anyhow::Result<Option<Duration>> {
    match given {
        None => Ok(Some(kafka_endpoint::limits::OFFSETS_RETENTION)),
        Some(-1) => Ok(None),
        Some(minutes @ 1..=OFFSETS_RETENTION_MINUTES_MAX) => Ok(Some(Duration::from_secs(minutes.unsigned_abs() * 60))),
        Some(minutes) => Err(usage(format!(
            "--offsets-retention-minutes must be from 1 to {OFFSETS_RETENTION_MINUTES_MAX}, or -1, not {minutes}"
        ))),
    }
}

fn groups_per_app(given: Option<u32>) -> anyhow::Result<usize> {
    match given {
        None => Ok(kafka_endpoint::limits::GROUPS_PER_APP_MAX),
        Some(max @ 1..=GROUPS_PER_APP_MAX) => Ok(max as usize),
        Some(max) => Err(usage(format!("--max-groups-per-app must be from 1 to {GROUPS_PER_APP_MAX}, not {max}"))),
    }
}

fn app_name(given: Option<String>) -> anyhow::Result<AppName> {
    let name = given.unwrap_or_else(|| APP_DEFAULT.to_owned());
    AppName::new(&name).map_err(|error| usage(error.to_string())).context("--app")
}

fn usage(message: impl Into<String>) -> anyhow::Error {
    UsageError(message.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(flags: ServeOptions, file: &str) -> Result<ServerSettings, String> {
        let file = ConfigFile::parse(file).expect("the file is good");
        flags.resolve(&file, Path::new("d")).map_err(|error| crate::failure::one_line(&error))
    }

    #[test]
    fn the_defaults_are_the_contracts() {
        let settings = resolve(ServeOptions::default(), "").unwrap();
        assert_eq!(settings.http_listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.kafka_listen.to_string(), "127.0.0.1:9093");
        assert_eq!((settings.request_bytes_max, settings.segment_bytes), (2 << 20, 64 << 20));
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        assert_eq!((settings.attachment_bytes_max, settings.attachment_grace), (20 << 20, week));
        assert_eq!((settings.app.as_str(), settings.insecure_open), ("default", false));
        assert_eq!(settings.request_timeout_ms, 5_000);
        assert_eq!(settings.connections_per_user_max, 4_096);
        assert_eq!((settings.groups_per_app_max, settings.offsets_retention), (1_000, Some(week)));
    }

    #[test]
    fn a_flag_beats_the_file() {
        let flags = ServeOptions { app: Some("flag".into()), ..ServeOptions::default() };
        let settings = resolve(flags, "app = 'file'\nsegment-bytes = '1MiB'").unwrap();
        assert_eq!((settings.app.as_str(), settings.segment_bytes), ("flag", 1 << 20));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let refused = |file: &str| resolve(ServeOptions::default(), file).unwrap_err();
        assert!(refused("max-event-bytes = 5").contains("--max-event-bytes must be from 4096"));
        assert!(refused("segment-bytes = 5").contains("--segment-bytes must be from 65536"));
        assert!(refused("max-request-bytes = 5").contains("--max-request-bytes must be from 1024"));
        assert!(refused("request-timeout-ms = 0").contains("--request-timeout-ms must be from 1ms to 10m"));
        assert!(refused("request-timeout-ms = '1h'").contains("such as 5s, not 3600000 ms"));
        assert!(refused("max-connections-per-user = 0").contains("--max-connections-per-user must be from 1 to"));
        assert!(refused("max-groups-per-app = 0").contains("--max-groups-per-app must be from 1 to 100000"));
        assert!(refused("offsets-retention-minutes = 0").contains("must be from 1 to 2147483647, or -1, not 0"));
        assert!(refused("https-cert = 'a'").contains("--https-cert needs --https-key"));
        assert!(refused("https-cert = 'a'\nhttps-key = 'b'").contains("need --https-listen"));
        assert!(refused("app = 'A b'").contains("an app's name is"));
    }

    #[test]
    fn backups_need_a_folder() {
        let backups = |file: &str| resolve(ServeOptions::default(), file).map(|settings| settings.backups);
        assert_eq!(backups("").unwrap(), None);
        let day = Duration::from_secs(24 * 60 * 60);
        let expected = BackupSettings { to: "/b".into(), every: day, keep: Some(7 * day), passphrase_file: None };
        assert_eq!(backups("backup-to = '/b'\nbackup-keep = '7d'").unwrap(), Some(expected));
        assert!(backups("backup-every = '1h'").unwrap_err().contains("--backup-every needs --backup-to"));
        assert!(backups("backup-to = '/b'\nbackup-every = 5").unwrap_err().contains("1s or more"));
    }

    #[test]
    fn a_note_lies_apart_from_the_data() {
        let note = |file: &str| resolve(ServeOptions::default(), file).map(|settings| settings.newest_note);
        assert_eq!(note("").unwrap(), None);
        assert_eq!(note("newest-note = '/n/newest'").unwrap(), Some("/n/newest".into()));
        assert!(note("newest-note = 'd/newest'").unwrap_err().contains("apart from the data directory"));
    }

    #[test]
    fn what_is_kept() {
        let kept =
            |file: &str| resolve(ServeOptions::default(), file).map(|s| (s.retention_bytes, s.retention_ms)).unwrap();
        assert_eq!(kept(""), (None, None));
        assert_eq!(kept("retention-bytes = -1\nretention-ms = '-1'"), (None, None));
        assert_eq!(kept("retention-bytes = '1GiB'\nretention-ms = 60000"), (Some(1 << 30), Some(60_000)));
        assert_eq!(kept("retention-ms = '7d'"), (None, Some(604_800_000)));
    }
}
