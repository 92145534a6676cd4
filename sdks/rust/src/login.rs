//! Logging in: the server asks the app's login hook, and gives a token for what a provider gave.
//!
//! Invariants: what a provider gave goes to the peer's own server, over TLS if that is how it is spoken to, and nowhere
//! else; an answer is bounded before it is read. Waits for the network.
//! Not here: what becomes of the token (`core`), when a user is to log in again (`peer-core`).

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Instant,
};

use rustls::StreamOwned;
use serde::Deserialize;

use crate::{
    Error,
    connection::{self, Server},
    limits::{LOGIN_ANSWER_BYTES_MAX, LOGIN_TIMEOUT},
};

/// A user who has logged in.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Login {
    /// Who it is, as the app's login hook says.
    pub user_id: String,
    /// What the server knows the user by from now on. The peer uses it by itself.
    pub access_token: String,
    /// When that ends: RFC 3339, in UTC.
    pub access_expiry: String,
}

/// Without the secret.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user_id, access_expiry, .. } = self;
        f.debug_struct("Login").field("user_id", user_id).field("ends", access_expiry).finish_non_exhaustive()
    }
}

/// Logs in. `token` is what the provider gave.
pub(crate) fn log_in(server: &Server, token: &str, provider: &str) -> Result<Login, Error> {
    let failed = |why: String| Error::Login { is_refused: false, why };
    let (status, body) = ask(server, token, provider).map_err(|error| failed(error.to_string()))?;
    if status == 200 {
        return serde_json::from_slice(&body).map_err(|error| failed(format!("the server's answer is none: {error}")));
    }
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let said = serde_json::from_slice::<Said>(&body);
    let why = said.map_or_else(|_| format!("the server answers {status}"), |said| said.message);
    Err(Error::Login { is_refused: status == 401, why })
}

fn ask(server: &Server, token: &str, provider: &str) -> io::Result<(u16, Vec<u8>)> {
    let endpoint = &server.endpoint;
    let stream = connection::connect(&endpoint.authority)?;
    let form = format!("appId=&provider={}&token={}&siteId=0", encoded(provider), encoded(token));
    // By HTTP/1.0 an answer ends with the connection, in one piece.
    let request = format!(
        "POST {} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        endpoint.login_path(),
        endpoint.authority,
        form.len()
    );
    match endpoint.is_tls {
        true => exchange(StreamOwned::new(server.tls.connection(endpoint.host())?, stream), &request),
        false => exchange::<TcpStream>(stream, &request),
    }
}

fn exchange<S: Read + Write>(mut stream: S, request: &str) -> io::Result<(u16, Vec<u8>)> {
    let began = Instant::now();
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            // It ended without a word of TLS; whether it is whole its length says.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) => return Err(error),
        }
        if answer.len() > LOGIN_ANSWER_BYTES_MAX || began.elapsed() > LOGIN_TIMEOUT {
            return Err(io::Error::other("the server's answer does not end"));
        }
    }
    parse(&answer).ok_or_else(|| io::Error::other("the server's answer is no HTTP, or was cut short"))
}

/// Status and body; `None` if it is no answer, or not all of it.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&answer[..end]).ok()?.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let body = &answer[end + 4..];
    (length.is_none_or(|length| length == body.len())).then(|| (status, body.to_vec()))
}

/// As forms are (URL standard, section 5.2).
fn encoded(text: &str) -> String {
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
    use super::*;

    #[test]
    fn answers_are_whole_or_none() {
        let answer = b"HTTP/1.0 401 Unauthorized\r\nContent-Length: 2\r\nx: y\r\n\r\n{}";
        assert_eq!(parse(answer), Some((401, b"{}".to_vec())));
        for cut in 0..answer.len() {
            assert_eq!(parse(&answer[..cut]), None, "{cut}");
        }
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\n{}"), Some((200, b"{}".to_vec())));
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n"), None);
    }

    #[test]
    fn a_form_has_any_text() {
        assert_eq!(encoded("a b+c&d=é\r\n"), "a%20b%2Bc%26d%3D%C3%A9%0D%0A");
    }
}
