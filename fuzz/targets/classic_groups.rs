//! The machine of classic consumer groups.
#![no_main]

libfuzzer_sys::fuzz_target!(|steps: &[u8]| kafka_endpoint::fuzzing::classic_groups(steps));
