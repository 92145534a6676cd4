//! `headwater app export`: one app in a folder, from which another server takes it in; while the server
//! runs or while it does not.
//!
//! Not here: how the folder is laid out (crate `backup`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use backup::{Course, Taking};
use serde_json::json;
use store::{AppName, DataDir, StoreOptions, WallClock as _};
use wire::admin::{AppExportReply, AppExportsReply, ExportedAppReply};

use super::super::{
    backup::{ASK_EVERY, point_reply, verify},
    job_progress::JobProgress,
    read_reply,
};
use crate::{
    admin_client::AdminClient,
    clock::SystemClock,
    output::{date_time, print_line},
    progress::ProgressOption,
    run_file::RunFile,
    sizes::shown_bytes,
};

/// Which app, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder becomes a backup that has this app alone, of one moment: documents, events, offsets, live queries, indexes and what groups \
have committed. The server goes on taking writes; what is written to the app afterwards is not in it. To move an app, let its writers \
stop first; or export it twice into the same folder: the second time only what is new is copied. Keys and certificates are not in it: \
the server that the app comes to makes its own.

Examples:
  headwater app export shop --to /mnt/shop
  headwater app import shop --from /mnt/shop --data-dir /var/lib/other")]
pub(crate) struct Export {
    /// Its name
    name: String,
    /// The folder: an empty one, one that is not there, or one of this app's exports
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Afterwards read the whole folder, and prove that it is what was written
    #[arg(long)]
    verify: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Whether to show how far it is, on stderr
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    progress: ProgressOption,
}

impl Export {
    pub(super) fn run(self, data_dir: &Path) -> anyhow::Result<()> {
        let name = AppName::new(&self.name)?;
        let to = std::path::absolute(&self.to).context("--to")?;
        let ended = match RunFile::of_running(data_dir) {
            Ok(_) => self.ask_server(data_dir, &name, &to)?,
            Err(error) if !data_dir.join(store::REGISTER_FILE).exists() => return Err(error),
            Err(_) => self.take_itself(data_dir, &name, &to)?,
        };
        let Some(exported) = &ended.exported else {
            bail!("{}", ended.error.as_deref().unwrap_or("the export failed, and the server does not say why"));
        };
        print_line(&if self.json { serde_json::to_string(&ended)? } else { summary(&ended, exported) })?;
        if self.verify {
            verify(&to, self.progress, !self.json)?;
        }
        Ok(())
    }

    fn ask_server(&self, data_dir: &Path, name: &AppName, to: &Path) -> anyhow::Result<AppExportReply> {
        let client = AdminClient::connect(data_dir)?;
        let to = to.to_str().context("--to must be UTF-8")?;
        client.create("app-exports", &json!({ "name": name.as_str(), "to": to }))?;
        let mut progress = JobProgress::new(self.progress);
        loop {
            let AppExportsReply { running, last } = read_reply(&client.read("app-exports")?)?;
            match (running, last) {
                (Some(running), _) => progress.show(running.done_bytes, running.total_bytes),
                (None, Some(last)) => return Ok(last),
                (None, None) => bail!("the server knows of no export"),
            }
            std::thread::sleep(ASK_EVERY);
        }
    }

    /// No server runs: the data directory is ours meanwhile.
    fn take_itself(&self, data_dir: &Path, name: &AppName, to: &Path) -> anyhow::Result<AppExportReply> {
        let clock = Arc::new(SystemClock);
        let began_ms = clock.now_ms();
        let data = DataDir::open(data_dir, StoreOptions::default(), clock.clone(), rand::random::<[u8; 16]>)?;
        let open = |name: &AppName| data.app(name.as_str()).map_err(|error| error.to_string());
        let server = env!("CARGO_PKG_VERSION");
        let taking = Taking { data: &data, open: &open, only: Some(name), passphrase: None, server, now_ms: began_ms };
        let mut progress = JobProgress::new(self.progress);
        let taken = backup::take(to, &taking, &mut |at| {
            progress.show(at.done_bytes, at.total_bytes);
            Course::GoOn
        });
        data.stop();
        let mut taken = taken?;
        let exported = taken.only.take().map(|app| ExportedAppReply {
            app: app.name,
            last_txn: app.newest_txn,
            last_commit_ms: app.newest_commit_ms,
            next_offset: app.next_offset,
            point: point_reply(taken, 0),
        });
        let to = to.display().to_string();
        Ok(AppExportReply { to, began_ms, ended_ms: clock.now_ms(), error: None, exported })
    }
}

fn summary(ended: &AppExportReply, exported: &ExportedAppReply) -> String {
    let ExportedAppReply { app, last_txn, last_commit_ms, next_offset, point } = exported;
    let up_to = match last_txn {
        0 => "empty".to_owned(),
        last => format!("up to transaction {last} of {}, offset {next_offset}", date_time(*last_commit_ms)),
    };
    format!(
        "exported app {app} to {}, backup {}: {up_to}\n{}, {} of them new. What is written to it from here on is not in it; keys and certificates neither",
        ended.to,
        point.name,
        shown_bytes(point.bytes),
        shown_bytes(point.new_bytes),
    )
}
