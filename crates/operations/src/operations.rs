//! What operations stand on.

use std::sync::Arc;

use credentials::Credentials;
use store::{AppName, DataDir, WallClock};
use topics::TopicRegistry;

use crate::{consumer_groups::ConsumerGroups, peer_directory::PeerDirectory};

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
    /// For the dates of what is made.
    pub clock: Arc<dyn WallClock>,
    /// What Kafka clients connect to; written into their files.
    pub kafka_endpoint: String,
}
