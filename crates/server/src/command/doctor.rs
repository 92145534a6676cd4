//! `headwater doctor`: looks for what is set up wrong, on the server's machine.
//!
//! Invariants: nothing is changed; each check is a line that says ok, warning or failed, and what to
//! do; one that cannot be made is a warning, never silence.
//! Not here: whether the data is whole (`verify`); how the server does (`status`).

mod checks;
mod connections;
mod files_and_disk;

use serde_json::json;

use super::Context;
use crate::{
    failure::OnlyWarnings,
    output::{Colour, Marks, counted, print_line},
};

use self::checks::{Check, Verdict};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It looks at the files' modes, the room on disk, the clock and the limit of open files; and, if the
server runs, asks its health, and connects to its Kafka endpoint with the very files that consumers
are given, each app's and each user's. Run it on the server's machine, as its user or root. Nothing
is changed.

Exit status 0: all is well; 3: there are warnings; 1: something failed.

Examples:
  headwater doctor --data-dir /var/lib/headwater
  headwater doctor --json | jq '.checks[] | select(.result != \"ok\")'")]
pub(crate) struct Doctor {
    /// Print the checks as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let data_dir = &context.common.data_dir;
        let mut checks = files_and_disk::all(data_dir);
        checks.extend(connections::all(data_dir));
        if self.json {
            print_line(&as_json(&checks))?;
        } else {
            let marks = Marks::for_stdout();
            for check in &checks {
                print_line(&line(check, marks))?;
            }
        }
        let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count() as u64;
        match (count(Verdict::Failed), count(Verdict::Warning)) {
            (0, 0) => Ok(()),
            (0, warnings) => Err(OnlyWarnings(counted(warnings, "warning")).into()),
            (failed, _) => anyhow::bail!("{} failed", counted(failed, "check")),
        }
    }
}

/// As `ok       free space: 40 GiB of 100 GiB`.
fn line(check: &Check, marks: Marks) -> String {
    let Check { name, verdict, detail } = check;
    let colour = match verdict {
        Verdict::Ok => Colour::Green,
        Verdict::Warning => Colour::Yellow,
        Verdict::Failed => Colour::Red,
    };
    format!("{}  {name}: {detail}", marks.coloured(colour, &format!("{:7}", verdict.as_str())))
}

fn as_json(checks: &[Check]) -> String {
    let check =
        |check: &Check| json!({ "check": check.name, "result": check.verdict.as_str(), "detail": check.detail });
    json!({ "checks": checks.iter().map(check).collect::<Vec<_>>() }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_line_and_an_object() {
        let check = Check::warning("free space", "little");
        assert_eq!(line(&check, Marks::none()), "warning  free space: little");
        let json = as_json(&[Check::ok("clock", "it goes")]);
        assert_eq!(json, r#"{"checks":[{"check":"clock","detail":"it goes","result":"ok"}]}"#);
    }
}
