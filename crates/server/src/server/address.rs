//! Where a server listens, and under which names clients reach it.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;

use crate::{
    config::{ListenAddress, PublicAddress, ServerSettings, bracketed},
    failure::UsageError,
    run_file::RunFile,
};

/// Binds, or says in one line what is wrong with the address and which flag changes it.
pub(super) async fn bind(flag: &str, address: &ListenAddress) -> anyhow::Result<TcpListener> {
    TcpListener::bind((address.host.as_str(), address.port)).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "another program has this port".to_owned(),
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            ErrorKind::PermissionDenied => {
                "this user may not listen there (ports below 1024 are the system's)".to_owned()
            }
            _ => error.to_string(),
        };
        anyhow!("cannot listen on {address}: {why}; choose another with --{flag}")
    })
}

/// The addresses of a server, once they are bound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listening {
    /// Base of the HTTP API.
    pub(super) http: String,
    /// The same over TLS.
    pub(super) https: Option<String>,
    /// Where HTTP and HTTPS listen.
    http_listens: SocketAddr,
    https_listens: Option<SocketAddr>,
    /// Where the Kafka endpoint listens, and HTTPS with it.
    kafka_listens: SocketAddr,
    /// Host that Kafka clients are told.
    pub(super) kafka_host: String,
    /// Port that Kafka clients are told.
    pub(super) kafka_port: u16,
    /// Names and addresses in the server certificate.
    pub(super) names: Vec<String>,
}

impl Listening {
    /// From what was bound. Fails, as bad usage, where Kafka clients cannot be told a name.
    pub(super) fn new(
        settings: &ServerSettings,
        http: &TcpListener,
        https: Option<&TcpListener>,
        kafka: &TcpListener,
    ) -> anyhow::Result<Self> {
        let http = local(http)?;
        let https = https.map(local).transpose()?;
        Self::of(settings.kafka_advertise.as_ref(), http, https, local(kafka)?)
    }

    fn of(
        advertise: Option<&PublicAddress>,
        http: SocketAddr,
        https: Option<SocketAddr>,
        kafka: SocketAddr,
    ) -> anyhow::Result<Self> {
        let (kafka_host, kafka_port) = advertised(advertise, kafka)?;
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), kafka_host.clone()];
        names.extend(
            [Some(http), https, Some(kafka)]
                .into_iter()
                .flatten()
                .map(|a| a.ip())
                .filter(is_specific)
                .map(|ip| ip.to_string()),
        );
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let https_host = |a: SocketAddr| {
            if is_specific(&a.ip()) && !a.ip().is_loopback() { a.ip().to_string() } else { "localhost".into() }
        };
        Ok(Self {
            http: format!("http://{}", SocketAddr::new(reachable(http.ip()), http.port())),
            https: https.map(|address| format!("https://{}:{}", bracketed(&https_host(address)), address.port())),
            http_listens: http,
            https_listens: https,
            kafka_listens: kafka,
            kafka_host,
            kafka_port,
            names,
        })
    }

    /// The bases of the HTTP API, each with where it listens.
    pub(super) fn http_addresses(&self) -> Vec<(String, SocketAddr)> {
        let https = self.https.clone().zip(self.https_listens);
        std::iter::once((self.http.clone(), self.http_listens)).chain(https).collect()
    }

    /// Where the HTTP API asks for no key while none was ever made.
    pub(super) fn open_doors(&self, insecure_open: bool) -> Vec<SocketAddr> {
        self.addresses().into_iter().filter(|address| insecure_open || address.ip().is_loopback()).collect()
    }

    /// Every address that is listened on.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        [Some(self.http_listens), self.https_listens, Some(self.kafka_listens)].into_iter().flatten().collect()
    }

    /// The same on the Kafka endpoint's port.
    pub(super) fn kafka_address(&self) -> (String, SocketAddr) {
        (format!("https://{}", self.endpoint()), self.kafka_listens)
    }

    /// What Kafka clients connect to, as `localhost:9093`.
    pub(super) fn endpoint(&self) -> String {
        format!("{}:{}", bracketed(&self.kafka_host), self.kafka_port)
    }

    /// Of this process.
    pub(super) fn run_file(&self) -> RunFile {
        RunFile {
            pid: std::process::id(),
            http: self.http.clone(),
            https: self.https.clone(),
            kafka: self.endpoint(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// What is advertised: as said, or `localhost` on loopback, or the address that is listened on.
fn advertised(said: Option<&PublicAddress>, kafka: SocketAddr) -> anyhow::Result<(String, u16)> {
    match said {
        Some(address) => Ok((address.host.clone(), address.port.unwrap_or(kafka.port()))),
        None if kafka.ip().is_loopback() => Ok(("localhost".to_owned(), kafka.port())),
        None if is_specific(&kafka.ip()) => Ok((kafka.ip().to_string(), kafka.port())),
        None => Err(UsageError(format!(
            "--kafka-listen {kafka} is every address of this machine; say with --kafka-advertise HOST:PORT which one Kafka clients connect to"
        ))
        .into()),
    }
}

fn local(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener.local_addr().context("a listener has no address")
}

fn is_specific(ip: &IpAddr) -> bool {
    !ip.is_unspecified()
}

/// An address that a program on this machine can connect to.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(advertise: Option<&str>, http: &str, https: Option<&str>, kafka: &str) -> anyhow::Result<Listening> {
        let advertise = advertise.map(|text| text.parse().unwrap());
        Listening::of(
            advertise.as_ref(),
            http.parse().unwrap(),
            https.map(|text| text.parse().unwrap()),
            kafka.parse().unwrap(),
        )
    }

    #[test]
    fn loopback_is_told_as_localhost() {
        let listening = of(None, "127.0.0.1:8080", Some("127.0.0.1:8443"), "127.0.0.1:9093").unwrap();
        assert_eq!(
            (listening.http.as_str(), listening.https.as_deref()),
            ("http://127.0.0.1:8080", Some("https://localhost:8443"))
        );
        assert_eq!(listening.endpoint(), "localhost:9093");
        assert_eq!(listening.names, ["localhost", "127.0.0.1", "::1"]);
    }

    #[test]
    fn an_address_is_told_as_it_is_and_all_addresses_need_a_name() {
        let listening = of(None, "[::]:80", Some("192.0.2.7:443"), "[2001:db8::1]:9093").unwrap();
        assert_eq!(
            (listening.http.as_str(), listening.https.as_deref()),
            ("http://[::1]:80", Some("https://192.0.2.7:443"))
        );
        assert_eq!(listening.endpoint(), "[2001:db8::1]:9093");
        assert!(listening.names.contains(&"192.0.2.7".to_owned()));
        let error = of(None, "127.0.0.1:80", None, "0.0.0.0:9093").unwrap_err();
        assert!(error.is::<UsageError>() && error.to_string().contains("--kafka-advertise HOST:PORT"));
    }

    #[test]
    fn what_is_advertised_is_in_the_certificate() {
        let listening = of(Some("db.example.com"), "127.0.0.1:80", None, "0.0.0.0:9094").unwrap();
        assert_eq!(listening.endpoint(), "db.example.com:9094");
        assert!(listening.names.contains(&"db.example.com".to_owned()));
        assert_eq!(of(Some("a:1"), "127.0.0.1:80", None, "0.0.0.0:9094").unwrap().endpoint(), "a:1");
    }
}
