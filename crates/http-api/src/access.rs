//! Who may ask (docs/reference/access.md).
//!
//! Invariants: a presented key decides alone, whatever the address; without one, a request must
//! have come to an open listener while no key exists, under a name of ours, and not from another
//! site's page. So neither a web page nor a name that an attacker points at loopback (DNS
//! rebinding) is a way in.
//! Not here: what a key's grants say (`credentials::Principal::may`).

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderName, Uri, header};
use credentials::{Permission, PermissionDocument, Principal, TOKEN_PREFIX};

use crate::{denied::Denied, state::State};

/// The peer name of writes that nobody signed with a key.
const ANYONE: &str = "http";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The listener and local address that a connection came in on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    /// Whether requests without a key can be let in at all.
    pub(crate) open: bool,
    /// Our address on this connection; a name of ours.
    pub(crate) local_ip: IpAddr,
    /// Who is at the other end.
    pub(crate) peer: SocketAddr,
    /// Whether the connection is TLS.
    pub(crate) secure: bool,
}

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody without a key, where none is needed.
    Anyone,
    /// The holder of a key or a token.
    Holder(Principal),
}

impl Caller {
    /// As the `peer` header of the events shows it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Caller::Anyone => ANYONE,
            Caller::Holder(principal) => principal.name(),
        }
    }

    /// Who names requests: a key's names are its own, not those of an earlier key of the same name,
    /// and those of callers without a key are nobody's.
    pub(crate) fn scope(&self) -> String {
        match self {
            Caller::Anyone => String::new(),
            // No key may be called that.
            Caller::Holder(Principal::Admin) => "*".to_owned(),
            // No name has a slash.
            Caller::Holder(Principal::Key(key)) => format!("{}/{}", key.name, key.created_ms),
            // No key's name has an at sign. A user's names stay theirs with the next token.
            Caller::Holder(Principal::Token(token)) => format!("@{}", token.user),
        }
    }

    /// Which documents it may read and write, of what the grants allow; `None`: all.
    pub(crate) fn permission(&self) -> Option<&Arc<PermissionDocument>> {
        match self {
            Caller::Anyone => None,
            Caller::Holder(principal) => principal.permission(),
        }
    }

    /// `collection: None` asks for all collections.
    pub(crate) fn may(&self, permission: Permission, app: &str, collection: Option<&str>) -> bool {
        match self {
            Caller::Anyone => true,
            Caller::Holder(principal) => principal.may(permission, app, collection),
        }
    }

    /// Whether it may do so in some collection of the app.
    pub(crate) fn may_somewhere(&self, permission: Permission, app: &str) -> bool {
        match self {
            Caller::Holder(Principal::Key(key)) => key.grants.iter().any(|grant| {
                let collection = grant.collection.as_deref();
                (grant.app == "*" || grant.app == app) && self.may(permission, app, collection)
            }),
            other => other.may(permission, app, None),
        }
    }

    /// Whether every document of the app may be read.
    pub(crate) fn sees_all(&self, app: &str) -> bool {
        let permission = self.permission();
        self.may(Permission::Read, app, None) && permission.is_none_or(|document| document.read.everything)
    }

    pub(crate) fn demand(&self, permission: Permission, app: &str, collection: &str) -> Result<(), Denied> {
        if self.may(permission, app, Some(collection)) {
            return Ok(());
        }
        let verb = match permission {
            Permission::Read => "read",
            Permission::Write => "write",
            Permission::Admin => "administer",
        };
        Err(self.not_granted(format!("{verb} the collection {collection:?}"), app))
    }

    /// Whether anything at all is granted on the app; who has nothing there does not learn whether
    /// it exists.
    pub(crate) fn demand_any(&self, app: &str) -> Result<(), Denied> {
        match self {
            Caller::Holder(principal) if !principal.may_anything(app) => {
                Err(self.not_granted("do anything".to_owned(), app))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn not_granted(&self, act: String, app: &str) -> Denied {
        Denied::NotGranted { key: self.name().to_owned(), act, app: app.to_owned() }
    }
}

/// Lets a request in, or says why not.
pub(crate) fn identify(state: &State, door: Door, uri: &Uri, headers: &HeaderMap) -> Result<Caller, Denied> {
    if let Some(secret) = presented_key(headers) {
        return match state.credentials.identify(secret, state.clock.now_ms()) {
            Some(principal) => Ok(Caller::Holder(principal)),
            None if secret.starts_with(TOKEN_PREFIX) => Err(Denied::TokenUnknown),
            None if state.keys_exist() => Err(Denied::KeyUnknown),
            None => Err(Denied::NoKeyExists { open: door.open }),
        };
    }
    if !door.open || state.keys_exist() {
        return Err(Denied::KeyMissing);
    }
    check_site(door.local_ip, &state.options.host_names, uri, headers)?;
    Ok(Caller::Anyone)
}

/// Whose key it is that must have been sent. A token is none: it administrates nothing.
pub(crate) fn identify_holder(state: &State, headers: &HeaderMap) -> Result<Principal, Denied> {
    let secret = presented_key(headers).ok_or(Denied::KeyMissing)?;
    state.credentials.authenticate(secret).ok_or(Denied::KeyUnknown)
}

/// Lets only the holder of the admin key in or, for what is one app's, of a key with `admin` on it.
pub(crate) fn identify_admin(state: &State, headers: &HeaderMap, app: Option<&str>) -> Result<Principal, Denied> {
    let holder = identify_holder(state, headers)?;
    match (&holder, app) {
        (Principal::Admin, _) => Ok(holder),
        (Principal::Key(_), Some(app)) if holder.may(Permission::Admin, app, None) => Ok(holder),
        (Principal::Key(_) | Principal::Token(_), Some(app)) => {
            Err(Caller::Holder(holder.clone()).not_granted("administer it".to_owned(), app))
        }
        (Principal::Key(_) | Principal::Token(_), None) => Err(Denied::AdminOnly),
    }
}

/// The key of `Authorization: Bearer <key>` or, as public clients of the vendor's API send it,
/// `Authorization: <key>`.
fn presented_key(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?;
    let text = given.to_str().unwrap_or_default().trim(); // not ASCII: no key of ours
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim()),
        _ => Some(text),
    }
}

/// The rule for requests without a key: `Host` is ours; `Origin`, if there is one, is the same
/// site; and a browser, if it is one, asks for a page of ours or for nobody's (`Sec-Fetch-Site`,
/// Fetch Metadata Request Headers, section 2.2).
pub(crate) fn check_site(local_ip: IpAddr, names: &[String], uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
    let host = match uri.authority() {
        Some(authority) => authority.as_str(), // the absolute form overrides Host (RFC 9112 section 3.2.2)
        None => text_of(headers, header::HOST).unwrap_or_default(),
    };
    let more_than_one = headers.get_all(header::HOST).iter().nth(1).is_some();
    match host_of(host).filter(|name| !more_than_one && is_ours(name, local_ip, names)) {
        None => Err(Denied::HostForeign { host: host.to_owned() }),
        Some(name) => check_origin(name, headers).and_then(|()| check_fetch_site(headers)),
    }
}

fn check_fetch_site(headers: &HeaderMap) -> Result<(), Denied> {
    match headers.get_all(FETCH_SITE).iter().find(|site| **site != "same-origin" && **site != "none") {
        None => Ok(()),
        Some(site) => Err(Denied::SiteForeign { site: String::from_utf8_lossy(site.as_bytes()).into_owned() }),
    }
}

fn check_origin(host: &str, headers: &HeaderMap) -> Result<(), Denied> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("unreadable");
    let site = origin.split_once("://").and_then(|(_, authority)| host_of(authority));
    match site {
        Some(site) if site.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Denied::OriginForeign { origin: origin.to_owned() }),
    }
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The host of `host`, `host:port`, `[::1]:port`; without brackets and port.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some("")))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let port_is_number = port?.bytes().all(|b| b.is_ascii_digit());
    (!host.is_empty() && port_is_number).then_some(host)
}

fn is_ours(host: &str, local_ip: IpAddr, names: &[String]) -> bool {
    if let Ok(ip) = host.parse::<IpAddr>() {
        let ip = ip.to_canonical();
        return ip.is_loopback() || ip == local_ip.to_canonical() || named(host, names);
    }
    host.eq_ignore_ascii_case("localhost") || named(host, names)
}

fn named(host: &str, names: &[String]) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::HeaderValue;

    use super::*;

    fn verdict(host: Option<&str>, origin: Option<&str>) -> &'static str {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let names = ["db.example.com".to_owned()];
        let local_ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
        match check_site(local_ip, &names, &Uri::from_static("/api/v4/store/find"), &headers) {
            Ok(()) => "in",
            Err(Denied::HostForeign { .. }) => "host",
            Err(Denied::OriginForeign { .. }) => "origin",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn hosts_that_are_ours() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.8.9.1:1",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:80",
            "192.0.2.7:8080",
            "db.example.com:443",
            "DB.example.com",
        ] {
            assert_eq!(verdict(Some(host), None), "in", "{host}");
        }
    }

    #[test]
    fn hosts_that_are_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evil.example:127.0.0.1",
            "192.0.2.8",
            "127.0.0.1.evil.example",
            "[::2]",
            "[::1",
            "::1",
            "[localhost]",
            "localhost:80:80",
            "",
            ":8080",
            "user@localhost",
        ] {
            assert_eq!(verdict(Some(host), None), "host", "{host}");
        }
        assert_eq!(verdict(None, None), "host");
    }

    #[test]
    fn origins() {
        for (origin, expected) in [
            ("http://localhost", "in"),
            ("http://localhost:3000", "in"),
            ("https://localhost:8080", "in"),
            ("http://evil.example", "origin"),
            ("http://127.0.0.1:8080", "origin"),
            ("http://localhost.evil.example", "origin"),
            ("null", "origin"),
            ("", "origin"),
            ("file://", "origin"),
        ] {
            assert_eq!(verdict(Some("localhost:8080"), Some(origin)), expected, "{origin}");
        }
    }

    #[test]
    fn keys_with_and_without_their_scheme() {
        for (given, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("abc", Some("abc")),
            ("Basic abc", Some("Basic abc")),
            ("", Some("")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(given).unwrap());
            assert_eq!(presented_key(&headers), expected, "{given}");
        }
        assert_eq!(presented_key(&HeaderMap::new()), None);
    }
}
