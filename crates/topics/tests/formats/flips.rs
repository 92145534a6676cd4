//! The law of damage, over the bits of whole data directories: those of `testdata/formats`, and one
//! that the code of today writes.
//!
//! Whatever bit of whatever file is flipped, either the damage is refused, by an error that names
//! what is damaged or by an app that does not open, and `verify` reports it; or it is harmless:
//! everything that can be read is exactly as before. Nothing panics, hangs, or takes memory without
//! end. What is legitimate, and counts as neither:
//!
//! - *Cut*: the last frame of a journal, which the documents have not seen, is cut as a torn one
//!   is,
//!   and `verify` says how many bytes go (`docs/internals/stored-formats.md`).
//! - The engine's log may end before the flip, as after a power failure. Then the documents are of
//!   an earlier moment, and the journal is replayed into them: that is as before, but for requests
//!   that the server named itself, which are remembered only where they were replayed.
//! - A damaged `clock.json` stops no start: all writes are refused until the clock is accepted.
//!
//! Every bit of what is looked at before the engine opens: the small files, and what the inventory
//! of a clean stop covers (of larger files one bit in so many). Of all others, which cost an
//! opening of the engine each, as many as a budget allows: `FLIPS_SECONDS` seconds (20 if not
//! given), or `all`. `cargo xtask flips` runs it. Journals have a loop of their own over all bits
//! (crate `store`, `journal::flips`), and so have the files of the crate `credentials`.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::FileExt as _,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::sync_channel,
    },
    time::{Duration, Instant},
};

use files::DirectoryFormat;
use store::{ClockStanding, DataDir};
use topics::TopicRegistry;

use super::{APPS, FIXTURES, HandClock, copy_dir, folder::files_of, options, random, runtime, shown, write};

/// How long files of the engine are flipped, where nothing else is asked for.
const SAMPLE_SECONDS: u64 = 20;

/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// More than the whole test needs; what a flipped length asks for beyond it ends the process.
const ADDRESS_SPACE_BYTES: u64 = 16 << 30;

/// Up to here every bit of what the inventory covers is flipped, beyond one in so many.
const EVERY_BIT_BYTES: u64 = 100;
const ONE_BIT_IN: u64 = 13;

/// The inventory covers so much of a file's beginning and of its end.
const INVENTORY_BYTES: u64 = 4096;

const CLOCK: &str = "clock.json";
const REGISTER: &str = "apps.json";
const FORMAT: &str = "format.json";

/// What a flip came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Refused,
    Harmless,
    Cut,
}

/// Of each file, what came of how many flips.
#[derive(Default)]
struct Counts(BTreeMap<String, [u64; 3]>);

impl Counts {
    fn add(&mut self, file: &str, verdict: Verdict) {
        self.0.entry(file.to_owned()).or_default()[verdict as usize] += 1;
    }

    fn print(&self, title: &str) {
        let mut all = 0;
        for (file, [refused, harmless, cut]) in &self.0 {
            let tried = refused + harmless + cut;
            all += tried;
            println!("{title}: {file}: {tried} flips: {refused} refused, {harmless} harmless, {cut} cut");
        }
        println!("{title}: {all} flips");
    }
}

/// How much is tried where a flip is costly.
#[derive(Clone, Copy)]
enum Budget {
    All,
    Sample(Duration),
}

impl Budget {
    fn asked_for() -> Self {
        match std::env::var("FLIPS_SECONDS").as_deref() {
            Ok("all") => Self::All,
            Ok(seconds) => Self::Sample(Duration::from_secs(seconds.parse().unwrap())),
            Err(_) => Self::Sample(Duration::from_secs(SAMPLE_SECONDS)),
        }
    }
}

#[test]
fn every_flipped_bit_of_a_directory_is_refused_or_harmless() {
    let limit = rustix::process::Rlimit { current: Some(ADDRESS_SPACE_BYTES), maximum: None };
    rustix::process::setrlimit(rustix::process::Resource::As, limit).unwrap();
    let panics = count_panics();

    let old = |name: &'static str| {
        let directory = temporary();
        super::copy_fixture(name, directory.path());
        (name, directory)
    };
    let mut directories: Vec<_> = FIXTURES.into_iter().map(old).collect();
    let new = temporary();
    write::write_directory(new.path());
    directories.push(("today", new));
    for (name, directory) in &directories {
        small_files(name, directory.path());
        for app in APPS {
            before_the_engine(&format!("{name} {app}"), directory.path(), app);
        }
    }
    let mut apps = Vec::new();
    for (name, directory) in &directories {
        for app in APPS {
            apps.push(Whole::new(format!("{name} {app}"), directory.path(), app));
        }
    }
    behind_the_engine(&apps, Budget::asked_for());
    assert_eq!(panics.load(SeqCst), 0, "something panicked");
}

/// In memory if there is such a place: the engine syncs a great deal.
fn temporary() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// Panics of all threads, also of those that nobody joins.
fn count_panics() -> Arc<AtomicU64> {
    let (count, before) = (Arc::new(AtomicU64::new(0)), std::panic::take_hook());
    let counted = count.clone();
    std::panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, SeqCst);
        before(info);
    }));
    count
}

fn clock() -> Arc<HandClock> {
    // After all that was written.
    Arc::new(HandClock(AtomicU64::new(super::START_MS + 3_600_000)))
}

/// Flips the bit in the file, acts, and flips it back.
fn with_flip<T>(path: &Path, bit: u64, act: impl FnOnce() -> T) -> T {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, bit / 8).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << (bit % 8))], bit / 8).unwrap();
    let result = act();
    file.write_all_at(&byte, bit / 8).unwrap();
    result
}

fn bits(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len() * 8
}

/// Every bit of the files that concern the whole directory.
fn small_files(name: &str, whole: &Path) {
    let mut counts = Counts::default();
    let directory = temporary();
    copy_dir(whole, directory.path());
    let path = directory.path();
    let open = || DataDir::open(path, options(), clock(), random);
    let standing = open().unwrap().clock().state().standing;
    assert_eq!(standing, ClockStanding::Fine, "{name}");
    for file in [REGISTER, CLOCK, FORMAT].into_iter().filter(|file| path.join(file).exists()) {
        for bit in 0..bits(&path.join(file)) {
            let case = format!("{name}: bit {bit} of {file}");
            let verdict = with_flip(&path.join(file), bit, || match (file, open()) {
                (_, Err(error)) => {
                    assert!(error.to_string().contains(file), "{case}: {error}");
                    Verdict::Refused
                }
                (CLOCK, Ok(data)) => {
                    let standing = data.clock().state().standing;
                    assert!(matches!(standing, ClockStanding::Refused(_)), "{case}: {standing:?}");
                    Verdict::Refused
                }
                (FORMAT, Ok(_)) => {
                    let error = DirectoryFormat::mark(path).unwrap_err().to_string();
                    assert!(error.contains(file), "{case}: {error}");
                    Verdict::Refused
                }
                (_, Ok(_)) => panic!("{case}: it opens"),
            });
            counts.add(file, verdict);
        }
    }
    counts.print(name);
}

/// Every bit of an app's small files, and of what the inventory covers.
fn before_the_engine(title: &str, whole: &Path, app: &str) {
    let mut counts = Counts::default();
    let directory = temporary();
    copy_dir(whole, directory.path());
    let folder = directory.path().join("apps").join(app);
    if folder.join("live-queries.json").exists() {
        // Reading it again costs no opening.
        let copy = temporary();
        copy_dir(whole, copy.path());
        let data = DataDir::open(copy.path(), options(), clock(), random).unwrap();
        let opened = data.app(app).unwrap();
        let path = copy.path().join("apps").join(app).join("live-queries.json");
        for bit in 0..bits(&path) {
            let error = with_flip(&path, bit, || opened.setting("live-queries")).unwrap_err().to_string();
            assert!(error.contains("live-queries.json"), "{title}: bit {bit}: {error}");
            counts.add("live-queries.json", Verdict::Refused);
        }
    }
    if folder.join("documents.inventory").exists() {
        let data = DataDir::open(directory.path(), options(), clock(), random).unwrap();
        for file in files_of(&folder) {
            let name = file.to_str().unwrap();
            let path = folder.join(&file);
            let len = bits(&path) / 8;
            let step = match name {
                "documents.inventory" => 1,
                _ if !file.starts_with("documents") => continue,
                _ if len <= EVERY_BIT_BYTES => 1,
                _ => ONE_BIT_IN,
            };
            let is_covered = |bit: &u64| bit / 8 < INVENTORY_BYTES || bit / 8 + INVENTORY_BYTES >= len;
            for bit in (0..len * 8).step_by(usize::try_from(step).unwrap()).filter(is_covered) {
                let error = with_flip(&path, bit, || data.app(app).map(drop));
                let error = error.expect_err(&format!("{title}: bit {bit} of {name}: it opens")).to_string();
                assert!(error.contains(name), "{title}: bit {bit} of {name}: {error}");
                counts.add(name, Verdict::Refused);
            }
        }
    }
    counts.print(&format!("{title}, before the engine opens"));
}

/// What is said of an app, by the names of the files that hold what is expected.
type Said = Result<BTreeMap<&'static str, (String, Option<String>)>, String>;

/// A directory of one app.
struct Whole {
    title: String,
    app: &'static str,
    directory: tempfile::TempDir,
    /// The engine's files, and the journal's, as paths from the app's folder.
    files: Vec<PathBuf>,
    said: BTreeMap<&'static str, (String, Option<String>)>,
    torn_bytes: u64,
}

impl Whole {
    fn new(title: String, from: &Path, app: &'static str) -> Self {
        let directory = temporary();
        let folder = directory.path().join("apps").join(app);
        copy_dir(&from.join("apps").join(app), &folder);
        for file in [CLOCK, FORMAT].into_iter().filter(|file| from.join(file).exists()) {
            fs::copy(from.join(file), directory.path().join(file)).unwrap();
        }
        let register = fs::read_to_string(from.join(REGISTER)).unwrap();
        let at = register.find(&format!("{{\"name\":\"{app}\"")).unwrap();
        let entry = &register[at..=at + register[at..].find('}').unwrap()];
        fs::write(directory.path().join(REGISTER), files::seal(2, &format!("{{\"apps\":[{entry}]}}"))).unwrap();
        // As a kill leaves it: with it, most of what follows would be refused before the engine
        // opens.
        let _ = fs::remove_file(folder.join("documents.inventory"));

        let is_flipped = |file: &PathBuf| file.starts_with("documents") || file.starts_with("journal");
        let mut files: Vec<_> = files_of(&folder).into_iter().filter(is_flipped).collect();
        files.retain(|file| bits(&folder.join(file)) > 0);
        let (to_open, to_verify) = (temporary(), temporary());
        copy_dir(directory.path(), to_open.path());
        copy_dir(directory.path(), to_verify.path());
        let said = say(to_open.path(), app).unwrap();
        assert!(said.values().all(|(_, error)| error.is_none()), "{title}: {said:?}");
        let report = topics::verify(to_verify.path(), &mut |_| ()).unwrap();
        assert!(report.is_whole(), "{title}: {report:?}");
        Self { title, app, directory, files, said, torn_bytes: report.apps[0].torn_bytes }
    }

    fn path(&self, file: &Path) -> PathBuf {
        self.directory.path().join("apps").join(self.app).join(file)
    }

    /// Opens and verifies copies with the bit flipped, since both may change them.
    fn check(&self, file: &Path, bit: u64) -> Verdict {
        let case = format!("{}: bit {bit} of {}", self.title, file.display());
        let (to_open, to_verify) = (temporary(), temporary());
        with_flip(&self.path(file), bit, || {
            copy_dir(self.directory.path(), to_open.path());
            copy_dir(self.directory.path(), to_verify.path());
        });
        let app = self.app;
        let (said, verified) = patiently(&case, move || {
            let verified = topics::verify(to_verify.path(), &mut |_| ());
            (say(to_open.path(), app), verified)
        });
        let is_reported = verified.as_ref().map_or(true, |report| !report.is_whole());
        let said = match said {
            Ok(said) => said,
            Err(error) => {
                assert!(is_reported, "{case}: the app says {error}, verify that all is whole");
                // What the documents' log has lost may be the note on the file of version 2.
                let is_named = ["documents", "journal", "live-queries.json"].iter().any(|name| error.contains(name));
                assert!(is_named, "{case}: it names nothing: {error}");
                return Verdict::Refused;
            }
        };
        let torn_bytes = verified.as_ref().map_or(0, |report| report.apps.first().map_or(0, |app| app.torn_bytes));
        let may_be_cut = file.starts_with("journal") && torn_bytes > self.torn_bytes;
        let mut verdict = Verdict::Harmless;
        for (name, (text, error)) in &said {
            let (expected, _) = &self.said[name];
            let (text, expected) = (without_own_requests(text), without_own_requests(expected));
            if let Some(error) = error {
                assert!(expected.starts_with(&text), "{case}: {name} is another before the error {error}");
                assert!(is_reported, "{case}: {name} says {error}, verify that all is whole");
                verdict = Verdict::Refused;
            } else if text != expected {
                let differs = text.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
                assert!(may_be_cut, "{case}: {name} is another without a word, at {differs:#?}");
                verdict = Verdict::Cut;
            }
        }
        verdict
    }
}

/// Only where a frame was replayed is it known how the server called its own requests.
fn without_own_requests(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("request server-")).fold(String::new(), |all, line| all + line + "\n")
}

/// Everything that can be read of the app.
fn say(path: &Path, app: &str) -> Said {
    let data = DataDir::open(path, options(), clock(), random).map_err(|error| error.to_string())?;
    let runtime = runtime();
    let topics = TopicRegistry::new(data.clone());
    let shown = runtime.block_on(shown::shown(&topics, app));
    runtime.block_on(topics.stop());
    data.stop();
    Ok(shown?.into_iter().map(|shown| (shown.name, (shown.text, shown.error))).collect())
}

/// The result, if it comes in time and without a panic.
fn patiently<T: Send + 'static>(case: &str, act: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = sync_channel(1);
    std::thread::spawn(move || done.send(std::panic::catch_unwind(AssertUnwindSafe(act))));
    match result.recv_timeout(PATIENCE) {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => panic!("{case}: it panics"),
        Err(_) => panic!("{case}: it hangs"),
    }
}

/// Bits of the engine's files, and of the journals beside them, each with an opening.
fn behind_the_engine(apps: &[Whole], budget: Budget) {
    let mut counts = Counts::default();
    let mut check = |app: &Whole, file: &Path, bit: u64| {
        let verdict = app.check(file, bit);
        counts.add(&format!("{}, {}", app.title, file.display()), verdict);
    };
    match budget {
        Budget::All => {
            for app in apps {
                for file in &app.files {
                    (0..bits(&app.path(file))).for_each(|bit| check(app, file, bit));
                }
            }
        }
        Budget::Sample(duration) => {
            let (began, mut random) = (Instant::now(), Random(0x9e37_79b9_7f4a_7c15));
            while began.elapsed() < duration {
                let app = &apps[random.below(apps.len() as u64) as usize];
                // Every other time one that is no manifest: all bits of those have had their turn
                // in `key-values`.
                let is_large =
                    |file: &&PathBuf| file.ends_with("0.jnl") || file.parent().is_some_and(|p| p.ends_with("tables"));
                let large: Vec<_> = app.files.iter().filter(is_large).collect();
                let file = match random.below(2) {
                    0 => large[random.below(large.len() as u64) as usize],
                    _ => &app.files[random.below(app.files.len() as u64) as usize],
                };
                check(app, file, random.below(bits(&app.path(file))));
            }
        }
    }
    counts.print("with an opening of the engine");
}

/// Marsaglia's xorshift: the same bits every time, as far as the time reaches.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
