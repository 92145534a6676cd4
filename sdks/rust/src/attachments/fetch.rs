//! Fetching: what of a file is not here comes from the server, from where it broke off.
//!
//! Invariant: one at a time fetches a file; others wait, and have it then.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
    sync::{
        MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use document::{CollectionName, DocumentId, Value};

use super::{Attachments, State, folder::is_id};
use crate::{
    AttachmentToken, Error,
    connection::Server,
    http::{Response, encoded},
    limits::PIECE_BYTES,
};

/// Why a file is not here.
#[derive(Debug)]
pub(crate) enum FetchError {
    /// It will not come.
    Final(Error),
    /// It may come another time.
    Failed(String),
}

/// Who waits for a file.
pub(crate) struct Waiting<'w> {
    pub(crate) is_cancelled: &'w AtomicBool,
    /// Told how many bytes are here.
    pub(crate) progress: &'w mut dyn FnMut(u64),
}

type Holder = (CollectionName, DocumentId);

impl Attachments {
    /// The file that the token names. Goes on after a connection was cut, as long as something comes.
    pub(crate) fn fetch(&self, token: &AttachmentToken, waiting: &mut Waiting<'_>) -> Result<PathBuf, FetchError> {
        let id = &token.id;
        if !is_id(id) {
            return Err(not_found(token));
        }
        let _claim = self.claim(id, waiting)?;
        if let Some(path) = self.folder.find(id) {
            return Ok(path);
        }
        let server = self.server.as_ref().ok_or(FetchError::Final(Error::NoServer))?;
        let mut holder = None;
        for _ in 0..2 {
            while self.fetch_more(server, token, &mut holder, waiting)? {}
            if let Some(path) = self.folder.finish(id).map_err(on_disk)? {
                return Ok(path);
            }
        }
        Err(FetchError::Failed(format!("what comes as the attachment {id} is something else")))
    }

    /// One request. Whether there is more to fetch.
    fn fetch_more(
        &self,
        server: &Server,
        token: &AttachmentToken,
        holder: &mut Option<Holder>,
        waiting: &mut Waiting<'_>,
    ) -> Result<bool, FetchError> {
        let (mut part, begun) = self.folder.part(&token.id).map_err(on_disk)?;
        if begun > token.len {
            part.set_len(0).map_err(on_disk)?;
            return Ok(true);
        }
        if begun == token.len {
            return Ok(false); // of an empty file there is no range to ask for
        }
        let mut path = format!("{}/{}", server.endpoint.attachments_path(), token.id);
        if let Some((collection, id)) = holder {
            path += &format!("?collection={}&documentId={}", encoded(collection.as_str()), encoded(&id_text(id)));
        }
        let mut request = self.request("GET", path);
        request.headers.push(("Range", format!("bytes={begun}-")));
        let response = request.send(server).map_err(failed)?;
        let mut here = match response.status {
            206 => begun,
            200 => {
                part.set_len(0).map_err(on_disk)?;
                0
            }
            416 if begun > 0 => {
                part.set_len(0).map_err(on_disk)?;
                return Ok(true);
            }
            // Who sees some documents alone is to name one that holds it.
            403 | 404 if holder.is_none() => {
                *holder = Some(self.holder_of(&token.id)?.ok_or_else(|| not_found(token))?);
                return Ok(true);
            }
            403 | 404 => return Err(not_found(token)),
            _ => return Err(FetchError::Failed(format!("cannot fetch an attachment: {}", response.why()))),
        };
        let came = self.copy(response, &mut part, &mut here, token.len, waiting);
        match came {
            Ok(()) if here < token.len => Err(FetchError::Failed("the attachment is shorter at the server".to_owned())),
            Ok(()) => Ok(false),
            // It was cut off: what came is kept.
            Err(FetchError::Failed(_)) if here > begun => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn copy(
        &self,
        mut response: Response,
        part: &mut File,
        here: &mut u64,
        len: u64,
        waiting: &mut Waiting<'_>,
    ) -> Result<(), FetchError> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            (waiting.progress)(*here);
            self.check(waiting)?;
            let count = response.read(&mut piece).map_err(failed)?;
            if count == 0 {
                return Ok(());
            }
            *here += count as u64;
            if *here > len {
                return Err(FetchError::Failed("the attachment is longer at the server".to_owned()));
            }
            part.write_all(&piece[..count]).map_err(on_disk)?;
        }
    }

    /// A document that is seen here and holds the file.
    fn holder_of(&self, id: &str) -> Result<Option<Holder>, FetchError> {
        let mut holder = None;
        let read = self.readers.read(|reader| {
            reader.each_token(&mut |collection, document, token| {
                if matches!(token.field("id"), Some(Value::String(it)) if it == id) {
                    holder = Some((collection.clone(), document.clone()));
                }
                holder.is_none()
            })
        });
        read.map_err(FetchError::Final)?;
        Ok(holder)
    }

    fn check(&self, waiting: &Waiting<'_>) -> Result<(), FetchError> {
        let is_over = waiting.is_cancelled.load(Relaxed) || self.state().is_closed;
        if is_over { Err(FetchError::Final(Error::Closed)) } else { Ok(()) }
    }

    /// Waits until nobody else fetches it.
    fn claim<'a>(&'a self, id: &str, waiting: &Waiting<'_>) -> Result<Claim<'a>, FetchError> {
        let mut state = self.state();
        while !state.is_closed && !waiting.is_cancelled.load(Relaxed) {
            if state.under_way.insert(id.to_owned()) {
                return Ok(Claim { attachments: self, id: id.to_owned() });
            }
            state = self.wait(state);
        }
        Err(FetchError::Final(Error::Closed))
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who fetches a file.
struct Claim<'a> {
    attachments: &'a Attachments,
    id: String,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.attachments.state().under_way.remove(&self.id);
        self.attachments.changed.notify_all();
    }
}

/// As the server takes it: text as it is, everything else as JSON.
fn id_text(id: &DocumentId) -> String {
    match id.to_value() {
        Value::String(text) => text,
        _ => id.as_json().to_owned(),
    }
}

fn not_found(token: &AttachmentToken) -> FetchError {
    FetchError::Final(Error::AttachmentNotFound { id: token.id.clone() })
}

fn on_disk(error: io::Error) -> FetchError {
    FetchError::Final(Error::AttachmentFile { why: error.to_string() })
}

fn failed(error: io::Error) -> FetchError {
    FetchError::Failed(format!("cannot fetch an attachment: {error}"))
}
