//! As little of HTTP/1.1 as a load generator needs: one kind of request, replies with a content length, connections
//! kept alive.
//!
//! The request is bytes made beforehand; a reply is looked at for its status and length only. The generator shares
//! the machine with what it measures, so it must cost little.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A `POST` with a JSON body, ready to be sent.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = Vec::with_capacity(body.len() + 160);
    write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .expect("a vector takes every write");
    request.extend_from_slice(body);
    request
}

/// The same, with a key.
pub(crate) fn post_with_key(path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let mut request = Vec::with_capacity(body.len() + 240);
    write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .expect("a vector takes every write");
    request.extend_from_slice(body);
    request
}

/// What a `POST` that makes something answers, over a connection of its own; an error unless the status is 201.
pub(crate) fn created(address: SocketAddr, path: &str, key: &str, body: &[u8]) -> Result<String> {
    let mut stream = std::net::TcpStream::connect(address).context("cannot connect to the server")?;
    let request = String::from_utf8(post_with_key(path, key, body))?;
    stream.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").with_context(|| format!("POST {path} was cut off"))?;
    if !head.starts_with("HTTP/1.1 201 ") {
        bail!("POST {path}: {} {body}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}

/// What `GET path` answers, over a connection of its own; an error unless the status is 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = std::net::TcpStream::connect(address).context("cannot connect to the server")?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").with_context(|| format!("GET {path} was cut off"))?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("GET {path}: {}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}

/// One kept-alive connection, used from async code.
pub(crate) struct Connection {
    stream: tokio::net::TcpStream,
    reply: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = tokio::net::TcpStream::connect(address).await.context("cannot connect to the server")?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, reply: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its reply; an error unless its status is 200.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.reply.clear();
        loop {
            if self.stream.read_buf(&mut self.reply).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some(reply) = whole(&self.reply)? {
                return reply.check();
            }
        }
    }
}

/// The same, used from a thread of its own.
pub(crate) struct BlockingConnection {
    stream: std::net::TcpStream,
    reply: Vec<u8>,
}

impl BlockingConnection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address).context("cannot connect to the server")?;
        stream.set_nodelay(true)?;
        Ok(BlockingConnection { stream, reply: vec![0; 16 * 1024] })
    }

    /// Sends a request and reads its reply; an error unless its status is 200.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request)?;
        let mut len = 0;
        loop {
            if len == self.reply.len() {
                self.reply.resize(2 * len, 0);
            }
            match self.stream.read(&mut self.reply[len..])? {
                0 => bail!("the server closed the connection"),
                more => len += more,
            }
            if let Some(reply) = whole(&self.reply[..len])? {
                return reply.check();
            }
        }
    }
}

/// A reply of which every byte is there.
struct Reply<'a> {
    status: u16,
    body: &'a [u8],
}

impl Reply<'_> {
    fn check(&self) -> Result<()> {
        if self.status != 200 {
            bail!("the server answered {}: {}", self.status, String::from_utf8_lossy(self.body));
        }
        Ok(())
    }
}

/// The reply that the bytes hold, if it is whole.
fn whole(bytes: &[u8]) -> Result<Option<Reply<'_>>> {
    let Some(head_len) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..head_len]).context("the reply's head is not text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|it| it.split(' ').nth(1)).and_then(|it| it.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let (Some(status), Some(length)) = (status, length) else {
        bail!("not a reply with a status and a content length: {head}");
    };
    Ok(bytes[head_len + 4..].get(..length).map(|body| Reply { status, body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, expected: Option<(u16, &str)>) {
        let reply = whole(bytes.as_bytes()).unwrap();
        assert_eq!(reply.map(|it| (it.status, std::str::from_utf8(it.body).unwrap())), expected);
    }

    #[test]
    fn a_reply_is_whole_when_its_last_byte_is_there() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", Some((200, "{}")));
        check("HTTP/1.1 503 No\r\nX: y\r\nContent-Length:0\r\n\r\n", Some((503, "")));
    }

    #[test]
    fn a_reply_without_a_length_is_an_error() {
        assert!(whole(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
