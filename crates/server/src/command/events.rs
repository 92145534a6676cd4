//! `headwater events`: a topic as JSON lines, or as lines that also say where each event stands.

use credentials::Credentials;
use kafka_client::{Consumer, OwnedRecord};
use store::WallClock as _;

use super::Context;
use crate::{
    clock::SystemClock,
    config::AppOption,
    output::print_line,
    run_file::RunFile,
    topic_reader::{Place, Start, TopicReader},
};

/// What to print.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  headwater events
  headwater events --from-beginning --max 10
  headwater events --live-query adults --from-offset 1000 --long
  headwater events --group audit --from-beginning >> audit.jsonl
  headwater events | jq .change.newValue")]
pub(crate) struct Events {
    /// The topic [default: the main one of the app, user-consumable-<app>]
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// The topic of this live query of the app
    #[arg(long, value_name = "NAME", conflicts_with = "topic")]
    live_query: Option<String>,
    /// Begin with the oldest event, not with the next one; with --group, where the group has no
    /// committed offset
    #[arg(long)]
    from_beginning: bool,
    /// Begin at this offset, in every partition
    #[arg(long, value_name = "OFFSET", conflicts_with = "from_beginning")]
    from_offset: Option<u64>,
    /// Go on where this consumer group is, and commit what was printed. The group must have no
    /// members meanwhile
    #[arg(long, value_name = "GROUP", conflicts_with = "from_offset")]
    group: Option<String>,
    /// Before each event its partition and offset, what happened, and its key
    #[arg(long)]
    long: bool,
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
        let tls = Credentials::open(&context.common.data_dir, SystemClock.now_ms())?.client_tls(app.as_str())?;
        let main = app.main_topic();
        let topic = match (&self.topic, &self.live_query) {
            (Some(topic), _) => topic.clone(),
            (None, Some(live_query)) => format!("{main}.{live_query}"),
            (None, None) => main,
        };
        let start = match self.from_offset {
            Some(offset) => Start::Offset(offset),
            None if self.from_beginning => Start::Beginning,
            None => Start::End,
        };
        super::runtime()?.block_on(async {
            let place = Place { start, group: self.group.as_deref() };
            let mut reader = TopicReader::open(&run.kafka, tls.clone(), &topic, place).await?;
            let mut committer = match &self.group {
                Some(group) => {
                    Some(Committer { consumer: Consumer::connect(&run.kafka, tls).await?, group, topic: &topic })
                }
                None => None,
            };
            self.print(&mut reader, committer.as_mut()).await
        })
    }

    async fn print(&self, reader: &mut TopicReader, mut committer: Option<&mut Committer<'_>>) -> anyhow::Result<()> {
        let mut left = self.max.unwrap_or(u64::MAX);
        while left > 0 {
            let (partition, records) = reader.next().await?;
            let take = records.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let line = |record: &OwnedRecord| if self.long { long(partition, record) } else { value(record) };
            print_line(&records[..take].iter().map(line).collect::<Vec<_>>().join("\n"))?;
            left -= take as u64;
            if let (Some(committer), Some(last)) = (committer.as_mut(), records[..take].last()) {
                committer.commit(partition, last.offset + 1).await?;
            }
        }
        Ok(())
    }
}

/// Commits for a group what was printed.
struct Committer<'a> {
    consumer: Consumer,
    group: &'a str,
    topic: &'a str,
}

impl Committer<'_> {
    async fn commit(&mut self, partition: i32, next_offset: i64) -> anyhow::Result<()> {
        Ok(self.consumer.commit(self.group, self.topic, partition, next_offset).await?)
    }
}

/// As `0:41 update ["people","abc123"] {…}`.
fn long(partition: i32, record: &OwnedRecord) -> String {
    let header = record.headers.iter().find(|(name, _)| name == "op");
    let op = String::from_utf8_lossy(header.and_then(|(_, value)| value.as_deref()).unwrap_or_default());
    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
    format!("{partition}:{} {op} {key} {}", record.offset, value(record))
}

/// The value as text; an event always has one.
fn value(record: &OwnedRecord) -> String {
    record.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}
