//! The strip of warnings: what is, what to do, and where.
//!
//! Not here: what is warned of, and the words (`operations`).

use operations::{Severity, Warning};

use crate::{
    clip::Clipper,
    limits::{WARNING_SHOWN_BYTES, WARNINGS_SHOWN_MAX},
    scope::{app_path, segment},
    state::State,
};

/// All that is warned of.
#[derive(Debug)]
pub(crate) struct Strip {
    pub(crate) warnings: Vec<Shown>,
    pub(crate) left_out: usize,
}

/// One warning.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) severity: Severity,
    pub(crate) text: String,
    pub(crate) advice: &'static str,
    /// Where one does it: address and words.
    pub(crate) place: Option<(String, &'static str)>,
}

impl Shown {
    /// Its class in the style sheet.
    pub(crate) fn class(&self) -> &'static str {
        match self.severity {
            Severity::Urgent => "bad",
            Severity::Soon => "warn",
            Severity::Notice => "",
        }
    }
}

impl Strip {
    /// What is to be told on a page of `app`. Blocks on disk.
    pub(crate) fn of(state: &State, app: &str) -> Self {
        let found = state.operations.warnings(state.now_ms());
        let left_out = found.len().saturating_sub(WARNINGS_SHOWN_MAX);
        let mut clipper = Clipper::new(WARNINGS_SHOWN_MAX * WARNING_SHOWN_BYTES);
        let shown = |warning: Warning| Shown {
            severity: warning.severity(),
            text: clipper.clip(&warning.text(), WARNING_SHOWN_BYTES),
            advice: warning.advice(),
            place: place(&warning, app),
        };
        Self { warnings: found.into_iter().take(WARNINGS_SHOWN_MAX).map(shown).collect(), left_out }
    }
}

fn place(warning: &Warning, app: &str) -> Option<(String, &'static str)> {
    match warning {
        Warning::ApiOpen { .. } => Some((app_path(app, "keys"), "Keys")),
        Warning::GapAhead { app, group, .. } => {
            Some((app_path(app, &format!("consumers/{}", segment(group))), "The group"))
        }
        Warning::CertificateEnds { app, .. } => Some((app_path(app, "certificates"), "Certificates")),
        Warning::LiveQueryStopped { app, .. } => Some((app_path(app, "live-queries"), "Live queries")),
        Warning::ClockRefused { .. }
        | Warning::ClockBehind { .. }
        | Warning::DiskNearlyFull { .. }
        | Warning::WritesRefused { .. }
        | Warning::AppDamaged { .. }
        | Warning::DeletionUnfinished { .. }
        | Warning::JournalDamaged { .. }
        | Warning::OlderCopy { .. }
        | Warning::CredentialsDamaged { .. }
        | Warning::ServerCertificateEnds { .. }
        | Warning::AuthorityRotating { .. }
        | Warning::BackupFailed { .. }
        | Warning::BackupLacksApps { .. }
        | Warning::DamageFound { .. }
        | Warning::AuthorityEnds { .. } => None,
    }
}
