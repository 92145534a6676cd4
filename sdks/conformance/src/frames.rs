//! Frames of the sync protocol: each message and its bytes, and bytes that are refused.
//!
//! Not here: who may say what when (`sync`).

use anyhow::{Result, ensure};
use sync_protocol::{Codec, FrameError, decode_frame, encode_frame, limits::FRAME_BYTES_MAX};

use crate::cbor;
use crate::notation::{Json, from_hex, hex};

/// What a case of the kind `frames` must say.
///
/// # Errors
/// The case is none, or something does not hold that no field says.
pub(crate) fn outputs(case: &Json) -> Result<Vec<(&'static str, Json)>> {
    let frame = match case.field("message") {
        Some(message) => of_message(message)?,
        None => from_hex(case.text_of("frame")?)?,
    };
    let read = match decode_frame(&frame, FRAME_BYTES_MAX) {
        Err(error) => return Ok(vec![("frame", Json::text(hex(&frame))), ("refused", Json::text(kind(&error)))]),
        Ok(read) => read.message,
    };
    let again = encode_frame(&read, Codec::Plain).0;
    let mut outputs = vec![("frame", Json::text(hex(&frame))), ("says", Json::text(read.name()))];
    if case.field("message").is_some() {
        ensure!(again == frame, "{} is written again as {}", hex(&frame), hex(&again));
    } else {
        outputs.push(("again", Json::text(hex(&again))));
    }
    Ok(outputs)
}

/// The frame of a message in the notation of `cbor`.
///
/// # Errors
/// It is none.
pub(crate) fn of_message(message: &Json) -> Result<Vec<u8>> {
    let mut frame = vec![Codec::Plain as u8];
    cbor::write(message, &mut frame)?;
    Ok(frame)
}

fn kind(error: &FrameError) -> &'static str {
    match error {
        FrameError::Empty => "empty",
        FrameError::TooLarge { .. } => "too_large",
        FrameError::Codec { .. } => "codec",
        FrameError::Compression { .. } => "compression",
        FrameError::Message(_) => "message",
    }
}
