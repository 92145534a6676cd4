//! How the small records of a peer's store are written: integers, and bytes with their length.
//!
//! Not here: what a record has (`records`), documents (crate `document`).

use crate::PeerError;

/// Appends an integer, LEB128.
pub(crate) fn put_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends bytes with their length.
pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends whether something is there, and it.
pub(crate) fn put_option<T>(it: Option<T>, out: &mut Vec<u8>, put: impl FnOnce(T, &mut Vec<u8>)) {
    out.push(u8::from(it.is_some()));
    if let Some(it) = it {
        put(it, out);
    }
}

/// Reads a record from the front. `what` names it in errors.
pub(crate) struct RecordReader<'b> {
    bytes: &'b [u8],
    what: &'static str,
}

type Read<T> = Result<T, PeerError>;

impl<'b> RecordReader<'b> {
    pub(crate) fn new(bytes: &'b [u8], what: &'static str) -> Self {
        Self { bytes, what }
    }

    pub(crate) fn damaged(&self) -> PeerError {
        PeerError::Damaged { what: self.what }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Read<u8> {
        let (first, rest) = self.bytes.split_first().ok_or(PeerError::Damaged { what: self.what })?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn number(&mut self) -> Read<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.damaged())
    }

    pub(crate) fn fixed(&mut self, length: usize) -> Read<&'b [u8]> {
        let (bytes, rest) = self.bytes.split_at_checked(length).ok_or(PeerError::Damaged { what: self.what })?;
        self.bytes = rest;
        Ok(bytes)
    }

    pub(crate) fn bytes(&mut self) -> Read<&'b [u8]> {
        let length = usize::try_from(self.number()?).map_err(|_| self.damaged())?;
        self.fixed(length)
    }

    pub(crate) fn text(&mut self) -> Read<&'b str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| self.damaged())
    }

    pub(crate) fn instance(&mut self) -> Read<[u8; 16]> {
        let bytes = self.fixed(16)?;
        bytes.try_into().map_err(|_| self.damaged())
    }

    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(self.damaged()),
        }
    }

    /// The version of the record, which must be `known`.
    pub(crate) fn version(&mut self, known: u8) -> Read<()> {
        match self.byte()? {
            version if version == known => Ok(()),
            version => Err(PeerError::NewerFormat { what: self.what, version }),
        }
    }

    /// The version of the record, one up to `newest`.
    pub(crate) fn version_up_to(&mut self, newest: u8) -> Read<u8> {
        match self.byte()? {
            0 => Err(self.damaged()),
            version if version <= newest => Ok(version),
            version => Err(PeerError::NewerFormat { what: self.what, version }),
        }
    }

    pub(crate) fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        for number in [0, 127, 128, u64::MAX] {
            put_number(number, &mut out);
        }
        put_bytes(b"ab", &mut out);
        put_option(Some(5), &mut out, put_number);
        put_option(None, &mut out, put_number);
        let mut reader = RecordReader::new(&out, "test");
        for number in [0, 127, 128, u64::MAX] {
            assert_eq!(reader.number().unwrap(), number);
        }
        assert_eq!(reader.bytes().unwrap(), b"ab");
        assert_eq!(reader.option(RecordReader::number).unwrap(), Some(5));
        assert_eq!(reader.option(RecordReader::number).unwrap(), None);
        assert!(reader.byte().is_err());
    }

    #[test]
    fn a_length_beyond_the_end_is_damage() {
        assert!(RecordReader::new(&[0xff, 0xff, 0x03, 1], "test").bytes().is_err());
        assert!(RecordReader::new(&[0xff; 11], "test").number().is_err());
    }
}
