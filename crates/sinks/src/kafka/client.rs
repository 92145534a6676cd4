//! librdkafka's clients, as a sink has them made: what they are told, and where what they say goes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    message::DeliveryResult,
    producer::ProducerContext,
};

use super::trouble::Trouble;
use crate::{limits::TRANSACTION_TIMEOUT_MS, work::Work};

/// What only a producer takes.
const OF_PRODUCERS: &[&str] = &[
    "compression.codec",
    "compression.type",
    "compression.level",
    "batch.num.messages",
    "queue.buffering.max.kbytes",
    "transaction.timeout.ms",
];

/// Listens to a client.
#[derive(Debug, Default)]
pub(super) struct Context {
    app: String,
    sink: String,
    /// What it said last of a connection that failed.
    connection_error: Mutex<Option<String>>,
    /// Records that were not taken, by their number in the transaction.
    refused: Mutex<Vec<(usize, RDKafkaErrorCode)>>,
}

impl Context {
    pub(super) fn of(work: &Work) -> Self {
        let app = work.topics.app().name().as_str().to_owned();
        Self { app, sink: work.sink.name.clone(), ..Self::default() }
    }

    /// Why a connection failed, if one has since [`Context::forget`].
    pub(super) fn connection_error(&self) -> Option<String> {
        self.connection_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All is well again.
    pub(super) fn forget(&self) {
        *self.connection_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Records that were not taken, by their number in the transaction.
    pub(super) fn refused(&self) -> Vec<(usize, RDKafkaErrorCode)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(app = self.app, sink = self.sink, ?level, facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(app = self.app, sink = self.sink, %error, "librdkafka: {reason}");
        let mut known = self.connection_error.lock().unwrap_or_else(PoisonError::into_inner);
        // That all are down says less than why one is.
        if known.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            // Behind it stands how often and how soon it was, which differs from one to the next.
            *known = Some(reason.split(" (after ").next().unwrap_or(reason).to_owned());
        }
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).push((number, code));
        }
    }
}

/// What every client of the sink is told.
pub(super) fn config(work: &Work, config: &BTreeMap<String, String>) -> ClientConfig {
    let mut told = ClientConfig::new();
    told.set("client.id", format!("headwater-{}-{}", work.topics.app().name().as_str(), work.sink.name));
    told.set("socket.keepalive.enable", "true");
    for (name, value) in config.iter().chain(&work.secrets) {
        told.set(name, value);
    }
    told.set("allow.auto.create.topics", "false").set("enable.metrics.push", "false");
    told.set("log.connection.close", "false");
    told
}

/// Those of the producer with this transactional id.
pub(super) fn of_producer(base: &ClientConfig, transactional_id: &str, batch_bytes: usize) -> ClientConfig {
    let mut told = base.clone();
    if told.get("transaction.timeout.ms").is_none() {
        told.set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string());
    }
    told.set("transactional.id", transactional_id);
    // A transaction is sent whole and at once; only what failed is reported.
    told.set("linger.ms", "0").set("delivery.report.only.error", "true");
    told.set("queue.buffering.max.messages", "0");
    told.set("batch.size", batch_bytes.to_string()).set("message.max.bytes", batch_bytes.to_string());
    told
}

/// A consumer that belongs to no group (librdkafka wants a name all the same) and sees what was committed.
pub(super) fn consumer(work: &Work, base: &ClientConfig, name: &str) -> Result<BaseConsumer<Context>, Trouble> {
    let mut told = base.clone(); // what `config_map` gives has no secrets
    for name in OF_PRODUCERS {
        told.remove(name);
    }
    told.set("group.id", name).set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    told.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    told.set("auto.offset.reset", "earliest").set("fetch.wait.max.ms", "50");
    let context = Context::of(work);
    told.create_with_context(context).map_err(|error| Trouble::of("its configuration", &error, &Context::of(work)))
}

/// How long to listen for what was said: without any wait a poll ends at the first line of the log.
const LISTEN: Duration = Duration::from_millis(20);

/// Hears what was said of the consumer's connections.
pub(super) fn listen(consumer: &BaseConsumer<Context>) {
    while consumer.poll(LISTEN).is_some() {}
}
