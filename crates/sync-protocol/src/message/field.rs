//! Values that stand at a field's place, each one item of CBOR.

use document::{CollectionName, DocumentId, SiteId};

use super::{Seq, SubId, TxnId};
use crate::cbor::{DecodeError, Reader, Writer};

/// One item of CBOR.
pub(super) trait Field: Sized {
    /// The least bytes that it takes.
    const BYTES_MIN: u64 = 1;

    fn write(&self, out: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

impl Field for u64 {
    fn write(&self, out: &mut Writer) {
        out.unsigned(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.unsigned()
    }
}

impl Field for bool {
    fn write(&self, out: &mut Writer) {
        out.boolean(*self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.boolean()
    }
}

impl Field for String {
    fn write(&self, out: &mut Writer) {
        out.text(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.text().map(str::to_owned)
    }
}

impl Field for Vec<u8> {
    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.bytes().map(<[u8]>::to_vec)
    }
}

impl Field for [u8; 16] {
    const BYTES_MIN: u64 = 17;

    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = from.at();
        let bytes = from.bytes()?;
        bytes.try_into().map_err(|_| DecodeError { at, what: format!("16 bytes are expected, not {}", bytes.len()) })
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, out: &mut Writer) {
        match self {
            Some(value) => value.write(out),
            None => out.null(),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if from.null()? { Ok(None) } else { T::read(from).map(Some) }
    }
}

impl<T: Field> Field for Vec<T> {
    fn write(&self, out: &mut Writer) {
        out.array(self.len() as u64);
        self.iter().for_each(|element| element.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = from.list(T::BYTES_MIN)?;
        let mut elements = Vec::new(); // grows with what is there, not with what is announced
        for n in 0..count {
            let named = |error: DecodeError| DecodeError { what: format!("[{n}]: {}", error.what), ..error };
            elements.push(T::read(from).map_err(named)?);
        }
        Ok(elements)
    }
}

impl Field for SiteId {
    fn write(&self, out: &mut Writer) {
        out.unsigned(self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.unsigned().map(SiteId)
    }
}

impl Field for TxnId {
    fn write(&self, out: &mut Writer) {
        out.unsigned(self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.unsigned().map(TxnId)
    }
}

impl Field for Seq {
    fn write(&self, out: &mut Writer) {
        out.unsigned(self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.unsigned().map(Seq)
    }
}

impl Field for SubId {
    fn write(&self, out: &mut Writer) {
        out.unsigned(self.0);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.unsigned().map(SubId)
    }
}

impl Field for CollectionName {
    const BYTES_MIN: u64 = 2;

    fn write(&self, out: &mut Writer) {
        out.text(self.as_str());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = from.at();
        CollectionName::new(from.text()?).map_err(|error| DecodeError { at, what: error.to_string() })
    }
}

/// Canonical JSON as a text.
impl Field for DocumentId {
    const BYTES_MIN: u64 = 2;

    fn write(&self, out: &mut Writer) {
        out.text(self.as_json());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = from.at();
        DocumentId::from_json(from.text()?).map_err(|error| DecodeError { at, what: error.to_string() })
    }
}
