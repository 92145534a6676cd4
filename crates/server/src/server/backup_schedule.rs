//! Takes backups by itself, as `--backup-to` says.
//!
//! Invariants: when the next one is due is known from the folder, so a restart neither forgets one
//! nor takes one too many; one that fails is tried again, and stops nothing.
//! Not here: taking it (`operations::maintenance`, crate `backup`).

use std::{path::Path, sync::Arc, time::Duration};

use backup::{Backup, Passphrase};
use operations::{BackupRequest, Maintenance};
use store::{DataDir, WallClock as _};
use tokio::sync::watch;

use crate::config::BackupSettings;

/// How soon one that failed is tried again, at the latest.
const RETRIED_AFTER: Duration = Duration::from_secs(5 * 60);

/// How often the clock is looked at: it may be set, and machines sleep.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Until the server stops.
pub(super) async fn keep(
    settings: BackupSettings,
    maintenance: Arc<Maintenance>,
    data: Arc<DataDir>,
    mut stopping: watch::Receiver<bool>,
) {
    let clock = data.clock().clone();
    let every_ms = ms(settings.every);
    let newest_ms = newest_ms(settings.to.clone()).await;
    let mut due_ms = newest_ms.map_or(0, |newest_ms| newest_ms.saturating_add(every_ms));
    tracing::info!(to = %settings.to.display(), every_ms, last_ms = newest_ms, "backups are taken by schedule");
    loop {
        let now_ms = clock.now_ms();
        if now_ms >= due_ms {
            let failures = maintenance.backups().failures;
            match begin(&settings, &maintenance) {
                Ok(()) => wait_for_its_end(&maintenance, &mut stopping).await,
                Err(error) => tracing::error!(error, "the backup that is due cannot be begun"),
            }
            let state = maintenance.backups();
            let has_failed = state.failures > failures || state.succeeded_ms.is_none_or(|ended| ended < now_ms);
            let pause_ms = if has_failed { every_ms.min(ms(RETRIED_AFTER)) } else { every_ms };
            due_ms = now_ms.saturating_add(pause_ms);
        }
        let left = Duration::from_millis(due_ms.saturating_sub(clock.now_ms()));
        tokio::select! {
            () = tokio::time::sleep(left.min(LOOK_EVERY)) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

fn begin(settings: &BackupSettings, maintenance: &Arc<Maintenance>) -> Result<(), String> {
    let passphrase = settings.passphrase_file.as_deref().map(read_passphrase).transpose()?;
    let request = BackupRequest { to: settings.to.clone(), app: None, passphrase, keep_ms: settings.keep.map(ms) };
    maintenance.begin_backup(request).map_err(|error| error.to_string())
}

fn read_passphrase(path: &Path) -> Result<String, String> {
    Passphrase::of_file(path).map(|passphrase| passphrase.reveal().to_owned()).map_err(|error| error.to_string())
}

async fn wait_for_its_end(maintenance: &Maintenance, stopping: &mut watch::Receiver<bool>) {
    while maintenance.backups().running.is_some() && !*stopping.borrow() {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

/// When the newest point was taken.
async fn newest_ms(to: std::path::PathBuf) -> Option<u64> {
    let read = move || {
        let backup = Backup::open(&to).ok()?;
        let newest = backup.newest().ok()?.clone();
        backup.manifest(&newest).ok().map(|manifest| manifest.taken_ms)
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
