//! Which blobs documents hold: looked for in all of them, so that it needs no count of its own that
//! could be wrong after a restore or an import.
//!
//! Invariant: a blob that a document holds, or that a write on its way refers to, is not removed.
//! Not here: the files and how long they stay (crate `attachments`), when somebody looks (`server`).

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use attachments::{BlobId, Swept};
use document::{Map, Value};
use memchr::memmem::Finder;
use rules::split_document_key;

use crate::{
    app::App,
    engine::{EngineError, EngineSnapshot, decode_stored, stored_parts},
    open::ATTACHMENTS,
    snapshot::{Snapshot, SnapshotError},
    write::Write,
};

/// Every token has this field, and a field's name stands as it is in what is stored.
const OF_A_TOKEN: &[u8] = b"metadata";

/// Documents between two questions whether to go on.
const DOCUMENTS_AT_ONCE: usize = 64;

/// Findings of one kind that are told one by one.
const FINDINGS_MAX: usize = 100;

const MORE_TOKENS: &str = "more tokens have no attachment";

/// Why attachments could not be looked through.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The documents cannot be read.
    #[error(transparent)]
    Read(#[from] SnapshotError),
    /// A blob or a note cannot be written or removed.
    #[error("an attachment cannot be removed: {0}")]
    Io(#[from] std::io::Error),
}

/// The name of the blob that a token refers to; `None` where it cannot be one's.
pub fn blob_of(token: &Map) -> Option<BlobId> {
    match token.field("id") {
        Some(Value::String(id)) => id.parse().ok(),
        _ => None,
    }
}

impl App {
    /// Removes the blobs that no document has held for `grace_ms`. `goes_on` is asked now and then, and
    /// rests as it likes; where it says `false` nothing is removed. Blocks.
    ///
    /// # Errors
    /// The documents cannot be read, or a file cannot be removed; what was not removed stays.
    pub fn sweep_attachments(&self, grace_ms: u64, goes_on: &mut dyn FnMut() -> bool) -> Result<Swept, SweepError> {
        let blobs = self.blobs();
        let sweep = blobs.begin_sweep();
        let snapshot = self.snapshot()?;
        let Some(held) = snapshot.held_blobs(goes_on)? else { return Ok(Swept::default()) };
        drop(snapshot);
        Ok(blobs.end_sweep(sweep, &held, self.now_ms(), grace_ms)?)
    }

    /// Has the blobs stay that these writes refer to, whoever looks meanwhile. For writes of which it
    /// is not asked whether their blobs are there.
    pub(crate) fn keep_referred(&self, writes: &[Write]) {
        for operation in writes.iter().flat_map(|write| &write.changeset.operations) {
            operation.action.for_each_token(&mut |token| {
                if let Some(id) = blob_of(token) {
                    self.blobs().refer(&id);
                }
            });
        }
    }
}

impl App {
    /// Which attachments are damaged. At most [`FINDINGS_MAX`], and how many more there are.
    pub(crate) fn scrub_attachments(&self, read: &mut dyn FnMut(u64) -> bool) -> Vec<String> {
        let mut damaged = Findings::default();
        let checked =
            self.blobs().scrub(read, &mut |id, damage| damaged.add(|| format!("the attachment {id} {damage}")));
        let mut told: Vec<String> = damaged.told("more attachments are damaged").collect();
        told.extend(checked.err().map(|error| format!("the attachments cannot be looked through: {error}")));
        told
    }
}

impl Snapshot {
    /// The blobs that documents hold; `None` where `goes_on` said `false`. Looks at every document.
    pub fn held_blobs(&self, goes_on: &mut dyn FnMut() -> bool) -> Result<Option<HashSet<BlobId>>, SnapshotError> {
        let mut held = HashSet::new();
        let went_on = for_each_token(self.engine(), goes_on, &mut |_, token| held.extend(blob_of(token)))?;
        Ok(went_on.then_some(held))
    }
}

/// Gives every token that a document holds, with the document's key. `false` where `goes_on` said so.
fn for_each_token(
    engine: &EngineSnapshot,
    goes_on: &mut dyn FnMut() -> bool,
    each: &mut dyn FnMut(&[u8], &Map),
) -> Result<bool, EngineError> {
    let finder = Finder::new(OF_A_TOKEN);
    let mut seen = 0_usize;
    for entry in engine.documents(&[]) {
        let (key, value) = entry?;
        if finder.find(stored_parts(&key, &value)?.encoded).is_some() {
            decode_stored(&key, &value)?.document.for_each_token(&mut |token| each(&key, token));
        }
        seen += 1;
        if seen.is_multiple_of(DOCUMENTS_AT_ONCE) && !goes_on() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is wrong with the blobs in the app's folder, and with what documents say of them: one that is
/// not what its name says, and one that is not there. At most [`FINDINGS_MAX`] of each, and how many
/// more there are.
pub(crate) fn findings(app_dir: &Path, engine: &EngineSnapshot) -> Result<Vec<String>, EngineError> {
    let folder = app_dir.join(ATTACHMENTS);
    let mut lengths = HashMap::new();
    let mut damaged = Findings::default();
    let checked = attachments::verify(&folder, &mut |id, len, is_whole| {
        lengths.insert(id, len);
        if !is_whole {
            damaged
                .add(|| format!("the attachment {} is not what its name says", folder.join(id.to_string()).display()));
        }
    });
    checked.map_err(|error| EngineError(format!("{} cannot be read: {error}", folder.display())))?;
    let mut missing = Findings::default();
    for_each_token(engine, &mut || true, &mut |key, token| {
        let found = blob_of(token).and_then(|id| lengths.get(&id).copied());
        if let Some(fault) = fault_of(token, found) {
            missing.add(|| told_of(key, token, fault));
        }
    })?;
    Ok(damaged.told("more attachments are damaged").chain(missing.told(MORE_TOKENS)).collect())
}

/// What is wrong with a token whose blob has that length, or is not there.
fn fault_of(token: &Map, found: Option<u64>) -> Option<&'static str> {
    let len = match token.field("len") {
        Some(Value::Int(len)) => u64::try_from(*len).ok(),
        Some(Value::Uint(len)) => Some(*len),
        _ => None,
    };
    match found {
        None => Some("that is not there"),
        Some(_) if found != len => Some("of another length"),
        Some(_) => None,
    }
}

fn told_of(key: &[u8], token: &Map, fault: &str) -> String {
    let mut shown = Vec::new();
    token.write_json(&mut shown);
    let (collection, id) = split_document_key(key).unwrap_or_default();
    format!("the document {id} of {collection:?} holds an attachment {fault}: {}", String::from_utf8_lossy(&shown))
}

/// Whether documents hold blobs that are not there, looked at one after the other while others write.
pub(crate) struct TokensLook<'a> {
    app: &'a App,
    finder: Finder<'static>,
    /// Keys of documents that held such a blob. By now they may hold another one, and nobody that.
    suspects: Vec<Box<[u8]>>,
    missing: Findings,
}

impl<'a> TokensLook<'a> {
    pub(crate) fn new(app: &'a App) -> Self {
        Self { app, finder: Finder::new(OF_A_TOKEN), suspects: Vec::new(), missing: Findings::default() }
    }

    /// Looks at a document as a snapshot has it.
    pub(crate) fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        if self.finder.find(stored_parts(key, value)?.encoded).is_none() {
            return Ok(());
        }
        let mut is_suspect = false;
        decode_stored(key, value)?.document.for_each_token(&mut |token| is_suspect |= self.fault(token).is_some());
        if is_suspect {
            self.suspects.push(key.into());
        }
        Ok(())
    }

    /// Looks again at what was suspect, as it is now.
    pub(crate) fn settle(&mut self) -> Result<(), EngineError> {
        if self.suspects.is_empty() {
            return Ok(());
        }
        let snapshot = self.app.shared.engine.snapshot();
        for key in std::mem::take(&mut self.suspects) {
            let Some(now) = snapshot.document(&key)? else { continue };
            let mut faults = Vec::new();
            now.document
                .for_each_token(&mut |token| faults.extend(self.fault(token).map(|it| told_of(&key, token, it))));
            faults.into_iter().for_each(|told| self.missing.add(|| told));
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> impl Iterator<Item = String> + use<> {
        self.missing.told(MORE_TOKENS)
    }

    fn fault(&self, token: &Map) -> Option<&'static str> {
        let found = blob_of(token).map_or(Ok(None), |id| self.app.blobs().find(&id));
        // Why it cannot be opened is told by who reads every blob.
        found.ok().and_then(|found| fault_of(token, found.map(|blob| blob.len_bytes())))
    }
}

/// Findings of one kind, told one by one up to a bound.
#[derive(Default)]
struct Findings {
    told: Vec<String>,
    count: usize,
}

impl Findings {
    fn add(&mut self, tell: impl FnOnce() -> String) {
        self.count += 1;
        if self.told.len() < FINDINGS_MAX {
            self.told.push(tell());
        }
    }

    fn told(self, more: &str) -> impl Iterator<Item = String> + use<> {
        let left = self.count - self.told.len();
        let rest = (left > 0).then(|| format!("{left} {more}"));
        self.told.into_iter().chain(rest)
    }
}
