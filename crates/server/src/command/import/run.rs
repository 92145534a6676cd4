//! An import from its beginning, or from where it was interrupted, to its end.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::{
    FormatOption, Import,
    batch::{Batch, Upserts},
    cutter::{Cutter, Ended},
    reader::{Fault, Format, Place, Position, ReadError, Reader},
    resume::{Resume, ResumeFile, Settings},
    sender::{Failure, Report, Senders},
};
use crate::{
    input::InputFile,
    output::{counted, print_line},
    progress::{Done, Progress},
    store_client::{CallError, StoreClient},
};

/// Batches that are sent at once.
const SENDERS: usize = 4;
/// Batches that wait to be sent.
const WAITING_MAX: usize = 2;
/// Reports that were not taken yet; whoever has another waits.
const REPORTS_MAX: usize = 64;
/// How often it is noted how far it is. What was done since is sent again after an interruption, and
/// the server knows it by its request ids.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// For how long a batch is sent again, if nothing is said.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// So many bad lines are told one by one.
const SKIPPED_TOLD_MAX: u64 = 10;
/// Between two looks at the time.
const TICK: Duration = Duration::from_millis(100);

/// Imports a file, and prints what was done.
pub(super) fn import(options: &Import, client: &StoreClient, app: &str, data_dir: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let input = InputFile::open(&options.file)?;
    let (name, len_bytes) = (input.name.clone(), input.len_bytes);
    let format = match options.format {
        FormatOption::Ndjson => Some(Format::Ndjson),
        FormatOption::JsonArray => Some(Format::JsonArray),
        FormatOption::Auto => None,
    };
    let cannot_read = || format!("cannot read {name}");
    let mut reader = Reader::new(input.reader, len_bytes, format).with_context(cannot_read)?;
    let settings = Settings {
        app: app.to_owned(),
        collection: options.collection.clone(),
        format: reader.format,
        id_field: options.id_field.clone(),
        batch: options.batch,
    };
    let file = ResumeFile::of(data_dir, reader.fingerprint, app, &options.collection)?;
    let resume = match if options.restart { None } else { file.read()? } {
        Some(resume) => checked(resume, &settings, &name)?,
        None => {
            let resume = Resume::new(settings);
            file.write(&resume)?;
            resume
        }
    };
    if !reader.skip_to(resume.position).with_context(cannot_read)? {
        bail!(
            "{name} is not what the interrupted import read: its first {} bytes are others; --restart begins anew",
            resume.position.bytes
        );
    }
    let before = Done { documents: resume.documents, bytes: resume.position.bytes };
    let mut progress = Progress::new(options.progress, len_bytes, before);
    if resume.position.bytes > 0 {
        progress.say(&format!(
            "goes on after line {}; written before: {}",
            resume.position.lines,
            counted(resume.documents, "document")
        ));
    }
    let cutter = Cutter {
        upserts: Upserts::new(&options.collection, reader.fingerprint, options.batch),
        reader,
        id_field: options.id_field.clone(),
        skips_bad: options.skip_bad,
    };
    let done = Running::new(options, &name, resume, file, progress).run(client, cutter)?;
    let seconds = started.elapsed().as_secs_f64().max(0.001);
    let here = done.documents - before.documents;
    let earlier = if before.documents > 0 { format!(" ({} of them before)", before.documents) } else { String::new() };
    print_line(&format!(
        "imported {name} into {}: {} read, {} written{earlier}, {} skipped, {}, {seconds:.2} s, {:.0} documents/s, {:.1} MB/s",
        options.collection,
        counted(done.documents + done.skipped, "document"),
        done.documents,
        done.skipped,
        counted(done.position.bytes, "byte"),
        here as f64 / seconds,
        (done.position.bytes - before.bytes) as f64 / 1e6 / seconds,
    ))
}

/// What was left by an interrupted run, unless this one was told otherwise.
fn checked(resume: Resume, settings: &Settings, name: &str) -> anyhow::Result<Resume> {
    if resume.settings == *settings {
        return Ok(resume);
    }
    let Settings { batch, id_field, .. } = &resume.settings;
    let id_field = id_field.as_ref().map_or(String::new(), |name| format!(" --id-field {name}"));
    bail!(
        "an import of {name} was interrupted that had --batch {batch}{id_field}: go on with the same, or begin anew with --restart"
    )
}

/// An import while it runs.
struct Running<'a> {
    options: &'a Import,
    name: &'a str,
    file: ResumeFile,
    progress: Progress,
    /// Up to where everything is acknowledged.
    resume: Resume,
    noted: Instant,
    /// What is acknowledged behind that.
    ahead: BTreeMap<u64, Acknowledged>,
    /// Documents that are written, also behind what is not.
    written: u64,
    /// What the senders have left out in this run, in all and up to where all is acknowledged.
    left_out: u64,
    left_out_below: u64,
    /// How many skipped documents were told.
    told: u64,
    /// Whether it was said that a batch is sent again, and none was written since.
    waiting: bool,
    /// How many senders have ended.
    idle: usize,
    ended: Option<Ended>,
    failure: Option<Failure>,
}

/// A batch that is written while one before it is not.
struct Acknowledged {
    end: Position,
    documents: u64,
    /// By the cutter, up to the end.
    skipped: u64,
    /// By the sender, of this batch.
    left_out: u64,
}

impl<'a> Running<'a> {
    fn new(options: &'a Import, name: &'a str, resume: Resume, file: ResumeFile, progress: Progress) -> Self {
        Self {
            options,
            name,
            file,
            progress,
            noted: Instant::now(),
            ahead: BTreeMap::new(),
            written: resume.documents,
            left_out: 0,
            left_out_below: 0,
            told: 0,
            waiting: false,
            idle: 0,
            ended: None,
            failure: None,
            resume,
        }
    }

    /// To the end; what then is done in all.
    fn run(mut self, client: &StoreClient, cutter: Cutter) -> anyhow::Result<Resume> {
        let (batches, to_send) = mpsc::sync_channel(WAITING_MAX);
        let (reports_to, reports) = mpsc::sync_channel(REPORTS_MAX);
        let first = Batch::new(self.resume.batches, self.resume.position, self.resume.skipped);
        let to_cutter = reports_to.clone();
        // It is not waited for: it may be waiting for input when a batch fails.
        std::thread::spawn(move || cutter.run(first, batches, &to_cutter));
        let run = self.resume.run.clone();
        let senders = Senders {
            client,
            run: &run,
            skips_bad: self.options.skip_bad,
            retry_for: self.options.retry_for.map_or(RETRY_FOR, |time| Duration::from_millis(time.0)),
            stopping: AtomicBool::new(false),
            batches: Mutex::new(to_send),
        };
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| senders.run_one(&reports_to));
            }
            self.follow(&reports, &senders.stopping);
        });
        self.progress.clear();
        self.finish()
    }

    /// Takes reports until all senders have ended.
    fn follow(&mut self, reports: &Receiver<Report>, stopping: &AtomicBool) {
        while self.idle < SENDERS {
            if let Ok(report) = reports.recv_timeout(TICK) {
                self.take(report);
            }
            self.note();
            stopping.store(self.failure.is_some(), Relaxed);
        }
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Again(why) => {
                if !std::mem::replace(&mut self.waiting, true) {
                    self.progress.say(&format!("{why}; trying again"));
                }
            }
            Report::Skipped(refused) => self.tell_skipped(refused.place, &refused.message),
            Report::LeftOut(refused) => {
                self.tell_skipped(refused.place, &refused.message);
                self.left_out += 1;
            }
            Report::Written(batch) => {
                self.waiting = false;
                self.written += batch.documents();
                let (documents, left_out) = (batch.documents(), batch.left_out());
                let acknowledged = Acknowledged { end: batch.end, documents, skipped: batch.skipped, left_out };
                self.ahead.insert(batch.number, acknowledged);
                self.close_up();
            }
            // The first is the reason; the others are given up for it.
            Report::Failed(failure) => drop(self.failure.get_or_insert(failure)),
            Report::Ended(ended) => self.ended = Some(ended),
            Report::Idle => self.idle += 1,
        }
    }

    /// Moves to where everything before is acknowledged.
    fn close_up(&mut self) {
        while let Some(done) = self.ahead.remove(&self.resume.batches) {
            self.resume.batches += 1;
            self.resume.position = done.end;
            self.resume.documents += done.documents;
            self.left_out_below += done.left_out;
            self.resume.skipped = done.skipped + self.left_out_below;
        }
    }

    /// Notes how far it is, if it is time again, and shows it.
    fn note(&mut self) {
        if self.noted.elapsed() >= NOTE_EVERY && self.failure.is_none() {
            self.noted = Instant::now();
            self.failure = self.file.write(&self.resume).err().map(Failure::Noting);
        }
        self.progress.show(Done { documents: self.written, bytes: self.resume.position.bytes });
    }

    fn tell_skipped(&mut self, place: Place, what: &str) {
        self.told += 1;
        match self.told {
            ..=SKIPPED_TOLD_MAX => self.progress.say(&format!("skipped {}", self.at(place, what))),
            told if told == SKIPPED_TOLD_MAX + 1 => self.progress.say("further ones are skipped without being told"),
            _ => {}
        }
    }

    fn at(&self, place: Place, what: &str) -> String {
        format!("line {}, column {} of {}: {what}", place.line, place.column, self.name)
    }

    /// When nothing is sent any more.
    fn finish(mut self) -> anyhow::Result<Resume> {
        let (why, next) = match (self.failure.take(), self.ended.take()) {
            (Some(failure), _) => self.explain(failure),
            (None, Some(Ended { position, skipped, why: None })) => {
                self.file.remove()?;
                return Ok(Resume { position, skipped: skipped + self.left_out, ..self.resume });
            }
            (None, Some(Ended { why: Some(ReadError::Fault(Fault { place, what })), .. })) => self.bad(place, &what),
            (None, Some(Ended { why: Some(ReadError::Io(error)), .. })) => {
                (format!("cannot read {}: {error}", self.name), GO_ON)
            }
            (None, None) => (format!("reading {} ended without a reason", self.name), GO_ON),
        };
        self.file.write(&self.resume)?;
        match self.resume.documents {
            0 => bail!("{why}; no document is written; {next}"),
            documents => {
                let written = counted(documents, "document");
                bail!("{why}; written: {written}, up to line {}; {next}", self.resume.position.lines)
            }
        }
    }

    fn explain(&self, failure: Failure) -> (String, &'static str) {
        match failure {
            Failure::Document(refused) => self.bad(refused.place, &refused.message),
            Failure::Noting(error) => (format!("{error:#}"), GO_ON),
            Failure::Call(CallError::Refused { status: 409, message, .. }) => {
                let why = format!("{} was changed while its import was interrupted ({message})", self.name);
                (why, "--restart begins anew")
            }
            Failure::Call(error @ CallError::Refused { status: 413, .. }) => {
                (error.to_string(), "--restart with a smaller --batch, or give the server a larger --max-request-bytes")
            }
            Failure::Call(error) => (error.to_string(), GO_ON),
        }
    }

    fn bad(&self, place: Place, what: &str) -> (String, &'static str) {
        let next = match self.resume.documents {
            0 => "correct it, or give --skip-bad to go on without such documents",
            _ => "correct it and import what comes after that, or run the same with --skip-bad",
        };
        (self.at(place, what), next)
    }
}

const GO_ON: &str = "to go on from there, run the same command again";
