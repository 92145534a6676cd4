//! From an empty store to all documents of a subscription.

use anyhow::Result;

use sync_protocol::Message;

use super::{
    Options, open, seed, url, wait_for,
    wire::{self, Wire},
};
use crate::{
    report::{Goal, Report},
    server::Server,
};

/// Documents, and the seconds that they may take.
const SIZES: [(u64, f64); 3] = [(100, 0.1), (10_000, 0.5), (100_000, 3.0)];

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for (documents, goal) in SIZES.into_iter().filter(|(documents, _)| *documents <= options.documents) {
        let server = Server::start(&options.place)?;
        seed(&server, documents)?;
        let dir = tempfile::tempdir_in(&options.place.dir)?;
        let peer = open(dir.path(), &url(&server))?;
        let subscription = peer.sync().register_subscription("SELECT * FROM people", ())?;
        let began = std::time::Instant::now();
        peer.start_sync()?;
        wait_for("the first sync", || Ok(subscription.is_complete()?))?;
        let took = began.elapsed().as_secs_f64();
        report.goal(format!("first sync of {documents} documents"), took, "s", Goal::AtMost(goal));
        report.figure("… by a peer that stores nothing", floor(&server, documents)?, "s");
    }
    Ok(())
}

/// The same for a connection that only takes what comes: the server's and the wire's share.
fn floor(server: &Server, documents: u64) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let began = std::time::Instant::now();
        let mut wire = Wire::open(server.http(), vec![wire::subscription("people", "true")?]).await?;
        let mut came = 0;
        while came < documents {
            if let Message::Snapshot(snapshot) = wire.receive().await? {
                came += snapshot.items.len() as u64;
            }
        }
        Ok(began.elapsed().as_secs_f64())
    })
}
