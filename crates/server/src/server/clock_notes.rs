//! Looks at the machine's clock while the server runs, and notes the time for the next start, and with
//! it the newest transactions.
//!
//! Invariants: a note that cannot be written stops nothing; it is tried again.
//! Not here: what is believed (crate `store`, `clock_guard`).

use std::{mem::discriminant, sync::Arc, time::Duration};

use store::{DataDir, TrustedClock};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

/// How often the clocks are compared where nobody writes: a jump is told within this.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often the time is noted.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// Looks and notes until the server stops.
pub(super) async fn keep(data_dir: Arc<DataDir>, mut stopping: watch::Receiver<bool>) {
    let clock = data_dir.clock().clone();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut noted_at = Instant::now();
    let mut noted = clock.state().standing;
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let standing = clock.state().standing;
        // A refusal must outlive a kill: what the clock said then is looked at by the next start.
        let is_other = discriminant(&standing) != discriminant(&noted);
        if is_other || noted_at.elapsed() >= NOTE_EVERY {
            note(clock.clone()).await;
            note_newest(data_dir.clone()).await;
            (noted_at, noted) = (Instant::now(), standing);
        }
    }
}

/// Notes the newest transactions, by which an older copy is found out that is put back.
async fn note_newest(data_dir: Arc<DataDir>) {
    match tokio::task::spawn_blocking(move || data_dir.note_newest()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the newest transactions cannot be noted for the next start"),
        Err(error) => tracing::error!("noting the newest transactions failed: {error}"),
    }
}

/// Notes the time now.
pub(super) async fn note(clock: Arc<TrustedClock>) {
    match tokio::task::spawn_blocking(move || clock.note()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the time cannot be noted for the next start"),
        Err(error) => tracing::error!("noting the time failed: {error}"),
    }
}
