//! Small text files with a version and a checksum.
//!
//! ```text
//! {"version":2,"crc32c":"1b2c3d4e"}\n
//! the body, as given\n
//! ```
//! The checksum covers the version and the body. It is looked at after the version, so that a file of a newer server
//! is called that, and before the body, so that nobody reads meaning into damage. The first version of each file had
//! no such line: see [`Sealed::Unsealed`]. Not here: what a body means; whether a file without a checksum may still
//! be taken.

/// How the first line goes on after its version.
const CHECKSUM: &[u8] = b",\"crc32c\":\"";

/// What [`unseal`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed<'t> {
    /// It is whole.
    Whole {
        /// Its format.
        version: u32,
        /// What was sealed.
        body: &'t str,
    },
    /// It does not begin as a sealed file does: it is from a version that had no checksums, or damaged.
    Unsealed,
}

/// Why a sealed file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Written by a newer server.
    #[error("it has format {found}; this server reads up to {known}")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The newest we know.
        known: u32,
    },
    /// It is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

/// `body` with its version and checksum, as it is to be written.
pub fn seal(version: u32, body: &str) -> String {
    let crc = checksum(version, body.as_bytes());
    format!("{{\"version\":{version},\"crc32c\":\"{crc:08x}\"}}\n{body}\n")
}

/// Takes apart what [`seal`] made; `newest` is the newest version that the caller knows.
pub fn unseal(bytes: &[u8], newest: u32) -> Result<Sealed<'_>, UnsealError> {
    let Some((version, rest)) = split_version(bytes) else { return Ok(Sealed::Unsealed) };
    if version > newest {
        return Err(UnsealError::NewerFormat { found: version, known: newest });
    }
    let damaged = UnsealError::Damaged;
    let (crc, rest) = rest.split_at_checked(8).ok_or(damaged("it is cut short"))?;
    let body = rest.strip_prefix(b"\"}\n").ok_or(damaged("its first line cannot be read"))?;
    let body = body.strip_suffix(b"\n").ok_or(damaged("it is cut short"))?;
    if crc != format!("{:08x}", checksum(version, body)).as_bytes() {
        return Err(damaged("its checksum is another"));
    }
    let body = std::str::from_utf8(body).map_err(|_| damaged("it is not UTF-8 text"))?;
    Ok(Sealed::Whole { version, body })
}

/// The version, and what stands behind the words that announce the checksum.
fn split_version(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let rest = bytes.strip_prefix(b"{\"version\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let version = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    Some((version, rest[digits..].strip_prefix(CHECKSUM)?))
}

fn checksum(version: u32, body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&version.to_le_bytes()), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_reads_back() {
        for body in ["", "{}", "{\n  \"a\": 1\n}", "two\nlines\n"] {
            let sealed = seal(2, body);
            assert_eq!(unseal(sealed.as_bytes(), 2), Ok(Sealed::Whole { version: 2, body }));
        }
    }

    #[test]
    fn a_newer_version_is_told_before_damage() {
        let newer = seal(3, "{}").replace("{}", "}{");
        assert_eq!(unseal(newer.as_bytes(), 2), Err(UnsealError::NewerFormat { found: 3, known: 2 }));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_gives_the_body_again_or_another() {
        let sealed = seal(2, "{\"revoked_ms\": 5}");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(unseal(&flipped, 2), Ok(Sealed::Whole { .. })), "bit {bit}");
        }
        for cut in 0..sealed.len() {
            assert!(!matches!(unseal(&sealed.as_bytes()[..cut], 2), Ok(Sealed::Whole { .. })), "cut at {cut}");
        }
    }

    #[test]
    fn what_had_no_checksum_is_unsealed() {
        for text in ["", "{}", "{\n  \"version\": 1,\n  \"entries\": []\n}\n", "{\"version\":1,\"entries\":[]}"] {
            assert_eq!(unseal(text.as_bytes(), 2), Ok(Sealed::Unsealed), "{text:?}");
        }
    }
}
