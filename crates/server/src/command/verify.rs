//! `headwater verify`: proof that a data directory is whole.

use std::io::{IsTerminal as _, Write as _};

use serde_json::json;
use store::{AppReport, VerifyProgress, VerifyReport};

use super::Context;
use crate::output::print_line;

/// How to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every frame of the journal is checked and replayed, and the documents, the index and the consumer groups' offsets must equal
that replay. The server must be stopped. Exit status 0: whole; 1: damaged, or it could not be read.

Example:
  headwater verify --data-dir /var/lib/headwater")]
pub(crate) struct Verify {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let data_dir = &context.common.data_dir;
        let mut progress = Progress::new();
        let report = store::verify(data_dir, &mut |at| progress.show(at));
        progress.clear();
        let report = report?;
        print_line(&if self.json { as_json(&report) } else { as_text(&report) })?;
        let findings = report.findings_count();
        match findings {
            0 if self.json => Ok(()),
            0 => print_line(&format!("{} is whole", data_dir.display())),
            _ => anyhow::bail!("{} is damaged: {}", data_dir.display(), counted(findings as u64, "finding")),
        }
    }
}

fn as_text(report: &VerifyReport) -> String {
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

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn as_json(report: &VerifyReport) -> String {
    let app = |app: &AppReport| {
        json!({
            "app": app.app, "segments": app.segments, "frames": app.frames, "transactions": app.transactions,
            "events": app.events, "documents": app.documents, "tornBytes": app.torn_bytes,
            "framesToReplay": app.frames_to_replay, "findings": app.findings,
        })
    };
    let apps: Vec<_> = report.apps.iter().map(app).collect();
    let VerifyReport { findings, notes, .. } = report;
    json!({ "whole": report.is_whole(), "apps": apps, "findings": findings, "notes": notes }).to_string()
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
        let text = as_text(&VerifyReport { apps: vec![app], ..VerifyReport::default() });
        let expected = "app shop: 1 segment, 2 frames, 0 transactions, 0 events, 0 documents (removed ones included)
  1 byte of a torn frame at the end: it was never acknowledged, the next start cuts it
  DAMAGE: the document x is missing";
        assert_eq!(text, expected);
    }
}
