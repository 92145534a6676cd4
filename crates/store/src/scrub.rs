//! Looking for damage in an app that is open: every frame, every entry of the documents and every
//! attachment is read, as slowly as whoever asks wants it, each document whose last event is kept is held against that
//! event ([`last_events`]), and each token has its attachment.
//!
//! Invariant: a writer waits for nothing of this; the engine's clean-up is held back for a moment
//! only.
//! Not here: a replay of the whole journal, which proves more (`verify`, for which nobody may write).

mod last_events;

use std::ops::Bound;

use key_values::Space;

use self::last_events::{LastEvents, LastEventsError};
use crate::{
    app::App,
    engine::spaces::{DOCUMENTS, SPACES},
    held_blobs::TokensLook,
    journal::segment::SegmentError,
    point::PointError,
};

/// So many bytes of documents are read on one snapshot.
const SNAPSHOT_BYTES: u64 = 4 << 20;

/// How far a look is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubProgress {
    /// Bytes that were read since this was last told.
    pub read_bytes: u64,
}

impl App {
    /// About how many bytes a look for damage reads.
    pub fn scrub_bytes(&self) -> u64 {
        self.shared.journal.len_bytes() + self.shared.engine.disk_bytes() + self.blobs().stats().bytes
    }

    /// Looks for damage; gives what it found, with its place. What is damaged in the journal is noted
    /// ([`App::damage`]). `read` is told of the progress, and rests as it likes; where it says
    /// `false`, the look ends there. Blocks.
    ///
    /// # Errors
    /// The app cannot be looked at.
    pub fn scrub(&self, read: &mut dyn FnMut(ScrubProgress) -> bool) -> Result<Vec<String>, PointError> {
        let mut findings = Vec::new();
        let mut goes_on = true;
        let mut read = |read_bytes: u64| {
            goes_on = goes_on && read(ScrubProgress { read_bytes });
            goes_on
        };
        // The oldest first: retention takes those out first, and none is held longer than need be.
        let mut compared = LastEvents::new(&self.shared);
        for segment in self.point()?.segments {
            if !read(0) {
                return Ok(findings);
            }
            let found = segment.for_each_frame(&mut read, &mut |header, at, frame| {
                compared.take(header, &frame[header.batches()]).map_err(|error| match error {
                    LastEventsError::Events(error) => segment.damaged(at, error),
                    LastEventsError::Documents(error) => error.into(),
                })
            });
            if let Err(error) = found {
                findings.push(error.to_string());
                self.note_journal_damage(error);
            }
        }
        findings.extend(compared.finish());
        let mut tokens = TokensLook::new(self);
        for (n, space) in SPACES.iter().enumerate() {
            if let Err(PointError::Documents(message)) = self.scrub_space(Space(n), &mut read, &mut tokens) {
                findings.push(format!("the documents cannot be read ({}): {message}", space.name));
            }
        }
        findings.extend(tokens.finish());
        findings.extend(self.scrub_attachments(&mut read));
        Ok(findings)
    }

    fn scrub_space(
        &self,
        space: Space,
        read: &mut dyn FnMut(u64) -> bool,
        tokens: &mut TokensLook<'_>,
    ) -> Result<(), PointError> {
        let mut from = Bound::Unbounded;
        loop {
            let snapshot = self.shared.engine.snapshot();
            let mut bytes = 0;
            let mut last = None;
            for entry in snapshot.entries(space, (from.clone(), Bound::Unbounded)) {
                let (key, value) = entry?;
                bytes += (key.len() + value.len()) as u64;
                if space == DOCUMENTS {
                    tokens.take(&key, &value)?;
                }
                last = Some(key);
                if bytes >= SNAPSHOT_BYTES {
                    break;
                }
            }
            drop(snapshot);
            tokens.settle()?;
            match last {
                Some(key) if read(bytes) => from = Bound::Excluded(key.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    fn note_journal_damage(&self, error: PointError) {
        if let PointError::Journal(crate::OpenError::Damaged { path, at, message }) = error {
            self.shared.journal.note_damage(&SegmentError::Damaged { path, at, message });
        }
    }
}
