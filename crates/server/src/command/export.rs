//! `headwater export`: every document that matches, streamed page by page.
//!
//! Invariant: a file has its name only once it is whole; until then it is called `….part`.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Context as _;
use clap::ValueEnum;

use super::{Context, count_of};
use crate::{
    arguments::QueryArguments,
    config::AppOption,
    document_pages::Pages,
    failure::StdoutClosed,
    found_documents::FoundDocument,
    output::{counted, print_line},
    progress::{Done, Progress, ProgressOption},
    store_client::StoreClient,
};

/// What to export, and where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Documents that are written meanwhile may be missing, or be there as they were before or after. A file is called \
FILE.part until it is whole. What is exported can be imported again: headwater import.

Examples:
  headwater export people --out people.ndjson
  headwater export orders \"paid == true\" --format json-array --out paid.json
  headwater export people | gzip > people.ndjson.gz")]
pub(crate) struct Export {
    /// The collection
    collection: String,
    #[command(flatten)]
    query: QueryArguments,
    /// The file; '-' is stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// How documents stand in it
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Whether to show how far it is, on stderr
    #[arg(long, value_enum, default_value_t = ProgressOption::Auto)]
    progress: ProgressOption,
    #[command(flatten)]
    app: AppOption,
}

/// How documents stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One a line
    Ndjson,
    /// One JSON array, a document a line
    JsonArray,
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = StoreClient::connect(&context.common.data_dir, self.app.resolve(&context.file)?)?;
        let is_shown = self.progress == ProgressOption::Auto;
        let total = if is_shown { Some(count_of(&client, &self.collection, &self.query)?) } else { None };
        let started = Instant::now();
        let progress = Progress::new(self.progress, total, Done::default());
        let pages = Pages::new(&client, &self.collection, &self.query);
        let to_stdout = self.out == Path::new("-");
        let done = if to_stdout {
            copy(pages, self.format, io::stdout().lock(), progress).map(|(done, _)| done)
        } else {
            write_file(&self.out, |part| copy(pages, self.format, part, progress))
        }?;
        let seconds = started.elapsed().as_secs_f64().max(0.001);
        let summary = format!(
            "{}, {}, {seconds:.2} s, {:.0} documents/s",
            counted(done.documents, "document"),
            counted(done.bytes, "byte"),
            done.documents as f64 / seconds
        );
        if to_stdout {
            eprintln!("headwater: {summary}");
            return Ok(());
        }
        print_line(&format!("exported {} to {}: {summary}", self.collection, self.out.display()))
    }
}

/// Writes `….part`, and gives it its name once it is whole. What is no file, such as a device or a
/// pipe, is written to as it is, not replaced by a file.
fn write_file(path: &Path, write: impl FnOnce(File) -> anyhow::Result<(Done, File)>) -> anyhow::Result<Done> {
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        let opened = OpenOptions::new().write(true).open(path);
        let opened = opened.with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(write(opened)?.0);
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let cannot_write = || format!("cannot write {}", part.display());
    let file = File::create(&part).with_context(cannot_write)?;
    let (done, file) =
        write(file).with_context(|| format!("the export is not whole; what came is in {}", part.display()))?;
    file.sync_all().with_context(cannot_write)?;
    files::move_durably(&part, path).with_context(|| format!("cannot rename {}", part.display()))?;
    Ok(done)
}

fn copy<W: Write>(mut pages: Pages<'_>, format: Format, to: W, mut progress: Progress) -> anyhow::Result<(Done, W)> {
    let mut out = Writer { to: BufWriter::new(to), format, done: Done::default(), lines: Vec::new() };
    out.append(if format == Format::JsonArray { b"[" } else { b"" })?;
    while pages.take_next(|documents| out.write(documents))? {
        progress.show(out.done);
    }
    out.append(if format == Format::JsonArray { b"\n]\n" } else { b"" })?;
    let done = out.done;
    match out.to.into_inner() {
        Ok(to) => Ok((done, to)),
        Err(error) => Err(failed(error.into_error())),
    }
}

struct Writer<W: Write> {
    to: BufWriter<W>,
    format: Format,
    done: Done,
    lines: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn write(&mut self, documents: &[FoundDocument<'_>]) -> anyhow::Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        for document in documents {
            match self.format {
                Format::Ndjson => document.write_to(&mut lines),
                Format::JsonArray => {
                    lines.extend_from_slice(if self.done.documents == 0 { b"\n" } else { b",\n" });
                    document.write_to(&mut lines);
                }
            }
            if self.format == Format::Ndjson {
                lines.push(b'\n');
            }
            self.done.documents += 1;
        }
        self.append(&lines)?;
        self.lines = lines;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.done.bytes += bytes.len() as u64;
        self.to.write_all(bytes).map_err(failed)
    }
}

fn failed(error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => StdoutClosed.into(),
        _ => anyhow::Error::new(error).context("cannot write the documents"),
    }
}
