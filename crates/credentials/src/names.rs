//! Which names are usable. What is refused here can reach no path, certificate, script or property file.

use crate::{
    CredentialsError, Grant, NewKey, Permission,
    limits::{GRANTS_MAX, NAME_BYTES_MAX, TOPIC_BYTES_MAX},
};

/// An app's name, as the store has it: 1 to 64 of `a-z`, `0-9` and `-`.
pub(crate) fn check_app(name: &str) -> Result<(), CredentialsError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    check(name, NAME_BYTES_MAX, fits, "an app's name is 1 to 64 of a-z, 0-9 and '-'")
}

/// A user's name: it becomes the CN of certificates.
pub(crate) fn check_user(name: &str) -> Result<(), CredentialsError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    if name.starts_with('.') {
        // The directory of its files would be one that nobody sees.
        return Err(CredentialsError::bad_name(format!("a user's name does not begin with '.', as {name:?} does")));
    }
    check(name, NAME_BYTES_MAX, fits, "a user's name is 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'")
}

/// A topic's name, by Kafka's own rule.
pub(crate) fn check_topic(name: &str) -> Result<(), CredentialsError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    check(name, TOPIC_BYTES_MAX, fits, "a topic's name is 1 to 249 of A-Z, a-z, 0-9, '.', '_' and '-'")
}

/// What clients connect to: `host:port`, the host a name, an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn check_endpoint(endpoint: &str) -> Result<(), CredentialsError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte);
    let usable = endpoint.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && host.bytes().all(fits)
            && (host.starts_with('[') && host.ends_with(']') || !host.contains([':', '[', ']']))
            && port.parse::<u16>().is_ok()
    });
    if usable { Ok(()) } else { Err(CredentialsError::bad_name(format!("an endpoint is host:port, not {endpoint:?}"))) }
}

/// A key to be made: its name and its grants.
pub(crate) fn check_key(key: &NewKey) -> Result<(), CredentialsError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    check(&key.name, NAME_BYTES_MAX, fits, "a key's name is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")?;
    if key.name == "admin" {
        return Err(CredentialsError::bad_name("a key cannot be named \"admin\": events name the admin key so"));
    }
    if !(1..=GRANTS_MAX).contains(&key.grants.len()) {
        return Err(CredentialsError::bad_name(format!("key {:?} needs 1 to {GRANTS_MAX} grants", key.name)));
    }
    key.grants.iter().try_for_each(|grant| check_grant(&key.name, grant))?;
    let Some(permission) = &key.permission else { return Ok(()) };
    if key.grants.iter().any(|grant| grant.permissions.contains(&Permission::Admin)) {
        return Err(CredentialsError::bad_name(format!(
            "key {:?} is restricted to some documents, and so cannot have admin",
            key.name
        )));
    }
    permission.check_size().map_err(|why| CredentialsError::bad_name(format!("key {:?}: {why}", key.name)))
}

fn check_grant(key: &str, grant: &Grant) -> Result<(), CredentialsError> {
    if grant.app != "*" {
        check_app(&grant.app)?;
    }
    if grant.collection.as_deref() == Some("") {
        return Err(CredentialsError::bad_name(format!("key {key:?}: a collection's name is not empty")));
    }
    if grant.permissions.is_empty() {
        return Err(CredentialsError::bad_name(format!("key {key:?}: a grant on {:?} allows nothing", grant.app)));
    }
    Ok(())
}

fn check(name: &str, bytes_max: usize, fits: impl Fn(u8) -> bool, rule: &str) -> Result<(), CredentialsError> {
    // "." and ".." are directories, not names.
    let usable = (1..=bytes_max).contains(&name.len()) && name.bytes().all(fits) && name != "." && name != "..";
    if usable { Ok(()) } else { Err(CredentialsError::bad_name(format!("{rule}, not {name:?}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(
            check_app("shop-2").is_ok() && check_user("Ann@shop.example").is_ok() && check_topic("a.B_c-9").is_ok()
        );
        assert!(check_user(".ann").is_err() && check_user("a.n.n").is_ok());
        for name in ["", ".", "..", "a/b", "a b", "a\n", "ä", "a$b", "a'b", &"a".repeat(65)] {
            assert!(check_app(name).is_err() && check_user(name).is_err(), "{name:?}");
        }
        assert!(check_app("Shop").is_err() && check_topic(&"a".repeat(250)).is_err() && check_topic("a b").is_err());
    }

    #[test]
    fn endpoints() {
        for endpoint in ["localhost:9093", "127.0.0.1:1", "[::1]:9093", "db.example.com:65535"] {
            assert!(check_endpoint(endpoint).is_ok(), "{endpoint}");
        }
        for endpoint in ["", "localhost", ":9093", "::1:9093", "a b:1", "a:65536", "a:x", "$(id):1", "a;b:1", "a:1\n"] {
            assert!(check_endpoint(endpoint).is_err(), "{endpoint:?}");
        }
    }
}
