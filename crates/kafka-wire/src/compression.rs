//! Record batches whose records are compressed (Kafka documentation "Record Batch"; KIP-110 for
//! zstd): the header stays as it is, what follows it is one compressed text.
//!
//! Invariants: what [`compress`] makes, [`decompress`] gives back byte for byte; bytes from elsewhere
//! end in an error, never in a panic or in more memory than the caller allows, and what the codecs
//! need beside it (a window of 16 MiB at most).
//! Not here: which batches are compressed (`topics`).

mod snappy;

use std::{
    borrow::Cow,
    io::{self, Read, Write},
};

use flate2::{read::MultiGzDecoder, write::GzEncoder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use crate::record_batch::{self, BatchError, COMPRESSION_BITS, HEADER_BYTES};

/// The greatest window of a zstd text that is read, as a power of two; Kafka's levels need less.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// zstd's level: its default, and Kafka's. Of 50 MB of events it leaves 8.5 in 66 ms; level 1, 8.7 in
/// 62 ms.
const ZSTD_LEVEL: i32 = 3;

/// gzip's level. Of those events it leaves 9.0 MB in 0.35 s; level 6, zlib's default, 8.3 in 1 s.
const GZIP_LEVEL: u32 = 3;

/// How records are compressed; the numbers are those of a batch's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// RFC 1952.
    Gzip = 1,
    /// In the framing of Xerial's library, which Java writes.
    Snappy = 2,
    /// The LZ4 frame format; blocks of 64 KiB that do not refer to each other, since Kafka's Java
    /// client reads no others.
    Lz4 = 3,
    /// RFC 8878. Only for Fetch from version 10 on (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    fn of_attributes(attributes: i16) -> Result<Option<Self>, BatchError> {
        match attributes & COMPRESSION_BITS {
            0 => Ok(None),
            1 => Ok(Some(Codec::Gzip)),
            2 => Ok(Some(Codec::Snappy)),
            3 => Ok(Some(Codec::Lz4)),
            4 => Ok(Some(Codec::Zstd)),
            other => Err(BatchError::new(record_batch::ATTRIBUTES_AT, format!("the codec {other} is not known"))),
        }
    }
}

/// The same batch with its records compressed. Offsets, times, leader epoch and the number of records
/// stay.
///
/// Panics when `batch` is not one whole uncompressed batch.
pub fn compress(batch: &[u8], codec: Codec) -> Vec<u8> {
    let (header, attributes) = record_batch::decode_full_header(batch).expect("it is a batch");
    assert!(header.len_bytes == batch.len() && attributes & COMPRESSION_BITS == 0, "it is one uncompressed batch");
    let records = compress_records(&batch[HEADER_BYTES..], codec).expect("writing to memory does not fail");
    record_batch::with_records(batch, attributes | codec as i16, &records)
}

/// The batch at the front of `batch` with its records as they were before they were compressed;
/// borrowed if they are not. The records may have `bytes_max` bytes. The checksum is not looked at
/// ([`record_batch::verify`] does); the one of what is given is right.
pub fn decompress(batch: &[u8], bytes_max: usize) -> Result<Cow<'_, [u8]>, BatchError> {
    let (header, attributes) = record_batch::decode_full_header(batch)?;
    let batch = &batch[..header.len_bytes];
    let Some(codec) = Codec::of_attributes(attributes)? else { return Ok(Cow::Borrowed(batch)) };
    let records = decompress_records(&batch[HEADER_BYTES..], codec, bytes_max)
        .map_err(|error| BatchError::new(HEADER_BYTES, format!("the {codec:?} records cannot be read ({error})")))?;
    if records.len() > i32::MAX as usize - HEADER_BYTES {
        return Err(BatchError::new(HEADER_BYTES, "the records pass 2 GiB"));
    }
    Ok(Cow::Owned(record_batch::with_records(batch, attributes & !COMPRESSION_BITS, &records)))
}

fn compress_records(records: &[u8], codec: Codec) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(records.len() / 4 + 64);
    match codec {
        Codec::Gzip => {
            let mut encoder = GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(records)?;
            encoder.finish()
        }
        Codec::Snappy => snappy::compress(records),
        Codec::Lz4 => {
            let frame = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
            let mut encoder = FrameEncoder::with_frame_info(frame, out);
            encoder.write_all(records)?;
            Ok(encoder.finish()?)
        }
        Codec::Zstd => zstd::bulk::compress(records, ZSTD_LEVEL),
    }
}

fn decompress_records(records: &[u8], codec: Codec, bytes_max: usize) -> io::Result<Vec<u8>> {
    match codec {
        Codec::Gzip => read_bounded(MultiGzDecoder::new(records), bytes_max),
        Codec::Snappy => snappy::decompress(records, bytes_max),
        Codec::Lz4 => read_bounded(FrameDecoder::new(records), bytes_max),
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(records)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            read_bounded(decoder, bytes_max)
        }
    }
}

fn read_bounded(from: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    from.take((bytes_max as u64).saturating_add(1)).read_to_end(&mut out)?;
    if out.len() > bytes_max { Err(too_long(bytes_max)) } else { Ok(out) }
}

fn too_long(bytes_max: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("they pass {bytes_max} bytes"))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::record_batch::{BatchBuilder, decode_records, verify};

    fn batch(values: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(256, 1_000).of_epoch(3);
        values.iter().for_each(|value| builder.push(1_000, b"key", value, &[("app", b"default")]));
        builder.finish()
    }

    /// Events that resemble each other, over several blocks of every codec.
    fn events() -> Vec<u8> {
        batch(
            &(0..2000).map(|n| format!(r#"{{"_id":"person-{n}","age":{}}}"#, n % 90).into_bytes()).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_header_stays_and_the_records_come_back() {
        let plain = events();
        for codec in Codec::ALL {
            let compressed = compress(&plain, codec);
            assert!(compressed.len() * 3 < plain.len(), "{codec:?}: {} of {}", compressed.len(), plain.len());
            let (of_plain, of_compressed) = (verify(&plain).unwrap(), verify(&compressed).unwrap());
            assert_eq!(record_batch::BatchHeader { len_bytes: plain.len(), ..of_compressed }, of_plain);
            assert_eq!(compressed[22], codec as u8);
            assert!(decode_records(&compressed).unwrap_err().message.contains("compressed"));
            assert_eq!(decompress(&compressed, plain.len()).unwrap(), plain);
            let more = [&compressed[..], b"what follows"].concat();
            assert_eq!(decompress(&more, plain.len()).unwrap(), plain);
        }
        assert!(matches!(decompress(&plain, 0).unwrap(), Cow::Borrowed(same) if same == plain));
    }

    #[test]
    fn no_more_is_unpacked_than_allowed() {
        let zeros = batch(&[vec![0; 4 << 20]]);
        for codec in Codec::ALL {
            let compressed = compress(&zeros, codec);
            let error = decompress(&compressed, 1 << 20).unwrap_err().to_string();
            assert!(error.contains("pass 1048576 bytes"), "{codec:?}: {error}");
        }
    }

    #[test]
    fn lz4_has_independent_blocks_of_64_kib() {
        let compressed = compress(&events(), Codec::Lz4);
        // Magic, version 01 with independent blocks and no checksums, block size 4.
        assert_eq!(compressed[HEADER_BYTES..HEADER_BYTES + 6], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40]);
    }

    #[test]
    fn an_unknown_codec_is_named() {
        let mut batch = events();
        batch[22] = 5;
        assert_eq!(decompress(&batch, 1 << 20).unwrap_err().message, "the codec 5 is not known");
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(values in vec(vec(any::<u8>(), 0..3000), 1..80)) {
            let plain = batch(&values);
            for codec in Codec::ALL {
                let compressed = compress(&plain, codec);
                verify(&compressed).unwrap();
                prop_assert_eq!(&decompress(&compressed, plain.len()).unwrap()[..], &plain[..]);
            }
        }

        #[test]
        fn garbage_never_panics(garbage in vec(any::<u8>(), 0..400)) {
            let plain = batch(&[vec![]]);
            for codec in Codec::ALL {
                let bytes = record_batch::with_records(&plain, codec as i16, &garbage);
                let _ = decompress(&bytes, 1 << 16);
            }
            let _ = decompress(&garbage, 1 << 16);
        }

        #[test]
        fn damaged_records_never_panic(damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
            let plain = batch(&(0..40u8).map(|n| vec![n; 100]).collect::<Vec<_>>());
            for codec in Codec::ALL {
                let mut bytes = compress(&plain, codec);
                for (at, byte) in &damage {
                    let at = HEADER_BYTES + at.index(bytes.len() - HEADER_BYTES);
                    bytes[at] = *byte;
                }
                if let Ok(records) = decompress(&bytes, 1 << 16) {
                    let _ = decode_records(&records);
                }
            }
        }
    }
}
