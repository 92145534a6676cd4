//! The order of the batches in the engine's log, which the engine's own checksums do not cover.
//!
//! ```text
//! batch  tag 1 | items u32 | number u64, then the items, then: tag 3 | xxh3 of the items u64 | FJL, 3
//! item   tag 2 | kind u8 | 0 plain, 1 lz4 | space u64 | key bytes u16 | value bytes u32 | stored bytes u32 | key | value
//! clear  tag 4 | space u64
//! ```
//! Of two values of a key the one with the higher number counts, whichever was written last; and a
//! batch is passed over if its number is not above those in the tables. So one flipped bit in a
//! number hides what a batch wrote, or what was written after it, without a word. The engine gives
//! numbers in the order in which it writes, also after it was opened again: they grow from batch to
//! batch, and from one file of the log to the next.
//!
//! Not seen: a number that became smaller in the very first batch of the log's first file.
//! Not here: what is in a batch; where a log ends that was torn, which the engine finds itself.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _},
    path::{Path, PathBuf},
};

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// Between two batches the engine takes a few numbers for itself, when it writes tables.
const NUMBERS_BETWEEN_MAX: u64 = 1 << 32;

/// An error that names file and byte if the batches in these files of the log are not in order.
pub(super) fn check(mut files: Vec<PathBuf>) -> io::Result<()> {
    files.sort_by_key(|path| number_of(path));
    let mut last = None;
    for path in files {
        if let Err(message) = check_file(&path, &mut last)? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(())
}

/// Files of the log are named by numbers.
fn number_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

fn check_file(path: &Path, last: &mut Option<u64>) -> io::Result<Result<(), String>> {
    let mut log = BufReader::new(File::open(path)?);
    let (mut at, mut batch) = (0, None);
    while let Some(entry) = next(&mut log)? {
        match entry {
            Entry::Start { number } => batch = Some((at, number)),
            Entry::Inside => {}
            // Only now is it known that it was not torn.
            Entry::End => {
                let Some((at, number)) = batch.take() else { break };
                if let Some(before) = *last
                    && (number <= before || number - before > NUMBERS_BETWEEN_MAX)
                {
                    let path = path.display();
                    return Ok(Err(format!(
                        "{path} at byte {at}: the batch {number} stands behind the batch {before}"
                    )));
                }
                *last = Some(number);
            }
        }
        at = log.stream_position()?;
    }
    Ok(Ok(()))
}

enum Entry {
    Start { number: u64 },
    Inside,
    End,
}

/// `None` where there is no more, or what is there cannot be read: the engine ends there too.
fn next(log: &mut BufReader<File>) -> io::Result<Option<Entry>> {
    match read(log) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read,
    }
}

fn read(log: &mut BufReader<File>) -> io::Result<Option<Entry>> {
    let [tag] = take(log)?;
    let entry = match tag {
        START => {
            let [_, _, _, _, number @ ..] = take::<12>(log)?;
            Entry::Start { number: u64::from_le_bytes(number) }
        }
        ITEM => {
            let _kind_packing_and_space: [u8; 10] = take(log)?;
            let key = u16::from_le_bytes(take(log)?);
            let _value: [u8; 4] = take(log)?;
            let stored = u32::from_le_bytes(take(log)?);
            skip(log, u64::from(key) + u64::from(stored))?;
            Entry::Inside
        }
        CLEAR => take::<8>(log).map(|_| Entry::Inside)?,
        END => match take::<12>(log)? {
            [.., b'F', b'J', b'L', 3] => Entry::End,
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(entry))
}

fn take<const N: usize>(log: &mut BufReader<File>) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    log.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Passes over so many bytes; an error if there are fewer.
fn skip(log: &mut BufReader<File>, mut bytes: u64) -> io::Result<()> {
    while bytes > 0 {
        let there = log.fill_buf()?.len();
        if there == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let passed = there.min(usize::try_from(bytes).unwrap_or(usize::MAX));
        log.consume(passed);
        bytes -= passed as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn batch(number: u64, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = vec![START, 1, 0, 0, 0];
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&[ITEM, 0, 0]);
        out.extend_from_slice(&1_u64.to_le_bytes());
        out.extend_from_slice(&(key.len() as u16).to_le_bytes());
        (0..2).for_each(|_| out.extend_from_slice(&(value.len() as u32).to_le_bytes()));
        [key, value].into_iter().for_each(|bytes| out.extend_from_slice(bytes));
        out.push(END);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(b"FJL\x03");
        out
    }

    fn check_numbers(files: &[&[u64]]) -> Result<(), String> {
        let dir = tempfile::tempdir().unwrap();
        let write = |(n, numbers): (usize, &&[u64])| {
            // The tenth file comes after the ninth.
            let path = dir.path().join(format!("{}.jnl", n + 9));
            fs::write(&path, numbers.iter().flat_map(|n| batch(*n, b"key", &[7; 9000])).collect::<Vec<_>>()).unwrap();
            path
        };
        let mut paths: Vec<_> = files.iter().enumerate().map(write).collect();
        paths.sort();
        check(paths).map_err(|error| error.to_string())
    }

    #[test]
    fn batches_must_be_in_order() {
        for files in [&[&[0, 1, 2, 7, 8][..]][..], &[&[5], &[6, 9], &[]], &[]] {
            check_numbers(files).unwrap();
        }
        for files in [&[&[0, 1, 1][..]][..], &[&[4, 3]], &[&[5, 6], &[6]], &[&[1, 2, 1 << 60]]] {
            let error = check_numbers(files).unwrap_err();
            assert!(error.contains(".jnl at byte ") && error.contains(" stands behind the batch "), "{error}");
        }
    }

    #[test]
    fn a_torn_end_is_the_engines_affair() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.jnl");
        let whole = [batch(0, b"a", b"1"), batch(1, b"b", b"2")].concat();
        for end in 0..=whole.len() {
            fs::write(&path, [&whole[..end], &[0; 7]].concat()).unwrap();
            check(vec![path.clone()]).unwrap();
        }
    }
}
