//! How backups and looks for damage stand, for `/metrics`: since the server's start.

use std::{fmt, sync::Arc};

use operations::Operations;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// Registers the collector.
pub(crate) fn register(registry: &mut Registry, operations: &Arc<Operations>) {
    let headwater = registry.sub_registry_with_prefix("headwater");
    headwater.register_collector(Box::new(BackupCollector(operations.clone())));
}

/// Asks when somebody scrapes.
struct BackupCollector(Arc<Operations>);

impl fmt::Debug for BackupCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupCollector")
    }
}

impl Collector for BackupCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let e = &mut encoder;
        let state = self.0.maintenance.backups();
        let help = "Whether a backup is under way";
        gauge(e, "backup_running", help, None, Some(u64::from(state.running.is_some())))?;
        let help =
            "When the last good backup ended, in seconds since the epoch; absent before the first since the start";
        gauge(e, "backup_last_success_timestamp", help, Some(&Unit::Seconds), state.succeeded_ms.map(|ms| ms / 1000))?;
        let last = state.last.as_ref().and_then(|last| last.result.as_ref().ok());
        let help = "Bytes of the data directory that the last backup holds";
        gauge(e, "backup_last", help, Some(&Unit::Bytes), last.map(|last| last.taken.bytes))?;
        let help = "Bytes that the last backup wrote: what no backup before it held";
        gauge(e, "backup_last_new", help, Some(&Unit::Bytes), last.map(|last| last.taken.new_bytes))?;
        let help = "Apps that could not be copied into the last backup";
        let left_out = last.map(|last| last.taken.left_out.len() as u64);
        gauge(e, "backup_last_apps_left_out", help, None, left_out)?;
        let family = e.encode_descriptor("backup_failures", "Backups that failed", None, MetricType::Counter)?;
        ConstCounter::new(state.failures).encode(family)?;
        let state = self.0.maintenance.scrubs();
        let help = "Whether everything that is stored is read, to look for damage";
        gauge(e, "scrub_running", help, None, Some(u64::from(state.running.is_some())))?;
        let help =
            "When the last look for damage ended, in seconds since the epoch; absent before the first since the start";
        gauge(e, "scrub_last_timestamp", help, Some(&Unit::Seconds), state.succeeded_ms.map(|ms| ms / 1000))?;
        let help = "What the last look for damage has found: 0 is whole";
        let findings = state.last.and_then(|last| last.result.ok()).map(|last| last.findings.len() as u64);
        gauge(e, "scrub_findings", help, None, findings)
    }
}

/// One that is known.
fn gauge(e: &mut DescriptorEncoder, name: &str, help: &str, unit: Option<&Unit>, value: Option<u64>) -> fmt::Result {
    match value {
        Some(value) => ConstGauge::new(value).encode(e.encode_descriptor(name, help, unit, MetricType::Gauge)?),
        None => Ok(()),
    }
}
