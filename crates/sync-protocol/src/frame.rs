//! Frames: one binary WebSocket message each.
//!
//! ```text
//! codec u8 (0 plain, 1 zstd) | the message's CBOR, by the codec
//! ```
//!
//! Invariants: a frame and what it decompresses to have at most the bytes that the caller allows.
//! Not here: what a message holds (`message`), which codec the other side reads (both machines).

use crate::cbor::DecodeError;
use crate::limits::FRAME_BYTES_MAX;
use crate::message::Message;

/// How a frame's message is compressed. Never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// Not at all.
    #[default]
    Plain = 0,
    /// RFC 8878.
    Zstd = 1,
}

impl Codec {
    /// The numbers of those that this build reads, beside plain, as a hello or welcome lists them.
    pub fn offered() -> Vec<u64> {
        if cfg!(feature = "zstd") { vec![Codec::Zstd as u64] } else { Vec::new() }
    }

    /// The best one that this build has.
    pub(crate) fn best() -> Self {
        Self::for_reader(&Self::offered())
    }

    /// The best one for who reads those of `offered`.
    pub fn for_reader(offered: &[u64]) -> Self {
        let is_read = cfg!(feature = "zstd") && offered.contains(&(Codec::Zstd as u64));
        if is_read { Codec::Zstd } else { Codec::Plain }
    }
}

/// A frame that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its message.
    pub message: Message,
    /// The message's bytes before compression, by which windows and credit are counted.
    pub message_bytes: u64,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It has no byte at all.
    #[error("an empty frame")]
    Empty,
    /// It or its message is larger than allowed.
    #[error("a frame of more than {bytes_max} bytes")]
    TooLarge {
        /// What is allowed.
        bytes_max: usize,
    },
    /// Its first byte is no codec that this build reads.
    #[error("a frame of codec {codec}, which was not offered")]
    Codec {
        /// The byte.
        codec: u8,
    },
    /// It does not decompress.
    #[error("a frame that does not decompress: {message}")]
    Compression {
        /// What the codec says.
        message: String,
    },
    /// What is in it is no message.
    #[error(transparent)]
    Message(#[from] DecodeError),
}

/// Below this many bytes compression gains nothing.
#[cfg(feature = "zstd")]
const COMPRESSED_BYTES_MIN: usize = 256;

/// zstd's fastest ordinary level: what is sent is small, and the server sends much of it.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// The greatest window of a zstd text that is read, as a power of two: that of the largest message.
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The frame of a message, and the message's bytes before compression. A message that does not
/// become smaller is sent plain.
pub fn encode_frame(message: &Message, codec: Codec) -> (Vec<u8>, u64) {
    let plain = message.encode(vec![Codec::Plain as u8]);
    let message_bytes = (plain.len() - 1) as u64;
    (compressed(&plain, codec).unwrap_or(plain), message_bytes)
}

/// The message of a frame; neither may be larger than `bytes_max`, nor than [`FRAME_BYTES_MAX`].
pub fn decode_frame(frame: &[u8], bytes_max: usize) -> Result<Frame, FrameError> {
    let bytes_max = bytes_max.min(FRAME_BYTES_MAX);
    if frame.len() > bytes_max {
        return Err(FrameError::TooLarge { bytes_max });
    }
    match frame.split_first() {
        None => Err(FrameError::Empty),
        Some((0, plain)) => of_message(plain),
        #[cfg(feature = "zstd")]
        Some((1, compressed)) => of_message(&decompressed(compressed, bytes_max)?),
        Some((codec, _)) => Err(FrameError::Codec { codec: *codec }),
    }
}

fn of_message(bytes: &[u8]) -> Result<Frame, FrameError> {
    Ok(Frame { message: Message::decode(bytes)?, message_bytes: bytes.len() as u64 })
}

#[cfg(not(feature = "zstd"))]
fn compressed(_: &[u8], _: Codec) -> Option<Vec<u8>> {
    None
}

#[cfg(feature = "zstd")]
fn compressed(plain: &[u8], codec: Codec) -> Option<Vec<u8>> {
    if codec != Codec::Zstd || plain.len() < COMPRESSED_BYTES_MIN {
        return None;
    }
    let text = zstd::bulk::compress(&plain[1..], ZSTD_LEVEL).expect("writing to memory does not fail");
    (text.len() + 1 < plain.len()).then(|| [&[Codec::Zstd as u8][..], &text].concat())
}

#[cfg(feature = "zstd")]
fn decompressed(text: &[u8], bytes_max: usize) -> Result<Vec<u8>, FrameError> {
    use std::io::Read;

    let fault = |error: std::io::Error| FrameError::Compression { message: error.to_string() };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(text).map_err(fault)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(fault)?;
    let mut plain = Vec::new();
    decoder.take((bytes_max as u64).saturating_add(1)).read_to_end(&mut plain).map_err(fault)?;
    if plain.len() > bytes_max { Err(FrameError::TooLarge { bytes_max }) } else { Ok(plain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Bye, ByeCode, Rest};

    fn bye(message: String) -> Message {
        Bye { code: ByeCode::Busy, message, retry_after_ms: None, rest: Rest::default() }.into()
    }

    #[test]
    fn frames_come_back_and_repetition_is_compressed_if_the_codec_is_there() {
        let message = bye("x".repeat(10_000));
        let (frame, message_bytes) = encode_frame(&message, Codec::for_reader(&[1, 7]));
        assert_eq!(frame.len() < 1000, cfg!(feature = "zstd"));
        assert_eq!(decode_frame(&frame, FRAME_BYTES_MAX), Ok(Frame { message, message_bytes }));
        assert!(message_bytes > 10_000);
    }

    #[test]
    fn a_frame_that_decompresses_to_too_much_is_refused() {
        let (frame, message_bytes) = encode_frame(&bye("x".repeat(10_000)), Codec::for_reader(&[1]));
        let bytes_max = usize::try_from(message_bytes).unwrap() - 1;
        assert_eq!(decode_frame(&frame, bytes_max), Err(FrameError::TooLarge { bytes_max }));
    }

    #[test]
    fn what_is_no_frame_says_why() {
        assert_eq!(decode_frame(&[], 10), Err(FrameError::Empty));
        assert_eq!(decode_frame(&[9, 0x81, 1], 10), Err(FrameError::Codec { codec: 9 }));
        assert_eq!(decode_frame(&[0; 11], 10), Err(FrameError::TooLarge { bytes_max: 10 }));
        let text = decode_frame(&[0, 0x82, 3, 1], 10).unwrap_err().to_string();
        assert_eq!(text, "auth: token: a text is expected, not an unsigned integer, at byte 2");
    }
}
