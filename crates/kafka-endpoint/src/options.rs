//! How the endpoint is run.

use std::{sync::Arc, time::Duration};

use store::WallClock;
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::server::TlsStream;

use crate::limits;

/// How a [`crate::KafkaEndpoint`] is run.
#[derive(Debug, Clone)]
pub struct EndpointOptions {
    /// The host that clients are told to connect to; the server certificate names it.
    pub advertised_host: String,
    /// The port that clients are told to connect to.
    pub advertised_port: u16,
    /// Further names and addresses for the server certificate, such as `localhost` and `127.0.0.1`.
    pub certificate_names: Vec<String>,
    /// Where the time for certificates comes from.
    pub clock: Arc<dyn WallClock>,
    /// Gives fresh random bytes for member ids.
    pub random: fn() -> [u8; 16],
    /// How long the first rebalance of an empty group waits for more members (Kafka's
    /// `group.initial.rebalance.delay.ms`); 50 ms by default, so that a lone consumer starts at
    /// once.
    pub group_initial_rebalance_delay: Duration,
    /// What DescribeConfigs says of topics.
    pub topic_settings: TopicSettings,
    /// Takes the connections whose clients want HTTP: their ALPN offers `h2` or `http/1.1`. The
    /// handshake is over, no certificate was asked for, and what was agreed on is in the stream.
    /// While the queue is full, further ones wait within the bounds of their handshake. `None`: the
    /// port is Kafka's alone.
    pub http: Option<mpsc::Sender<TlsStream<TcpStream>>>,
    /// How long the offsets of a consumer group that nobody uses are kept (Kafka's `offsets.retention.minutes`); 7
    /// days by default. `None` keeps them for ever.
    pub offsets_retention: Option<Duration>,
    /// Of how many consumer groups offsets are kept in one app. A further group is refused with GROUP_MAX_SIZE_REACHED.
    pub groups_per_app_max: usize,
    /// How many connections one user of one app may have. An app may have twice as many, all
    /// together four times, and never fewer than by default ([`crate::limits`]).
    pub connections_per_user_max: usize,
}

/// What DescribeConfigs says of topics. Read-only: nothing here changes what the store does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSettings {
    /// `retention.ms`; `None` keeps all.
    pub retention_ms: Option<u64>,
    /// `retention.bytes`; `None` keeps all.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `max.message.bytes`.
    pub event_bytes_max: u64,
}

impl Default for TopicSettings {
    /// As the server runs without options (docs/operating/running.md).
    fn default() -> Self {
        Self { retention_ms: None, retention_bytes: None, segment_bytes: 64 << 20, event_bytes_max: 1 << 20 }
    }
}

impl EndpointOptions {
    /// The defaults, with what has none.
    pub fn new(
        advertised_host: impl Into<String>,
        advertised_port: u16,
        clock: Arc<dyn WallClock>,
        random: fn() -> [u8; 16],
    ) -> Self {
        Self {
            advertised_host: advertised_host.into(),
            advertised_port,
            certificate_names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            clock,
            random,
            group_initial_rebalance_delay: Duration::from_millis(50),
            topic_settings: TopicSettings::default(),
            http: None,
            offsets_retention: Some(limits::OFFSETS_RETENTION),
            groups_per_app_max: limits::GROUPS_PER_APP_MAX,
            connections_per_user_max: limits::CONNECTIONS_PER_USER_MAX,
        }
    }

    /// Every name that the server certificate must carry.
    pub(crate) fn all_certificate_names(&self) -> Vec<String> {
        let mut names = self.certificate_names.clone();
        if !names.contains(&self.advertised_host) {
            names.push(self.advertised_host.clone());
        }
        names
    }
}
