//! The bytes of every message, for ever.

use sync_protocol::limits::FRAME_BYTES_MAX;
use sync_protocol::{Codec, Hello, Message, Push, Welcome, decode_frame, encode_frame};

use crate::samples;

const GOLDEN: &str = include_str!("../data/messages-v1.txt");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("it is hex")).collect()
}

fn decoded(frame: &[u8]) -> Message {
    decode_frame(frame, FRAME_BYTES_MAX).expect("it is a frame").message
}

#[test]
fn every_message_has_the_bytes_that_it_always_had() {
    let samples = samples::all();
    let written: String =
        samples.iter().map(|it| format!("{} {}\n", it.name(), hex(&encode_frame(it, Codec::Plain).0))).collect();
    assert!(written == GOLDEN, "tests/data/messages-v1.txt is not\n{written}");
    for (line, message) in GOLDEN.lines().zip(samples) {
        let (_, frame) = line.split_once(' ').unwrap();
        assert_eq!(decoded(&of_hex(frame)), message);
    }
}

/// Hello, welcome and push as they were before they had more fields.
const EARLIER: &str = include_str!("../data/messages-v1-first.txt");

#[test]
fn fields_that_an_earlier_version_leaves_out_are_their_defaults() {
    for line in EARLIER.lines() {
        let (name, frame) = line.split_once(' ').unwrap();
        let message = decoded(&of_hex(frame));
        assert_eq!(message.name(), name);
        let expected: Message = match message.clone() {
            Message::Hello(_) => Hello { lineage: None, former: None, ..samples::hello() }.into(),
            Message::Welcome(_) => Welcome { former: None, ..samples::welcome() }.into(),
            _ => Push { needs: Vec::new(), ..samples::push(41) }.into(),
        };
        assert_eq!(message, expected);
    }
}

#[test]
fn numbers_follow_each_other() {
    let numbers: Vec<u64> = samples::all().iter().map(Message::number).collect();
    assert_eq!(numbers, (1..=17).collect::<Vec<_>>());
}

/// `{"x": [1.5, null]}`, and a text.
const LATER_FIELDS: &str = "a1617882f93e00f6616c";

#[test]
fn fields_of_a_later_version_are_kept() {
    for message in samples::all() {
        let mut frame = encode_frame(&message, Codec::Plain).0;
        frame[1] += 2; // the number of fields, in the head of an array of less than 24
        frame.extend_from_slice(&of_hex(LATER_FIELDS));
        let later = decoded(&frame);
        assert_ne!(later, message);
        assert_eq!(encode_frame(&later, Codec::Plain).0, frame);
    }
}

#[test]
fn fields_of_a_later_version_inside_a_push_are_kept() {
    let frame = encode_frame(&samples::push(41).into(), Codec::Plain).0;
    let operation_at = 5; // codec, array of 5, number, seq in two bytes, list of one
    assert_eq!(frame[operation_at..operation_at + 2], [0x81, 0x85]);
    let mut later = frame.clone();
    later[operation_at + 1] += 2;
    let end = later.len() - 4; // before `traceparent` and `needs`
    later.splice(end..end, of_hex(LATER_FIELDS));
    let Message::Push(push) = decoded(&later) else { panic!("it is a push") };
    assert_eq!(push.operations[0].rest.count(), 2);
    assert_eq!(hex(push.operations[0].rest.as_cbor()), LATER_FIELDS);
    assert_eq!(encode_frame(&push.into(), Codec::Plain).0, later);
}

#[test]
fn a_message_of_a_later_version_is_unknown_and_kept() {
    let frame = of_hex(&format!("00831863{LATER_FIELDS}"));
    let message = decoded(&frame);
    assert_eq!((message.number(), message.name()), (99, "unknown"));
    assert_eq!(encode_frame(&message, Codec::Plain).0, frame);
}

#[test]
fn errors_name_the_field_and_the_byte() {
    #[track_caller]
    fn check(frame: &str, text: &str) {
        assert_eq!(decode_frame(&of_hex(frame), 100).unwrap_err().to_string(), text);
    }
    check("0080", "an empty message, at byte 0");
    check("008102", "welcome: Welcome has 12 fields, here 0, at byte 2");
}
