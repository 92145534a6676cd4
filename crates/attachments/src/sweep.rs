//! Removing blobs that no document holds.
//!
//! A sweep begins, then somebody looks which blobs documents hold, then it ends: a blob that was not
//! held goes if it has not been for long enough. What was uploaded, or was about to be referred to,
//! since the sweep began stays: the look may have been too early for it.

use std::{collections::HashSet, io};

use crate::{
    BlobId, Blobs,
    blobs::list,
    limits,
    note::Note,
    state::{State, Upload},
};

/// What a sweep came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many blobs it removed.
    pub removed: u64,
    /// How long those were together, in bytes.
    pub removed_bytes: u64,
}

/// What is to be done about a blob.
enum Verdict {
    Stays,
    /// Nobody holds it, which is to be noted.
    Note(Note),
    Goes,
}

impl Blobs {
    /// Begins a sweep, which is its number: to be called before looking at documents.
    pub fn begin_sweep(&self) -> u64 {
        let mut state = self.state();
        state.sweep += 1;
        state.sweep
    }

    /// Ends the sweep of that number. `held` are the blobs that documents held after it began; others
    /// go `grace_ms` after nobody held them. Blocks on disk.
    pub fn end_sweep(&self, sweep: u64, held: &HashSet<BlobId>, now_ms: u64, grace_ms: u64) -> io::Result<Swept> {
        let mut swept = Swept::default();
        for (id, len) in list(&self.folder)? {
            let mut state = self.state();
            match state.verdict(&id, len, sweep, held.contains(&id), now_ms, grace_ms) {
                Verdict::Stays if state.uploads.get(&id).is_some_and(|known| known.is_held) => self.forget_note(&id),
                Verdict::Stays => {}
                Verdict::Note(note) => note.write(&self.folder, &id)?,
                Verdict::Goes => {
                    files::remove(&self.path(&id))?;
                    self.forget_note(&id);
                    state.went(&id, len);
                    swept.removed += 1;
                    swept.removed_bytes += len;
                }
            }
        }
        self.state().forget_uploaders(now_ms);
        self.remove_old_parts(now_ms)?;
        Ok(swept)
    }
}

impl State {
    /// Somebody has to do with it: the sweep that is under way does not remove it.
    pub(crate) fn touch(&mut self, id: &BlobId) {
        let sweep = self.sweep;
        if let Some(upload) = self.uploads.get_mut(id) {
            upload.touched = sweep;
        }
    }

    fn verdict(&mut self, id: &BlobId, len: u64, sweep: u64, held: bool, now_ms: u64, grace_ms: u64) -> Verdict {
        let is_about_to_be_held = self.holds.contains_key(id);
        let Some(known) = self.uploads.get_mut(id) else {
            if held || is_about_to_be_held {
                return Verdict::Stays;
            }
            let new = Upload { len, since_ms: now_ms, by: Vec::new(), is_held: false, touched: sweep };
            self.uploads.insert(*id, new);
            return Verdict::Note(Note::new(now_ms, Vec::new()));
        };
        if held {
            known.is_held = true;
            return Verdict::Stays;
        }
        if is_about_to_be_held || known.touched >= sweep {
            return Verdict::Stays;
        }
        if known.is_held {
            (known.is_held, known.since_ms) = (false, now_ms);
            return Verdict::Note(Note::new(now_ms, known.by.clone()));
        }
        if known.since_ms.saturating_add(grace_ms) <= now_ms { Verdict::Goes } else { Verdict::Stays }
    }

    fn went(&mut self, id: &BlobId, len: u64) {
        self.uploads.remove(id);
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(len);
        self.collected += 1;
        self.collected_bytes += len;
    }

    fn forget_uploaders(&mut self, now_ms: u64) {
        self.uploads
            .retain(|_, known| !known.is_held || known.since_ms.saturating_add(limits::UPLOADERS_KEPT_MS) > now_ms);
    }
}
