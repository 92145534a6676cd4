//! `headwater app import`: one app of an export, of a backup, or of a copy of another data directory,
//! into this one, whose server runs or does not.
//!
//! Invariant: the app is there whole, or not at all; what is made on the way is below the data
//! directory, and goes in any case.
//! Not here: how it comes in (`operations::app_import`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use backup::{Course, PointName};
use operations::{ImportRequest, Imported};
use serde_json::json;
use store::{AppName, DataDir, RestoredApp, StoreOptions, WallClock as _};
use wire::admin::{AppImportReply, AppImportsReply, ImportedAppReply};

use super::super::{backup::ASK_EVERY, job_progress::JobProgress, read_reply, restore};
use crate::{
    admin_client::AdminClient,
    clock::SystemClock,
    output::{date_time, print_line},
    progress::ProgressOption,
    run_file::RunFile,
};

/// Which app, and where from.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The app comes with its documents, events, offsets, live queries and what groups have committed, and is served at once. It begins \
another life, as after headwater restore: its old consumers go on at their offsets, and those that may have read more are told to begin \
again. Its certificates and keys are of this server: hand out new bundles. Stop the app's writers at the old server before the export, \
and delete the app there afterwards. An app that is there already is not replaced.

Examples:
  headwater app import shop --from /mnt/shop
  headwater app import shop --from /backups/old --point 20260131T120000.000Z --data-dir /var/lib/headwater")]
pub(crate) struct Import {
    /// Its name
    name: String,
    /// The folder of its exports, or of backups; or a copy of a data directory, made while no server
    /// ran on it. A running server reads it on its own machine
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Which of the backups, by name [default: the newest]
    #[arg(long, value_name = "NAME", value_parser = restore::point)]
    point: Option<PointName>,
    /// The machine's clock is right, though it stands before the app's newest transaction
    #[arg(long)]
    accept_clock: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Whether to show how far it is, on stderr
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    progress: ProgressOption,
}

impl Import {
    pub(super) fn run(self, data_dir: &Path) -> anyhow::Result<()> {
        let app = AppName::new(&self.name)?;
        let from = std::path::absolute(&self.from).context("--from")?;
        let running = RunFile::of_running(data_dir);
        let ended = match &running {
            Ok(_) => self.ask_server(data_dir, &app, &from)?,
            Err(_) => self.import_itself(data_dir, app, from.clone())?,
        };
        let Some(imported) = &ended.imported else {
            bail!("{}", ended.error.as_deref().unwrap_or("the import failed, and the server does not say why"));
        };
        if self.json {
            return print_line(&serde_json::to_string(&ended)?);
        }
        print_line(&summary(data_dir, &from, &ended.app, imported))?;
        print_line(&match running {
            Ok(_) => {
                format!("its certificates are in {}: every consumer of it needs a new bundle", imported.credentials)
            }
            Err(_) => {
                "certificates and keys are made at the next start: every consumer of it needs a new bundle".to_owned()
            }
        })
    }

    fn ask_server(&self, data_dir: &Path, app: &AppName, from: &Path) -> anyhow::Result<AppImportReply> {
        let client = AdminClient::connect(data_dir)?;
        let from = from.to_str().context("--from must be UTF-8")?;
        let mut body = json!({ "name": app.as_str(), "from": from, "acceptClock": self.accept_clock });
        if let Some(point) = &self.point {
            body["point"] = point.as_str().into();
        }
        client.create("app-imports", &body)?;
        let mut progress = JobProgress::new(self.progress);
        loop {
            let AppImportsReply { running, last } = read_reply(&client.read("app-imports")?)?;
            match (running, last) {
                (Some(running), _) => progress.show(running.done_bytes, running.total_bytes),
                (None, Some(last)) => return Ok(last),
                (None, None) => bail!("the server knows of no import"),
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// No server runs: the data directory is ours meanwhile.
    fn import_itself(&self, data_dir: &Path, app: AppName, from: PathBuf) -> anyhow::Result<AppImportReply> {
        store::registered_apps(data_dir)?;
        let clock = Arc::new(SystemClock);
        let began_ms = clock.now_ms();
        let data = DataDir::open(data_dir, StoreOptions::default(), clock.clone(), rand::random::<[u8; 16]>)?;
        let request =
            ImportRequest { app: app.clone(), from, point: self.point.clone(), accept_clock: self.accept_clock };
        let mut progress = JobProgress::new(self.progress);
        let imported = operations::import_app(&data, &request, began_ms, &mut |at| {
            progress.show(at.done_bytes, at.total_bytes);
            Course::GoOn
        });
        data.stop();
        let Imported { app: RestoredApp { seam, .. }, what } = imported?;
        let imported = ImportedAppReply {
            from: what,
            last_txn: seam.last_txn.0,
            last_commit_ms: seam.last_commit_ms,
            first_txn: seam.first_txn,
            first_offset: seam.first_offset,
            leader_epoch: seam.after.leader_epoch,
            credentials: data_dir.join("credentials").join(app.as_str()).display().to_string(),
        };
        let (app, ended_ms) = (app.as_str().to_owned(), clock.now_ms());
        Ok(AppImportReply { app, began_ms, ended_ms, error: None, imported: Some(imported) })
    }
}

fn summary(data_dir: &Path, from: &Path, app: &str, imported: &ImportedAppReply) -> String {
    let ImportedAppReply { from: what, last_txn, last_commit_ms, first_txn, .. } = imported;
    let last = match last_txn {
        0 => "empty".to_owned(),
        last => format!("up to transaction {last} of {}", date_time(*last_commit_ms)),
    };
    let (into, from) = (data_dir.display(), from.display());
    format!("imported into {into} from {from}, {what}\n  app {app}: {last}; goes on with transaction {first_txn}")
}
