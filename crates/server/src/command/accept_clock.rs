//! `headwater accept-clock`: the clock of the running server's machine is right as it is.

use serde_json::json;
use wire::admin::ClockReply;

use super::{Context, read_reply};
use crate::{
    admin_client::AdminClient,
    output::{date_time, print_line},
};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A server refuses writes when its machine's clock jumped ahead by more than an hour, or when it starts more than 366 days after it
last noted the time: a wrong time would stay in the data for ever. First look what time it is there. A clock that is wrong is set
right, and writes go on by themselves. One that is right is accepted: from then on the server dates by it, and what is older than
--retention-ms goes.

Example:
  date --utc
  headwater accept-clock")]
pub(crate) struct AcceptClock {
    /// Print the server's JSON reply
    #[arg(long)]
    json: bool,
}

impl AcceptClock {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let reply = AdminClient::connect(&context.common.data_dir)?.create("accept-clock", &json!({}))?;
        if self.json {
            return print_line(&reply);
        }
        let ClockReply { was_refused, accepted_ms, expected_ms } = read_reply(&reply)?;
        let taken = if was_refused { "; writes are taken again" } else { "" };
        print_line(&format!("the clock is accepted: it is {}{taken}", date_time(accepted_ms)))?;
        match expected_ms {
            Some(expected_ms) if was_refused => {
                print_line(&format!("the server would have expected {}", date_time(expected_ms)))
            }
            _ => Ok(()),
        }
    }
}
