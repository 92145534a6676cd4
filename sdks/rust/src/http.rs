//! One request to the peer's own server, beside the connection of sync: a login, an attachment.
//!
//! Invariants: what is sent goes to the server that was opened, over TLS if that is how it is spoken to, and
//! nowhere else: nothing is redirected. Heads are bounded before they are read; bodies are read as they come.
//! Waits for the network, at most so long at each step (`limits::SOCKET_TIMEOUT`).

use std::{
    io::{self, Cursor, Read, Write},
    net::TcpStream,
    time::Instant,
};

use rustls::{ClientConnection, StreamOwned};

use crate::{
    connection::{self, Server},
    limits::{ANSWER_TIMEOUT, HTTP_HEAD_BYTES_MAX, PIECE_BYTES},
};

/// What is asked.
pub(crate) struct Request<'r> {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// With its length in bytes.
    pub(crate) body: Option<(&'r mut dyn Read, u64)>,
}

/// What is answered: its body is what is read of it, and an error where that ends too early.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    before: Cursor<Vec<u8>>,
    stream: Stream,
    left: Option<u64>,
    begun: Instant,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Request<'_> {
    /// Sends it, and reads the head of the answer.
    pub(crate) fn send(self, server: &Server) -> io::Result<Response> {
        let endpoint = &server.endpoint;
        let tcp = connection::connect(&endpoint.authority)?;
        let mut stream = match endpoint.is_tls {
            true => Stream::Tls(Box::new(StreamOwned::new(server.tls.connection(endpoint.host())?, tcp))),
            false => Stream::Plain(tcp),
        };
        // By HTTP/1.0 an answer ends with the connection, in one piece.
        let mut head = format!("{} {} HTTP/1.0\r\nHost: {}\r\n", self.method, self.path, endpoint.authority);
        let length = self.body.as_ref().map(|(_, length)| ("Content-Length", length.to_string()));
        for (name, value) in self.headers.into_iter().chain(length) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let sent = stream.write_all(head.as_bytes()).and_then(|()| match self.body {
            Some((body, length)) => send_body(&mut stream, body, length),
            None => stream.flush(),
        });
        // Who does not want the body may have answered before all of it was sent.
        Response::read(stream).map_err(|error| sent.err().unwrap_or(error))
    }
}

fn send_body(stream: &mut Stream, body: &mut dyn Read, length: u64) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut body = body.take(length);
    loop {
        match body.read(&mut piece)? {
            0 if body.limit() > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => return stream.flush(),
            count => stream.write_all(&piece[..count])?,
        }
    }
}

impl Response {
    fn read(mut stream: Stream) -> io::Result<Self> {
        let (mut came, mut piece, begun) = (Vec::new(), [0; 4096], Instant::now());
        let none = || io::Error::other("the server's answer is no HTTP, or was cut short");
        let end = loop {
            if let Some(end) = came.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if came.len() > HTTP_HEAD_BYTES_MAX || begun.elapsed() > ANSWER_TIMEOUT {
                return Err(none());
            }
            match stream.read(&mut piece)? {
                0 => return Err(none()),
                count => came.extend_from_slice(&piece[..count]),
            }
        };
        let (status, fields) = parse(&came[..end]).ok_or_else(none)?;
        let mut before = Cursor::new(came);
        before.set_position(end as u64 + 4);
        let mut response = Self { status, fields, before, stream, left: None, begun };
        response.left = response.field("content-length").and_then(|length| length.parse().ok());
        Ok(response)
    }

    /// The header of that name, in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(it, _)| it == name).map(|(_, value)| &**value)
    }

    /// The whole body, where it is short.
    pub(crate) fn bytes(mut self, bytes_max: usize) -> io::Result<Vec<u8>> {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            match self.read(&mut piece)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&piece[..count]),
            }
            if bytes.len() > bytes_max || self.begun.elapsed() > ANSWER_TIMEOUT {
                return Err(io::Error::other("the server's answer does not end"));
            }
        }
    }

    /// Why it is no good answer, as the server says it.
    pub(crate) fn why(self) -> String {
        #[derive(serde::Deserialize)]
        struct Said {
            message: String,
        }
        let status = self.status;
        let said = self.bytes(HTTP_HEAD_BYTES_MAX).ok().and_then(|body| serde_json::from_slice::<Said>(&body).ok());
        said.map_or_else(|| format!("the server answers {status}"), |said| said.message)
    }
}

impl Read for Response {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = self.left.map_or(into.len(), |left| into.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        let into = &mut into[..room];
        if into.is_empty() {
            return Ok(0);
        }
        let count = match self.before.read(into)? {
            0 => self.stream.read(into)?,
            count => count,
        };
        match &mut self.left {
            Some(_) if count == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(left) => *left -= count as u64,
            None => {}
        }
        Ok(count)
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        };
        match read {
            // It ended without a word of TLS; whether it is whole its length says.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Status and headers of a head without its end; `None` if it is none.
fn parse(head: &[u8]) -> Option<(u16, Vec<(String, String)>)> {
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let field = |(name, value): (&str, &str)| (name.to_ascii_lowercase(), value.trim().to_owned());
    Some((status, lines.filter_map(|line| line.split_once(':')).map(field).collect()))
}

/// As queries and forms are (URL standard, section 5.2).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::Config;

    /// What comes of an answer of these bytes, after which the server closes.
    fn answered(bytes: &'static [u8]) -> io::Result<(u16, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let config = Config::new("unused").server(&format!("http://{}", listener.local_addr()?));
        let server = crate::headwater::server(&config).unwrap().unwrap();
        let serving = std::thread::spawn(move || -> io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let _ = stream.read(&mut [0; 1024])?;
            stream.write_all(bytes)
        });
        let request = Request { method: "GET", path: "/".to_owned(), headers: Vec::new(), body: None };
        let answer = request.send(&server).and_then(|response| Ok((response.status, response.bytes(8)?)));
        serving.join().unwrap()?;
        answer
    }

    #[test]
    fn answers_are_whole_or_none() {
        let whole = b"HTTP/1.0 401 Unauthorized\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(answered(whole).unwrap(), (401, b"{}".to_vec()));
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap(), (200, b"{}".to_vec()), "as long as it goes on");
        for wrong in
            [&whole[..whole.len() - 1], &whole[..20], b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n123456789"]
        {
            assert!(answered(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn a_form_has_any_text() {
        assert_eq!(encoded("a b+c&d=é\r\n"), "a%20b%2Bc%26d%3D%C3%A9%0D%0A");
    }
}
