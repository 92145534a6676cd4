//! `sdks/c` as programs in C and C++ have it: what the library shows, the rules of its border under
//! sanitizers, and the example of its README.
//!
//! Not here: tests of it in Rust (`sdks/c/tests`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use super::transcripts::Transcripts;
use crate::{build, step};

/// All that the library shows. They are frozen.
const FUNCTIONS: [&str; 7] = [
    "headwater_call",
    "headwater_call_async",
    "headwater_close",
    "headwater_free",
    "headwater_open",
    "headwater_subscribe",
    "headwater_unsubscribe",
];

const SANITIZED: [&str; 5] =
    ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g"];

/// What a program that is linked with the static library needs of the system.
const SYSTEM_LIBRARIES: [&str; 4] = ["-lgcc_s", "-lpthread", "-ldl", "-lm"];

/// A built library, and where programs that use it are put.
struct Library {
    source: PathBuf,
    folder: PathBuf,
    programs: PathBuf,
}

pub(crate) fn test(root: &Path) -> Result<()> {
    build::package(root, "the C library", "headwater-c")?;
    let library = Library::new(root, "debug")?;
    library.check_symbols()?;
    let driver = library.compile("driver", &library.sources("test")?, &SANITIZED, Linked::Shared)?;
    let server = Transcripts::start(root)?;
    let mut drive = Command::new(&driver);
    drive.arg(format!("--vectors={}", root.join("sdks/conformance").display()));
    drive.arg(format!("--server={}", server.url));
    step::run("the border of the C library", &mut drive)?;
    check_that_leaks_are_seen(&driver)?;
    library.run_example(&root.join("target/c"))
}

/// Measures what a call costs over the border, and how much of it is reading and writing messages.
pub(crate) fn bench(root: &Path) -> Result<()> {
    let build = ["build", "--release", "--package", "headwater-c"];
    step::run("the C library (release)", step::cargo().args(build).current_dir(root))?;
    let codec = ["build", "--release", "--package", "peer-calls", "--example", "codec"];
    step::run("messages alone (release)", step::cargo().args(codec).current_dir(root))?;
    let library = Library::new(root, "release")?;
    let border = border(root)?;
    let messages = library.programs.join("messages.txt");
    fs::write(&messages, Command::new(&border).arg("--messages").output()?.stdout)?;
    step::say("measure (nanoseconds a call; the best of many short rounds)");
    let all = figures(&Command::new(&border).output()?.stdout);
    let mut codec = Command::new(library.folder.join("examples/codec"));
    let alone = figures(&codec.stdin(fs::File::open(&messages)?).output()?.stdout);
    ensure!(!all.is_empty() && all.len() == alone.len(), "the border cannot be measured");
    eprintln!("{:24} {:>8} {:>10} {:>10}", "", "call", "messages", "the rest");
    for ((name, call), (_, messages)) in all.iter().zip(&alone) {
        eprintln!("{name:24} {call:8} {messages:10} {:10}", call - messages);
    }
    Ok(())
}

/// The program that measures it in C++, over the library in release.
pub(super) fn border(root: &Path) -> Result<PathBuf> {
    let library = Library::new(root, "release")?;
    let sources = [library.source.join("bench/border.cpp"), library.source.join("test/json.cpp")];
    library.compile("border", &sources, &["-O2"], Linked::Shared)
}

/// Lines of a name and a number.
fn figures(lines: &[u8]) -> Vec<(String, i64)> {
    let lines = String::from_utf8_lossy(lines).into_owned();
    let figure = |line: &str| {
        let (name, figure) = line.rsplit_once(' ')?;
        Some((name.to_owned(), figure.parse().ok()?))
    };
    lines.lines().filter_map(figure).collect()
}

/// How a program has the library.
#[derive(Clone, Copy)]
enum Linked {
    Shared,
    Static,
}

impl Library {
    fn new(root: &Path, profile: &str) -> Result<Self> {
        let target = build::target(root);
        let programs = target.join("c");
        fs::create_dir_all(&programs).with_context(|| format!("cannot make {}", programs.display()))?;
        Ok(Self { source: root.join("sdks/c"), folder: target.join(profile), programs })
    }

    /// The sources in C++ in one of its folders.
    fn sources(&self, folder: &str) -> Result<Vec<PathBuf>> {
        let folder = self.source.join(folder);
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut sources = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
        sources.retain(|it| it.extension().is_some_and(|it| it == "cpp"));
        sources.sort();
        Ok(sources)
    }

    fn compile(&self, name: &str, sources: &[PathBuf], how: &[&str], linked: Linked) -> Result<PathBuf> {
        let program = self.programs.join(name);
        let is_c = sources.iter().all(|it| it.extension().is_some_and(|it| it == "c"));
        let mut compiler = Command::new(if is_c { "gcc" } else { "g++" });
        compiler.arg(if is_c { "-std=c11" } else { "-std=c++17" });
        compiler.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]).args(how);
        compiler.arg("-I").arg(self.source.join("include")).args(sources).arg("-o").arg(&program);
        match linked {
            Linked::Shared => {
                compiler.arg("-L").arg(&self.folder).arg("-lheadwater");
                compiler.arg(format!("-Wl,-rpath,{}", self.folder.display())).arg("-pthread");
            }
            Linked::Static => {
                compiler.arg(self.folder.join("libheadwater.a")).args(SYSTEM_LIBRARIES);
            }
        }
        step::run_quietly(&format!("compile {name}"), &mut compiler)?;
        Ok(program)
    }

    fn check_symbols(&self) -> Result<()> {
        let file = self.folder.join("libheadwater.so");
        let shown = step::answer("nm", &["-D", "--defined-only", &file.display().to_string()])
            .with_context(|| format!("nm cannot read {}", file.display()))?;
        let mut names: Vec<_> = shown.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        names.sort_unstable();
        ensure!(names == FUNCTIONS, "libheadwater.so does not show the seven functions and nothing else: {names:?}");
        Ok(())
    }

    /// The program of the README, with both kinds of the library, in C.
    fn run_example(&self, into: &Path) -> Result<()> {
        fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
        let readme = fs::read_to_string(self.source.join("README.md")).context("cannot read sdks/c/README.md")?;
        let code = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next());
        let code = code.context("sdks/c/README.md has no program in C")?;
        let source = self.programs.join("example.c");
        fs::write(&source, code).with_context(|| format!("cannot write {}", source.display()))?;
        for (name, linked) in [("example", Linked::Shared), ("example-static", Linked::Static)] {
            let program = self.compile(name, std::slice::from_ref(&source), &["-g"], linked)?;
            let folder = self.programs.join("till-7");
            let _ = fs::remove_dir_all(&folder); // of the last time
            let ran = Command::new(&program).current_dir(&self.programs).stdin(Stdio::null()).output()?;
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            let expected = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
            let expected = expected.context("sdks/c/README.md does not say what its program prints")?;
            ensure!(ran.status.success() && said == expected, "{name} of sdks/c/README.md says {said:?}");
        }
        Ok(())
    }
}

/// The library itself is not instrumented: what it made and nobody gave back is seen all the same.
fn check_that_leaks_are_seen(driver: &Path) -> Result<()> {
    let output = Command::new(driver).arg("--leak").stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !said.contains("LeakSanitizer: detected memory leaks") {
        bail!("an answer that was not given back is no leak to the driver of the C library: {said}");
    }
    Ok(())
}
