//! Which of librdkafka's properties a sink may have, and which of them are secrets.
//!
//! An allow-list: what loads code, runs a command, names a file or fetches a URL is refused, and so is
//! what would break "exactly once". Certificates and keys are given as PEM text. The reasons, with the
//! list, are in `docs/reference/sinks.md`.
//! Source: librdkafka's CONFIGURATION.md.

/// The one that must be there.
pub(crate) const SERVERS: &str = "bootstrap.servers";

/// What is known of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) is_secret: bool,
}

const fn plain(name: &'static str) -> Known {
    Known { name, is_secret: false }
}

const fn secret(name: &'static str) -> Known {
    Known { name, is_secret: true }
}

/// All that may be set.
pub(crate) const KNOWN: &[Known] = &[
    plain(SERVERS),
    plain("client.id"),
    plain("client.dns.lookup"),
    plain("security.protocol"),
    plain("sasl.mechanism"),
    plain("sasl.mechanisms"),
    plain("sasl.username"),
    secret("sasl.password"),
    plain("ssl.ca.pem"),
    plain("ssl.certificate.pem"),
    secret("ssl.key.pem"),
    secret("ssl.key.password"),
    plain("ssl.endpoint.identification.algorithm"),
    plain("ssl.cipher.suites"),
    plain("compression.codec"),
    plain("compression.type"),
    plain("compression.level"),
    plain("batch.num.messages"),
    plain("queue.buffering.max.kbytes"),
    plain("transaction.timeout.ms"),
    plain("socket.timeout.ms"),
    plain("socket.connection.setup.timeout.ms"),
    plain("socket.keepalive.enable"),
    plain("socket.nagle.disable"),
    plain("broker.address.family"),
    plain("broker.address.ttl"),
    plain("reconnect.backoff.ms"),
    plain("reconnect.backoff.max.ms"),
    plain("connections.max.idle.ms"),
    plain("metadata.max.age.ms"),
    plain("topic.metadata.refresh.interval.ms"),
];

/// What the sink sets itself.
const OURS: &[&str] = &[
    "transactional.id",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "partitioner",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "retries",
    "message.send.max.retries",
    "isolation.level",
    "group.id",
    "enable.auto.commit",
    "queue.buffering.max.messages",
    "linger.ms",
    "message.max.bytes",
    "queue.buffering.max.ms",
    "batch.size",
    "message.timeout.ms",
    "delivery.timeout.ms",
    "delivery.report.only.error",
    "allow.auto.create.topics",
];

/// What is known of the property; why it cannot be set (or be `value`), if it cannot.
pub(crate) fn check(name: &str, value: Option<&str>) -> Result<Known, String> {
    let Some(known) = KNOWN.iter().find(|known| known.name == name).copied() else {
        let why = if OURS.contains(&name) {
            "is set by the sink, so that every event arrives exactly once"
        } else if name.contains("location") || name.contains("library") || name.contains(".cmd") {
            "would load code, run a command or read a file on the server; certificates and keys are given as PEM text"
        } else if name.contains("url") || name.contains("oauthbearer") {
            "would have the server fetch a URL"
        } else {
            "is not one that a sink may have; docs/reference/sinks.md lists them"
        };
        return Err(format!("config.{name}: {why}"));
    };
    if value.is_some_and(|value| value.contains('\0')) {
        return Err(format!("config.{name}: has a zero byte"));
    }
    if matches!(name, "sasl.mechanism" | "sasl.mechanisms")
        && value.is_some_and(|value| !["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"].contains(&value))
    {
        return Err(format!("config.{name}: must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_the_brokers_is_refused_with_its_reason() {
        let refused = [
            ("plugin.library.paths", "load code"),
            ("sasl.kerberos.kinit.cmd", "run a command"),
            ("ssl.engine.location", "load code"),
            ("ssl.ca.location", "PEM"),
            ("ssl.key.location", "PEM"),
            ("ssl.keystore.location", "PEM"),
            ("sasl.oauthbearer.token.endpoint.url", "fetch a URL"),
            ("transactional.id", "set by the sink"),
            ("acks", "set by the sink"),
            ("debug", "docs/reference/sinks.md"),
        ];
        for (name, why) in refused {
            let told = check(name, Some("x")).unwrap_err();
            assert!(told.starts_with(&format!("config.{name}: ")) && told.contains(why), "{told}");
        }
        assert!(check("sasl.mechanism", Some("GSSAPI")).unwrap_err().contains("PLAIN"));
        assert!(check("sasl.password", Some("p")).unwrap().is_secret);
        assert!(!check(SERVERS, Some("p")).unwrap().is_secret);
    }
}
