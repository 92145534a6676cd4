//! What operations stand on.

use std::{net::SocketAddr, sync::Arc};

use credentials::Credentials;
use sinks::Sinks;
use store::{AppName, DataDir, WallClock};
use topics::TopicRegistry;

use crate::{
    audit_entry::AuditEntry, audit_log::AuditLog, consumer_groups::ConsumerGroups, maintenance::Maintenance,
    peer_directory::PeerDirectory,
};

/// The operations of a server; what each does stands with its kind.
#[derive(Debug)]
pub struct Operations {
    /// The app of paths that name none; it cannot be deleted.
    pub default_app: AppName,
    /// Apps and their documents.
    pub data_dir: Arc<DataDir>,
    /// Their topics.
    pub topics: Arc<TopicRegistry>,
    /// Keys and certificates.
    pub credentials: Arc<Credentials>,
    /// Who is in which consumer group; `None` where there is no Kafka endpoint.
    pub groups: Option<Arc<dyn ConsumerGroups>>,
    /// Which small peers there are; `None` where there is no endpoint of theirs.
    pub peers: Option<Arc<dyn PeerDirectory>>,
    /// Who did what.
    pub audit: Arc<AuditLog>,
    /// What the server does beside its work.
    pub maintenance: Arc<Maintenance>,
    /// Where events are delivered to by the server.
    pub sinks: Arc<Sinks>,
    /// For the dates of what is made.
    pub clock: Arc<dyn WallClock>,
    /// What Kafka clients connect to; written into their files.
    pub kafka_endpoint: String,
    /// Where the HTTP API listens and asks for no key while none was ever made.
    pub open_doors: Vec<SocketAddr>,
}

impl Operations {
    /// Writes into the audit log what was done, before whoever did it is told.
    pub async fn note(self: &Arc<Self>, entry: AuditEntry) {
        let audit = self.audit.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || audit.record(&entry)).await {
            tracing::error!(%error, "writing the audit log failed");
        }
    }
}
