//! `headwater collection`: which collections there are, and removing one.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;
use wire::admin::{CollectionReply, CollectionsReply};

use super::{Context, count_of, read_reply};
use crate::{
    admin_client::AdminClient,
    arguments::QueryArguments,
    config::AppOption,
    document_pages::Pages,
    failure::UsageError,
    output::{counted, print_line, print_table},
    progress::{Done, Progress, ProgressOption},
    store_client::{Patience, StoreClient},
};

/// Documents that one transaction removes.
const REMOVED_AT_ONCE: u64 = 1_000;
/// What the commands of one transaction may take, in bytes; a single one may take more.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// For how long a removal is sent again while the server cannot answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to do with collections.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Collection {
    /// List the collections of an app that have documents
    #[command(after_help = "Example:\n  headwater collection list --app shop")]
    List {
        #[command(flatten)]
        app: AppOption,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Remove every document of a collection
    #[command(after_help = "\
Each document is removed as by any client, and makes its event; a thousand are one transaction. If it is \
interrupted, run it again.

Example:
  headwater export people --out people.ndjson
  headwater collection drop people --yes")]
    Drop {
        /// Its name
        name: String,
        /// Really remove the documents
        #[arg(long)]
        yes: bool,
        /// Whether to show how far it is, on stderr
        #[arg(long, value_enum, default_value_t = ProgressOption::Auto)]
        progress: ProgressOption,
        #[command(flatten)]
        app: AppOption,
    },
}

impl Collection {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Collection::List { app, json } => {
                let app = app.resolve(&context.file)?;
                let server = AdminClient::connect(&context.common.data_dir)?;
                let reply = server.read(&format!("apps/{}/collections", app.as_str()))?;
                if json { print_line(&reply) } else { print_all(&read_reply(&reply)?) }
            }
            Collection::Drop { name, yes, progress, app } => {
                let client = StoreClient::connect(&context.common.data_dir, app.resolve(&context.file)?)?;
                drop_all(&client, &name, yes, progress)
            }
        }
    }
}

fn print_all(reply: &CollectionsReply) -> anyhow::Result<()> {
    let row = |collection: &CollectionReply| vec![collection.name.clone(), collection.documents.to_string()];
    let rows: Vec<Vec<String>> = reply.collections.iter().map(row).collect();
    print_table(
        &["collection", "documents"],
        &rows,
        "no collections: nothing was written to this app, or all was removed",
    )
}

fn drop_all(client: &StoreClient, name: &str, yes: bool, progress: ProgressOption) -> anyhow::Result<()> {
    let all = QueryArguments::default();
    let count = count_of(client, name, &all)?;
    if !yes {
        let usage = format!(
            "{} of {name} would be removed, each with an event; to do it, add --yes",
            counted(count, "document")
        );
        return Err(UsageError(usage).into());
    }
    let started = Instant::now();
    let mut progress = Progress::new(progress, Some(count), Done::default());
    let mut removed = 0;
    let run = format!("drop-{:016x}", rand::random::<u64>());
    let mut requests = 0;
    let mut pages = Pages::new(client, name, &all).removing(REMOVED_AT_ONCE);
    loop {
        let page = pages.take_next(|documents| {
            let mut ids = documents.iter().map(|document| document.id.get()).peekable();
            while ids.peek().is_some() {
                requests += 1;
                removed += remove(client, name, &mut ids, &format!("{run}-{requests}"))?;
            }
            Ok(())
        });
        let is_page = page.with_context(|| {
            format!("so far {} of {name} removed; to go on, run it again", counted(removed, "document"))
        })?;
        progress.show(Done { documents: removed, bytes: 0 });
        if !is_page {
            break;
        }
    }
    drop(progress);
    print_line(&format!(
        "removed {} of {name} in {:.2} s",
        counted(removed, "document"),
        started.elapsed().as_secs_f64()
    ))?;
    match count_of(client, name, &all)? {
        0 => Ok(()),
        left => anyhow::bail!(
            "written to {name} meanwhile: {}; to remove them too, run it again",
            counted(left, "document")
        ),
    }
}

/// Removes as many as fit one request; how many were there to be removed.
fn remove<'i>(
    client: &StoreClient,
    collection: &str,
    ids: &mut std::iter::Peekable<impl Iterator<Item = &'i str>>,
    request_id: &str,
) -> anyhow::Result<u64> {
    let collection = serde_json::to_string(collection)?;
    let mut body = b"{\"commands\":[".to_vec();
    let empty = body.len();
    while let Some(id) = ids.next_if(|id| body.len() == empty || body.len() + id.len() < REQUEST_BYTES_MAX) {
        if body.len() > empty {
            body.push(b',');
        }
        body.extend_from_slice(format!(r#"{{"method":"remove","collection":{collection},"id":{id}}}"#).as_bytes());
    }
    body.extend_from_slice(b"]}");
    let patience = Patience { at_most: PATIENCE, note: &|_| true };
    let text = client.send_patiently("write", &body, Some(request_id), &patience)?;
    let reply: RemovedReply = read_reply(&text)?;
    Ok(reply.deleted + reply.results.iter().map(|result| result.deleted).sum::<u64>())
}

/// The results or, of a request that was sent twice and whose result was long, their sums.
#[derive(Deserialize)]
struct RemovedReply {
    #[serde(default)]
    results: Vec<RemoveResult>,
    #[serde(default)]
    deleted: u64,
}

#[derive(Deserialize)]
struct RemoveResult {
    deleted: u64,
}
