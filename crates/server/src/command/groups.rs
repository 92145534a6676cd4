//! `headwater groups`: who consumes, and how far behind each consumer group is.

use wire::admin::{GroupDescriptionReply, GroupPartitionReply, GroupReply, GroupsReply};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{print_line, print_table},
};

/// What is not known, or does not apply.
const NOTHING: &str = "\u{2013}";

/// What to do with consumer groups.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Groups {
    /// List the consumer groups of an app, and how far behind each is
    List {
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Show a group's members, and where it is in each partition
    #[command(after_help = "Example:\n  headwater groups describe user-consumable-default")]
    Describe {
        /// Its name
        name: String,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
}

impl Groups {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Groups::List { app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&path)?;
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            Groups::Describe { name, app, json } => {
                let (server, path) = connect(context, app)?;
                let reply = server.read(&format!("{path}/{}", segment(&name)))?;
                if json { print_line(&reply) } else { print_one(&read_reply(&reply)?) }
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/groups", app.as_str())))
}

fn print_all(reply: &GroupsReply) -> anyhow::Result<()> {
    let row = |group: &GroupReply| {
        vec![
            group.group.clone(),
            group.state.clone(),
            group.members.to_string(),
            group.lag.to_string(),
            time(group.lag_seconds),
            gap(group.gap_ahead, group.seconds_until_gap),
        ]
    };
    let rows: Vec<Vec<String>> = reply.groups.iter().map(row).collect();
    let none = "no consumer groups: nobody has consumed this app's topics, or committed anything";
    print_table(&["group", "state", "members", "lag", "lag time", "gap"], &rows, none)?;
    match reply.left_out {
        0 => Ok(()),
        more => print_line(&format!("and {more} more")),
    }
}

fn print_one(reply: &GroupDescriptionReply) -> anyhow::Result<()> {
    print_line(&format!("group {}, {}\n", reply.group, reply.state))?;
    let member = |member: &wire::admin::GroupMemberReply| {
        vec![member.member_id.clone(), member.client_id.clone(), member.host.clone()]
    };
    let members: Vec<Vec<String>> = reply.members.iter().map(member).collect();
    print_table(&["member", "client", "host"], &members, "no members")?;
    print_line("")?;
    let row = |partition: &GroupPartitionReply| {
        vec![
            partition.topic.clone(),
            partition.partition.to_string(),
            partition.committed.to_string(),
            partition.high_watermark.to_string(),
            partition.lag.to_string(),
            time(partition.lag_seconds),
            gap(partition.gap_ahead, partition.seconds_until_gap),
        ]
    };
    let rows: Vec<Vec<String>> = reply.partitions.iter().map(row).collect();
    let headings = ["topic", "partition", "committed", "high watermark", "lag", "lag time", "gap"];
    print_table(&headings, &rows, "it has committed nothing")
}

/// Whether events were trimmed before they were read, or when they will be.
fn gap(ahead: bool, seconds_until: Option<f64>) -> String {
    match (ahead, seconds_until) {
        (true, _) => "AHEAD".to_owned(),
        (false, Some(_)) => format!("in {}", time(seconds_until)),
        (false, None) => NOTHING.to_owned(),
    }
}

/// A length of time in the unit in which it is neither long nor short.
fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => NOTHING.to_owned(),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.1} s"),
        Some(seconds) if seconds < 2.0 * 3600.0 => format!("{:.0} min", seconds / 60.0),
        Some(seconds) if seconds < 2.0 * 86_400.0 => format!("{:.0} h", seconds / 3600.0),
        Some(seconds) => format!("{:.0} days", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let shown = [0.0, 0.25, 119.9, 120.0, 7199.0, 7200.0, 172_799.0, 864_000.0].map(|seconds| time(Some(seconds)));
        assert_eq!(shown, ["0.0 s", "0.2 s", "119.9 s", "2 min", "120 min", "2 h", "48 h", "10 days"]);
    }

    #[test]
    fn gaps_that_are_there_and_that_come() {
        assert_eq!([gap(true, Some(1.0)), gap(false, Some(1.0)), gap(false, None)], ["AHEAD", "in 1.0 s", NOTHING]);
    }
}
