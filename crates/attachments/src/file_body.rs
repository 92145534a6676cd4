//! A blob, or a part of it, as a reply's body: read on blocking threads, a piece ahead of the client.
//!
//! Invariants: whatever the blob's length, one piece is in memory beside those that the connection holds; the memory of
//! a piece that the client has taken is used again, so that a transfer does not spread over the allocator's threads.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::{BlobFile, Proof, limits::PIECE_BYTES};

/// A piece that is being read, and the proof as far as it goes.
type Reading = JoinHandle<io::Result<(BytesMut, Option<Proof>)>>;

/// What is still to be sent of a blob. `S` is held as long: its share of the memory.
#[derive(Debug)]
pub struct FileBody<S> {
    file: Arc<BlobFile>,
    /// Where the next piece to be read begins, and where the last one ends.
    at: u64,
    end: u64,
    left: u64,
    reading: Option<Reading>,
    /// Of a blob that is sent whole. It is with the piece that is being read.
    proof: Option<Proof>,
    /// Pieces that were handed out, the oldest first. Their memory is free once nobody else holds it.
    given: VecDeque<Bytes>,
    _share: S,
}

impl<S> FileBody<S> {
    /// Of `file`, `len` bytes from `first` on. To be read within a tokio runtime. Where that is all of it, it is hashed
    /// meanwhile: the last piece of a damaged one is an error, and not sent.
    pub fn new(file: Arc<BlobFile>, first: u64, len: u64, share: S) -> Self {
        let proof = (first == 0 && len == file.len_bytes()).then(|| file.proof());
        Self {
            proof,
            file,
            at: first,
            end: first + len,
            left: len,
            reading: None,
            given: VecDeque::new(),
            _share: share,
        }
    }

    /// For one piece: that of one which was sent, or new.
    fn memory(&mut self) -> BytesMut {
        match self.given.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(sent)) => sent,
            Some(Err(unsent)) => {
                self.given.push_front(unsent);
                BytesMut::with_capacity(PIECE_BYTES)
            }
            None => BytesMut::with_capacity(PIECE_BYTES),
        }
    }

    fn read_next(&mut self) {
        let len = (self.end - self.at).min(PIECE_BYTES as u64);
        if len == 0 {
            return;
        }
        let (file, at) = (self.file.clone(), self.at);
        self.at += len;
        let (mut bytes, mut proof, is_last) = (self.memory(), self.proof.take(), self.at == self.end);
        self.reading = Some(tokio::task::spawn_blocking(move || {
            bytes.resize(len as usize, 0);
            file.read_exact_at(&mut bytes, at)?;
            if let Some(proof) = &mut proof {
                proof.take(&bytes);
            }
            match proof {
                Some(proof) if is_last && !proof.holds() => Err(io::Error::other("it is not what its name says")),
                Some(_) if is_last => Ok((bytes, None)),
                proof => Ok((bytes, proof)),
            }
        }));
    }
}

impl<S: Unpin> Body for FileBody<S> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            self.read_next();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context)).unwrap_or_else(|error| Err(io::Error::other(error)));
        self.reading = None;
        match read {
            Ok((bytes, proof)) => {
                let bytes = bytes.freeze();
                self.proof = proof;
                self.left -= bytes.len() as u64;
                self.given.push_back(bytes.clone());
                self.read_next();
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Err(error) => {
                // The client sees that the reply ends too early.
                tracing::error!(%error, "an attachment cannot be read to its end");
                self.left = 0;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
