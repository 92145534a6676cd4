//! Reading CBOR that somebody else wrote.

use super::{DecodeError, FALSE, Major, NULL, TRUE};
use crate::limits::{DEPTH_MAX, LIST_ELEMENTS_MAX, TEXT_BYTES_MAX};

/// A place in the bytes of one message.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    elements_left: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, elements_left: LIST_ELEMENTS_MAX }
    }

    /// The byte that is read next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, DecodeError> {
        self.expect(Major::Unsigned)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let at = self.at;
        let len = self.expect(Major::Bytes)?;
        self.take(len, at)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let at = self.at;
        let len = self.expect(Major::Text)?;
        if len > TEXT_BYTES_MAX as u64 {
            return Err(error(at, format!("a text of {len} bytes, more than {TEXT_BYTES_MAX}")));
        }
        std::str::from_utf8(self.take(len, at)?).map_err(|_| error(at, "a text that is not UTF-8"))
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.peek()? {
            FALSE | TRUE => {
                self.at += 1;
                Ok(self.bytes[self.at - 1] == TRUE)
            }
            _ => Err(error(self.at, "true or false is expected")),
        }
    }

    /// Takes a null if one stands here.
    pub(crate) fn null(&mut self) -> Result<bool, DecodeError> {
        let is_null = self.peek()? == NULL;
        self.at += usize::from(is_null);
        Ok(is_null)
    }

    /// The head of an array that is a record: how many fields follow.
    pub(crate) fn record(&mut self) -> Result<u64, DecodeError> {
        let at = self.at;
        let fields = self.expect(Major::Array)?;
        self.check_room(fields, 1, at)?;
        Ok(fields)
    }

    /// The head of an array that is a list of elements of at least `bytes_min` bytes each: how many
    /// follow. They count against the bound of all lists.
    pub(crate) fn list(&mut self, bytes_min: u64) -> Result<u64, DecodeError> {
        let at = self.at;
        let elements = self.expect(Major::Array)?;
        self.check_room(elements, bytes_min, at)?;
        match self.elements_left.checked_sub(elements) {
            Some(left) => self.elements_left = left,
            None => return Err(error(at, format!("more than {LIST_ELEMENTS_MAX} elements in all lists"))),
        }
        Ok(elements)
    }

    /// One item, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        let from = self.at;
        self.skip_nested(DEPTH_MAX)?;
        Ok(&self.bytes[from..self.at])
    }

    /// That nothing is left.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(error(self.at, "bytes after the end")) }
    }

    fn skip_nested(&mut self, depth: usize) -> Result<(), DecodeError> {
        let at = self.at;
        let (major, number) = self.head()?;
        let inner = match major {
            Major::Unsigned | Major::Negative | Major::Simple => return Ok(()),
            Major::Bytes | Major::Text => return self.take(number, at).map(drop),
            Major::Tag => 1,
            Major::Array => number,
            Major::Map => number.saturating_mul(2),
        };
        self.check_room(inner, 1, at)?;
        for _ in 0..inner {
            let depth =
                depth.checked_sub(1).ok_or_else(|| error(self.at, format!("nested deeper than {DEPTH_MAX}")))?;
            self.skip_nested(depth)?;
        }
        Ok(())
    }

    fn expect(&mut self, expected: Major) -> Result<u64, DecodeError> {
        let at = self.at;
        let found = Major::of(self.peek()?);
        if found != expected {
            return Err(error(at, format!("{} is expected, not {}", expected.name(), found.name())));
        }
        Ok(self.head()?.1)
    }

    /// The kind of an item and its number; floats and simple values are passed over whole.
    fn head(&mut self) -> Result<(Major, u64), DecodeError> {
        let at = self.at;
        let first = self.peek()?;
        let major = Major::of(first);
        self.at += 1;
        let width = match first & 0x1f {
            info @ 0..24 => return Ok((major, u64::from(info))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            31 => return Err(error(at, "a length that is not definite")),
            _ => return Err(error(at, "a head that CBOR does not know")),
        };
        let number = self.take(width, self.at)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let is_shortest = match width {
            1 => number >= 24,
            _ => number >> (width * 4) != 0,
        };
        if major != Major::Simple && !is_shortest {
            return Err(error(at, "a number that is not in its shortest form"));
        }
        Ok((major, number))
    }

    fn peek(&self) -> Result<u8, DecodeError> {
        self.bytes.get(self.at).copied().ok_or_else(|| error(self.at, "the message ends"))
    }

    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    fn take(&mut self, len: u64, head_at: usize) -> Result<&'a [u8], DecodeError> {
        let left = &self.bytes[self.at..];
        let len = usize::try_from(len).ok().filter(|len| *len <= left.len()).ok_or_else(|| {
            let is_head = head_at == self.at;
            let what = format!("{len} bytes are announced, {} are left", left.len());
            error(head_at, if is_head { "the message ends".to_owned() } else { what })
        })?;
        self.at += len;
        Ok(&left[..len])
    }

    fn check_room(&self, elements: u64, bytes_min: u64, at: usize) -> Result<(), DecodeError> {
        if elements.saturating_mul(bytes_min) <= self.left() {
            return Ok(());
        }
        Err(error(at, format!("{elements} elements are announced, {} bytes are left", self.left())))
    }
}

fn error(at: usize, what: impl Into<String>) -> DecodeError {
    DecodeError { at, what: what.into() }
}
