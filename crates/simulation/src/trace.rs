//! What happened, as one number: the same seed gives the same.

use xxhash_rust::xxh3::Xxh3;

/// The digest of a trace.
pub(crate) struct Trace {
    digest: Xxh3,
    /// Whether it is told as it comes.
    is_told: bool,
}

impl Trace {
    pub(crate) fn new(is_told: bool) -> Self {
        Self { digest: Xxh3::new(), is_told }
    }

    /// Tells what a person may want to know, and no digest has.
    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{}", what());
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.digest.update(&(bytes.len() as u64).to_le_bytes());
        self.digest.update(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.tell(|| text.to_owned());
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.digest()
    }
}
