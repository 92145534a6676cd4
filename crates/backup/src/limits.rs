//! Bounds of a backup, and what crossing one means.

/// A file is cut into parts of at most this. Smaller ones share more between points, and cost more
/// files.
pub const PART_BYTES: usize = 4 << 20;

/// A part of a backup that says it is larger is refused: it is read into memory whole. A document
/// is a part of its own where it is larger than [`PART_BYTES`].
pub const PART_BYTES_MAX: u64 = 256 << 20;

/// A manifest that is larger is refused: that of 2 TiB has some 20 MB.
pub const MANIFEST_BYTES_MAX: u64 = 512 << 20;

/// A name in a manifest has at most so many folders.
pub const PATH_NAMES_MAX: usize = 16;

/// Each of which, and the file's name, has at most so many bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// A file of settings that is larger is not copied: none comes near it.
pub const SETTINGS_FILE_BYTES_MAX: u64 = 64 << 20;

/// The secrets of a data directory are encrypted as one; more than this are refused.
pub const SECRETS_BYTES_MAX: u64 = 192 << 20;

/// A passphrase has at least so many bytes: whoever has the backup may try as many as he likes.
pub const PASSPHRASE_BYTES_MIN: usize = 12;

/// And at most so many.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;

/// Rounds of PBKDF2 with HMAC-SHA-256 that make a key of a passphrase (OWASP's figure of 2023).
pub const PASSPHRASE_ROUNDS: u32 = 600_000;

/// A backup that asks for more is refused: it would take minutes.
pub const PASSPHRASE_ROUNDS_MAX: u32 = 20_000_000;
