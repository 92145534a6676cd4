//! The same requests to a real Apache Kafka 4.3.1 and to the endpoint: their answers are the same, field by field, or
//! the difference is listed beside the test, with its reason.
//!
//! Not here: what tools make of the answers (`crates/server/tests/real_clients`), and each version of each API
//! (`versions`).

mod administration;
mod both;
mod flat;
mod groups;
mod peer;
mod reading;
mod refusals;

use both::{Both, Difference};

use crate::support;

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
