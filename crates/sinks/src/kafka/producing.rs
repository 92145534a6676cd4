//! One transaction at a time: events, the cursor behind them, and the commit.
//!
//! Invariant: after an error nothing more is asked of this producer than to abort.
//! Not here: what is delivered (`session`), what an error calls for (`trouble`).

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use document::{CollectionName, DocumentId};
use kafka_wire::record_batch::{self, Record};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::ToBytes,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use wire::{
    admin::SinkFormat,
    event::{self, EventOp},
};

use super::{
    client::Context,
    cursor::{self, Cursor},
    record,
    target::{self, Target},
    trouble::Trouble,
};
use crate::{
    debezium::{self, Source},
    feed::Batch,
    limits::{ASK_TIMEOUT, TRANSACTION_TIMEOUT_MS},
    work::Work,
};

/// The number of the cursor's record in its transaction.
const CURSOR: usize = usize::MAX;

/// How often the producer is asked whether all is delivered.
const TICK: Duration = Duration::from_millis(1);

/// From then on a transaction that does not end is told, and the reason looked for as often.
const SLOW: Duration = Duration::from_secs(2);

/// How long a transaction may go on when the sink is told to end.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What events a transaction cannot take as they are.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// By partition and offset: too large even alone.
    pub(super) too_large: HashSet<(u16, u64)>,
    /// Batches are smaller than the topic seemed to take.
    pub(super) batch_bytes_max: Option<usize>,
    /// To find out which of a batch's records is too large, each is sent alone.
    pub(super) is_single: bool,
}

/// A transactional producer that has fenced all before it.
pub(super) struct Producing<'a> {
    work: &'a Work,
    app: String,
    producer: BaseProducer<Context>,
    target: Target,
    /// Which event has which number in the transaction.
    sent: Vec<(u16, u64)>,
    transaction_timeout: Duration,
    is_slow: bool,
}

impl<'a> Producing<'a> {
    /// Fences whoever ran the sink.
    pub(super) fn begin(
        work: &'a Work,
        config: &ClientConfig,
        target: Target,
        learnt: &Learnt,
    ) -> Result<Self, Trouble> {
        let context = Context::of(work);
        let timeout_ms = config.get("transaction.timeout.ms").and_then(|it| it.parse().ok());
        let transaction_timeout = Duration::from_millis(timeout_ms.unwrap_or(TRANSACTION_TIMEOUT_MS).into());
        let mut config = super::client::of_producer(config, &target.cursor_topic, batch_bytes(&target, learnt));
        if learnt.is_single {
            config.set("batch.num.messages", "1");
        }
        let producer: BaseProducer<Context> = config
            .create_with_context(context)
            .map_err(|error| Trouble::of("its configuration", &error, &Context::of(work)))?;
        let app = work.topics.app().name().as_str().to_owned();
        let producing = Self { work, app, producer, target, sent: Vec::new(), transaction_timeout, is_slow: false };
        producing.init()?;
        Ok(producing)
    }

    fn init(&self) -> Result<(), Trouble> {
        let latest = Instant::now() + self.transaction_timeout;
        loop {
            match self.producer.init_transactions(Duration::from_secs(1)) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < latest => {
                    self.producer.poll(Duration::ZERO);
                    self.stop_if_told()?;
                }
                Err(error) => {
                    self.producer.poll(Duration::ZERO);
                    return Err(self.trouble("the brokers begin no transactions", &error));
                }
            }
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    fn context(&self) -> &Context {
        self.producer.context()
    }

    /// What `error` calls for, and what this producer says of itself.
    fn trouble(&self, doing: &str, error: &KafkaError) -> Trouble {
        match self.producer.client().fatal_error() {
            Some((code, why)) => Trouble::of_fatal(doing, code, &why),
            None => Trouble::of(doing, error, self.context()),
        }
    }

    /// Events whose offsets are at least `next_offsets`, and the cursor, in one transaction; how many there were.
    pub(super) fn transact(
        &mut self,
        batches: &[Batch],
        next_offsets: &[u64],
        cursor: &Cursor,
        learnt: &mut Learnt,
    ) -> Result<u64, Trouble> {
        let done = self.try_transact(batches, next_offsets, cursor, learnt);
        if done.is_err() {
            // So that who reads behind it need not wait until the brokers give it up.
            drop(self.producer.abort_transaction(STOP_GRACE));
        }
        done
    }

    fn try_transact(
        &mut self,
        batches: &[Batch],
        next_offsets: &[u64],
        cursor: &Cursor,
        learnt: &mut Learnt,
    ) -> Result<u64, Trouble> {
        self.sent.clear();
        self.producer.begin_transaction().map_err(|error| self.trouble("a transaction cannot be begun", &error))?;
        for batch in batches {
            self.send_batch(batch, next_offsets[usize::from(batch.partition)], learnt)?;
        }
        let json = cursor.to_json();
        let record = BaseRecord::with_opaque_to(&self.target.cursor_topic, CURSOR);
        self.send(record.partition(0).key(cursor::KEY).payload(json.as_bytes()))?;
        self.settle(learnt)?;
        self.commit()?;
        self.context().forget();
        Ok(self.sent.len() as u64)
    }

    fn send_batch(&mut self, batch: &Batch, next: u64, learnt: &Learnt) -> Result<(), Trouble> {
        let unreadable = |error| Trouble::Wait(format!("events cannot be read: {error}"));
        for found in record_batch::batches(&batch.piece) {
            let (_, bytes) = found.map_err(unreadable)?;
            for record in record_batch::decode_records(bytes).map_err(unreadable)? {
                // A batch may begin before where the sink stands.
                if record.offset as u64 >= next {
                    self.send_event(batch.partition, &record, learnt)?;
                }
            }
        }
        Ok(())
    }

    fn send_event(&mut self, partition: u16, event: &Record<'_>, learnt: &Learnt) -> Result<(), Trouble> {
        let place = (partition, event.offset as u64);
        if self.work.sink.format == SinkFormat::Debezium {
            self.send_debezium(event, learnt.too_large.contains(&place))?;
            self.sent.push(place);
            return Ok(());
        }
        let bytes_max = self.target.message_bytes_max;
        let is_too_large = record::batch_bytes(event) > bytes_max || learnt.too_large.contains(&place);
        let value = if is_too_large { record::requery(&self.app, event) } else { None };
        match &value {
            None => self.send_record(event)?,
            Some(value) => {
                let key = event.key.map(String::from_utf8_lossy);
                tracing::warn!(app = self.app, sink = self.work.sink.name, ?key, "an event is too large for the topic");
                self.send_record(&record::as_requery(event, value))?;
            }
        }
        self.sent.push(place);
        Ok(())
    }

    /// As Debezium's connectors write it (`debezium`).
    fn send_debezium(&self, event: &Record<'_>, is_too_large: bool) -> Result<(), Trouble> {
        let op = record::header(event, "op").unwrap_or_default();

        let (key, value) = (event.key.unwrap_or_default(), event.value.unwrap_or_default());
        let parts = event::read_key(key);
        if let Some((collection, id_json)) = &parts
            && let Some((value, is_gone)) =
                debezium::value(&self.source(event, collection), value, op == EventOp::Snapshot.as_str())
            && !is_too_large
            && self.fits(event, &value)
        {
            return self.send_keyed(event, id_json, &value, is_gone);
        }
        let mut named = debezium::named(value).unwrap_or_default();
        if named.is_empty() {
            match parts {
                Some((collection, id_json)) => named.push((collection.into_owned(), id_json.to_owned())),
                None => tracing::warn!(
                    app = self.app,
                    sink = self.work.sink.name,
                    "what was delivered may hold what is gone (resync): deliver it anew into an empty topic"
                ),
            }
        }
        for (collection, id_json) in named {
            let document = self.document(&collection, &id_json)?;
            let value = debezium::read_again(&self.source(event, &collection), document.as_deref());
            if self.fits(event, &value) {
                self.send_keyed(event, &id_json, &value, document.is_none())?;
            } else {
                tracing::error!(
                    app = self.app,
                    sink = self.work.sink.name,
                    collection,
                    id_json,
                    "a document is too large for the topic and is left out"
                );
            }
        }
        Ok(())
    }

    fn source<'s>(&'s self, event: &Record<'_>, collection: &'s str) -> Source<'s> {
        let txn_id = record::txn_id(event).unwrap_or_default();
        Source { app: &self.app, collection, txn_id, commit_time_ms: event.timestamp_ms }
    }

    fn fits(&self, event: &Record<'_>, value: &[u8]) -> bool {
        let changed = Record { value: Some(value), ..event.clone() };
        record::batch_bytes(&changed) <= self.target.message_bytes_max
    }

    fn send_keyed(&self, event: &Record<'_>, id_json: &str, value: &[u8], is_gone: bool) -> Result<(), Trouble> {
        let key = debezium::key(id_json);
        self.send_record(&Record { key: Some(&key), value: Some(value), ..event.clone() })?;
        if is_gone {
            self.send_record(&Record { key: Some(&key), value: None, ..event.clone() })?;
        }
        Ok(())
    }

    /// A document as it is now; `None` if it is gone.
    fn document(&self, collection: &str, id_json: &str) -> Result<Option<String>, Trouble> {
        let failed = |error: &dyn std::fmt::Display| Trouble::Wait(format!("a document cannot be read: {error}"));
        let name = CollectionName::new(collection).map_err(|error| failed(&error))?;
        let id = DocumentId::from_json(id_json).map_err(|error| failed(&error))?;
        let snapshot = self.work.topics.app().snapshot().map_err(|error| failed(&error))?;
        let stored = snapshot.document(&name, &id).map_err(|error| failed(&error))?;
        let Some(stored) = stored.filter(|stored| stored.document.value().is_some()) else { return Ok(None) };
        let mut json = Vec::new();
        stored.document.write_json(id_json, &mut json);
        String::from_utf8(json).map(Some).map_err(|error| failed(&error))
    }

    fn send_record(&self, record: &Record<'_>) -> Result<(), Trouble> {
        let key = record.key.unwrap_or_default();
        let mut out = BaseRecord::with_opaque_to(&self.target.topic, self.sent.len())
            .partition(topics::partition_of_key(key, self.target.partitions) as i32)
            .timestamp(record.timestamp_ms)
            .headers(record::headers(record));
        out.key = record.key;
        out.payload = record.value;
        self.send(out)
    }

    fn send(&self, record: BaseRecord<'_, impl ToBytes + ?Sized, [u8], usize>) -> Result<(), Trouble> {
        let mut record = record;
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), again)) => {
                    record = again;
                    self.producer.poll(TICK);
                    self.stop_if_told()?;
                }
                Err((error, _)) => return Err(self.trouble("an event is not taken", &error)),
            }
        }
    }

    /// Waits until all that was sent is delivered.
    fn settle(&mut self, learnt: &mut Learnt) -> Result<(), Trouble> {
        let (begun, mut looked) = (Instant::now(), Instant::now());
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(TICK);
            self.check_refused(learnt)?;
            if looked.elapsed() > SLOW {
                self.look_why(begun)?;
                looked = Instant::now();
            }
            if begun.elapsed() > STOP_GRACE {
                self.stop_if_told()?;
            }
        }
        self.producer.poll(Duration::ZERO);
        self.check_refused(learnt)
    }

    /// Why a record was not taken.
    fn check_refused(&self, learnt: &mut Learnt) -> Result<(), Trouble> {
        let mut refused = self.context().refused();
        // Those only follow from something else, which the commit tells.
        refused.retain(|(_, code)| !matches!(code, Code::PurgeQueue | Code::PurgeInflight));
        let Some((_, code)) = refused.first() else { return Ok(()) };
        let is_size = |code: &Code| {
            matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize)
        };
        if !refused.iter().any(|(_, code)| is_size(code)) {
            let topic = &self.target.topic;
            return Err(match code {
                Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => gone(topic),
                code => {
                    let error = KafkaError::MessageProduction(*code);
                    self.trouble(&format!("the topic {topic} does not take events"), &error)
                }
            });
        }
        // The brokers refuse whole batches: which of their records is too large shows when each is alone.
        if learnt.is_single {
            let large = refused.iter().filter(|(number, code)| *number != CURSOR && is_size(code));
            learnt.too_large.extend(large.filter_map(|(number, _)| self.sent.get(*number)));
        } else {
            learnt.batch_bytes_max = Some((batch_bytes(&self.target, learnt) / 2).max(BATCH_BYTES_MIN));
            learnt.is_single = true;
        }
        Err(Trouble::Again("a batch is too large for the topic".to_owned()))
    }

    /// Tells why a transaction does not end, as far as that can be seen.
    fn look_why(&mut self, begun: Instant) -> Result<(), Trouble> {
        if begun.elapsed() > self.transaction_timeout + ASK_TIMEOUT {
            return Err(Trouble::Wait(self.slow("the brokers do not end the transaction")));
        }
        match target::partitions(self.producer.client(), &self.target.topic, || self.producer.poll(Duration::ZERO)) {
            Ok(None) => return Err(gone(&self.target.topic)),
            Ok(Some(_)) => {
                let told = self.slow("the brokers do not take the events: too few replicas in sync, or a full disk");
                self.work.status.waiting(told, None);
            }
            Err(trouble) => self.work.status.waiting(trouble.to_string(), None),
        }
        self.is_slow = true;
        Ok(())
    }

    fn slow(&self, what: &str) -> String {
        match self.context().connection_error() {
            Some(connection) => format!("{what} ({connection})"),
            None => what.to_owned(),
        }
    }

    fn commit(&mut self) -> Result<(), Trouble> {
        let begun = Instant::now();
        let error = loop {
            match self.producer.commit_transaction(SLOW) {
                Ok(()) => {
                    if std::mem::take(&mut self.is_slow) {
                        self.work.status.running();
                    }
                    return Ok(());
                }
                Err(KafkaError::Transaction(error))
                    if error.is_retriable() && begun.elapsed() < self.transaction_timeout =>
                {
                    self.producer.poll(Duration::ZERO);
                    self.work.status.waiting(self.slow("the brokers do not commit the transaction"), None);
                    self.is_slow = true;
                    if begun.elapsed() > STOP_GRACE {
                        self.stop_if_told()?;
                    }
                }
                Err(error) => break error,
            }
        };
        self.producer.poll(Duration::ZERO);
        Err(self.trouble("the transaction is not committed", &error))
    }

    /// While nothing is to be done: hears what was said, and looks whether the topic has other partitions.
    pub(super) fn idle(&mut self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Looks whether the topic has more partitions than before.
    pub(super) fn look_again(&mut self) -> Result<(), Trouble> {
        let topic = &self.target.topic;
        match target::partitions(self.producer.client(), topic, || self.producer.poll(Duration::ZERO)) {
            Ok(None) => Err(gone(topic)),
            Ok(Some(partitions)) => {
                self.target.partitions = partitions;
                Ok(())
            }
            // The next transaction tells.
            Err(_) => Ok(()),
        }
    }

    fn stop_if_told(&self) -> Result<(), Trouble> {
        if *self.work.stopping.borrow() { Err(Trouble::Stopped) } else { Ok(()) }
    }
}

/// The smallest bound of a batch that is tried.
const BATCH_BYTES_MIN: usize = 16 << 10;

fn batch_bytes(target: &Target, learnt: &Learnt) -> usize {
    target.message_bytes_max.min(learnt.batch_bytes_max.unwrap_or(usize::MAX))
}

fn gone(topic: &str) -> Trouble {
    Trouble::Wait(format!("the topic {topic} is gone"))
}
