//! `headwater events`: a topic as JSON lines.

use credentials::Credentials;
use kafka_client::OwnedRecord;

use super::Context;
use crate::{
    clock,
    config::AppOption,
    output::print_line,
    run_file::RunFile,
    topic_reader::{Start, TopicReader},
};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  headwater events
  headwater events --from-beginning --max 10
  headwater events | jq .change.newValue")]
pub(crate) struct Events {
    /// The topic [default: the main one of the app, user-consumable-<app>]
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Begin with the oldest event, not with the next one
    #[arg(long)]
    from_beginning: bool,
    /// End after this many events
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    #[command(flatten)]
    app: AppOption,
}

impl Events {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let app = self.app.clone().resolve(&context.file)?;
        let run = RunFile::of_running(&context.common.data_dir)?;
        let tls = Credentials::open(&context.common.data_dir, clock::now_ms())?.client_tls(app.as_str())?;
        let topic = self.topic.clone().unwrap_or_else(|| app.main_topic());
        let start = if self.from_beginning { Start::Beginning } else { Start::End };
        super::runtime()?.block_on(async {
            let mut reader = TopicReader::open(&run.kafka, tls, &topic, start).await?;
            self.print(&mut reader).await
        })
    }

    async fn print(&self, reader: &mut TopicReader) -> anyhow::Result<()> {
        let mut left = self.max.unwrap_or(u64::MAX);
        while left > 0 {
            let records = reader.next().await?;
            let take = records.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            print_line(&records[..take].iter().map(value).collect::<Vec<_>>().join("\n"))?;
            left -= take as u64;
        }
        Ok(())
    }
}

/// The value as text; an event always has one.
fn value(record: &OwnedRecord) -> String {
    record.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}
