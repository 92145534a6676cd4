//! `headwater backup`: everything in a folder of backups, while the server runs or while it does not.
//!
//! Not here: how the folder is laid out (crate `backup`), putting one back (`command::restore`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use backup::{Course, Passphrase, PruneAfter, Taken, Taking};
use serde_json::json;
use store::{AppName, DataDir, StoreOptions, WallClock as _};
use wire::admin::{BackupPointReply, BackupReply, BackupsReply, LeftOutReply};

use super::{Context, job_progress::JobProgress, read_reply};
use crate::{
    admin_client::AdminClient,
    clock::SystemClock,
    config::Milliseconds,
    output::{counted, date_time, print_line, print_table},
    progress::ProgressOption,
    run_file::RunFile,
    sizes::shown_bytes,
};

/// How often the server is asked how far it is.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(100);

/// What to back up, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A backup is a point in the folder: documents, events, offsets of consumer groups, live queries, indexes and settings of one moment.
Points share what has not changed, and each restores by itself. The server goes on taking writes. Private keys, tokens and the admin
key are in it only with --passphrase-file, encrypted; without them a restored server makes new ones, and bundles must be handed out
anew. Exit status 0: it is there; 1: it is not, or lacks an app, or --verify found damage.

Examples:
  headwater backup --to /mnt/backups/headwater
  headwater backup --to /mnt/backups/headwater --passphrase-file /etc/headwater/passphrase --keep 30d --verify
  headwater backup --to /mnt/backups/headwater --list")]
pub(crate) struct Backup {
    /// The folder of backups: an empty one, one that is not there, or one of this data directory's
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Put private keys and tokens into it too, under the passphrase in this file: one line, 12
    /// characters or more
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Afterwards remove points that are older, as 30d or plain milliseconds; the newest stays, and
    /// of every app the newest that has it
    #[arg(long, value_name = "TIME")]
    keep: Option<Milliseconds>,
    /// Afterwards read the whole folder, and prove that it is what was written
    #[arg(long)]
    verify: bool,
    /// Take none: print the points that there are
    #[arg(long, conflicts_with_all = ["passphrase_file", "keep", "verify"])]
    list: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Whether to show how far it is, on stderr
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    progress: ProgressOption,
}

impl Backup {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let to = std::path::absolute(&self.to).context("--to")?;
        if self.list {
            return self.print_points(&to);
        }
        let passphrase = self.passphrase_file.as_deref().map(Passphrase::of_file).transpose()?;
        let data_dir = &context.common.data_dir;
        let taken = match RunFile::of_running(data_dir) {
            Ok(_) => self.ask_server(data_dir, &to, passphrase.as_ref())?,
            Err(error) if !data_dir.join(store::REGISTER_FILE).exists() => return Err(error),
            Err(_) => self.take_itself(data_dir, &to, passphrase.as_ref())?,
        };
        let Some(point) = &taken.point else {
            bail!("the backup failed: {}", taken.error.as_deref().unwrap_or("the server does not say why"));
        };
        if self.json {
            print_line(&serde_json::to_string(&taken)?)?;
        } else {
            print_line(&summary(&taken, point))?;
        }
        for LeftOutReply { app, reason } in &point.left_out {
            eprintln!("headwater: the app {app} could not be copied whole: {reason}");
        }
        if self.verify {
            verify(&to, self.progress, !self.json)?;
        }
        if !point.left_out.is_empty() {
            bail!("{} could not be copied whole", counted(point.left_out.len() as u64, "app"));
        }
        Ok(())
    }

    fn ask_server(&self, data_dir: &Path, to: &Path, passphrase: Option<&Passphrase>) -> anyhow::Result<BackupReply> {
        let client = AdminClient::connect(data_dir)?;
        let mut body = json!({"to": to.to_str().context("--to must be UTF-8")?});
        if let Some(passphrase) = passphrase {
            body["passphrase"] = passphrase.reveal().into();
        }
        if let Some(keep) = self.keep {
            body["keepMs"] = keep.0.into();
        }
        client.create("backups", &body)?;
        let mut progress = JobProgress::new(self.progress);
        loop {
            let BackupsReply { running, last } = read_reply(&client.read("backups")?)?;
            match (running, last) {
                (Some(running), _) => progress.show(running.done_bytes, running.total_bytes),
                (None, Some(last)) => return Ok(last),
                (None, None) => bail!("the server knows of no backup"),
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// No server runs: the data directory is ours meanwhile.
    fn take_itself(&self, data_dir: &Path, to: &Path, passphrase: Option<&Passphrase>) -> anyhow::Result<BackupReply> {
        let clock = Arc::new(SystemClock);
        let now_ms = clock.now_ms();
        let data = DataDir::open(data_dir, StoreOptions::default(), clock.clone(), rand::random::<[u8; 16]>)?;
        let open = |name: &AppName| data.app(name.as_str()).map_err(|error| error.to_string());
        let server = env!("CARGO_PKG_VERSION");
        let taking = Taking { data: &data, open: &open, only: None, passphrase, server, now_ms };
        let mut progress = JobProgress::new(self.progress);
        let mut tell = |at: backup::Progress| {
            progress.show(at.done_bytes, at.total_bytes);
            Course::GoOn
        };
        let prune = self.keep.map(|keep| PruneAfter { taken_before_ms: now_ms.saturating_sub(keep.0) });
        let taken = backup::take_and_prune(to, &taking, prune, &mut tell);
        data.stop();
        let (taken, pruned) = taken?;
        let point = point_reply(taken, pruned.len());
        let (began_ms, ended_ms) = (now_ms, clock.now_ms());
        Ok(BackupReply { to: to.display().to_string(), began_ms, ended_ms, error: None, point: Some(point) })
    }

    fn print_points(&self, to: &Path) -> anyhow::Result<()> {
        let backup = backup::Backup::open(to)?;
        let (mut rows, mut shown, mut is_whole) = (Vec::new(), Vec::new(), true);
        for point in backup.points() {
            let manifest = match backup.manifest(point) {
                Ok(manifest) => manifest,
                Err(error) => {
                    eprintln!("headwater: the point {point} cannot be restored, others can (--point): {error}");
                    is_whole = false;
                    continue;
                }
            };
            let (bytes, has_secrets) = (manifest.bytes(), manifest.has_secrets());
            let secrets = if has_secrets { "encrypted" } else { "none" };
            rows.push(vec![
                point.to_string(),
                date_time(manifest.taken_ms),
                manifest.apps.len().to_string(),
                manifest.left_out.len().to_string(),
                shown_bytes(bytes),
                secrets.to_owned(),
            ]);
            shown.push(json!({
                "name": point.as_str(), "takenMs": manifest.taken_ms, "bytes": bytes, "hasSecrets": has_secrets,
                "apps": manifest.apps, "leftOut": manifest.left_out,
            }));
        }
        match self.json {
            true => print_line(&json!({ "points": shown }).to_string())?,
            false => {
                print_table(&["point", "taken", "apps", "left out", "size", "secrets"], &rows, "there is no point yet")?
            }
        }
        ensure!(is_whole, "not every point can be read");
        Ok(())
    }
}

pub(super) fn point_reply(taken: Taken, pruned: usize) -> BackupPointReply {
    let left_out = taken.left_out.into_iter();
    BackupPointReply {
        name: taken.point.to_string(),
        bytes: taken.bytes,
        new_bytes: taken.new_bytes,
        apps: taken.apps,
        left_out: left_out.map(|it| LeftOutReply { app: it.app, reason: it.reason }).collect(),
        has_secrets: taken.has_secrets,
        pruned,
    }
}

fn summary(taken: &BackupReply, point: &BackupPointReply) -> String {
    let seconds = taken.ended_ms.saturating_sub(taken.began_ms) as f64 / 1000.0;
    let mut text = format!(
        "backup {} in {}: {}, {} of them new, {}, in {seconds:.1} s",
        point.name,
        taken.to,
        shown_bytes(point.bytes),
        shown_bytes(point.new_bytes),
        counted(point.apps as u64, "app"),
    );
    if point.pruned > 0 {
        text += &format!("\nremoved {}", counted(point.pruned as u64, "old point"));
    }
    if !point.has_secrets {
        text += "\nprivate keys, tokens and the admin key are not in it: a restored server makes new ones (--passphrase-file)";
    }
    text
}

/// Reads the whole folder, and fails with what is damaged.
pub(crate) fn verify(dir: &Path, progress: ProgressOption, says_so: bool) -> anyhow::Result<()> {
    let mut progress = JobProgress::new(progress);
    let backup = backup::Backup::open(dir)?;
    let verified = backup.verify(&mut |at| {
        progress.show(at.done_bytes, at.total_bytes);
        Course::GoOn
    })?;
    drop(progress);
    for finding in &verified.findings {
        eprintln!("headwater: DAMAGE: {finding}");
    }
    match verified.findings.len() {
        0 if says_so => print_line(&format!(
            "{} is whole: {}, {}, {}",
            dir.display(),
            counted(verified.points as u64, "point"),
            counted(verified.parts as u64, "part"),
            shown_bytes(verified.bytes),
        )),
        0 => Ok(()),
        findings => bail!("{} is damaged: {}", dir.display(), counted(findings as u64, "finding")),
    }
}
