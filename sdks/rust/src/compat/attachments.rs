//! Attachments, by the vendor's names.

use std::{collections::HashMap, fs::File, path::Path, sync::Arc};

use super::Store;
use crate::{Attachment, AttachmentToken, Error as DittoError, Observer, attachments::fetches::Told};

/// What a fetch tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DittoAttachmentFetchEvent {
    /// The file is here.
    Completed {
        /// The file.
        attachment: Attachment,
    },
    /// Something of it has come.
    Progress {
        /// How many bytes are here.
        downloaded_bytes: u64,
        /// Of how many.
        total_bytes: u64,
    },
    /// The server has none of that id, or not for this user.
    Deleted,
}

/// A fetch that is under way: it ends with this.
#[derive(Debug)]
pub struct DittoAttachmentFetcher(Observer);

impl DittoAttachmentFetcher {
    /// Ends it: what has come goes on with the next fetch.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl Store {
    /// [`crate::Store::new_attachment`], of a file.
    ///
    /// # Errors
    /// As there.
    pub fn new_attachment(
        &self,
        path: impl AsRef<Path>,
        metadata: HashMap<String, String>,
    ) -> Result<Attachment, DittoError> {
        let file = File::open(path).map_err(|error| DittoError::AttachmentFile { why: error.to_string() })?;
        self.0.new_attachment(file, metadata)
    }

    /// Fetches the file that a token names; without a network it waits for one. `on_event` runs on the
    /// thread of callbacks.
    ///
    /// # Errors
    /// Too many fetches wait; the peer is closed.
    pub fn fetch_attachment(
        &self,
        token: &AttachmentToken,
        mut on_event: impl FnMut(DittoAttachmentFetchEvent) + Send + 'static,
    ) -> Result<DittoAttachmentFetcher, DittoError> {
        let shared = self.0.shared();
        let (watch, target) = shared.callback_target();
        let interest = Arc::new(shared.attachments.interest(token.clone(), target));
        let (seen, token) = (interest.clone(), token.clone());
        let mut is_over = false;
        let run = move || {
            if is_over {
                return;
            }
            let Told { here, end } = seen.told();
            is_over = end.is_some();
            on_event(match end {
                None => DittoAttachmentFetchEvent::Progress { downloaded_bytes: here, total_bytes: token.len },
                Some(Ok(path)) => {
                    DittoAttachmentFetchEvent::Completed { attachment: Attachment::new(token.clone(), path) }
                }
                Some(Err(DittoError::Closed)) => return,
                Some(Err(_)) => DittoAttachmentFetchEvent::Deleted,
            });
        };
        shared.callbacks.add(watch, Box::new(run));
        let observer = Observer::new(shared.clone(), watch);
        let busy = || DittoError::AttachmentFetch { why: "too many attachments are being fetched".to_owned() };
        interest.begin().ok_or_else(busy).inspect_err(|_| observer.cancel())?;
        Ok(DittoAttachmentFetcher(observer))
    }
}
