//! What may happen in a history, and how it is done.

use std::{path::PathBuf, time::Duration};

use document::{Action, Changeset, CollectionName, Condition, DocumentId, Operation, Origin, Value};
use proptest::prelude::*;
use store::{Crash, MemoryDisk, Outcome};
use topics::OnGap;

use crate::{
    COLLECTIONS, CONSUMERS, LIVE_QUERIES, World,
    consumer::{Consumer, KINDS},
    disk::copy_at_rest,
};

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Transactions that are sent at once, each some of (collection, document, age, removes).
    Write(Vec<Vec<(u8, u8, u8, bool)>>),
    /// Somebody reads one partition from anywhere, by offset and by time.
    Look {
        consumer: u8,
        partition: u8,
        at: u16,
    },
    /// A consumer takes a few records of one partition.
    Consume {
        consumer: u8,
        partition: u8,
        records: u8,
        bytes: u16,
    },
    /// A consumer begins a partition again: everything is delivered once more.
    Rewind {
        consumer: u8,
        partition: u8,
    },
    /// A consumer's connection is lost: what the server knew of it goes with it.
    Reconnect {
        consumer: u8,
    },
    Restart,
    Crash {
        power_loss: bool,
    },
    /// Transactions one after the other or at once, and a crash at the end of that batch of the
    /// engine's, whether a writer's or retention's.
    CrashAmid {
        transactions: Vec<Vec<(u8, u8, u8, bool)>>,
        at_once: bool,
        batches: u8,
        power_loss: bool,
    },
    ChangeGap {
        consumer: u8,
        snapshot: bool,
    },
    /// A live query is deleted and made again after transactions, so that its making may fall into a
    /// trim; its consumers begin with nothing and take a few records of one partition.
    Remake {
        live_query: u8,
        transactions: Vec<Vec<(u8, u8, u8, bool)>>,
        partition: u8,
        records: u8,
    },
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let write = (0..2u8, 0..8u8, 0..40u8, prop::bool::weighted(0.25));
    let transaction = prop::collection::vec(write, 1..4);
    prop_oneof![
        24 => prop::collection::vec(transaction.clone(), 1..4).prop_map(Step::Write),
        20 => (0..CONSUMERS, 0..3u8, 1..12u8, 1..3000u16)
            .prop_map(|(consumer, partition, records, bytes)| Step::Consume { consumer, partition, records, bytes }),
        3 => (0..CONSUMERS, 0..3u8, any::<u16>())
            .prop_map(|(consumer, partition, at)| Step::Look { consumer, partition, at }),
        2 => (0..CONSUMERS, 0..3u8).prop_map(|(consumer, partition)| Step::Rewind { consumer, partition }),
        2 => (0..CONSUMERS).prop_map(|consumer| Step::Reconnect { consumer }),
        2 => Just(Step::Restart),
        1 => any::<bool>().prop_map(|power_loss| Step::Crash { power_loss }),
        1 => (1..4u8, prop::collection::vec(transaction.clone(), 0..6), 0..3u8, 1..12u8)
            .prop_map(|(live_query, transactions, partition, records)| {
                Step::Remake { live_query, transactions, partition, records }
            }),
        1 => (prop::collection::vec(transaction, 3..9), any::<bool>(), 1..24u8, any::<bool>())
            .prop_map(|(transactions, at_once, batches, power_loss)| {
                // A group of transactions is one batch.
                let batches = if at_once { 1 + batches % 4 } else { batches };
                Step::CrashAmid { transactions, at_once, batches, power_loss }
            }),
        2 => (0..CONSUMERS, any::<bool>()).prop_map(|(consumer, snapshot)| Step::ChangeGap { consumer, snapshot }),
    ]
}

impl World {
    pub(crate) async fn take(&mut self, step: Step) {
        match step {
            Step::Write(transactions) => self.write_at_once(transactions).await,
            Step::Consume { consumer, partition, records, bytes } => {
                self.consume(consumer.into(), partition.into(), records.into(), bytes.into()).await;
            }
            Step::Look { consumer, partition, at } => self.look(consumer.into(), partition.into(), at.into()).await,
            Step::Rewind { consumer, .. } if self.options.tombstone_retention_ms.is_some() => {
                // Where tombstones go, who begins again begins with nothing.
                self.consumers[usize::from(consumer)].begin_again();
            }
            Step::Rewind { consumer, partition } => {
                let offsets = &self.consumers[usize::from(consumer)].offsets;
                let partition = usize::from(partition) % offsets.len();
                self.consumers[usize::from(consumer)].rewind(partition);
            }
            Step::Reconnect { consumer } => self.consumers[usize::from(consumer)].reconnect(),
            Step::Restart => {
                self.close().await;
                self.reopen().await;
            }
            Step::Crash { power_loss } => {
                let copy = self.next_copy();
                let memory = copy_at_rest(&self.dir, &copy, self.options.memory.as_ref(), crash(power_loss));
                self.go_on_with(copy, memory).await;
            }
            Step::CrashAmid { transactions, at_once, batches, power_loss } => {
                self.crash_amid(transactions, at_once, batches.into(), crash(power_loss)).await;
            }
            Step::ChangeGap { consumer, snapshot } => {
                let name = LIVE_QUERIES[usize::from(consumer) / KINDS.len()].0;
                let on_gap = if snapshot { OnGap::Snapshot } else { OnGap::Requery };
                self.topics().set_on_gap(name, on_gap).await.unwrap();
            }
            Step::Remake { live_query, transactions, partition, records } => {
                let live_query = usize::from(live_query);
                let described = &LIVE_QUERIES[live_query];
                self.topics().delete(described.0).await.unwrap();
                self.write_at_once(transactions).await;
                self.topics().create(self.live_query(described)).await.unwrap();
                self.made[live_query] = self.made_of(described);
                for (nth, kind) in KINDS.into_iter().enumerate() {
                    let consumer = live_query * KINDS.len() + nth;
                    self.consumers[consumer] = Consumer::new(live_query, kind);
                    self.consume(consumer, partition.into(), records.into(), 1000).await;
                }
            }
        }
    }

    async fn write_at_once(&mut self, transactions: Vec<Vec<(u8, u8, u8, bool)>>) {
        let commits = transactions.into_iter().map(|writes| {
            let app = self.app().clone();
            tokio::spawn(async move { (app.commit(transaction(writes.clone())).await, writes) })
        });
        let mut done = Vec::new();
        for commit in commits.collect::<Vec<_>>() {
            let (committed, writes) = commit.await.unwrap();
            let committed = committed.unwrap();
            if committed.outcomes.contains(&Outcome::Applied) {
                done.push((committed.txn_id.0, writes));
            }
        }
        done.sort();
        for (txn, writes) in done {
            let writes: Vec<_> = writes.into_iter().map(written).collect();
            self.truth.take(txn, &writes);
        }
    }

    /// Where it cannot be planned, on disk, and if there are not so many batches, it comes at their
    /// end.
    async fn crash_amid(
        &mut self,
        transactions: Vec<Vec<(u8, u8, u8, bool)>>,
        at_once: bool,
        batches: u64,
        crash: Crash,
    ) {
        let (copy, memory) = (self.next_copy(), self.options.memory.clone());
        let crashing = memory.as_ref().map(|memory| {
            let (crashed, from, to) = (memory.plan_crash(batches, crash), self.dir.clone(), copy.clone());
            tokio::task::spawn_blocking(move || {
                let crashed = crashed.recv().ok()?;
                copy_at_rest(&from, &to, None, crash);
                Some(crashed.disk.clone())
            })
        });
        if at_once {
            self.write_at_once(transactions).await;
        } else {
            for writes in transactions {
                self.write_at_once(vec![writes]).await;
            }
        }
        let mut left = None;
        if let (Some(memory), Some(mut crashing)) = (&memory, crashing) {
            // Retention may still be at work.
            left = match tokio::time::timeout(Duration::from_millis(2), &mut crashing).await {
                Ok(left) => left.unwrap(),
                Err(_) => {
                    memory.unplan_crash();
                    crashing.await.unwrap()
                }
            };
        }
        let left = left.or_else(|| copy_at_rest(&self.dir, &copy, memory.as_ref(), crash));
        self.go_on_with(copy, left).await;
    }

    fn next_copy(&mut self) -> PathBuf {
        self.copies += 1;
        self.root.path().join(self.copies.to_string())
    }

    /// After a crash, with what it left.
    async fn go_on_with(&mut self, dir: PathBuf, memory: Option<MemoryDisk>) {
        self.close().await;
        self.options.memory = memory;
        std::fs::remove_dir_all(&self.dir).unwrap();
        self.dir = dir;
        self.reopen().await;
        self.truth.keep(self.app().events().high_watermark() as usize);
    }
}

fn transaction(writes: Vec<(u8, u8, u8, bool)>) -> Changeset {
    let operations = writes.into_iter().map(|(collection, document, age, removes)| {
        let value = format!(r#"{{"age":{age},"filler":"{}"}}"#, "x".repeat(usize::from(age) * 20));
        let Value::Map(value) = Value::from_json(value.as_bytes()).unwrap() else { unreachable!() };
        Operation {
            collection: CollectionName::new(COLLECTIONS[usize::from(collection)]).unwrap(),
            id: DocumentId::from_value(&Value::Int(document.into())).unwrap(),
            condition: Condition::Always,
            action: if removes { Action::Remove } else { Action::upsert(value) },
        }
    });
    let origin = Origin { peer: "law".into(), ..Origin::default() };
    Changeset { operations: operations.collect(), queries: Vec::new(), origin }
}

/// The record key, and the document as JSON; `None` removes it.
fn written((collection, document, age, removes): (u8, u8, u8, bool)) -> (String, Option<String>) {
    let filler = "x".repeat(usize::from(age) * 20);
    let json = format!(r#"{{"_id":{document},"age":{age},"filler":"{filler}"}}"#);
    let key = format!(r#"["{}",{document}]"#, COLLECTIONS[usize::from(collection)]);
    (key, (!removes).then_some(json))
}

fn crash(power_loss: bool) -> Crash {
    if power_loss { Crash::PowerLoss } else { Crash::Kill }
}
