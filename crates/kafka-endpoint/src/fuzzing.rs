//! What coverage-guided fuzzing calls (`cargo xtask fuzz`; the targets are in `fuzz/`): each function takes any
//! bytes, and panics only if a promise is broken. Every seed, and every input that once broke something, is replayed
//! by the tests here.
//!
//! Not here: random sessions over sockets (`tests/hostile.rs`).

mod classic;
mod consumer;
mod steps;

use bytes::Bytes;
use kafka_protocol::{
    messages::{ApiKey, RequestHeader, RequestKind},
    protocol::Decodable as _,
};
use kafka_wire::offsets_by_id;

pub use classic::groups as classic_groups;
pub use consumer::groups as consumer_groups;

use crate::{limits, request::Request};

/// A frame of any bytes: it is refused, or all of it decodes or is refused, without a panic and within its bounds of
/// memory.
pub fn request(frame: &[u8]) {
    if !(limits::REQUEST_BYTES_MIN..=limits::REQUEST_BYTES_MAX).contains(&frame.len()) {
        return;
    }
    let Ok(request) = Request::read(Bytes::copy_from_slice(frame)) else { return };
    let header = request.key.request_header_version(request.version);
    let mut message = Bytes::copy_from_slice(frame);
    if RequestHeader::decode(&mut message, header).is_err() {
        return;
    }
    match request.key {
        ApiKey::OffsetCommit if request.version >= offsets_by_id::VERSION => {
            let _ = offsets_by_id::decode_offset_commit(&mut message);
        }
        ApiKey::OffsetFetch if request.version >= offsets_by_id::VERSION => {
            let _ = offsets_by_id::decode_offset_fetch(&mut message);
        }
        _ => {
            let _ = RequestKind::decode(request.key, &mut message, request.version);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Every file of `fuzz/seeds/<target>`; there is at least one.
    fn replay(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        let mut seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
        for seed in seeds {
            let bytes = fs::read(&seed).unwrap();
            let broken = std::panic::catch_unwind(|| run(&bytes));
            assert!(broken.is_ok(), "{} breaks {target}", seed.display());
            // What is cut short, and what has one byte changed, are neighbours that cost nothing.
            for at in 0..bytes.len() {
                run(&bytes[..at]);
                let mut changed = bytes.clone();
                changed[at] ^= 0x81;
                run(&changed);
            }
        }
    }

    #[test]
    fn seeds_of_requests_break_nothing() {
        replay("requests", request);
    }

    #[test]
    fn seeds_of_consumer_groups_break_nothing() {
        replay("consumer_groups", consumer_groups);
    }

    #[test]
    fn seeds_of_classic_groups_break_nothing() {
        replay("classic_groups", classic_groups);
    }
}
