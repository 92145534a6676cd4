//! WebSocket frames (RFC 6455, section 5), without sockets and without extensions.
//!
//! ```text
//! | fin 1, 0 3, opcode 4 bits | masked 1, length 7 bits | length u16 or u64 BE, if 126 or 127 | mask 4 bytes | payload
//! ```
//! Invariants: a length is compared with what may come before anything is allocated for it; what a
//! client sends is masked; control frames are whole and have at most 125 bytes.
//! Not here: the HTTP request that comes before, what messages mean.

use bytes::{Buf, BytesMut};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const CONTROL_BYTES_MAX: usize = 125;

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A binary message.
    Binary(Vec<u8>),
    /// To be answered with a pong of the same bytes.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong,
    /// The other side closes.
    Close,
}

/// Why what came is not taken. The connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebSocketError {
    /// Bits that no extension gave a meaning to.
    #[error("reserved bits are set")]
    Reserved,
    /// A frame of a kind that is not known.
    #[error("a frame of opcode {opcode}")]
    Opcode {
        /// Which.
        opcode: u8,
    },
    /// A text: the protocol is binary.
    #[error("a text message")]
    Text,
    /// A client masks, a server does not.
    #[error("a frame is masked, or is not, against the rule")]
    Mask,
    /// A control frame in parts, or too long.
    #[error("a control frame in parts, or of more than {CONTROL_BYTES_MAX} bytes")]
    Control,
    /// A continuation of nothing, or a message inside another.
    #[error("a continuation of nothing, or a message inside another")]
    Order,
    /// A message that is too large.
    #[error("a message of more than {bytes_max} bytes")]
    TooLarge {
        /// What is allowed.
        bytes_max: usize,
    },
}

/// Which end reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It gets masked frames.
    Server,
    /// It gets frames that are not masked.
    Client,
}

/// Reads frames.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    /// The parts so far of a message that comes in several.
    parts: Option<Vec<u8>>,
}

impl Decoder {
    /// A decoder at the begin of a connection.
    pub fn new(role: Role) -> Self {
        Self { role, parts: None }
    }

    /// Whether a part of a message is kept here.
    pub fn has_part(&self) -> bool {
        self.parts.is_some()
    }

    /// Takes the next message, of at most `bytes_max`, off the front of `buffer`; `None` if it is
    /// not whole yet.
    pub fn decode(&mut self, buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Incoming>, WebSocketError> {
        while let Some((first, payload)) = self.take_frame(buffer, bytes_max)? {
            let (is_last, opcode) = (first & FIN != 0, first & 0x0f);
            match opcode {
                PING => return Ok(Some(Incoming::Ping(payload))),
                PONG => return Ok(Some(Incoming::Pong)),
                CLOSE => return Ok(Some(Incoming::Close)),
                BINARY if self.parts.is_none() => self.parts = Some(payload),
                CONTINUATION => self.parts.as_mut().ok_or(WebSocketError::Order)?.extend_from_slice(&payload),
                _ => return Err(WebSocketError::Order),
            }
            if is_last {
                return Ok(self.parts.take().map(Incoming::Binary));
            }
        }
        Ok(None)
    }

    /// The first byte of a frame, and its payload without mask.
    fn take_frame(&self, buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<(u8, Vec<u8>)>, WebSocketError> {
        let [first, second, rest @ ..] = &buffer[..] else { return Ok(None) };
        let (first, second) = (*first, *second);
        if first & RESERVED != 0 {
            return Err(WebSocketError::Reserved);
        }
        if (second & MASKED != 0) != (self.role == Role::Server) {
            return Err(WebSocketError::Mask);
        }
        let (length, length_bytes) = match second & 0x7f {
            126 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), 8),
                None => return Ok(None),
            },
            length => (u64::from(length), 0),
        };
        let length = self.checked_length(first, length, bytes_max)?;
        let mask_at = 2 + length_bytes;
        let payload_at = mask_at + if self.role == Role::Server { 4 } else { 0 };
        if buffer.len() < payload_at + length {
            return Ok(None);
        }
        let mut payload = buffer[payload_at..payload_at + length].to_vec();
        if self.role == Role::Server {
            let mask = buffer[mask_at..payload_at].first_chunk().expect("a mask has four bytes");
            apply_mask(&mut payload, *mask);
        }
        buffer.advance(payload_at + length);
        Ok(Some((first, payload)))
    }

    fn checked_length(&self, first: u8, length: u64, bytes_max: usize) -> Result<usize, WebSocketError> {
        match first & 0x0f {
            CLOSE | PING | PONG if first & FIN == 0 || length > CONTROL_BYTES_MAX as u64 => {
                Err(WebSocketError::Control)
            }
            CLOSE | PING | PONG => Ok(usize::try_from(length).expect("it is small")),
            CONTINUATION | BINARY => {
                let before = self.parts.as_ref().map_or(0, Vec::len);
                let length = usize::try_from(length).ok();
                let fits = length.filter(|length| before.saturating_add(*length) <= bytes_max);
                fits.ok_or(WebSocketError::TooLarge { bytes_max })
            }
            TEXT => Err(WebSocketError::Text),
            opcode => Err(WebSocketError::Opcode { opcode }),
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub enum Outgoing<'b> {
    /// A binary message.
    Binary(&'b [u8]),
    /// A ping without bytes.
    Ping,
    /// The answer to a ping of these bytes.
    Pong(&'b [u8]),
    /// The end, with a status (RFC 6455, section 7.4.1).
    Close(u16),
}

/// Appends a frame. A client gives a random `mask`.
pub fn encode(out: &mut Vec<u8>, frame: Outgoing<'_>, mask: Option<[u8; 4]>) {
    let status;
    let (opcode, payload): (u8, &[u8]) = match frame {
        Outgoing::Binary(payload) => (BINARY, payload),
        Outgoing::Ping => (PING, &[]),
        Outgoing::Pong(payload) => (PONG, payload),
        Outgoing::Close(code) => {
            status = code.to_be_bytes();
            (CLOSE, &status)
        }
    };
    out.reserve(payload.len() + 14);
    out.push(FIN | opcode);
    let masked = if mask.is_some() { MASKED } else { 0 };
    match payload.len() {
        length @ 0..126 => out.push(masked | length as u8),
        length @ 126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let Some(mask) = mask else { return out.extend_from_slice(payload) };
    out.extend_from_slice(&mask);
    let payload_at = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[payload_at..], mask);
}

fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    rest.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn sent(frame: Outgoing<'_>, role: Role) -> BytesMut {
        let mut bytes = Vec::new();
        encode(&mut bytes, frame, (role == Role::Server).then_some(MASK));
        BytesMut::from(&bytes[..])
    }

    #[test]
    fn messages_of_every_length_come_back_whole_only() {
        for role in [Role::Server, Role::Client] {
            for length in [0, 1, 125, 126, 127, 0xffff, 0x1_0000] {
                let message = vec![7; length];
                let whole = sent(Outgoing::Binary(&message), role);
                let mut decoder = Decoder::new(role);
                let mut cut = BytesMut::from(&whole[..whole.len() - 1]);
                assert_eq!(decoder.decode(&mut cut, 1 << 20), Ok(None));
                cut.extend_from_slice(&whole[whole.len() - 1..]);
                assert_eq!(decoder.decode(&mut cut, 1 << 20), Ok(Some(Incoming::Binary(message))));
                assert!(cut.is_empty());
            }
        }
    }

    /// RFC 6455, section 5.7.
    #[test]
    fn the_masked_ping_of_the_rfc_is_read() {
        let mut bytes = BytesMut::from(&[0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58][..]);
        let read = Decoder::new(Role::Server).decode(&mut bytes, 10);
        assert_eq!(read, Ok(Some(Incoming::Ping(b"Hello".to_vec()))));
    }

    #[test]
    fn a_message_in_parts_with_a_ping_between_is_put_together() {
        let mut bytes = BytesMut::from(&[2, 1, b'a', 0x89, 0, 0, 1, b'b', 0x80, 1, b'c'][..]);
        let mut decoder = Decoder::new(Role::Client);
        assert_eq!(decoder.decode(&mut bytes, 3), Ok(Some(Incoming::Ping(Vec::new()))));
        assert_eq!(decoder.decode(&mut bytes, 3), Ok(Some(Incoming::Binary(b"abc".to_vec()))));
        let mut bytes = BytesMut::from(&[2, 1, b'a', 0x80, 3, 1, 2, 3][..]);
        assert_eq!(decoder.decode(&mut bytes, 3), Err(WebSocketError::TooLarge { bytes_max: 3 }));
    }

    #[test]
    fn what_breaks_the_rules_is_refused_before_it_is_there() {
        #[track_caller]
        fn check(bytes: &[u8], error: WebSocketError) {
            let read = Decoder::new(Role::Client).decode(&mut BytesMut::from(bytes), 100);
            assert_eq!(read, Err(error));
        }
        check(&[0xc2, 1], WebSocketError::Reserved);
        check(&[0x81, 1], WebSocketError::Text);
        check(&[0x83, 1], WebSocketError::Opcode { opcode: 3 });
        check(&[0x82, 0x81], WebSocketError::Mask);
        check(&[0x09, 1], WebSocketError::Control);
        check(&[0x89, 126, 0, 126], WebSocketError::Control);
        check(&[0x80, 0], WebSocketError::Order);
        check(&[2, 0, 2, 0], WebSocketError::Order);
        check(&[0x82, 101], WebSocketError::TooLarge { bytes_max: 100 });
        check(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255], WebSocketError::TooLarge { bytes_max: 100 });
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            let mut decoder = Decoder::new(Role::Server);
            while let Ok(Some(_)) = decoder.decode(&mut buffer, 50) {}
        }
    }
}
