//! `headwater groups`: who consumes, how far behind each consumer group is, and putting one elsewhere.

use serde_json::json;
use store::{AppName, WallClock as _};
use wire::admin::{
    GroupDeletedReply, GroupDescriptionReply, GroupMoveReply, GroupPartitionReply, GroupReply, GroupResetReply,
    GroupsReply,
};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    clock::SystemClock,
    config::AppOption,
    failure::UsageError,
    output::{counted, print_line, print_table},
    point_in_time::PointInTime,
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
    /// Move a group's offsets on a topic, to read events again or to skip some
    #[command(after_help = "\
Stop the group's consumers first: while it has members nothing is changed. Without --yes it only
shows what would change.

Examples:
  headwater groups reset billing --to-earliest
  headwater groups reset billing --to-time 2h --yes
  headwater groups reset billing --live-query adults --to-offset 1000 --yes")]
    Reset {
        /// Its name
        name: String,
        #[command(flatten)]
        to: ResetTo,
        /// The topic [default: the main one of the app, user-consumable-<app>]
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
        /// The topic of this live query of the app
        #[arg(long, value_name = "NAME", conflicts_with = "topic")]
        live_query: Option<String>,
        /// Really change them
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Forget what a group has committed, on every topic: it begins as one that never read
    #[command(after_help = "\
Stop the group's consumers first: while it has members nothing is changed.

Example:
  headwater groups delete billing --yes")]
    Delete {
        /// Its name
        name: String,
        /// Really forget it
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        app: AppOption,
    },
}

/// Where a group's offsets go.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ResetTo {
    /// To the first offset: everything again
    #[arg(long)]
    to_earliest: bool,
    /// After the last event: skip what was not read
    #[arg(long)]
    to_latest: bool,
    /// To this offset, in every partition
    #[arg(long, value_name = "OFFSET")]
    to_offset: Option<u64>,
    /// To the first event of this time or later: 2026-01-31T12:00:00Z, or how long ago, as 2h
    #[arg(long, value_name = "TIME")]
    to_time: Option<PointInTime>,
}

impl ResetTo {
    /// The body of the call, on a topic.
    fn body(&self, topic: &str, dry_run: bool) -> serde_json::Value {
        let mut body = json!({ "topic": topic, "dryRun": dry_run });
        match self {
            Self { to_offset: Some(offset), .. } => body["offset"] = json!(offset),
            Self { to_time: Some(time), .. } => body["timeMs"] = json!(time.at_ms(SystemClock.now_ms())),
            Self { to_latest: true, .. } => body["to"] = json!("latest"),
            Self { .. } => body["to"] = json!("earliest"),
        }
        body
    }
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
            Groups::Reset { name, to, topic, live_query, yes, app, json } => {
                let app = app.resolve(&context.file)?;
                let topic = topic.unwrap_or_else(|| topic_of(&app, live_query.as_deref()));
                let server = AdminClient::connect(&context.common.data_dir)?;
                let path = format!("apps/{}/groups/{}/reset", app.as_str(), segment(&name));
                let reply = server.create(&path, &to.body(&topic, !yes))?;
                if json {
                    print_line(&reply)?
                } else {
                    print_moves(&read_reply(&reply)?)?
                }
                if yes || json {
                    Ok(())
                } else {
                    Err(UsageError("nothing was changed; to do it, add --yes".into()).into())
                }
            }
            Groups::Delete { name, yes, app } => {
                let (server, path) = connect(context, app)?;
                let path = format!("{path}/{}", segment(&name));
                if !yes {
                    let group: GroupDescriptionReply = read_reply(&server.read(&path)?)?;
                    let offsets = counted(group.partitions.len() as u64, "committed offset");
                    return Err(
                        UsageError(format!("{offsets} of {name} would be forgotten; to do it, add --yes")).into()
                    );
                }
                let GroupDeletedReply { deleted, offsets } = read_reply(&server.delete(&path)?)?;
                let forgotten = counted(offsets as u64, "committed offset");
                print_line(&format!("deleted group {deleted}: {forgotten} forgotten"))
            }
        }
    }
}

fn connect(context: &Context, app: AppOption) -> anyhow::Result<(AdminClient, String)> {
    let app = app.resolve(&context.file)?;
    Ok((AdminClient::connect(&context.common.data_dir)?, format!("apps/{}/groups", app.as_str())))
}

/// The topic of an app, or of one of its live queries.
pub(crate) fn topic_of(app: &AppName, live_query: Option<&str>) -> String {
    match live_query {
        Some(live_query) => format!("{}.{live_query}", app.main_topic()),
        None => app.main_topic(),
    }
}

fn print_moves(reply: &GroupResetReply) -> anyhow::Result<()> {
    let GroupResetReply { group, topic, dry_run, partitions } = reply;
    print_line(&format!("group {group} on {topic}{}\n", if *dry_run { ", as it would be" } else { "" }))?;
    let offset = |offset: Option<u64>| offset.map_or_else(|| NOTHING.to_owned(), |offset| offset.to_string());
    let row = |it: &GroupMoveReply| {
        vec![it.partition.to_string(), offset(it.old), offset(it.new), consequence(it.old, it.new)]
    };
    let rows: Vec<Vec<String>> = partitions.iter().map(row).collect();
    print_table(&["partition", "committed", "new", ""], &rows, "the topic has no partition to set")
}

/// What the group's consumers see of a move.
fn consequence(old: Option<u64>, new: Option<u64>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if new < old => format!("{} again", counted(old - new, "event")),
        (Some(old), Some(new)) if new > old => format!("{} skipped", counted(new - old, "event")),
        (Some(_), Some(_)) => "stays".to_owned(),
        (None, _) => "is set".to_owned(),
        (_, None) => "is forgotten".to_owned(),
    }
}

fn print_all(reply: &GroupsReply) -> anyhow::Result<()> {
    let row = |group: &GroupReply| {
        vec![
            group.group.clone(),
            group.state.clone(),
            group.members.to_string(),
            group.lag.to_string(),
            time(group.lag_seconds),
            gap(group.gap_ahead, group.restore_ahead, group.seconds_until_gap),
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
            gap(partition.gap_ahead, partition.restore_ahead, partition.seconds_until_gap),
        ]
    };
    let rows: Vec<Vec<String>> = reply.partitions.iter().map(row).collect();
    let headings = ["topic", "partition", "committed", "high watermark", "lag", "lag time", "gap"];
    print_table(&headings, &rows, "it has committed nothing")
}

/// Whether the data was restored, or events were trimmed, before they were read, or when they will
/// be.
fn gap(ahead: bool, restore_ahead: bool, seconds_until: Option<f64>) -> String {
    match (ahead, seconds_until) {
        _ if restore_ahead => "RESTORED".to_owned(),
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
        let all =
            [gap(true, false, Some(1.0)), gap(false, false, Some(1.0)), gap(false, false, None), gap(true, true, None)];
        assert_eq!(all, ["AHEAD", "in 1.0 s", NOTHING, "RESTORED"]);
    }
}
