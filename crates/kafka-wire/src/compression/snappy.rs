//! Snappy as Java writes it, in the framing of Xerial's library.
//!
//! ```text
//! 0                  8          12             16
//! | 82 SNAPPY 00     | version  | compatible   | (length | raw snappy block)...
//! |                  | = 1      | with = 1     |  4 bytes
//! ```
//! Numbers are big-endian. A text without the magic is one raw block, which other clients write.

use std::io;

use super::too_long;

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const VERSION: [u8; 4] = 1u32.to_be_bytes();
const HEADER_BYTES: usize = 16;

/// Bytes of records in a block, as many as Java takes.
const BLOCK_BYTES: usize = 32 << 10;

pub(super) fn compress(records: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = snap::raw::Encoder::new();
    let mut out = [&MAGIC[..], &VERSION, &VERSION].concat();
    for block in records.chunks(BLOCK_BYTES) {
        let at = out.len();
        out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
        let length = encoder.compress(block, &mut out[at + 4..])?;
        out[at..at + 4].copy_from_slice(&(length as u32).to_be_bytes());
        out.truncate(at + 4 + length);
    }
    Ok(out)
}

pub(super) fn decompress(records: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    if !records.starts_with(MAGIC) {
        append(&mut out, records, bytes_max)?;
        return Ok(out);
    }
    let mut rest = records.get(HEADER_BYTES..).ok_or_else(cut_off)?;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(cut_off)?;
        let (block, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(cut_off)?;
        append(&mut out, block, bytes_max)?;
        rest = behind;
    }
    Ok(out)
}

fn append(out: &mut Vec<u8>, block: &[u8], bytes_max: usize) -> io::Result<()> {
    let length = snap::raw::decompress_len(block)?;
    if length > bytes_max - out.len() {
        return Err(too_long(bytes_max));
    }
    let at = out.len();
    out.resize(at + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[at..])?;
    Ok(())
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "a block is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_the_framing() {
        let records = vec![b'x'; BLOCK_BYTES + 3];
        let framed = compress(&records).unwrap();
        assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let first = u32::from_be_bytes(framed[16..20].try_into().unwrap()) as usize;
        // The last block: its length, 3 bytes, and those as a literal.
        assert_eq!(framed[20 + first..], *b"\0\0\0\x05\x03\x08xxx");
        assert_eq!(decompress(&framed, records.len()).unwrap(), records);
    }

    #[test]
    fn a_raw_block_is_read_too() {
        let raw = snap::raw::Encoder::new().compress_vec(b"abcabcabc").unwrap();
        assert_eq!(decompress(&raw, 9).unwrap(), b"abcabcabc");
        assert!(decompress(&raw, 8).is_err());
    }
}
