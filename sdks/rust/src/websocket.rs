//! The client's end of a WebSocket (RFC 6455): the upgrade, and frames over a stream that blocks.
//!
//! Invariants: a length is compared with what may come before anything is allocated for it; what is
//! sent is masked, what comes is not.
//! Not here: threads and connections (`connection`), what messages mean.

use std::io::{self, Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use sync_protocol::limits::FRAME_BYTES_MAX;

use crate::{clock, config::Endpoint, limits::HEAD_BYTES_MAX};

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const CONTROL_BYTES_MAX: u64 = 125;

/// Section 1.3 of the RFC.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Binary(Vec<u8>),
    /// To be answered with these bytes.
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close,
}

fn broken(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

/// Asks for the protocol, and reads that the server takes it up.
pub(crate) fn upgrade(stream: &mut (impl Read + Write), endpoint: &Endpoint) -> io::Result<()> {
    let key = STANDARD.encode(clock::websocket_key());
    let Endpoint { authority, path } = endpoint;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: headwater.sync.1\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            return Err(broken("the answer to the upgrade is too long"));
        }
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    check_answer(&String::from_utf8_lossy(&head), &key)
}

fn check_answer(head: &str, key: &str) -> io::Result<()> {
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(broken(format!("the server answers {status:?}")));
    }
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let header = |name: &str| headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, is)| is.trim());
    let accept = STANDARD.encode(Sha1::digest(format!("{key}{ACCEPT_SUFFIX}")));
    if header("sec-websocket-accept") != Some(&*accept) {
        return Err(broken("the server answers another request"));
    }
    if header("sec-websocket-protocol") != Some("headwater.sync.1") {
        return Err(broken("the server does not take headwater.sync.1"));
    }
    Ok(())
}

/// Reads messages.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The parts so far of a message that comes in several.
    parts: Option<Vec<u8>>,
}

impl Reader {
    /// Waits for the next message.
    pub(crate) fn read(&mut self, stream: &mut impl Read) -> io::Result<Incoming> {
        loop {
            let mut start = [0; 2];
            stream.read_exact(&mut start)?;
            let [first, second] = start;
            let (is_last, opcode) = (first & FIN != 0, first & 0x0f);
            if first & 0x70 != 0 || second & MASKED != 0 {
                return Err(broken("reserved bits, or a mask, in a frame of a server"));
            }
            let length = match second {
                126 => u64::from(u16::from_be_bytes(array(stream)?)),
                127 => u64::from_be_bytes(array(stream)?),
                length => u64::from(length),
            };
            let is_control = opcode & 8 != 0;
            let before = if is_control { 0 } else { self.parts.as_ref().map_or(0, Vec::len) };
            let most = if is_control { CONTROL_BYTES_MAX } else { (FRAME_BYTES_MAX - before) as u64 };
            if length > most || (is_control && !is_last) {
                return Err(broken("a frame is too long, or a control frame in parts"));
            }
            let mut payload = vec![0; usize::try_from(length).expect("it is below a limit")];
            stream.read_exact(&mut payload)?;
            match opcode {
                PING => return Ok(Incoming::Ping(payload)),
                PONG => return Ok(Incoming::Pong),
                CLOSE => return Ok(Incoming::Close),
                BINARY if self.parts.is_none() => self.parts = Some(payload),
                CONTINUATION => match &mut self.parts {
                    Some(parts) => parts.extend_from_slice(&payload),
                    None => return Err(broken("a continuation of nothing")),
                },
                _ => return Err(broken("a frame of a kind that does not belong here")),
            }
            if is_last {
                return Ok(Incoming::Binary(self.parts.take().unwrap_or_default()));
            }
        }
    }
}

fn array<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Sends one message.
pub(crate) fn write(stream: &mut impl Write, message: &Outgoing) -> io::Result<()> {
    stream.write_all(&encode(message, clock::mask()))
}

fn encode(message: &Outgoing, mask: [u8; 4]) -> Vec<u8> {
    let (opcode, payload): (u8, &[u8]) = match message {
        Outgoing::Binary(payload) => (BINARY, payload),
        Outgoing::Ping => (PING, &[]),
        Outgoing::Pong(payload) => (PONG, payload),
        Outgoing::Close => (CLOSE, &[3, 232]), // 1000: done
    };
    let mut out = Vec::with_capacity(payload.len() + 14);
    out.push(FIN | opcode);
    if let Ok(length @ 0..126) = u8::try_from(payload.len()) {
        out.push(MASKED | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        out.push(MASKED | 126);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(MASKED | 127);
        out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455, sections 1.3 and 5.7.
    #[test]
    fn the_examples_of_the_rfc() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let answer = |accept: &str| {
            format!(
                "HTTP/1.1 101 X\r\nSEC-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol:headwater.sync.1\r\n\r\n"
            )
        };
        assert!(check_answer(&answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), key).is_ok());
        assert!(check_answer(&answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), key).is_err());
        assert!(check_answer("HTTP/1.1 403 Forbidden\r\n\r\n", key).is_err());
        let ping = encode(&Outgoing::Pong(b"Hello".to_vec()), [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(ping, [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn messages_in_parts_are_put_together_and_what_breaks_the_rules_is_refused() {
        let mut bytes = &[2, 1, b'a', 0x89, 0, 0, 1, b'b', 0x80, 1, b'c', 0x88, 0][..];
        let mut reader = Reader::default();
        assert_eq!(reader.read(&mut bytes).unwrap(), Incoming::Ping(Vec::new()));
        assert_eq!(reader.read(&mut bytes).unwrap(), Incoming::Binary(b"abc".to_vec()));
        assert_eq!(reader.read(&mut bytes).unwrap(), Incoming::Close);
        let broken: [&[u8]; 7] = [
            &[0xc2, 0],
            &[0x82, 0x80, 0, 0, 0, 0],
            &[0x81, 0],
            &[0x80, 0],
            &[2, 0, 2, 0],
            &[0x09, 0],
            &[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255],
        ];
        for mut bytes in broken {
            let error = Reader::default().read(&mut bytes).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
    }
}
