//! Values of options, read alike from a flag, a variable and the file.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where to listen: `HOST:PORT`, `[::1]:PORT` or a port alone on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    /// A name or an address.
    pub(crate) host: String,
    /// 0 is any free port.
    pub(crate) port: u16,
}

impl ListenAddress {
    /// That port of 127.0.0.1.
    pub(crate) fn loopback(port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self::loopback(port));
        }
        match split_address(text)? {
            (host, Some(port)) => Ok(Self { host, port }),
            (_, None) => Err("an address is HOST:PORT, such as 127.0.0.1:8080".to_owned()),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// What clients are told: `HOST:PORT`, or `HOST` and the port that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicAddress {
    /// A name or an address.
    pub(crate) host: String,
    /// `None` is the port that is listened on.
    pub(crate) port: Option<u16>,
}

impl FromStr for PublicAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = split_address(text)?;
        if port == Some(0) {
            return Err("port 0 is no port that a client can connect to".to_owned());
        }
        if host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified()) {
            return Err(format!("{host} is no address that a client can connect to"));
        }
        Ok(Self { host, port })
    }
}

/// Splits `host:port`, `host`, `[v6]:port`, `[v6]` or `v6`.
fn split_address(text: &str) -> Result<(String, Option<u16>), String> {
    let port = |text: &str| text.parse::<u16>().map(Some).map_err(|_| format!("{text:?} is no port (0 to 65535)"));
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, port(rest.strip_prefix(':').ok_or("after ']' comes ':' and the port")?)?),
        None if text.matches(':').count() == 1 => {
            let (host, after) = text.split_once(':').expect("it has one colon");
            (host, port(after)?)
        }
        None => (text, None),
    };
    let is_name =
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
    if is_name || host.parse::<IpAddr>().is_ok() {
        return Ok((host.to_owned(), port));
    }
    Err(format!("{host:?} is neither a host name nor an address"))
}

/// The host as it stands before `:port`.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// A size: plain bytes, or with B, KiB, MiB, GiB (1024) or kB, MB, GB (1000).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSize(pub(crate) u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            _ => return Err("a size is bytes, or a number with KiB, MiB or GiB, such as 64MiB".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "a size begins with a whole number, such as 64MiB".to_owned())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "the size is too large".to_owned())
    }
}

/// A time: plain milliseconds, or with ms, s, m, h or d.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Milliseconds(pub(crate) u64);

impl FromStr for Milliseconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim_start() {
            "" | "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => {
                return Err(format!(
                    "a time is milliseconds, or a number with ms, s, m, h or d, such as 7d, not {text:?}"
                ));
            }
        };
        let number: u64 = number
            .parse()
            .map_err(|_| format!("a time begins with a whole number, such as 7d or 30m, not {text:?}"))?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "the time is too long".to_owned())
    }
}

/// A limit in Kafka's way: -1 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepLimit<T> {
    /// Everything is kept.
    All,
    /// At most this.
    AtMost(T),
}

impl<T> KeepLimit<T> {
    /// The bound; `None` keeps all.
    pub(crate) fn limit(self) -> Option<T> {
        match self {
            Self::All => None,
            Self::AtMost(limit) => Some(limit),
        }
    }
}

impl<T: FromStr<Err = String>> FromStr for KeepLimit<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-1" {
            return Ok(Self::All);
        }
        text.parse().map(Self::AtMost).map_err(|error| format!("{error}; -1 keeps all"))
    }
}

/// Reads a string, or an integer as if it stood in quotes.
struct TextOrInteger<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = String>> de::Visitor<'_> for TextOrInteger<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a whole number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrInteger::<$type>(std::marker::PhantomData))
            }
        }
    )*};
}
deserialize_from_text!(
    ListenAddress,
    PublicAddress,
    ByteSize,
    Milliseconds,
    KeepLimit<ByteSize>,
    KeepLimit<Milliseconds>
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("0", 0), ("65536", 65536), ("64MiB", 64 << 20), ("1 gib", 1 << 30), ("2kB", 2000), ("7B", 7)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "64M", "1TiB", "99999999999999999999", "18446744073709551615KiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn listen_addresses() {
        for (text, shown) in [
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:9093", "localhost:9093"),
            ("8081", "127.0.0.1:8081"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), shown);
        }
        for text in ["", ":80", "localhost", "a b:80", "host:65536", "host:", "[::1", "::1:80x", "http://x:80"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn public_addresses() {
        let read = |text: &str| text.parse::<PublicAddress>().map(|address| (address.host, address.port));
        assert_eq!(read("db.example.com:9093"), Ok(("db.example.com".to_owned(), Some(9093))));
        assert_eq!(read("db.example.com"), Ok(("db.example.com".to_owned(), None)));
        assert_eq!(read("[fd00::1]:1"), Ok(("fd00::1".to_owned(), Some(1))));
        for text in ["", "0.0.0.0:9093", "[::]:9093", "host:0", "a/b:1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, ms) in [
            ("0", 0),
            ("60000", 60_000),
            ("500ms", 500),
            ("10s", 10_000),
            ("30m", 1_800_000),
            ("12 h", 43_200_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(text.parse(), Ok(Milliseconds(ms)), "{text}");
        }
        for text in
            ["", "d", "-2", "1.5h", "64KiB", "7D", "1w", "1h30m", "99999999999999999999", "18446744073709551615d"]
        {
            assert!(text.parse::<Milliseconds>().is_err(), "{text}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!("-1".parse(), Ok(KeepLimit::<ByteSize>::All));
        assert_eq!("1KiB".parse(), Ok(KeepLimit::AtMost(ByteSize(1024))));
        assert_eq!("-1".parse(), Ok(KeepLimit::<Milliseconds>::All));
        assert_eq!("1h".parse(), Ok(KeepLimit::AtMost(Milliseconds(3_600_000))));
        assert!("-2".parse::<KeepLimit<ByteSize>>().is_err() && "7d".parse::<KeepLimit<ByteSize>>().is_err());
        let refused = "64KiB".parse::<KeepLimit<Milliseconds>>().unwrap_err();
        assert!(refused.contains("such as 7d, not \"64KiB\"; -1 keeps all"), "{refused}");
    }
}
