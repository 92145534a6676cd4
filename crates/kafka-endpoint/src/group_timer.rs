//! Calls the group coordinator after time has passed, and has what was noted of groups without
//! members forgotten.

use std::sync::Arc;

use store::WallClock;
use topics::TopicRegistry;

use crate::{coordinator::Coordinator, generations, limits, shutdown::Shutdown};

/// Ends, with every group closed, once `shutdown` turns true.
pub(crate) async fn run(
    coordinator: Arc<Coordinator>,
    topics: Arc<TopicRegistry>,
    clock: Arc<dyn WallClock>,
    mut shutdown: Shutdown,
) {
    let mut adopts = true;
    loop {
        let emptied = coordinator.poll();
        if !emptied.is_empty() {
            tokio::spawn(generations::forget(coordinator.clone(), topics.clone(), clock.now_ms(), emptied));
        }
        if adopts && coordinator.now_ms() >= limits::ADOPTION_MS {
            adopts = false;
            tokio::spawn(generations::forget_unused(coordinator.clone(), topics.clone(), clock.now_ms()));
        }
        let latest_ms = if adopts { limits::ADOPTION_MS } else { u64::MAX };
        tokio::select! {
            () = coordinator.wait_for_time(latest_ms) => {}
            () = shutdown.begun() => return coordinator.close(),
        }
    }
}
