//! How a peer is opened, and where its server is.

use std::path::{Path, PathBuf};

use crate::Error;

/// How a peer is opened.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) dir: PathBuf,
    pub(crate) server: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) strict: bool,
}

impl Config {
    /// The peer whose files are in `dir`; they are made if there are none. One process at a time
    /// may have them open.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self { dir: dir.as_ref().to_owned(), server: None, app: None, token: None, strict: false }
    }

    /// The server to sync with: `http://host` or `http://host:port`, with a path if it is behind
    /// one. https is not there yet.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        self.server = Some(url.to_owned());
        self
    }

    /// Which app of the server; its default one if none is named.
    #[must_use]
    pub fn app(mut self, app: &str) -> Self {
        self.app = Some(app.to_owned());
        self
    }

    /// A key of the server.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Whether statements are by DQL's strict mode.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    pub(crate) fn endpoint(&self) -> Result<Option<Endpoint>, Error> {
        self.server.as_deref().map(|url| Endpoint::parse(url, self.app.as_deref())).transpose()
    }
}

/// Where a server takes peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host and port.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Endpoint {
    fn parse(url: &str, app: Option<&str>) -> Result<Self, Error> {
        let bad = |why| Error::Server { url: url.to_owned(), why };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(bad("https is not there yet")),
            _ => return Err(bad("it does not begin with http://")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@".contains(&byte));
        if authority.is_empty() || !is_plain(rest) {
            return Err(bad("it is not http://host:port/path"));
        }
        if !app.is_none_or(|app| !app.is_empty() && is_plain(app) && !app.contains(['/', '%'])) {
            return Err(bad("the app's name can be none"));
        }
        let after_host = authority.rsplit(']').next().unwrap_or_default(); // of an IPv6 address
        let port = if after_host.contains(':') { "" } else { ":80" };
        let below = [path.trim_end_matches('/'), app.unwrap_or_default()];
        let below: String = below.iter().filter(|it| !it.is_empty()).map(|it| format!("/{it}")).collect();
        Ok(Self { authority: format!("{authority}{port}"), path: format!("{below}/sync/v1") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where() {
        #[track_caller]
        fn check(url: &str, app: Option<&str>, authority: &str, path: &str) {
            let endpoint = Endpoint::parse(url, app).unwrap();
            assert_eq!((&*endpoint.authority, &*endpoint.path), (authority, path));
        }
        check("http://localhost:8080", None, "localhost:8080", "/sync/v1");
        check("http://shop.example/", Some("shop"), "shop.example:80", "/shop/sync/v1");
        check("http://[::1]/below/", None, "[::1]:80", "/below/sync/v1");
        check("http://[::1]:90", None, "[::1]:90", "/sync/v1");
        for bad in ["https://a", "ws://a", "a", "http://", "http://a b", "http://a\r\nb", "http://u@a", "http://a?b"] {
            assert!(Endpoint::parse(bad, None).is_err(), "{bad}");
        }
        assert!(Endpoint::parse("http://a", Some("b/c")).is_err());
    }
}
