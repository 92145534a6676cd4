//! How much of an app's journal is kept.

use std::sync::Arc;

use store::App;

/// What is kept of the events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    /// The journal's first offset.
    pub(crate) log_start: u64,
    /// How old the oldest event is; `None` if there is none.
    pub(crate) age_ms: Option<u64>,
    /// What the journal takes up.
    pub(crate) journal_bytes: u64,
}

impl Kept {
    pub(crate) async fn of(app: &Arc<App>, now_ms: u64) -> Self {
        let log_start = app.events().log_start();
        let oldest = app.events().offset_for_timestamp(0).await.ok().flatten();
        let age_ms = oldest.map(|oldest| now_ms.saturating_sub(oldest.timestamp_ms));
        let app = app.clone();
        let journal_bytes = tokio::task::spawn_blocking(move || app.stats().journal_bytes).await.unwrap_or(0);
        Self { log_start, age_ms, journal_bytes }
    }
}
