//! `headwater status`: how the running server does, at a glance.
//!
//! Not here: what is looked at (`operations::status`); looking for what is set up wrong (`doctor`).

use std::time::Duration;

use wire::admin::{AppStatusReply, GroupStatusReply, StatusReply};

use super::{Context, read_reply};
use crate::{
    admin_client::AdminClient,
    output::{Marks, counted, date_time, print_line, print_table},
    run_file::RunFile,
    sizes::{shown_bytes, shown_time},
};

/// What is not known while an app is not open.
const NOTHING: &str = "\u{2013}";
/// Groups that are listed; `groups list` has all of an app.
const GROUPS_SHOWN_MAX: usize = 10;

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where the server listens, its apps, the consumer groups that are furthest behind, certificates, and
what somebody should look at. Exit status 0 also where it warns; 1 if no server answers. For what is
set up wrong: headwater doctor

Example:
  headwater status --json | jq .warnings")]
pub(crate) struct Status {
    /// Print the server's JSON reply, with where it listens as `run`
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let data_dir = &context.common.data_dir;
        let run = RunFile::of_running(data_dir)?;
        let text = AdminClient::connect(data_dir)?.read("status")?;
        if self.json {
            let mut reply: serde_json::Value = read_reply(&text)?;
            reply["run"] = serde_json::to_value(&run)?;
            return print_line(&reply.to_string());
        }
        let status: StatusReply = read_reply(&text)?;
        print_places(&run, &status, data_dir)?;
        print_apps(&status.apps)?;
        print_groups(&status.groups)?;
        print_line(&format!("{}\n", certificates(&status)))?;
        print_line(&warnings(&status.warnings, Marks::for_stdout()))
    }
}

fn print_places(run: &RunFile, status: &StatusReply, data_dir: &std::path::Path) -> anyhow::Result<()> {
    let up = run.written_ms(data_dir).map(|since| Duration::from_millis(status.now_ms.saturating_sub(since)));
    let up = up.map(|up| format!(", up {}", shown_time(up))).unwrap_or_default();
    print_line(&format!("Headwater {}, process {}{up}\n", status.version, run.pid))?;
    let access = if status.keys_needed { "asks for a key" } else { "open where it is on loopback: no key was made" };
    let mut lines = vec![format!("  HTTP API        {}  {access}", run.http)];
    lines.extend(run.https.iter().map(|https| format!("  HTTPS           {https}")));
    lines.push(format!("  Kafka endpoint  {}  mutual TLS; HTTPS on the same port", run.kafka));
    let disk =
        status.disk.map(|disk| format!("  {} free of {}", shown_bytes(disk.free_bytes), shown_bytes(disk.total_bytes)));
    let place = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    lines.push(format!("  Data            {}{}", place.display(), disk.unwrap_or_default()));
    print_line(&format!("{}\n", lines.join("\n")))
}

fn print_apps(apps: &[AppStatusReply]) -> anyhow::Result<()> {
    let number = |number: Option<u64>| number.map_or_else(|| NOTHING.to_owned(), |number| number.to_string());
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| NOTHING.to_owned(), shown_bytes);
    let row = |app: &AppStatusReply| {
        let state = match (&app.damaged, app.open) {
            (Some(_), _) => "DAMAGED",
            (None, true) => "open",
            (None, false) => "not in use",
        };
        let events = app.next_offset.zip(app.log_start).map(|(next, start)| next.saturating_sub(start));
        vec![
            app.name.clone(),
            state.to_owned(),
            number(app.txn_id),
            number(events),
            number(app.documents),
            bytes(app.journal_bytes),
            bytes(app.documents_bytes),
        ]
    };
    let rows: Vec<Vec<String>> = apps.iter().map(row).collect();
    let headings = ["app", "state", "transaction", "events kept", "documents", "journal", "documents on disk"];
    print_table(&headings, &rows, "no apps")?;
    print_line("")
}

fn print_groups(groups: &[GroupStatusReply]) -> anyhow::Result<()> {
    let row = |group: &GroupStatusReply| {
        let time = group.lag_seconds.map_or_else(|| NOTHING.to_owned(), |s| shown_time(Duration::from_secs_f64(s)));
        let gap = if group.gap_ahead { "AHEAD" } else { NOTHING };
        let (members, lag) = (group.members.to_string(), group.lag.to_string());
        vec![group.group.clone(), group.app.clone(), group.state.clone(), members, lag, time, gap.to_owned()]
    };
    let rows: Vec<Vec<String>> = groups.iter().take(GROUPS_SHOWN_MAX).map(row).collect();
    let headings = ["group", "app", "state", "members", "lag", "lag time", "gap"];
    print_table(&headings, &rows, "no consumer groups: nobody has consumed anything yet")?;
    match groups.len().saturating_sub(GROUPS_SHOWN_MAX) {
        0 => print_line(""),
        more => print_line(&format!("and {more} more: headwater groups list\n")),
    }
}

fn certificates(status: &StatusReply) -> String {
    let certificates = &status.certificates;
    let server = certificates.server_ends_ms.map_or_else(|| NOTHING.to_owned(), date_time);
    let first = certificates.first_user_ends_ms.map(|ends| format!(", the first ends {}", date_time(ends)));
    let users = counted(certificates.users as u64, "user certificate");
    format!(
        "{users}{}\nthe server's ends {server} and is renewed by itself; the authority's ends {}",
        first.unwrap_or_default(),
        date_time(certificates.authority_ends_ms)
    )
}

fn warnings(warnings: &[String], marks: Marks) -> String {
    match warnings {
        [] => "no warnings".to_owned(),
        some => some.iter().map(|it| format!("{} {it}", marks.loud("warning:"))).collect::<Vec<_>>().join("\n"),
    }
}
