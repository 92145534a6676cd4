//! A small disk that a test fills: a tmpfs, which only root can mount.
//!
//! Invariant: it is unmounted when it is dropped.

use std::{fs::File, io::Write, path::Path, process::Command, sync::Arc};

use tempfile::TempDir;

const DISK_MIB: u32 = 256;

/// Takes all space but a little for the server to use up.
pub(crate) fn fill(ballast: &Path) {
    let mut file = File::create(ballast).unwrap();
    let mebibyte = vec![0; 1 << 20];
    while file.write_all(&mebibyte).is_ok() {}
    let len = file.metadata().unwrap().len();
    file.set_len(len - (4 << 20)).unwrap();
}

/// A small file system of its own over a directory. Unmounted when dropped.
pub(crate) struct Disk(Arc<TempDir>);

impl Disk {
    pub(crate) fn mount(over: Arc<TempDir>) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "headwater-test"]).arg(over.path());
        mount.output().is_ok_and(|it| it.status.success()).then(|| Disk(over))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that a failed assertion left behind may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}
