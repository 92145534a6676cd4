//! The client's end of a WebSocket (RFC 6455): the upgrade, and frames over a stream that blocks.
//!
//! Not here: threads and connections (`connection`), what a frame is (`sync_protocol::websocket`).

use std::io::{self, Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::BytesMut;
use sha1::{Digest as _, Sha1};
use sync_protocol::{
    limits::FRAME_BYTES_MAX,
    websocket::{Decoder, Incoming, Outgoing, Role, encode},
};

use crate::{
    clock,
    config::Endpoint,
    limits::{HEAD_BYTES_MAX, READ_BYTES},
};

/// Section 1.3 of the RFC.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

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
#[derive(Debug)]
pub(crate) struct Reader<R> {
    stream: R,
    decoder: Decoder,
    buffer: BytesMut,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, decoder: Decoder::new(Role::Client), buffer: BytesMut::new() }
    }

    /// Waits for the next message.
    pub(crate) fn read(&mut self) -> io::Result<Incoming> {
        let mut read = [0; READ_BYTES];
        loop {
            let incoming = self.decoder.decode(&mut self.buffer, FRAME_BYTES_MAX);
            if let Some(incoming) = incoming.map_err(|error| broken(error.to_string()))? {
                return Ok(incoming);
            }
            match self.stream.read(&mut read)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.buffer.extend_from_slice(&read[..length]),
            }
        }
    }
}

/// A frame as it is sent.
pub(crate) fn encoded(frame: Outgoing<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, frame, Some(clock::mask()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455, section 1.3.
    #[test]
    fn the_example_of_the_rfc() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let answer = |accept: &str| {
            format!(
                "HTTP/1.1 101 X\r\nSEC-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol:headwater.sync.1\r\n\r\n"
            )
        };
        assert!(check_answer(&answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), key).is_ok());
        assert!(check_answer(&answer("s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), key).is_err());
        assert!(check_answer("HTTP/1.1 403 Forbidden\r\n\r\n", key).is_err());
    }

    #[test]
    fn what_comes_in_pieces_is_put_together_and_what_a_server_never_sends_is_refused() {
        struct Trickle<'b>(&'b [u8]);
        impl Read for Trickle<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let (first, rest) = self.0.split_at(self.0.len().min(1));
                self.0 = rest;
                into[..first.len()].copy_from_slice(first);
                Ok(first.len())
            }
        }
        let mut reader = Reader::new(Trickle(&[2, 1, b'a', 0x89, 0, 0x80, 1, b'b', 0x88, 0]));
        assert_eq!(reader.read().unwrap(), Incoming::Ping(Vec::new()));
        assert_eq!(reader.read().unwrap(), Incoming::Binary(b"ab".to_vec()));
        assert_eq!(reader.read().unwrap(), Incoming::Close);
        assert_eq!(reader.read().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let masked = Reader::new(Trickle(&[0x82, 0x80, 0, 0, 0, 0])).read().unwrap_err();
        assert_eq!(masked.kind(), io::ErrorKind::InvalidData, "{masked}");
    }
}
