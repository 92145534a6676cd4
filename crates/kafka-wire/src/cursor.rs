//! Reads Kafka's primitive types off a byte slice (Kafka protocol guide, "Protocol Primitive Types").
//!
//! Invariants: never reads past the end, never allocates, never panics; a position only grows.
//! Not here: what the values mean.

/// Why the next value could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Where the value begins.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) message: &'static str,
}

/// A position in a byte slice.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Begins at the first of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// Begins at byte `at` of `bytes`, and counts positions from the front of `bytes`.
    pub(crate) fn starting_at(bytes: &'a [u8], at: usize) -> Self {
        Cursor { bytes, at: at.min(bytes.len()) }
    }

    /// How many bytes are behind the cursor.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are ahead.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `count` bytes.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        if count > self.remaining() {
            return Err(self.fail("the bytes end too early"));
        }
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        Ok(self.take(N)?.try_into().expect("take gives exactly N bytes"))
    }

    pub(crate) fn i8(&mut self) -> Result<i8, Unreadable> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    pub(crate) fn i16(&mut self) -> Result<i16, Unreadable> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Unreadable> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// UNSIGNED_VARINT: seven bits a byte, the low ones first; at most five bytes and 32 bits.
    #[inline]
    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, Unreadable> {
        let at = self.at;
        let value = self.varint_bits(5)?;
        u32::try_from(value).map_err(|_| Unreadable { at, message: "a varint is larger than 32 bits" })
    }

    /// VARINT: an `i32`, zigzag.
    #[inline]
    pub(crate) fn varint(&mut self) -> Result<i32, Unreadable> {
        let bits = self.unsigned_varint()?;
        Ok((bits >> 1) as i32 ^ -((bits & 1) as i32))
    }

    /// VARLONG: an `i64`, zigzag.
    #[inline]
    pub(crate) fn varlong(&mut self) -> Result<i64, Unreadable> {
        let bits = self.varint_bits(10)?;
        Ok((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    /// What is wrong at the cursor.
    pub(crate) fn fail(&self, message: &'static str) -> Unreadable {
        Unreadable { at: self.at, message }
    }

    #[inline]
    fn varint_bits(&mut self, bytes_max: u32) -> Result<u64, Unreadable> {
        let at = self.at;
        let mut value = 0u64;
        for index in 0..bytes_max {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            let shift = 7 * index;
            if shift == 63 && bits > 1 {
                return Err(Unreadable { at, message: "a varint is larger than 64 bits" });
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable { at, message: "a varint has no end" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_read_as_the_protocol_guide_writes_them() {
        assert_eq!(Cursor::new(&[0x00]).varint(), Ok(0));
        assert_eq!(Cursor::new(&[0x01]).varint(), Ok(-1));
        assert_eq!(Cursor::new(&[0xac, 0x02]).unsigned_varint(), Ok(300));
        assert_eq!(Cursor::new(&[0xfe, 0xff, 0xff, 0xff, 0x0f]).varint(), Ok(i32::MAX));
        assert_eq!(Cursor::new(&[0xff; 9].into_iter().chain([1]).collect::<Vec<_>>()).varlong(), Ok(i64::MIN));
    }

    #[test]
    fn overlong_and_cut_varints_are_refused() {
        assert_eq!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x10]).unsigned_varint().map_err(|e| e.at), Err(0));
        assert_eq!(Cursor::new(&[0x80; 5]).varint(), Err(Unreadable { at: 0, message: "a varint has no end" }));
        assert!(Cursor::new(&[0x80, 0x80]).varint().is_err());
        assert!(Cursor::new(&[0xff; 10]).varlong().is_err());
    }
}
