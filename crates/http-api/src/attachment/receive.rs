//! An upload on its way from its client to a file.
//!
//! Invariants: an upload holds two pieces of memory, whatever its length, and a thread only while a
//! piece is written; its client has to send a least number of bytes a second; whatever ends a form
//! early leaves nothing, and whatever ends a part early leaves what came.

use std::{sync::Arc, time::Duration};

use attachments::{AttachmentError, BlobId, Blobs, Incoming, Stored};
use axum::body::Body;
use http_body_util::BodyExt;
use store::App;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use crate::{
    attachment::multipart::Multipart,
    body_error::BodyError,
    failure::Failure,
    guests::Guest,
    limits::{ATTACHMENT_PIECE_BYTES, UPLOAD_BYTES_PER_SECOND_MIN},
};

/// Who uploads where, within which bounds.
pub(crate) struct Receiving {
    pub(crate) app: Arc<App>,
    pub(crate) guest: Arc<Guest>,
    /// The longest file, in bytes.
    pub(crate) bytes_max: u64,
    /// How long an attachment stays that no document holds.
    pub(crate) grace: Duration,
    /// How long the client may be silent.
    pub(crate) patience: Duration,
}

/// What has come of a blob that comes in parts.
pub(crate) enum Received {
    /// All of it, and it is kept.
    Whole(Stored),
    /// So much.
    Part { bytes: u64 },
}

/// A piece on its way to the disk; gives the file and the piece's memory back.
type Writing = JoinHandle<Result<(Incoming, Vec<u8>), Failure>>;

/// The file as far as it has come.
struct File {
    app: Arc<App>,
    /// `None` while a piece is written.
    incoming: Option<Incoming>,
    writing: Option<Writing>,
    /// What comes, until it is enough to be written.
    piece: Vec<u8>,
    /// The memory of the piece before.
    spare: Vec<u8>,
    len: u64,
}

impl Receiving {
    /// Reads the form, and keeps the file in it, whole and durable.
    pub(crate) async fn receive(
        &self,
        mut form: Multipart,
        body: Body,
        uploader: &str,
        now_ms: u64,
    ) -> Result<Stored, Failure> {
        let mut file = File::begin(self.app.clone()).await?;
        let take = |file: &mut File, bytes: &[u8]| {
            form.take(bytes, |content| file.add(content))?;
            match file.len > self.bytes_max {
                true => Err(Failure::AttachmentTooLong { bytes_max: self.bytes_max }),
                false => Ok(()),
            }
        };
        self.read(body, &mut file, take).await?;
        form.finish()?;
        file.write_piece().await?;
        self.keep(file, uploader, now_ms).await
    }

    /// Reads what comes of a blob that will be `len` bytes long, from `at` on and to `end` at most. Where that
    /// is all of it, keeps it, whole and durable; else gives how much has come.
    pub(crate) async fn receive_part(
        &self,
        id: BlobId,
        (at, end, len): (u64, u64, u64),
        body: Body,
        uploader: &str,
        now_ms: u64,
    ) -> Result<Received, Failure> {
        let (app, sender, grace_ms) = (self.app.clone(), uploader.to_owned(), self.grace_ms());
        let resume = move |blobs: Arc<Blobs>| {
            make_room(&app, &sender, len, now_ms, grace_ms);
            blobs.resume(id, &sender, at, len)
        };
        let mut file = File::open(self.app.clone(), resume).await?;
        let take = |file: &mut File, bytes: &[u8]| {
            file.add(bytes);
            if file.len > end { Err(Failure::ContentRange) } else { Ok(()) }
        };
        let read = self.read(body, &mut file, take).await;
        if matches!(read, Ok(()) | Err(Failure::Body(_))) {
            file.write_piece().await?;
            file.wait().await?;
        }
        read?;
        match file.len == len {
            true => self.keep(file, uploader, now_ms).await.map(Received::Whole),
            false => Ok(Received::Part { bytes: file.len }),
        }
    }

    /// Has `take` take the body, and what it adds to the file written.
    async fn read(
        &self,
        mut body: Body,
        file: &mut File,
        mut take: impl FnMut(&mut File, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (began, mut came) = (Instant::now(), 0);
        while let Some(frame) = timeout_at(self.due(began, came), body.frame()).await.map_err(|_| self.late())? {
            let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue }; // trailers
            came += data.len() as u64;
            // For whoever looks for connections that do nothing.
            self.guest.work_waits();
            for part in data.chunks(ATTACHMENT_PIECE_BYTES) {
                take(file, part)?;
                if file.piece.len() >= ATTACHMENT_PIECE_BYTES {
                    file.write_piece().await?;
                }
            }
        }
        Ok(())
    }

    async fn keep(&self, file: File, uploader: &str, now_ms: u64) -> Result<Stored, Failure> {
        let incoming = file.into_whole().await?;
        let (app, uploader, grace_ms) = (self.app.clone(), uploader.to_owned(), self.grace_ms());
        let finish = move || {
            make_room(&app, &uploader, incoming.len_bytes(), now_ms, grace_ms);
            incoming.finish(&uploader, now_ms)
        };
        Ok(tokio::task::spawn_blocking(finish).await??)
    }

    /// By when the client has to send more: it may be silent for a while, but not again and again.
    fn due(&self, began: Instant, came: u64) -> Instant {
        let earned = Duration::from_millis(came * 1000 / UPLOAD_BYTES_PER_SECOND_MIN);
        (began + earned).min(Instant::now()) + self.patience
    }

    fn grace_ms(&self) -> u64 {
        u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX)
    }

    fn late(&self) -> Failure {
        Failure::Body(BodyError::Late { waited: self.patience })
    }
}

/// What is to be removed anyway keeps nobody from uploading. Blocks, for as long as it takes to look
/// at every document.
fn make_room(app: &App, uploader: &str, len: u64, now_ms: u64, grace_ms: u64) {
    if !app.blobs().needs_sweep(uploader, len, now_ms, grace_ms) {
        return;
    }
    match app.sweep_attachments(grace_ms, &mut || true) {
        Ok(swept) => {
            tracing::info!(app = app.name().as_str(), uploader, removed = swept.removed, "made room for an attachment")
        }
        Err(error) => tracing::error!(app = app.name().as_str(), %error, "attachments cannot be looked through"),
    }
}

impl File {
    async fn begin(app: Arc<App>) -> Result<Self, Failure> {
        Self::open(app, |blobs| blobs.begin().map_err(AttachmentError::from)).await
    }

    async fn open<O>(app: Arc<App>, open: O) -> Result<Self, Failure>
    where
        O: FnOnce(Arc<Blobs>) -> Result<Incoming, AttachmentError> + Send + 'static,
    {
        let blobs = app.blobs().clone();
        let incoming = tokio::task::spawn_blocking(move || open(blobs)).await??;
        let memory = || Vec::with_capacity(2 * ATTACHMENT_PIECE_BYTES);
        let len = incoming.len_bytes();
        Ok(Self { app, incoming: Some(incoming), writing: None, piece: memory(), spare: memory(), len })
    }

    fn add(&mut self, content: &[u8]) {
        self.piece.extend_from_slice(content);
        self.len += content.len() as u64;
    }

    /// Has what came written, while the next comes.
    async fn write_piece(&mut self) -> Result<(), Failure> {
        self.wait().await?;
        let Some(mut incoming) = self.incoming.take() else { return Ok(()) };
        let piece = std::mem::replace(&mut self.piece, std::mem::take(&mut self.spare));
        let app = self.app.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            app.check_room_for(piece.len() as u64)?;
            incoming.write(&piece)?;
            Ok((incoming, piece))
        }));
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), Failure> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let (incoming, mut piece) = writing.await??;
        piece.clear();
        (self.incoming, self.spare) = (Some(incoming), piece);
        Ok(())
    }

    async fn into_whole(mut self) -> Result<Incoming, Failure> {
        self.wait().await?;
        Ok(self.incoming.take().expect("it is here but for the time of a write"))
    }
}
