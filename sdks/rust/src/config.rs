//! How a peer is opened, and where its server is.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::Error;

/// Gives a newer token, or none.
pub(crate) type TokenSource = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Gives a provider's token and the provider's name, or none.
pub(crate) type LoginSource = Arc<dyn Fn() -> Option<(String, String)> + Send + Sync>;

/// How a peer is opened.
#[derive(Clone)]
pub struct Config {
    pub(crate) dir: PathBuf,
    pub(crate) server: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) token_source: Option<TokenSource>,
    pub(crate) login_source: Option<LoginSource>,
    pub(crate) ca_certificates: Vec<String>,
    pub(crate) strict: bool,
    pub(crate) relaxed: bool,
    /// Who calls, for people; this SDK if none.
    pub(crate) sdk: Option<String>,
}

impl Config {
    /// The peer whose files are in `dir`; they are made if there are none. One process at a time
    /// may have them open.
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self {
            dir: dir.as_ref().to_owned(),
            server: None,
            app: None,
            token: None,
            token_source: None,
            login_source: None,
            ca_certificates: Vec::new(),
            strict: false,
            relaxed: false,
            sdk: None,
        }
    }

    /// The server to sync with: `https://host` or `http://host`, with a port if it is another one,
    /// and a path if it is behind one. `wss` and `ws` are the same.
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

    /// Who gives a newer token: asked when the server does not take the old one, and a minute before
    /// that ends. It runs on the thread of callbacks. Where it has none, it is asked again later.
    #[must_use]
    pub fn token_source(mut self, source: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.token_source = Some(Arc::new(source));
        self
    }

    /// Who says what to log in with, and by which provider: asked when the server does not take the token that there
    /// is, or there is none, and a minute before that ends. The peer then logs in as
    /// [`Sync::login`](crate::Sync::login) does: there is no refresh token. It runs on the thread of callbacks. Where
    /// it has nothing, or the login fails, it is asked again later. It takes the place of a [`Config::token_source`].
    #[must_use]
    pub fn login_source(mut self, source: impl Fn() -> Option<(String, String)> + Send + Sync + 'static) -> Self {
        self.login_source = Some(Arc::new(source));
        self
    }

    /// A certificate, in PEM, by which a server may be known beside those that the system trusts: the
    /// `ca.pem` of a server that made its own.
    #[must_use]
    pub fn ca_certificate(mut self, pem: &str) -> Self {
        self.ca_certificates.push(pem.to_owned());
        self
    }

    /// Whether statements are by DQL's strict mode.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Whether writes return before they are durable: a kill or a loss of power may then take the
    /// writes of the last 100 ms, the newest first, and a full disk is not told to their writers. What
    /// a server was told is durable in any case.
    #[must_use]
    pub fn relaxed(mut self, relaxed: bool) -> Self {
        self.relaxed = relaxed;
        self
    }

    pub(crate) fn endpoint(&self) -> Result<Option<Endpoint>, Error> {
        self.server.as_deref().map(|url| Endpoint::parse(url, self.app.as_deref())).transpose()
    }
}

/// Without secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dir, server, app, strict, relaxed, .. } = self;
        let mut fields = f.debug_struct("Config");
        fields.field("dir", dir).field("server", server).field("app", app);
        fields.field("strict", strict).field("relaxed", relaxed).finish_non_exhaustive()
    }
}

/// Where a server takes peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    /// Host and port.
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Endpoint {
    fn parse(url: &str, app: Option<&str>) -> Result<Self, Error> {
        let bad = |why| Error::Server { url: url.to_owned(), why };
        let (is_tls, rest) = match url.split_once("://") {
            Some(("http" | "ws", rest)) => (false, rest),
            Some(("https" | "wss", rest)) => (true, rest),
            _ => return Err(bad("it does not begin with https:// or http://")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@".contains(&byte));
        if authority.is_empty() || !is_plain(rest) {
            return Err(bad("it is not https://host:port/path"));
        }
        if !app.is_none_or(|app| !app.is_empty() && is_plain(app) && !app.contains(['/', '%'])) {
            return Err(bad("the app's name can be none"));
        }
        let after_host = authority.rsplit(']').next().unwrap_or_default(); // of an IPv6 address
        let port = match (after_host.contains(':'), is_tls) {
            (true, _) => "",
            (false, true) => ":443",
            (false, false) => ":80",
        };
        let below = [path.trim_end_matches('/'), app.unwrap_or_default()];
        let below: String = below.iter().filter(|it| !it.is_empty()).map(|it| format!("/{it}")).collect();
        Ok(Self { is_tls, authority: format!("{authority}{port}"), path: format!("{below}/sync/v1") })
    }

    /// Where users of the app log in.
    pub(crate) fn login_path(&self) -> String {
        format!("{}/_ditto/auth/login", self.path.strip_suffix("/sync/v1").unwrap_or_default())
    }

    /// Where attachments are.
    pub(crate) fn attachments_path(&self) -> String {
        format!("{}/api/v5/attachments", self.path.strip_suffix("/sync/v1").unwrap_or_default())
    }

    /// As a certificate names it.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
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
            assert_eq!(endpoint.is_tls, url.starts_with("https") || url.starts_with("wss"));
            assert_eq!(endpoint.login_path(), path.replace("/sync/v1", "/_ditto/auth/login"));
            assert_eq!(endpoint.attachments_path(), path.replace("/sync/v1", "/api/v5/attachments"));
        }
        check("http://localhost:8080", None, "localhost:8080", "/sync/v1");
        check("http://shop.example/", Some("shop"), "shop.example:80", "/shop/sync/v1");
        check("https://shop.example", None, "shop.example:443", "/sync/v1");
        check("wss://shop.example:90", None, "shop.example:90", "/sync/v1");
        check("http://[::1]/below/", None, "[::1]:80", "/below/sync/v1");
        check("http://[::1]:90", None, "[::1]:90", "/sync/v1");
        for bad in ["ftp://a", "a", "http://", "http://a b", "http://a\r\nb", "http://u@a", "http://a?b"] {
            assert!(Endpoint::parse(bad, None).is_err(), "{bad}");
        }
        assert!(Endpoint::parse("http://a", Some("b/c")).is_err());
        assert_eq!(Endpoint::parse("https://[::1]", None).unwrap().host(), "::1");
        assert_eq!(Endpoint::parse("https://a.example", None).unwrap().host(), "a.example");
    }
}
