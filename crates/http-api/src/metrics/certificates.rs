//! When certificates end, for `/metrics`.
//!
//! Not here: what counts (`operations::certificates`).

use std::{fmt, sync::Arc};

use operations::Operations;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// Registers the collector.
pub(crate) fn register(registry: &mut Registry, operations: &Arc<Operations>) {
    let headwater = registry.sub_registry_with_prefix("headwater");
    headwater.register_collector(Box::new(CertificateCollector(operations.clone())));
}

/// Asks when somebody scrapes.
struct CertificateCollector(Arc<Operations>);

impl fmt::Debug for CertificateCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateCollector")
    }
}

impl Collector for CertificateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let e = &mut encoder;
        let authority = self.0.authority();
        let next = authority.rotation.map(|rotation| rotation.next_ends_ms);
        let help = "When the certificate authority ends, in seconds since the epoch; the next one too while it is being replaced";
        ends(
            e,
            "authority_not_after_timestamp",
            help,
            "authority",
            &[("in_force", Some(authority.ends_ms)), ("next", next)],
        )?;
        let help = "When the server's certificate ends, in seconds since the epoch: its own, and that of --https-cert";
        let of_server = [("own", authority.server_ends_ms), ("https_file", authority.https_file_ends_ms)];
        ends(e, "server_certificate_not_after_timestamp", help, "certificate", &of_server)?;
        let apps = self.0.app_certificates(self.0.clock.now_ms());
        let of_apps: Vec<_> = apps.iter().map(|app| (app.app.as_str(), app.first_ends_ms)).collect();
        let help = "When the first user certificate of the app ends, in seconds since the epoch";
        ends(e, "user_certificate_not_after_timestamp", help, "app", &of_apps)?;
        let mut family =
            e.encode_descriptor("user_certificates", "Users with a certificate", None, MetricType::Gauge)?;
        for app in &apps {
            let labels = [("app", app.app.as_str())];
            ConstGauge::new(app.users as u64).encode(family.encode_family(&labels)?)?;
        }
        let help = "Users whose certificate ends within 30 days, or has";
        let mut family = e.encode_descriptor("user_certificates_ending", help, None, MetricType::Gauge)?;
        apps.iter().try_for_each(|app| {
            let labels = [("app", app.app.as_str())];
            ConstGauge::new(app.ending as u64).encode(family.encode_family(&labels)?)
        })
    }
}

/// Those that are known.
fn ends(e: &mut DescriptorEncoder, name: &str, help: &str, label: &str, all: &[(&str, Option<u64>)]) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (of, ends_ms) in all.iter().filter_map(|(of, ends_ms)| Some((*of, (*ends_ms)?))) {
        ConstGauge::new(ends_ms / 1000).encode(family.encode_family(&[(label, of)])?)?;
    }
    Ok(())
}
