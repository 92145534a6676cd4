//! The check and `kafka-protocol` must read the same bytes the same way.
//!
//! Requests are made from the tables, with random values, and given to `kafka-protocol`'s decoder: it reads each to its
//! last byte and writes the same bytes again, so a table that differs from Kafka's definitions shows.

use super::schema::{Field, Shape, Struct, Tag};
use super::*;
use crate::{
    api_versions::{ADVERTISED, codec_version},
    offsets_by_id,
};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, RequestKind};
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;

/// Every API in every version that is served.
fn served() -> impl Iterator<Item = (ApiKey, i16)> {
    ADVERTISED.iter().flat_map(|served| (served.version_min..=served.version_max).map(|version| (served.api, version)))
}

/// A request and where its arrays are.
struct Sample {
    frame: Vec<u8>,
    arrays: Vec<ArrayAt>,
}

struct ArrayAt {
    at: usize,
    len_bytes: usize,
    nullable: bool,
}

/// Writes a request by its table; all choices come from a seed.
struct Writer {
    state: u64,
    version: i16,
    flexible: bool,
    sample: Sample,
}

impl Writer {
    fn sample(api: ApiKey, version: i16, seed: u64) -> Sample {
        let schema = requests::schema_of(api).unwrap();
        let flexible = version >= schema.flexible_since;
        let sample = Sample { frame: Vec::new(), arrays: Vec::new() };
        let mut writer = Writer { state: seed, version, flexible, sample };
        writer.put(&(api as i16).to_be_bytes());
        writer.put(&version.to_be_bytes());
        writer.fixed(4);
        let client_id = writer.below(9) as usize;
        writer.put(&(client_id as i16 - 1).to_be_bytes());
        writer.text(client_id.saturating_sub(1));
        writer.tags(&[]);
        writer.structure(&schema.body);
        writer.sample
    }

    /// SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn put(&mut self, bytes: &[u8]) {
        self.sample.frame.extend_from_slice(bytes);
    }

    fn fixed(&mut self, len_bytes: usize) {
        for _ in 0..len_bytes {
            // A decoder makes 1 of every other true.
            let byte = self.below(if len_bytes == 1 { 2 } else { 256 }) as u8;
            self.put(&[byte]);
        }
    }

    fn text(&mut self, len_bytes: usize) {
        for _ in 0..len_bytes {
            let letter = b'a' + self.below(26) as u8;
            self.put(&[letter]);
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.put(&[value as u8]);
    }

    fn length(&mut self, length: Option<usize>, plain_bytes: usize) {
        if self.flexible {
            self.varint(length.map_or(0, |length| length as u64 + 1));
        } else {
            let plain = length.map_or(-1, |length| length as i32).to_be_bytes();
            self.put(&plain[4 - plain_bytes..]);
        }
    }

    fn some_length(&mut self, nullable: bool, max: u64) -> Option<usize> {
        (!nullable || self.below(4) > 0).then(|| self.below(max + 1) as usize)
    }

    fn structure(&mut self, structure: &Struct) {
        for field in structure.fields_in(self.version) {
            self.shape(&field.shape);
        }
        self.tags(structure.tags);
    }

    fn tags(&mut self, known: &[Tag]) {
        if !self.flexible {
            return;
        }
        let known: Vec<&Tag> = known.iter().filter(|tag| tag.field.is_in(self.version)).collect();
        let known: Vec<&Tag> = known.into_iter().filter(|_| self.below(2) == 0).collect();
        let unknown = self.below(3);
        self.varint(known.len() as u64 + unknown);
        for tag in known {
            self.varint(tag.number.into());
            let content = self.tag_content(&tag.field);
            self.varint(content.len() as u64);
            self.put(&content);
        }
        for number in 0..unknown {
            let size = self.below(200) as usize;
            self.varint(100 + number * 1000);
            self.varint(size as u64);
            self.text(size);
        }
    }

    /// Not null, since an encoder leaves out what has its default.
    fn tag_content(&mut self, field: &Field) -> Vec<u8> {
        let from = self.sample.frame.len();
        match &field.shape {
            Shape::NullableText => self.shape(&Shape::Text),
            shape => self.shape(shape),
        }
        self.sample.frame.split_off(from)
    }

    fn shape(&mut self, shape: &Shape) {
        match shape {
            Shape::Fixed(len_bytes) => self.fixed(*len_bytes),
            Shape::Text | Shape::NullableText => {
                let length = self.some_length(matches!(shape, Shape::NullableText), 200);
                self.length(length, 2);
                self.text(length.unwrap_or(0));
            }
            Shape::Bytes | Shape::NullableBytes => {
                let length = self.some_length(matches!(shape, Shape::NullableBytes), 300);
                self.length(length, 4);
                self.text(length.unwrap_or(0));
            }
            Shape::Array(element) => self.array(element, false),
            Shape::NullableArray(element) => self.array(element, true),
            Shape::Struct(structure) => self.structure(structure),
            Shape::NullableStruct(structure) => {
                let is_there = self.below(2) == 1;
                self.put(&[if is_there { 1 } else { 0xff }]);
                if is_there {
                    self.structure(structure);
                }
            }
        }
    }

    fn array(&mut self, element: &Shape, nullable: bool) {
        let count = self.some_length(nullable, 3);
        let at = self.sample.frame.len();
        self.length(count, 4);
        let len_bytes = self.sample.frame.len() - at;
        self.sample.arrays.push(ArrayAt { at, len_bytes, nullable });
        (0..count.unwrap_or(0)).for_each(|_| self.shape(element));
    }
}

/// Whether the endpoint decodes it by `offsets_by_id`.
fn is_by_id(api: ApiKey, version: i16) -> bool {
    matches!(api, ApiKey::OffsetCommit | ApiKey::OffsetFetch) && version == offsets_by_id::VERSION
}

/// Decodes a frame as the endpoint does; says how many bytes were left.
fn decode(frame: &[u8], api: ApiKey, version: i16) -> Result<(RequestHeader, RequestKind, usize), String> {
    let mut bytes = Bytes::copy_from_slice(frame);
    let header = RequestHeader::decode(&mut bytes, api.request_header_version(version)).map_err(|e| e.to_string())?;
    let kind = match api {
        ApiKey::OffsetCommit if is_by_id(api, version) => {
            RequestKind::OffsetCommit(offsets_by_id::decode_offset_commit(&mut bytes).map_err(|e| e.to_string())?)
        }
        ApiKey::OffsetFetch if is_by_id(api, version) => {
            RequestKind::OffsetFetch(offsets_by_id::decode_offset_fetch(&mut bytes).map_err(|e| e.to_string())?)
        }
        _ => RequestKind::decode(api, &mut bytes, codec_version(api, version)).map_err(|e| format!("{e:#}"))?,
    };
    Ok((header, kind, bytes.remaining()))
}

fn is_malformed(frame: &[u8]) -> bool {
    matches!(check_request(frame), Err(ShapeError::Malformed { .. }))
}

#[test]
fn the_decoder_reads_and_writes_what_passes() {
    for (api, version) in served() {
        for seed in 0..100 {
            let Sample { frame, .. } = Writer::sample(api, version, seed);
            let (peek, taken) = check_request_prefix(&frame).unwrap();
            assert_eq!((peek.api_key, peek.api_version, taken), (api, version, frame.len()));
            let (header, kind, left) =
                decode(&frame, api, version).unwrap_or_else(|e| panic!("{api:?} v{version}: {e}"));
            assert_eq!((header.correlation_id, left), (peek.correlation_id, 0), "{api:?} v{version}");
            let mut again = BytesMut::new();
            header.encode(&mut again, api.request_header_version(version)).unwrap();
            match &kind {
                RequestKind::OffsetCommit(it) if is_by_id(api, version) => {
                    offsets_by_id::encode_offset_commit(it, &mut again).unwrap();
                }
                RequestKind::OffsetFetch(it) if is_by_id(api, version) => {
                    offsets_by_id::encode_offset_fetch(it, &mut again).unwrap();
                }
                _ => kind.encode(&mut again, codec_version(api, version)).unwrap(),
            }
            assert_eq!(&again[..], &frame[..], "{api:?} v{version} {kind:?}");
        }
    }
}

#[test]
fn every_cut_is_refused() {
    for (api, version) in served() {
        let Sample { frame, .. } = Writer::sample(api, version, 7);
        for len in 0..frame.len() {
            assert!(check_request(&frame[..len]).is_err(), "{api:?} v{version}, {len} of {} bytes", frame.len());
        }
    }
}

#[test]
fn hostile_array_lengths_are_refused_everywhere() {
    const COMPACT_2_31: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x08];
    const COMPACT_MAX: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x0f];
    const COMPACT_ENDLESS: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    let mut tried = 0;
    for (api, version) in served() {
        let flexible = version >= requests::schema_of(api).unwrap().flexible_since;
        for seed in 0..20 {
            let Sample { frame, arrays } = Writer::sample(api, version, seed);
            for array in arrays {
                let null: &[u8] = if flexible { &[0] } else { &[0xff; 4] };
                let mut hostile: Vec<&[u8]> = match flexible {
                    true => vec![COMPACT_2_31, COMPACT_MAX, COMPACT_ENDLESS],
                    false => vec![&[0x7f, 0xff, 0xff, 0xff], &[0xff, 0xff, 0xff, 0xfe], &[0x80, 0, 0, 0]],
                };
                hostile.extend((!array.nullable).then_some(null));
                for length in hostile {
                    let mut frame = frame.clone();
                    frame.splice(array.at..array.at + array.len_bytes, length.iter().copied());
                    assert!(is_malformed(&frame), "{api:?} v{version} at byte {} {length:02x?}", array.at);
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn the_frame_that_aborts_the_decoder_is_refused() {
    let frame = [&[0, 3, 0, 9, 0, 0, 0, 1, 0, 1, b'x', 0][..], &[0xff, 0xff, 0xff, 0xff, 0x07], &[0; 13]].concat();
    let error = check_request(&frame).unwrap_err();
    let expected =
        "the Metadata v9 request is malformed: an array has more elements than bytes are left in `topics` at byte 17";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn elements_are_counted_over_all_levels() {
    let empty_names = |count: usize| {
        let header = [&[0, 15, 0, 0, 0, 0, 0, 1, 0xff, 0xff][..], &(count as i32).to_be_bytes()].concat();
        [header, vec![0; 2 * count]].concat()
    };
    assert!(check_request(&empty_names(REQUEST_ELEMENTS_MAX)).is_ok());
    assert!(is_malformed(&empty_names(REQUEST_ELEMENTS_MAX + 1)));
    let tags = [&[0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f][..], &[0; 1000]].concat();
    assert!(is_malformed(&tags));
}

#[test]
fn a_known_tag_of_another_size_is_refused() {
    let fetch = |size: u8| {
        let body = [&[0; 17 + 8][..], &[1, 1, 1], &[1, 0, size, 3, b'i', b'd', 0, 0, 0]].concat();
        [&[0, 1, 0, 12, 0, 0, 0, 1, 0, 0, 0][..], &body].concat()
    };
    assert!(check_request(&fetch(3)).is_ok());
    assert!(is_malformed(&fetch(2)) && is_malformed(&fetch(6)));
}

#[test]
fn other_frames_are_refused_by_their_own_names() {
    let frame =
        |key: i16, version: i16| [&key.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 9], &[0; 20]].concat();
    assert_eq!(check_request(&[0, 18, 0, 3, 0, 0, 0]), Err(ShapeError::TooShort { len_bytes: 7 }));
    assert_eq!(check_request(&[]), Err(ShapeError::TooShort { len_bytes: 0 }));
    let len_bytes = REQUEST_BYTES_MAX + 1;
    assert_eq!(check_request(&vec![0; len_bytes]), Err(ShapeError::TooLong { len_bytes }));
    assert_eq!(check_request(&frame(17, 1)), Err(ShapeError::UnknownApi { api_key: 17 }));
    assert_eq!(check_request(&frame(-1, 1)), Err(ShapeError::UnknownApi { api_key: -1 }));
    let expected = ShapeError::UnsupportedApiVersions { api_version: 5, correlation_id: 9 };
    assert_eq!(check_request(&frame(18, 5)), Err(expected));
    for version in [3, 18, -1, i16::MIN, i16::MAX] {
        let error = check_request(&frame(1, version)).unwrap_err();
        assert_eq!(error.to_string(), format!("version {version} of Fetch is not served, only 4 to 17"));
    }
}

#[test]
fn bytes_behind_a_request_are_ignored() {
    let Sample { mut frame, .. } = Writer::sample(ApiKey::Fetch, 11, 1);
    let len_bytes = frame.len();
    frame.extend_from_slice(b"more");
    assert_eq!(check_request_prefix(&frame).unwrap().1, len_bytes);
}

/// Whatever passes the check is given to the decoder, which must neither panic nor ask for much memory.
fn check_and_decode(frame: &[u8]) {
    if let Ok(peek) = check_request(frame) {
        let _ = decode(frame, peek.api_key, peek.api_version);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn random_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), which in any::<prop::sample::Index>()) {
        check_and_decode(&bytes);
        let (api, version) = served().nth(which.index(served().count())).unwrap();
        let header = [(api as i16).to_be_bytes(), version.to_be_bytes(), [0, 0], [0, 1], [0xff, 0xff]].concat();
        check_and_decode(&[header, bytes].concat());
    }

    #[test]
    fn damaged_requests_never_panic(
        which in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0xff), Just(0)]), 1..8),
    ) {
        let (api, version) = served().nth(which.index(served().count())).unwrap();
        let Sample { mut frame, .. } = Writer::sample(api, version, seed);
        for (at, byte) in damage {
            let at = 4 + at.index(frame.len() - 4);
            frame[at] = byte;
        }
        check_and_decode(&frame);
    }
}
