//! Bytes on the wire for one field of a document of 1 kB that changed.

use anyhow::{Result, bail};
use serde_json::json;
use sync_protocol::Message;

use super::{
    Options,
    wire::{self, Wire},
};
use crate::{
    http::{self, BlockingConnection},
    report::{Goal, Report},
    server::Server,
};

/// How many times the field changes; each change is one message.
const CHANGES: u64 = 20;

pub(super) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::start(&options.place)?;
    let mut http = BlockingConnection::open(server.http())?;
    let fields: serde_json::Map<_, _> = (0..20).map(|n| (format!("field{n:02}"), json!("x".repeat(34)))).collect();
    let command = json!({"method": "upsert", "collection": "people", "id": "susan", "value": fields});
    http.call(&http::post("/api/v4/store/write", json!({"commands": [command]}).to_string().as_bytes()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes = runtime.block_on(async {
        let mut wire = Wire::open(server.http(), vec![wire::subscription("people", "true")?]).await?;
        wire.caught_up().await?;
        let before = wire.received;
        for n in 0..CHANGES {
            let command = json!({"method": "upsert", "collection": "people", "id": "susan", "value": {"field07": n}});
            http.call(&http::post("/api/v4/store/write", json!({"commands": [command]}).to_string().as_bytes()))?;
            loop {
                match wire.receive().await? {
                    Message::Changes(changes) if changes.items.is_empty() => {}
                    Message::Changes(_) => break,
                    other => bail!("{other:?} instead of the change"),
                }
            }
        }
        Ok((wire.received - before) as f64 / CHANGES as f64)
    })?;
    report.goal("one field of a document of 1 kB, on the wire", bytes, "B", Goal::AtMost(120.0));
    Ok(())
}
