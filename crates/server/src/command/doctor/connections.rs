//! What is asked of the running server: its health, and whether a consumer gets in with the very
//! files that it is given.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use credentials::Credentials;
use kafka_client::Consumer;
use serde_json::Value;
use wire::admin::{AppsReply, StatusReply};

use super::checks::Check;
use crate::{
    admin_client::{AdminClient, agent},
    command::{read_reply, runtime},
    failure::one_line,
    run_file::RunFile,
};

/// Users whose files are tried, of all apps.
const BUNDLES_MAX: usize = 200;

/// All of them; one warning where no server runs.
pub(super) fn all(data_dir: &Path) -> Vec<Check> {
    let run = match RunFile::of_running(data_dir) {
        Ok(run) => run,
        Err(error) => {
            let detail = format!("{}; its connections were not tried", one_line(&error));
            return vec![Check::warning("server", detail)];
        }
    };
    let mut checks = vec![Check::ok("server", format!("process {}, version {}", run.pid, run.version)), health(&run)];
    let asked = AdminClient::connect(data_dir).and_then(|server| {
        let apps: AppsReply = read_reply(&server.read("apps")?)?;
        Ok((apps, read_reply::<StatusReply>(&server.read("status")?)?))
    });
    match asked {
        Ok((apps, status)) => {
            checks.push(Check::ok("admin key", "it opens /admin/v1"));
            checks.extend(status.warnings.iter().map(|warning| Check::warning("status", warning)));
            checks.extend(bundles(data_dir, &apps, &run));
        }
        Err(error) => checks.push(Check::failed("admin key", one_line(&error))),
    }
    checks
}

fn health(run: &RunFile) -> Check {
    let name = "HTTP API";
    let url = format!("{}/health/ready", run.http);
    let mut answer = match agent().get(&url).call() {
        Ok(answer) => answer,
        Err(error) => return Check::failed(name, format!("no answer from {url}: {error}")),
    };
    if answer.status().is_success() {
        return Check::ok(name, format!("{} answers, and takes writes", run.http));
    }
    let said: Value =
        answer.body_mut().read_to_string().ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let why = said["message"].as_str().map_or_else(|| answer.status().to_string(), str::to_owned);
    Check::failed(name, format!("{} is not ready: {why}", run.http))
}

/// One check for each set of files that was handed out and is still here.
fn bundles(data_dir: &Path, apps: &AppsReply, run: &RunFile) -> Vec<Check> {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Check::warning("Kafka endpoint", one_line(&error))],
    };
    let mut checks = Vec::new();
    for app in &apps.apps {
        let own = data_dir.join("credentials").join(&app.name);
        let mut directories = vec![own.clone()];
        directories.extend(users_of(&own));
        for directory in directories {
            if checks.len() == BUNDLES_MAX {
                checks.push(Check::warning(
                    "Kafka endpoint",
                    format!("only the first {BUNDLES_MAX} sets of files were tried"),
                ));
                return checks;
            }
            let shown = directory.strip_prefix(data_dir).unwrap_or(&directory).display();
            let name = format!("Kafka endpoint with {shown}");
            checks.push(match runtime.block_on(consume(&directory, &run.kafka, &app.topic)) {
                Ok(()) => Check::ok(name, format!("{} lets it in, and {} is there", run.kafka, app.topic)),
                Err(error) => Check::failed(name, one_line(&error)),
            });
        }
    }
    checks
}

/// Where the files of an app's further users are; what was moved aside is no longer in use.
fn users_of(app: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(app.join("users")).into_iter().flatten().flatten();
    let mut users: Vec<_> = entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .collect();
    users.sort();
    users
}

/// What a consumer does first: both PKCS12 files open with their passwords, the handshake, the topic.
async fn consume(directory: &Path, endpoint: &str, topic: &str) -> anyhow::Result<()> {
    let tls = Credentials::client_tls_of_files(directory)?;
    let mut consumer = Consumer::connect(endpoint, tls).await?;
    consumer.partitions(topic).await.context("the topic")?;
    Ok(())
}
