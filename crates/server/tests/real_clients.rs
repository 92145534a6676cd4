//! Stock Kafka clients against the real binary over mutual TLS: Apache Kafka's own command-line
//! tools of 3.1.0 (the page's) and 4.3.1, kcat (Debian's librdkafka), kafkajs.
//!
//! Invariants: a test whose client is not installed fails and says how to install it; a client is
//! started as its user starts it, with the files that the server wrote; no client outlives its
//! test.
//! Not here: what a client of our own can see as well (`lifecycle`, and the tests of the Kafka endpoint).

mod access;
pub(crate) mod client;
pub(crate) mod clients;
mod compression;
mod consumer_protocol;
mod crash;
mod crash_points;
mod damage;
pub(crate) mod events;
mod examples;
mod full_disk;
mod gaps;
mod groups;
mod javascript;
mod kafka_tools;
mod kafkajs;
mod lag;
mod librdkafka;
mod page;
mod restart;
mod restored;
mod rotation;
mod small_peer;
