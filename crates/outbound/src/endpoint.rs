//! What is called: a URL taken apart, and the connections to it that are kept.

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use hyper::{Uri, header::HeaderValue};
use rustls::pki_types::ServerName;

use crate::{
    connection::Connection,
    limits::{IDLE_MAX, URL_BYTES_MAX},
};

/// Why a URL is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadUrl(pub String);

/// A URL that may be called.
pub struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `None`: plain http.
    pub(crate) server_name: Option<ServerName<'static>>,
    /// The header `host`.
    pub(crate) authority: HeaderValue,
    /// Path and query.
    pub(crate) path: Uri,
    idle: Mutex<Vec<Connection>>,
}

/// Without the path, which may be a secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Of an absolute URL: `https://…`, or `http://…` to `localhost` or a loopback address.
    ///
    /// # Errors
    /// It is none of them, has a user or a password, or a host that is no name in ASCII.
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        let bad = |why: &str| BadUrl(why.to_owned());
        if url.len() > URL_BYTES_MAX {
            return Err(BadUrl(format!("has {} bytes; at most {URL_BYTES_MAX} are taken", url.len())));
        }
        let uri: Uri = url.parse().map_err(|error| BadUrl(format!("is no URL: {error}")))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad("must be https://…, or http:// to this machine")),
        };
        let authority = uri.authority().ok_or_else(|| bad("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("has a user or a password; the signature says who calls"));
        }
        let written = authority.host();
        let host = written.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(written);
        let server_name = ServerName::try_from(host.to_owned()).map_err(|_| bad("has a host that is no name"))?;
        let is_here = host.parse().map_or(host.eq_ignore_ascii_case("localhost"), |ip: IpAddr| ip.is_loopback());
        if !is_tls && !is_here {
            return Err(bad("must be https://…: http is taken to this machine only"));
        }
        let usual_port = if is_tls { 443 } else { 80 };
        let port = match authority.as_str()[written.len()..].strip_prefix(':') {
            None => usual_port,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad("has a port that is none"))?,
        };
        // As a browser writes it: without the scheme's own port.
        let shown = if port == usual_port { written.to_owned() } else { format!("{written}:{port}") };
        let authority = HeaderValue::try_from(shown).map_err(|_| bad("has a host that is no name"))?;
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let path = path.parse().map_err(|error| BadUrl(format!("is no URL: {error}")))?;
        Ok(Self {
            host: host.to_owned(),
            port,
            server_name: is_tls.then_some(server_name),
            authority,
            path,
            idle: Mutex::default(),
        })
    }

    /// A connection that was kept and can still be used.
    pub(crate) fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(Connection::is_fresh);
        idle.pop()
    }

    /// Keeps a connection for the next call.
    pub(crate) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_to_this_machine() {
        let taken = [
            ("https://hooks.example.com/a?b=c", "hooks.example.com", 443, "hooks.example.com"),
            ("https://10.0.0.1:8443", "10.0.0.1", 8443, "10.0.0.1:8443"),
            ("https://[fd00::1]/", "fd00::1", 443, "[fd00::1]"),
            ("http://localhost:9000/x", "localhost", 9000, "localhost:9000"),
            ("http://127.0.0.1/", "127.0.0.1", 80, "127.0.0.1"),
            ("http://[::1]:81/", "::1", 81, "[::1]:81"),
        ];
        for (url, host, port, authority) in taken {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.authority, authority);
            assert_eq!(endpoint.server_name.is_some(), url.starts_with("https"));
        }
        assert_eq!(Endpoint::parse("https://x.example?b=c").unwrap().path.to_string(), "/?b=c");
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        let refused = [
            ("http://example.com/", "this machine only"),
            ("http://localhost.example.com/", "this machine only"),
            ("http://127.0.0.1.example.com/", "this machine only"),
            ("http://localhost@example.com/", "user or a password"),
            ("https://user:hush@example.com/", "user or a password"),
            ("ftp://example.com/", "must be https"),
            ("example.com", "must be https"),
            ("/x", "must be https"),
            ("https://", "URL"),
            ("https://x:0/", "port"),
            ("https://x:99999/", "port"),
            ("https://x:/", "port"),
            ("https://a b/", "URL"),
            ("https://exämple.com/", "URL"),
        ];
        for (url, why) in refused {
            let told = Endpoint::parse(url).unwrap_err().to_string();
            assert!(told.contains(why) && !told.contains("hush"), "{url}: {told}");
        }
        let long = format!("https://x/{}", "a".repeat(URL_BYTES_MAX));
        assert!(Endpoint::parse(&long).unwrap_err().to_string().contains("2048"));
    }
}
