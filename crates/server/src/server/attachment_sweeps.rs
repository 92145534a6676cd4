//! Removes attachments that no document holds, now and then, as `--attachment-grace` says; and what came of
//! uploads that nobody went on with.
//!
//! Invariants: one app at a time is looked through, on one thread, which rests as long as it works; an
//! app that is closed and has nothing to remove is not opened for it.
//! Not here: which blobs are held (`store`), what becomes of those that are not (`attachments`).

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use store::{App, DataDir, TxnId};
use tokio::sync::watch;
use topics::TopicRegistry;

/// How often each app is looked at; more often where attachments stay for less than a day.
const LOOK_EVERY: Duration = Duration::from_secs(10 * 60);
/// But no more often than this.
const LOOK_EVERY_MIN: Duration = Duration::from_secs(1);
/// It is looked so often within the time that an attachment stays.
const LOOKS_IN_GRACE: u32 = 100;

/// How long it works at once, and then rests.
const WORKS_FOR: Duration = Duration::from_millis(10);

/// What an app had when it was last looked through: nothing to be done until that changes.
type Seen = HashMap<String, (TxnId, u64)>;

/// Until the server stops.
pub(super) async fn keep(
    grace: Duration,
    data: Arc<DataDir>,
    topics: Arc<TopicRegistry>,
    mut stopping: watch::Receiver<bool>,
) {
    let pause = (grace / LOOKS_IN_GRACE).clamp(LOOK_EVERY_MIN, LOOK_EVERY);
    let mut seen = Seen::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        for name in data.app_names() {
            if *stopping.borrow() {
                return;
            }
            if let Some(app) = data.opened(name.as_str()) {
                remove_old_parts(app).await;
            }
            if is_worth_a_look(&data, name.as_str(), grace, &seen) {
                // Why it cannot be opened is told elsewhere.
                let Ok(app) = topics.app(name.as_str()).await else { continue };
                look_through(app.app().clone(), grace, &stopping, &mut seen).await;
            }
        }
    }
}

/// Whether something may be there to be removed. Blocks on disk for a moment, where the app is closed.
fn is_worth_a_look(data: &DataDir, app: &str, grace: Duration, seen: &Seen) -> bool {
    match data.opened(app) {
        Some(app) => {
            let stats = app.blobs().stats();
            let now = (app.newest_txn(), stats.count);
            stats.unheld > 0 || (stats.count > 0 && seen.get(app.name().as_str()) != Some(&now))
        }
        None => data.has_old_attachments(app, ms(grace)),
    }
}

/// Those of an app that is closed go once it is opened.
async fn remove_old_parts(app: Arc<App>) {
    let removed = tokio::task::spawn_blocking(move || {
        if let Err(error) = app.blobs().remove_old_parts(app.now_ms()) {
            tracing::error!(app = app.name().as_str(), %error, "what came of attachments in part cannot be removed");
        }
    });
    if let Err(error) = removed.await {
        tracing::error!(%error, "removing what came of attachments ended");
    }
}

async fn look_through(app: Arc<App>, grace: Duration, stopping: &watch::Receiver<bool>, seen: &mut Seen) {
    let (name, before) = (app.name().as_str().to_owned(), (app.newest_txn(), app.blobs().stats().count));
    let stopping = stopping.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let mut began = Instant::now();
        let mut goes_on = || {
            if began.elapsed() >= WORKS_FOR {
                std::thread::sleep(WORKS_FOR);
                began = Instant::now();
            }
            !*stopping.borrow()
        };
        app.sweep_attachments(ms(grace), &mut goes_on)
    });
    match looking.await {
        Ok(Ok(swept)) => {
            if swept.removed > 0 {
                let (count, bytes) = (swept.removed, swept.removed_bytes);
                tracing::info!(app = name, count, bytes, "removed attachments that no document held");
            }
            seen.insert(name, (before.0, before.1.saturating_sub(swept.removed)));
        }
        Ok(Err(error)) => tracing::error!(app = name, %error, "attachments cannot be looked through"),
        Err(error) => tracing::error!(app = name, %error, "looking through attachments ended"),
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
