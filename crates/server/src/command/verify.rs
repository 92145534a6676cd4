//! `headwater verify`: proof that a data directory is whole.

use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use credentials::Finding;
use serde_json::json;
use store::{AppReport, VerifyProgress, VerifyReport};
use wire::admin::{ScrubReply, ScrubsReply};

use super::{Context, backup, job_progress::JobProgress, read_reply};
use crate::{
    admin_client::AdminClient,
    config::ByteSize,
    output::{counted, print_line},
    progress::ProgressOption,
    run_file::RunFile,
    sizes::shown_bytes,
};

/// How often a running server is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every frame of the journal is checked and replayed, and the documents, the index and the consumer groups' offsets must equal
that replay. What live queries carry is counted once more, and what stands for trimmed events is looked at. Certificates, keys
and what was handed out must be as they were written. Nothing is changed.

That needs the server to be stopped. While it runs, it reads everything itself instead, slowly: every frame of the journal and every
entry of the documents, with their checksums; and each document is compared with its last event. What it finds is in /health/ready
and /metrics too. Exit status 0: whole; 1: damaged, or it could not be read.

Examples:
  headwater verify --data-dir /var/lib/headwater
  headwater verify --rate 8MiB
  headwater verify --backup /mnt/backups/headwater")]
pub(crate) struct Verify {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    /// Prove a folder of backups instead: every part of every point
    #[arg(long, value_name = "DIR", conflicts_with = "json")]
    backup: Option<PathBuf>,
    /// How much a running server reads a second, at most [default: 32MiB]
    #[arg(long, value_name = "N")]
    rate: Option<ByteSize>,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        if let Some(dir) = &self.backup {
            return backup::verify(dir, ProgressOption::Auto, true);
        }
        let data_dir = &context.common.data_dir;
        if RunFile::of_running(data_dir).is_ok() {
            return self.ask_server(data_dir);
        }
        let mut progress = Progress::new();
        let report = topics::verify(data_dir, &mut |at| progress.show(at));
        progress.clear();
        let report = report?;
        let credentials = credentials::verify(data_dir);
        print_line(&if self.json { as_json(&report, &credentials) } else { as_text(&report, &credentials) })?;
        let findings = report.findings_count() + damage(&credentials).count();
        match findings {
            0 if self.json => Ok(()),
            0 => print_line(&format!("{} is whole", data_dir.display())),
            _ => anyhow::bail!("{} is damaged: {}", data_dir.display(), counted(findings as u64, "finding")),
        }
    }
}

impl Verify {
    /// Has the running server read everything.
    fn ask_server(&self, data_dir: &Path) -> anyhow::Result<()> {
        let client = AdminClient::connect(data_dir)?;
        let body = self.rate.map_or(json!({}), |rate| json!({ "bytesPerSecond": rate.0 }));
        client.create("scrub", &body)?;
        let mut progress = JobProgress::new(ProgressOption::Auto);
        let (reply, last) = loop {
            let reply = client.read("scrub")?;
            let ScrubsReply { running, last } = read_reply(&reply)?;
            match (running, last) {
                (Some(running), _) => progress.show(running.done_bytes, running.total_bytes),
                (None, Some(last)) => break (reply, last),
                (None, None) => anyhow::bail!("the server knows of no look for damage"),
            }
            std::thread::sleep(ASK_EVERY);
        };
        drop(progress);
        if self.json {
            print_line(&reply)?;
        }
        let ScrubReply { error, bytes, apps, findings, .. } = last;
        if let Some(error) = error {
            anyhow::bail!("{error}");
        }
        let shown = data_dir.display();
        if !self.json {
            for finding in &findings {
                print_line(&format!("DAMAGE: {finding}"))?;
            }
        }
        if !findings.is_empty() {
            anyhow::bail!("{shown} is damaged: {}", counted(findings.len() as u64, "finding"));
        }
        if self.json {
            return Ok(());
        }
        print_line(&format!(
            "{shown}: {} of {} were read: every checksum is right, and each document is what its last event says, where that is kept. \
             The server runs: that indexes, committed offsets and the rest are what the journal says is proved when it is stopped.",
            shown_bytes(bytes),
            counted(apps as u64, "app"),
        ))
    }
}

fn damage(credentials: &[Finding]) -> impl Iterator<Item = &Finding> {
    credentials.iter().filter(|finding| finding.is_damage)
}

fn as_text(report: &VerifyReport, credentials: &[Finding]) -> String {
    let mut lines: Vec<String> = report.findings.iter().map(|finding| format!("DAMAGE: {finding}")).collect();
    lines.extend(report.notes.iter().cloned());
    for app in &report.apps {
        lines.push(summary(app));
        if app.torn_bytes > 0 {
            let bytes = counted(app.torn_bytes, "byte");
            lines.push(format!(
                "  {bytes} of a torn frame at the end: it was never acknowledged, the next start cuts it"
            ));
        }
        if app.frames_to_replay > 0 {
            lines.push(format!("  {} to replay at the next start", counted(app.frames_to_replay, "frame")));
        }
        lines.extend(app.findings.iter().map(|finding| format!("  DAMAGE: {finding}")));
    }
    lines.push("credentials: certificates, keys and what was handed out".to_owned());
    let line = |finding: &Finding| format!("  {}{finding}", if finding.is_damage { "DAMAGE: " } else { "" });
    lines.extend(credentials.iter().map(line));
    lines.join("\n")
}

fn summary(app: &AppReport) -> String {
    let parts = [
        counted(app.segments, "segment"),
        counted(app.frames, "frame"),
        counted(app.transactions, "transaction"),
        counted(app.events, "event"),
        counted(app.documents, "document"),
    ];
    format!("app {}: {} (removed ones included)", app.app, parts.join(", "))
}

fn as_json(report: &VerifyReport, credentials: &[Finding]) -> String {
    let app = |app: &AppReport| {
        json!({
            "app": app.app, "segments": app.segments, "frames": app.frames, "transactions": app.transactions,
            "events": app.events, "documents": app.documents, "tornBytes": app.torn_bytes,
            "framesToReplay": app.frames_to_replay, "findings": app.findings,
        })
    };
    let texts = |is_damage| -> Vec<&str> {
        let of_kind = credentials.iter().filter(|finding| finding.is_damage == is_damage);
        of_kind.map(|finding| finding.message.as_str()).collect()
    };
    let VerifyReport { findings, notes, .. } = report;
    json!({
        "whole": report.is_whole() && damage(credentials).next().is_none(),
        "apps": report.apps.iter().map(app).collect::<Vec<_>>(),
        "findings": findings,
        "notes": notes,
        "credentials": { "findings": texts(true), "notes": texts(false) },
    })
    .to_string()
}

/// A line on the terminal's stderr that says how far it is; nothing elsewhere.
struct Progress {
    shown: bool,
    enabled: bool,
}

impl Progress {
    fn new() -> Self {
        Self { shown: false, enabled: std::io::stderr().is_terminal() }
    }

    fn show(&mut self, at: VerifyProgress<'_>) {
        if self.enabled {
            let percent = (at.checked_bytes * 100).checked_div(at.total_bytes).unwrap_or(100);
            let _ = write!(std::io::stderr(), "\r\u{1b}[Kapp {}: {percent} %", at.app);
            self.shown = true;
        }
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_and_what_is_none_are_told_apart() {
        let mut app = AppReport { app: "shop".into(), segments: 1, frames: 2, ..AppReport::default() };
        app.torn_bytes = 1;
        app.findings.push("the document x is missing".into());
        let finding = |message: &str, is_damage| Finding { message: message.into(), is_damage };
        let credentials = [finding("keys.json is missing", true), finding("user.key is missing", false)];
        let text = as_text(&VerifyReport { apps: vec![app], ..VerifyReport::default() }, &credentials);
        let expected = "app shop: 1 segment, 2 frames, 0 transactions, 0 events, 0 documents (removed ones included)
  1 byte of a torn frame at the end: it was never acknowledged, the next start cuts it
  DAMAGE: the document x is missing
credentials: certificates, keys and what was handed out
  DAMAGE: keys.json is missing
  user.key is missing";
        assert_eq!(text, expected);
    }
}
