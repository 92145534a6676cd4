//! The machine of consumer groups in both protocols.
#![no_main]

libfuzzer_sys::fuzz_target!(|steps: &[u8]| kafka_endpoint::fuzzing::consumer_groups(steps));
