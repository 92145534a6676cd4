//! What is handed back of the documents that a changeset writes.

use document::{Document, Map};

use crate::{Refusal, Returned, Returning};

/// Collects states of documents, up to a bound.
pub(crate) struct Collector {
    /// `None`: nothing is asked for.
    asked: Option<Returning>,
    bytes: usize,
    pub(crate) returned: Vec<Returned>,
}

impl Collector {
    pub(crate) fn new(asked: Option<Returning>) -> Self {
        Self { asked, bytes: 0, returned: Vec::new() }
    }

    /// The document as it is before an operation, where that is asked for.
    pub(crate) fn before(&self, document: &Document) -> Option<Map> {
        self.asked.filter(|asked| asked.before).and_then(|_| document.value())
    }

    /// Takes what is asked for of an operation that was applied: `before` is what was given before
    /// it, `document` is as it is now.
    pub(crate) fn take(&mut self, operation: usize, before: Option<Map>, document: &Document) -> Result<(), Refusal> {
        let Some(Returning { before: is_before, bytes_max }) = self.asked else { return Ok(()) };
        let Some(fields) = (if is_before { before } else { document.value() }) else { return Ok(()) };
        self.bytes += fields.memory_bytes();
        if self.bytes > bytes_max {
            return Err(Refusal::ReturnedTooMuch { bytes_max });
        }
        self.returned.push(Returned { operation, fields });
        Ok(())
    }
}
