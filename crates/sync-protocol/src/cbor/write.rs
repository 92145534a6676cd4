//! Writing CBOR: every head in its shortest form.

use super::{FALSE, Major, NULL, TRUE};

/// Collects the bytes of one message.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Writes behind what is there.
    pub(crate) fn after(out: Vec<u8>) -> Self {
        Self { out }
    }

    pub(crate) fn unsigned(&mut self, number: u64) {
        self.head(Major::Unsigned, number);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.head(Major::Bytes, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.head(Major::Text, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// The head of an array; its elements follow.
    pub(crate) fn array(&mut self, elements: u64) {
        self.head(Major::Array, elements);
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.out.push(if value { TRUE } else { FALSE });
    }

    pub(crate) fn null(&mut self) {
        self.out.push(NULL);
    }

    /// Bytes that are CBOR already.
    pub(crate) fn raw(&mut self, cbor: &[u8]) {
        self.out.extend_from_slice(cbor);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn head(&mut self, major: Major, number: u64) {
        let kind = (major as u8) << 5;
        let all = number.to_be_bytes();
        let (info, width) = match number {
            0..24 => {
                self.out.push(kind | all[7]);
                return;
            }
            24..=0xff => (24, 1),
            0x100..=0xffff => (25, 2),
            0x1_0000..=0xffff_ffff => (26, 4),
            _ => (27, 8),
        };
        self.out.push(kind | info);
        self.out.extend_from_slice(&all[8 - width..]);
    }
}
