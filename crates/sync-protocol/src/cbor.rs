//! The part of CBOR (RFC 8949) that the protocol uses: unsigned integers, byte strings, text,
//! arrays, booleans, null; written and read in their one shortest form.
//!
//! Invariants: a length is compared with the bytes that are left before anything is allocated; the
//! lists of one message have [`LIST_ELEMENTS_MAX`] elements together; nothing nests deeper than
//! [`DEPTH_MAX`]. What is not known is skipped, and may then be any CBOR of definite length.
//! Not here: what the fields mean (`message`).

mod read;
mod write;

pub(crate) use read::Reader;
pub(crate) use write::Writer;

/// Bytes that are no message, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at byte {at}")]
pub struct DecodeError {
    /// The byte of the message, from 0.
    pub at: usize,
    /// What is wrong there, after the names of the fields that lead to it.
    pub what: String,
}

/// Kinds of an item: the upper three bits of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Major {
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,
    Simple = 7,
}

impl Major {
    const ALL: [Major; 8] = [
        Major::Unsigned,
        Major::Negative,
        Major::Bytes,
        Major::Text,
        Major::Array,
        Major::Map,
        Major::Tag,
        Major::Simple,
    ];

    fn of(first: u8) -> Self {
        Self::ALL[usize::from(first >> 5)]
    }

    fn name(self) -> &'static str {
        match self {
            Major::Unsigned => "an unsigned integer",
            Major::Negative => "a negative integer",
            Major::Bytes => "a byte string",
            Major::Text => "a text",
            Major::Array => "an array",
            Major::Map => "a map",
            Major::Tag => "a tag",
            Major::Simple => "a simple value",
        }
    }
}

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DEPTH_MAX;

    fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.finish()
    }

    #[track_caller]
    fn check_number(number: u64, bytes: &[u8]) {
        assert_eq!(written(|out| out.unsigned(number)), bytes);
        assert_eq!(Reader::new(bytes).unsigned(), Ok(number));
    }

    /// Appendix A of RFC 8949.
    #[test]
    fn numbers_are_written_as_the_rfc_writes_them() {
        check_number(0, &[0x00]);
        check_number(23, &[0x17]);
        check_number(24, &[0x18, 0x18]);
        check_number(1000, &[0x19, 0x03, 0xe8]);
        check_number(1_000_000, &[0x1a, 0x00, 0x0f, 0x42, 0x40]);
        check_number(u64::MAX, &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn texts_byte_strings_and_lists_come_back() {
        let bytes = written(|out| {
            out.array(2);
            out.text("ü");
            out.bytes(&[1, 2]);
        });
        assert_eq!(bytes, [0x82, 0x62, 0xc3, 0xbc, 0x42, 1, 2]);
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.list(1), Ok(2));
        assert_eq!(reader.text(), Ok("ü"));
        assert_eq!(reader.bytes(), Ok(&[1, 2][..]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[track_caller]
    fn check_error<T>(bytes: &[u8], read: impl FnOnce(&mut Reader) -> Result<T, DecodeError>, text: &str) {
        assert_eq!(read(&mut Reader::new(bytes)).err().unwrap().to_string(), text);
    }

    #[test]
    fn errors_say_what_and_where() {
        check_error(&[], |it| it.unsigned(), "the message ends, at byte 0");
        check_error(&[0x19, 3], |it| it.unsigned(), "the message ends, at byte 1");
        check_error(&[0x18, 0x17], |it| it.unsigned(), "a number that is not in its shortest form, at byte 0");
        check_error(&[0x61, b'a'], |it| it.unsigned(), "an unsigned integer is expected, not a text, at byte 0");
        check_error(&[0x5f], |it| it.bytes().map(drop), "a length that is not definite, at byte 0");
        check_error(&[0x45, 1], |it| it.bytes().map(drop), "5 bytes are announced, 1 are left, at byte 0");
        check_error(&[0x61, 0xff], |it| it.text().map(drop), "a text that is not UTF-8, at byte 0");
        check_error(&[0x83, 1], |it| it.list(1), "3 elements are announced, 1 bytes are left, at byte 0");
        check_error(&[0xf7], |it| it.boolean(), "true or false is expected, at byte 0");
        check_error(&[1, 1], |it| it.unsigned().and_then(|_| it.finish()), "bytes after the end, at byte 1");
    }

    #[test]
    fn all_lists_together_are_bounded() {
        let head = written(|out| out.array(40_000)); // two of them are more than the bound
        let nested = [&head[..], &head, &[0; 80_000]].concat();
        let mut reader = Reader::new(&nested);
        assert_eq!(reader.list(1), Ok(40_000));
        assert_eq!(reader.list(1).unwrap_err().at, 3);
    }

    #[test]
    fn whatever_is_skipped_is_whole_and_not_too_deep() {
        // {"a": [1, -2, h'00', 1.5, tag 0 ("x"), simple 32]}
        let bytes = [0xa1, 0x61, b'a', 0x86, 1, 0x21, 0x41, 0, 0xf9, 0x3e, 0, 0xc0, 0x61, b'x', 0xf8, 32];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.skip(), Ok(&bytes[..]));
        for end in 0..bytes.len() {
            assert!(Reader::new(&bytes[..end]).skip().is_err());
        }
        let nested = |depth: usize| [vec![0x81; depth], vec![0]].concat();
        assert!(Reader::new(&nested(DEPTH_MAX)).skip().is_ok());
        assert_eq!(Reader::new(&nested(DEPTH_MAX + 1)).skip().unwrap_err().at, DEPTH_MAX + 1);
    }
}
