//! Which files are being uploaded: one at a time, in the order in which they are asked for.
//!
//! Not here: the upload itself (`attachments`), what waits for it (`peer-core`).

use std::{collections::VecDeque, sync::Arc};

use crate::{
    attachments::{Attachments, Uploaded, start_upload},
    limits::UPLOAD_RETRY_MS,
    mailbox::Mailbox,
};

#[derive(Debug)]
pub(super) struct Uploads {
    attachments: Arc<Attachments>,
    /// The first is under way, unless it is to be tried again later.
    waiting: VecDeque<String>,
    is_under_way: bool,
    retry_ms: Option<u64>,
    wait_ms: u64,
}

impl Uploads {
    pub(super) fn new(attachments: Arc<Attachments>) -> Self {
        let waiting = VecDeque::new();
        Self { attachments, waiting, is_under_way: false, retry_ms: None, wait_ms: UPLOAD_RETRY_MS[0] }
    }

    /// A file is to be uploaded. The peer asks once with each connection: then the server is there, and nothing waits for a
    /// retry.
    pub(super) fn ask(&mut self, id: String, mailbox: &Mailbox) {
        if !self.waiting.contains(&id) {
            self.waiting.push_back(id);
        }
        self.retry_ms = None;
        self.go_on(mailbox);
    }

    /// When [`Uploads::tick`] is to be called.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    pub(super) fn tick(&mut self, now_ms: u64, mailbox: &Mailbox) {
        if self.retry_ms.take_if(|due_ms| *due_ms <= now_ms).is_some() {
            self.go_on(mailbox);
        }
    }

    /// The one that was under way has ended.
    pub(super) fn ended(&mut self, uploaded: &Uploaded, now_ms: u64, mailbox: &Mailbox) {
        self.is_under_way = false;
        if matches!(uploaded, Uploaded::Failed(_)) {
            self.retry_ms = Some(now_ms.saturating_add(self.wait_ms));
            self.wait_ms = (self.wait_ms * 2).min(UPLOAD_RETRY_MS[1]);
            return;
        }
        self.waiting.pop_front();
        self.wait_ms = UPLOAD_RETRY_MS[0];
        self.go_on(mailbox);
    }

    /// Nobody wants any more for now.
    pub(super) fn stop(&mut self) {
        self.waiting.truncate(usize::from(self.is_under_way));
        self.retry_ms = None;
    }

    fn go_on(&mut self, mailbox: &Mailbox) {
        let Some(id) = self.waiting.front().filter(|_| !self.is_under_way) else { return };
        self.is_under_way = start_upload(self.attachments.clone(), id.clone(), mailbox.clone()).is_ok();
        if !self.is_under_way {
            self.waiting.clear(); // no thread can be had: it is asked for with the next connection
        }
    }
}
