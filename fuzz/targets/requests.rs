//! Request frames at the Kafka endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|frame: &[u8]| kafka_endpoint::fuzzing::request(frame));
