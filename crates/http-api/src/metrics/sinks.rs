//! How sinks stand, for `/metrics`.

use std::{fmt, sync::Arc};

use operations::Operations;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};
use sinks::SinkFigures;
use wire::admin::SinkState;

/// Registers the collector.
pub(crate) fn register(registry: &mut Registry, operations: &Arc<Operations>) {
    let headwater = registry.sub_registry_with_prefix("headwater");
    headwater.register_collector(Box::new(SinkCollector(operations.clone())));
}

/// Asks when somebody scrapes.
struct SinkCollector(Arc<Operations>);

impl fmt::Debug for SinkCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkCollector")
    }
}

impl Collector for SinkCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let all = self.0.sinks.figures();
        if all.is_empty() {
            return Ok(());
        }
        let e = &mut encoder;
        let help = "Whether the sink delivers: 1; 0 if it waits, is paused or has failed";
        gauges(e, "sink_running", help, &all, |it| Some(u64::from(it.state == SinkState::Running)))?;
        let help = "Whether the sink has failed, and somebody has to change something";
        gauges(e, "sink_failed", help, &all, |it| Some(u64::from(it.state == SinkState::Failed)))?;
        let help = "Events that the sink has yet to deliver; absent while that is not known";
        gauges(e, "sink_lag_events", help, &all, |it| it.lag_events)?;
        let help =
            "Since when the oldest event that the sink has yet to deliver is there; absent while that is not known";
        gauges(e, "sink_lag_seconds", help, &all, |it| it.lag_ms.map(|ms| ms / 1000))?;
        let help = "Events that the sink has set aside";
        gauges(e, "sink_set_aside_events", help, &all, |it| Some(it.set_aside))?;
        counters(e, "sink_events", "Events that the sink has delivered", &all, |it| it.events)?;
        counters(e, "sink_errors", "Tries of the sink that failed", &all, |it| it.errors)
    }
}

fn labels(it: &SinkFigures) -> [(&str, &str); 3] {
    [("app", it.app.as_str()), ("sink", it.sink.as_str()), ("kind", it.kind)]
}

fn gauges(
    e: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    all: &[SinkFigures],
    value: impl Fn(&SinkFigures) -> Option<u64>,
) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for it in all {
        if let Some(value) = value(it) {
            ConstGauge::new(value).encode(family.encode_family(&labels(it))?)?;
        }
    }
    Ok(())
}

fn counters(
    e: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    all: &[SinkFigures],
    value: impl Fn(&SinkFigures) -> u64,
) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Counter)?;
    for it in all {
        ConstCounter::new(value(it)).encode(family.encode_family(&labels(it))?)?;
    }
    Ok(())
}
