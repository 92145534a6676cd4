//! The same requests to a real Apache Kafka 4.3.1 and to the endpoint: their answers are the same, field by field, or the
//! difference is listed beside the test, with its reason.
//!
//! Not here: what tools make of the answers (`crates/server/tests/real_clients`), and each version of each API
//! (`versions`).

#![allow(missing_docs, reason = "a test binary has no readers of its documentation")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "beside_kafka/administration.rs"]
mod administration;
#[path = "beside_kafka/both.rs"]
mod both;
#[path = "beside_kafka/flat.rs"]
mod flat;
#[path = "beside_kafka/groups.rs"]
mod groups;
#[path = "beside_kafka/peer.rs"]
mod peer;
#[path = "beside_kafka/reading.rs"]
mod reading;
#[path = "beside_kafka/refusals.rs"]
mod refusals;
mod support;

use both::{Both, Difference};

/// Every difference that is meant.
const MEANT: &[&[Difference]] = &[administration::MEANT, groups::MEANT, reading::MEANT, refusals::MEANT];

/// One broker for all of them: a start takes seconds.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_kafkas() {
    let mut both = Both::start(MEANT).await;
    groups::before_the_first(&mut both).await;
    // Before Kafka has made topics of its own for that.
    administration::ask(&mut both).await;
    both.kafka_coordinates().await;
    let member = groups::a_member(&mut both).await;
    groups::without_members(&mut both).await;
    reading::ask(&mut both).await;
    administration::transactions(&mut both).await;
    groups::after_the_session(&mut both, member).await;
    // Kafka does what it is asked to here.
    refusals::ask(&mut both).await;
    both.finish().await;
}
