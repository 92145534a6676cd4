//! Laws of the codec.

use proptest::prelude::*;
use sync_protocol::limits::FRAME_BYTES_MAX;
use sync_protocol::{Codec, Frame, decode_frame, encode_frame};

use crate::random::Random;

proptest! {
    #[test]
    fn what_is_written_is_read(seed in any::<u64>()) {
        let message = Random(seed).message();
        for codec in [Codec::Plain, Codec::for_reader(&Codec::offered())] {
            let (frame, message_bytes) = encode_frame(&message, codec);
            let expected = Frame { message: message.clone(), message_bytes };
            prop_assert_eq!(decode_frame(&frame, FRAME_BYTES_MAX), Ok(expected));
        }
    }

    /// One message has one encoding: what is read is written as it was.
    #[test]
    fn what_is_read_is_written_as_it_was(
        seed in any::<u64>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut frame = encode_frame(&Random(seed).message(), Codec::Plain).0;
        let at = 1 + at.index(frame.len() - 1);
        frame[at] = byte;
        if let Ok(read) = decode_frame(&frame, FRAME_BYTES_MAX) {
            prop_assert_eq!(encode_frame(&read.message, Codec::Plain).0, frame);
        }
    }
}
