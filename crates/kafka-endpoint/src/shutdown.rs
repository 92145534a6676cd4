//! The server's end, as every task hears of it.

use tokio::sync::watch;

/// Turns once, from serving to stopping.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Follows `stopping`; a sender that has gone means stopping too.
    pub(crate) fn new(stopping: watch::Receiver<bool>) -> Self {
        Self(stopping)
    }

    /// Returns once the server is stopping. Safe to cancel.
    pub(crate) async fn begun(&mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
