//! The Test button: consumes one event as a consumer would, with the files on disk, over the endpoint that clients
//! are told, and says what went wrong where.
//!
//! Invariants: it falls back on nothing that a consumer would not have; it ends within [`TRIAL_TIMEOUT`]; it joins no
//! group and moves no offset.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use credentials::Credentials;
use kafka_client::{ClientError, Consumer, OwnedRecord};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::timeout};

use crate::limits::TRIAL_TIMEOUT;

/// Bytes of records that are asked for; a batch is given whole, whatever its size.
const FETCH_BYTES: i32 = 64 * 1024;
/// Characters of an event that are shown.
const EVENT_CHARACTERS_MAX: usize = 4_000;

/// What is tried, in order.
const STEPS: [&str; 6] =
    ["Certificate files", "The endpoint's name", "Connection", "TLS and the user certificate", "Topic", "One event"];

/// How a test went: one entry for each step.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) steps: Vec<Step>,
    /// The event that was consumed.
    pub(crate) event: Option<String>,
    pub(crate) verdict: Verdict,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) text: String,
}

/// How a step, or all of it, went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// Not tried; of the last step: there is no event yet.
    Open,
}

impl Verdict {
    /// For the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::Bad => "bad",
            Verdict::Open => "open",
        }
    }

    /// For the eye.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Verdict::Good => "\u{2713}",
            Verdict::Bad => "\u{2717}",
            Verdict::Open => "\u{2013}",
        }
    }

    /// For whoever sees no mark.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Verdict::Good => "worked",
            Verdict::Bad => "failed",
            Verdict::Open => "open",
        }
    }
}

/// What has worked so far, one text for each step.
#[derive(Debug, Default)]
struct Progress {
    worked: Vec<String>,
    event: Option<String>,
}

/// Why a step failed.
struct Fault(String);

impl<E: Error> From<E> for Fault {
    /// With every cause.
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        Self(text)
    }
}

/// Tries it: with the files in `directory`, at `endpoint`, on `topic`.
pub(crate) async fn run(directory: &Path, endpoint: &str, topic: &str) -> Trial {
    let mut progress = Progress::default();
    let outcome = timeout(TRIAL_TIMEOUT, progress.try_all(directory, endpoint, topic)).await;
    let fault = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(Fault(text))) => Some(text),
        Err(_) => Some(format!("it did not come to an end within {} s", TRIAL_TIMEOUT.as_secs())),
    };
    progress.into_trial(fault)
}

impl Progress {
    async fn try_all(&mut self, directory: &Path, endpoint: &str, topic: &str) -> Result<(), Fault> {
        let tls = self.open_files(directory).await?;
        self.find_address(endpoint).await?;
        let mut consumer = self.connect(endpoint, tls).await?;
        let partitions = consumer.partitions(topic).await?;
        self.worked.push(format!("{topic} can be read; partitions: {}.", partitions.len()));
        let found = one_event(&mut consumer, topic, &partitions).await?;
        if let Some((partition, record)) = found {
            self.worked.push(format!("Consumed offset {} of partition {partition}.", record.offset));
            self.event = Some(shown(&record));
        }
        Ok(())
    }

    async fn open_files(&mut self, directory: &Path) -> Result<Arc<ClientConfig>, Fault> {
        let files = directory.to_owned();
        let tls = tokio::task::spawn_blocking(move || Credentials::client_tls_of_files(&files)).await??;
        self.worked.push(format!("Both PKCS12 files in {} open with their passwords.", directory.display()));
        Ok(tls)
    }

    async fn find_address(&mut self, endpoint: &str) -> Result<(), Fault> {
        let found = tokio::net::lookup_host(endpoint).await;
        let found = found.map_err(|error| {
            Fault(format!(
                "{endpoint} cannot be found: {error}. Clients are told this name; --kafka-advertise changes it"
            ))
        })?;
        let addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
        self.worked.push(format!("{endpoint} is {}.", addresses.join(", ")));
        Ok(())
    }

    async fn connect(&mut self, endpoint: &str, tls: Arc<ClientConfig>) -> Result<Consumer, Fault> {
        // Once by itself, so that what is wrong with the network is told from what is wrong with certificates.
        drop(
            TcpStream::connect(endpoint)
                .await
                .map_err(|source| ClientError::Unreachable { endpoint: endpoint.to_owned(), source })?,
        );
        self.worked.push("Something listens there.".to_owned());
        let consumer = Consumer::connect(endpoint, tls).await?;
        self.worked.push("The server's certificate is of this cluster, and it takes the user certificate.".to_owned());
        Ok(consumer)
    }

    fn into_trial(self, fault: Option<String>) -> Trial {
        let reached = self.worked.len();
        let step = |(n, name): (usize, &&'static str)| match (self.worked.get(n), &fault) {
            (Some(text), _) => Step { name, verdict: Verdict::Good, text: text.clone() },
            (None, Some(text)) if n == reached => Step { name, verdict: Verdict::Bad, text: text.clone() },
            (None, None) => {
                let text = "There is no event on the topic yet: write a document, and test again.".to_owned();
                Step { name, verdict: Verdict::Open, text }
            }
            (None, Some(_)) => Step { name, verdict: Verdict::Open, text: "Not tried.".to_owned() },
        };
        let steps: Vec<Step> = STEPS.iter().enumerate().map(step).collect();
        let verdict = match (&fault, reached == STEPS.len()) {
            (Some(_), _) => Verdict::Bad,
            (None, true) => Verdict::Good,
            (None, false) => Verdict::Open,
        };
        Trial { steps, event: self.event, verdict }
    }
}

/// The first event of the first partition that has one.
async fn one_event(
    consumer: &mut Consumer,
    topic: &str,
    partitions: &[i32],
) -> Result<Option<(i32, OwnedRecord)>, ClientError> {
    for &partition in partitions {
        let (earliest, end) = consumer.offsets(topic, partition).await?;
        let mut next = earliest;
        while next < end {
            let fetched = consumer.fetch(topic, partition, next, Duration::ZERO, FETCH_BYTES).await?;
            if let Some(record) = fetched.records.into_iter().next() {
                return Ok(Some((partition, record)));
            }
            if fetched.next_offset <= next {
                break;
            }
            next = fetched.next_offset;
        }
    }
    Ok(None)
}

fn shown(record: &OwnedRecord) -> String {
    let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    match value.char_indices().nth(EVENT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &value[..end]),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_says_how_it_went() {
        let verdicts = |worked: usize, fault: Option<&str>| {
            let progress = Progress { worked: vec![String::new(); worked], event: None };
            let trial = progress.into_trial(fault.map(str::to_owned));
            let classes: Vec<&str> = trial.steps.iter().map(|step| step.verdict.mark()).collect();
            format!("{} {}", classes.concat(), trial.verdict.words())
        };
        assert_eq!(verdicts(6, None), "\u{2713}\u{2713}\u{2713}\u{2713}\u{2713}\u{2713} worked");
        assert_eq!(verdicts(5, None), "\u{2713}\u{2713}\u{2713}\u{2713}\u{2713}\u{2013} open");
        assert_eq!(verdicts(2, Some("no")), "\u{2713}\u{2713}\u{2717}\u{2013}\u{2013}\u{2013} failed");
    }
}
