//! Room on disk: writes are refused while there is still enough left for what runs in the
//! background to finish.

use std::path::Path;

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSpace {
    /// What may still be written, in bytes.
    pub free_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// Free and total bytes of the file system that holds `path`.
pub(crate) fn space(path: &Path) -> std::io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(path)?;
    Ok((stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize))
}

/// What must stay free: `configured`, but on a small file system an eighth of it.
pub(crate) fn reserve_bytes(configured: u64, total: u64) -> u64 {
    configured.min(total / 8)
}
