//! Faults that a test plans: the n-th operation on files below a folder fails, is torn, reads a flipped bit, or is
//! the last one before a crash.
//!
//! A run without a fault counts the operations; then a test can have each of them fail, one run after the other.
//! Threads of other tests are not touched, as long as their folders are others. Not here: kills and losses of power
//! of the whole process; what was handed to the system stays.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use crate::{Act, Course};

/// What happens to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails with an I/O error (EIO), and nothing of it happens.
    Io,
    /// It fails since the disk is full (ENOSPC), and nothing of it happens.
    Full,
    /// A write: half of it is written, then it fails with an I/O error. Other operations fail as with [`Fault::Io`].
    Torn,
    /// A read: one bit of what it gives is flipped. Other operations are done as ever.
    FlippedBit,
    /// It fails, and every later one below the folder: nothing changes there any more.
    Crash,
    /// Whoever does it panics.
    Panic,
}

/// Which operations a fault may come to, and when.
#[derive(Debug, Clone)]
pub struct Plan {
    fault: Fault,
    at: u64,
    lasting: bool,
    acts: Option<Vec<Act>>,
}

impl Plan {
    /// `fault` comes to the operation number `at`, counted from 1; 0: to none, only to count.
    pub fn new(fault: Fault, at: u64) -> Self {
        Self { fault, at, lasting: false, acts: None }
    }

    /// Only these are counted, and may fail.
    pub fn only(mut self, acts: &[Act]) -> Self {
        self.acts = Some(acts.to_vec());
        self
    }

    /// It comes to every operation after that one too.
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }
}

/// Plans that are in force.
static PLANS: Mutex<Vec<Arc<Planned>>> = Mutex::new(Vec::new());
/// How many: where there are none, an operation does not look for one.
static COUNT: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Planned {
    directory: PathBuf,
    plan: Plan,
    seen: AtomicU64,
    has_come: AtomicBool,
}

/// A plan in force, until this is dropped.
#[derive(Debug)]
pub struct Injected(Arc<Planned>);

/// Puts `plan` in force for everything below `directory`.
pub fn inject(directory: &Path, plan: Plan) -> Injected {
    let (seen, has_come) = (AtomicU64::new(0), AtomicBool::new(false));
    let planned = Arc::new(Planned { directory: directory.to_owned(), plan, seen, has_come });
    PLANS.lock().unwrap_or_else(PoisonError::into_inner).push(planned.clone());
    COUNT.fetch_add(1, SeqCst);
    Injected(planned)
}

impl Injected {
    /// How many operations were counted so far.
    pub fn seen(&self) -> u64 {
        self.0.seen.load(SeqCst)
    }

    /// Whether the fault has come.
    pub fn has_come(&self) -> bool {
        self.0.has_come.load(SeqCst)
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, SeqCst);
        PLANS.lock().unwrap_or_else(PoisonError::into_inner).retain(|planned| !Arc::ptr_eq(planned, &self.0));
    }
}

pub(crate) fn ask(act: Act, path: &Path) -> io::Result<Course> {
    if COUNT.load(SeqCst) == 0 {
        return Ok(Course::AsEver);
    }
    let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut course = Course::AsEver;
    for planned in plans.iter().filter(|planned| path.starts_with(&planned.directory)) {
        match planned.ask(act)? {
            Course::AsEver => {}
            other => course = other,
        }
    }
    Ok(course)
}

/// Whether nothing changes any more where `path` is.
pub(crate) fn has_crashed(path: &Path) -> bool {
    let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let has_come = |planned: &Planned| planned.plan.fault == Fault::Crash && planned.has_come.load(SeqCst);
    plans.iter().any(|planned| path.starts_with(&planned.directory) && has_come(planned))
}

impl Planned {
    fn ask(&self, act: Act) -> io::Result<Course> {
        let Plan { fault, at, lasting, ref acts } = self.plan;
        if fault == Fault::Crash && self.has_come.load(SeqCst) {
            return Err(io::Error::other("crashed, as a test planned it"));
        }
        if acts.as_ref().is_some_and(|acts| !acts.contains(&act)) {
            return Ok(Course::AsEver);
        }
        let number = self.seen.fetch_add(1, SeqCst) + 1;
        if at == 0 || number < at || (number > at && !lasting) {
            return Ok(Course::AsEver);
        }
        self.has_come.store(true, SeqCst);
        let input_output = || io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
        match (fault, act) {
            (Fault::Torn, Act::Write) => Ok(Course::HalfThenError(input_output())),
            (Fault::Io | Fault::Torn | Fault::Crash, _) => Err(input_output()),
            (Fault::Full, _) => Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())),
            (Fault::FlippedBit, Act::Read) => Ok(Course::FlippedBit),
            (Fault::FlippedBit, _) => Ok(Course::AsEver),
            (Fault::Panic, _) => panic!("a test planned this panic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataFile, PRIVATE_FILE, write_whole};

    fn file(directory: &Path) -> DataFile {
        DataFile::create(&directory.join("a")).unwrap()
    }

    #[test]
    fn the_nth_operation_fails_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        let injected = inject(directory.path(), Plan::new(Fault::Io, 2).only(&[Act::Write]));
        let written: Vec<bool> = (0..3).map(|at| file.write_all_at(b"x", at).is_ok()).collect();
        assert_eq!((written, injected.seen(), injected.has_come()), (vec![true, false, true], 3, true));
    }

    #[test]
    fn a_torn_write_leaves_half() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        let _injected = inject(directory.path(), Plan::new(Fault::Torn, 1).only(&[Act::Write]));
        file.write_all_at(b"whole", 0).unwrap_err();
        assert_eq!(std::fs::read(directory.path().join("a")).unwrap(), b"wh");
    }

    #[test]
    fn a_flipped_bit_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        file.write_all_at(b"whole", 0).unwrap();
        let _injected = inject(directory.path(), Plan::new(Fault::FlippedBit, 1));
        let mut read = [0; 5];
        file.read_exact_at(&mut read, 0).unwrap();
        let flipped: u32 = read.iter().zip(b"whole").map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!(flipped, 1);
    }

    #[test]
    fn a_crash_in_a_write_leaves_what_was_half_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let injected = inject(directory.path(), Plan::new(Fault::Crash, 1).only(&[Act::Rename]));
        write_whole(&path, b"one", PRIVATE_FILE).unwrap_err();
        assert!(!path.exists() && directory.path().join(".a.tmp").exists());
        drop(injected);
        write_whole(&path, b"two", PRIVATE_FILE).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn after_a_crash_nothing_changes_below_the_folder_and_all_is_as_ever_elsewhere() {
        let (directory, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let _injected = inject(directory.path(), Plan::new(Fault::Crash, 2).only(&[Act::Write]));
        let [here, there] = [&directory, &other].map(|directory| directory.path().join("b"));
        write_whole(&here, b"one", PRIVATE_FILE).unwrap();
        for _ in 0..3 {
            write_whole(&here, b"two", PRIVATE_FILE).unwrap_err();
            write_whole(&there, b"two", PRIVATE_FILE).unwrap();
        }
        assert_eq!((std::fs::read(here).unwrap(), std::fs::read(there).unwrap()), (b"one".to_vec(), b"two".to_vec()));
    }
}
