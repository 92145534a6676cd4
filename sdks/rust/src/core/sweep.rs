//! Files of attachments that nobody needs any more: none of their tokens is in a document or pending.

use std::{collections::BTreeSet, thread};

use document::Value;

use super::Core;
use crate::limits::{ATTACHMENT_KEPT, SWEEP_MS};

impl Core {
    /// Looks through the documents on a thread of its own, then removes what is left over on this one: no
    /// token can be written meanwhile.
    pub(super) fn sweep_when_due(&mut self, now_ms: u64) {
        if self.sweep_ms > now_ms {
            return;
        }
        self.sweep_ms = now_ms.saturating_add(SWEEP_MS[1]);
        if self.attachments.folder.ids().is_ok_and(|ids| ids.is_empty()) {
            return;
        }
        let (readers, mailbox) = (self.readers.clone(), self.mailbox.clone());
        let run = move || {
            let mut held = BTreeSet::new();
            let read = readers.read(|reader| {
                reader.each_token(&mut |_, _, token| {
                    if let Some(Value::String(id)) = token.field("id") {
                        held.insert(id.clone());
                    }
                    true
                })
            });
            if read.is_ok() {
                drop(mailbox.start(move |core| {
                    core.remove_left_over(held);
                    Ok(())
                }));
            }
        };
        // Where no thread can be had it is done another day.
        drop(thread::Builder::new().name("headwater-sweep".to_owned()).spawn(run));
    }

    fn remove_left_over(&mut self, mut held: BTreeSet<String>) {
        let Ok(mut pending) = self.peer.pending_attachments() else { return };
        held.append(&mut pending);
        for id in self.attachments.folder.left_over(&held, ATTACHMENT_KEPT).unwrap_or_default() {
            self.peer.attachment_is_gone(&id);
            self.attachments.folder.remove(&id);
        }
    }
}
