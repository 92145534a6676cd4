//! What all logins share: how often each address tries, how many are under way, what became of them.
//!
//! Not here: logging in (`login`).

pub(crate) mod attempts;

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use credentials::Credentials;
use outbound::Endpoint;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};
use store::DataDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::attempts::Attempts;
use crate::{limits::LOGINS_AT_ONCE, login_error::LoginRefused};

/// What all logins share.
#[derive(Debug)]
pub(crate) struct Logins {
    attempts: Mutex<Attempts>,
    begun: Instant,
    places: Semaphore,
    outcomes: Family<OutcomeLabels, Counter>,
    /// The hook that was asked last of each app, for the connections that it keeps.
    endpoints: Mutex<HashMap<String, (String, Arc<Endpoint>)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Logins {
    pub(crate) fn register(registry: &mut Registry, credentials: &Arc<Credentials>, data_dir: &Arc<DataDir>) -> Self {
        let tokens = TokenCollector { credentials: credentials.clone(), data_dir: data_dir.clone() };
        let logins = Self {
            attempts: Mutex::default(),
            begun: Instant::now(),
            places: Semaphore::new(LOGINS_AT_ONCE),
            outcomes: Family::default(),
            endpoints: Mutex::default(),
        };
        let headwater = registry.sub_registry_with_prefix("headwater");
        headwater.register("logins", "Logins that were tried, by what became of them", logins.outcomes.clone());
        headwater.register_collector(Box::new(tokens));
        logins
    }

    pub(crate) fn count(&self, outcome: &'static str) {
        self.outcomes.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A place for one that waits for its hook.
    pub(crate) fn place(&self) -> Result<SemaphorePermit<'_>, LoginRefused> {
        self.places.try_acquire().map_err(|_| {
            self.count("busy");
            LoginRefused::Busy
        })
    }

    /// Whether this address may try now.
    pub(crate) fn take_turn(&self, address: IpAddr) -> Result<(), LoginRefused> {
        let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.take_turn(address, now_ms) {
            return Ok(());
        }
        self.count("too_many");
        Err(LoginRefused::TooManyAttempts)
    }

    /// The hook of an app, with the connections to it that are kept.
    pub(crate) fn endpoint(&self, app: &str, url: &str) -> Result<Arc<Endpoint>, outbound::BadUrl> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, endpoint)) = endpoints.get(app).filter(|(known, _)| known == url) {
            return Ok(endpoint.clone());
        }
        let endpoint = Arc::new(Endpoint::parse(url)?);
        endpoints.insert(app.to_owned(), (url.to_owned(), endpoint.clone()));
        Ok(endpoint)
    }
}

/// Counts tokens when somebody scrapes.
struct TokenCollector {
    credentials: Arc<Credentials>,
    data_dir: Arc<DataDir>,
}

impl fmt::Debug for TokenCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCollector")
    }
}

impl Collector for TokenCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let help = "Tokens of the app's users that count, or ended within the last minutes";
        let mut encoder = encoder.encode_descriptor("tokens", help, None, MetricType::Gauge)?;
        for app in self.data_dir.open_apps() {
            let app = app.name().as_str();
            let gauge = ConstGauge::new(i64::try_from(self.credentials.token_count(app)).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_family(&[("app", app)])?)?;
        }
        Ok(())
    }
}
