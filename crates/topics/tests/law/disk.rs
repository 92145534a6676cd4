//! Directories as a crash leaves them.

use std::path::Path;

use store::{Crash, MemoryDisk};

/// Holes stay holes: the engine's log is 64 MiB of them.
pub(crate) fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    use rustix::{
        fs::{SeekFrom, seek},
        io::Errno,
    };
    use std::os::unix::fs::FileExt as _;
    let (from, to) = (std::fs::File::open(from)?, std::fs::File::create(to)?);
    let len = from.metadata()?.len();
    to.set_len(len)?;
    let mut at = 0;
    while at < len {
        let begin = match seek(&from, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        at = seek(&from, SeekFrom::Hole(begin))?;
        let mut data = vec![0; (at - begin) as usize];
        from.read_exact_at(&mut data, begin)?;
        to.write_all_at(&data, begin)?;
    }
    Ok(())
}

/// The files, and what stands for files, as a crash leaves them; all that the engine's own files
/// held is there, though only what is in memory can lose what was not synced. Retention may be at
/// work: the copy is made again until nothing moved meanwhile.
pub(crate) fn copy_at_rest(from: &Path, to: &Path, memory: Option<&MemoryDisk>, crash: Crash) -> Option<MemoryDisk> {
    fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { copy_file(&entry.path(), &target)? }
        }
        Ok(())
    }
    fn sizes(dir: &Path) -> std::io::Result<Vec<(std::path::PathBuf, u64, std::time::SystemTime)>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                found.extend(sizes(&entry.path())?);
            } else {
                found.push((entry.path(), metadata.len(), metadata.modified()?));
            }
        }
        found.sort();
        Ok(found)
    }
    for _ in 0..10_000 {
        let _ = std::fs::remove_dir_all(to);
        let batches = memory.map(MemoryDisk::batches);
        if let Ok(before) = sizes(from)
            && copy(from, to).is_ok()
            && sizes(from).is_ok_and(|after| after == before)
        {
            let left = memory.map(|memory| memory.after(crash));
            if memory.map(MemoryDisk::batches) == batches {
                return left;
            }
        }
    }
    panic!("the directory never came to rest");
}
