//! Sinks into a web server: each event is a POST.
//!
//! Every event is sent at least once, and those of a document in order; different documents' at the same
//! time. What cannot be delivered is set aside, and the document's next event says so.
//!
//! Not here: how a call is made (crate `outbound`).

mod delivery;
mod event;
mod folders;
mod gate;
mod kept;
mod lane;
mod outcome;
mod pace;
mod request;
mod schedule;
mod set_aside;

pub(crate) use self::{folders::Folders, set_aside::SetAside};
pub use self::{pace::Pace, set_aside::SetAsideEvent};
use crate::work::Work;

/// Delivers until it is told to end, or until somebody has to change something.
pub(crate) async fn run(work: Work) {
    let status = work.status.clone();
    match delivery::Delivery::open(work).await {
        Ok(delivery) => delivery.run().await,
        Err(why) => status.failed(why),
    }
}

/// Whether somebody may be called there; why not.
///
/// # Errors
/// Why not.
pub fn check_url(url: &str) -> Result<(), String> {
    outbound::Endpoint::parse(url).map(drop).map_err(|error| error.to_string())
}
