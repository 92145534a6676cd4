//! `sdks/cpp` as programs in C++ have it: its tests under sanitizers, every name of its table, an installation that
//! projects outside find by CMake and by pkg-config.
//!
//! Invariant: nothing is built in the sources.
//! Not here: the C library's own rules (`c.rs`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::languages::{Ran, Setting};
use crate::{build, step};

const FLAGS: [&str; 6] = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g1"];

/// Most of the time is the compiler's: it optimizes nothing.
const SANITIZED: [&str; 3] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

/// As for programs that have no nlohmann::json.
const PLAIN: &str = "-DHEADWATER_NO_NLOHMANN";

/// How many compilers run at once.
const COMPILERS: usize = 2;

/// A file that is compiled: its name without the end, and what it is compiled with.
type Source = (&'static str, &'static [&'static str]);

/// The tests of our own API are without nlohmann::json, those of the vendor's with it, and one file is with both.
const OBJECTS: [Source; 8] = [
    ("cpp/test/compat.cpp", &SANITIZED),
    ("cpp/test/calls.cpp", &[SANITIZED[0], SANITIZED[1], SANITIZED[2], PLAIN]),
    ("cpp/test/life.cpp", &[SANITIZED[0], SANITIZED[1], SANITIZED[2], PLAIN]),
    ("cpp/test/vectors.cpp", &[SANITIZED[0], SANITIZED[1], SANITIZED[2], PLAIN]),
    ("cpp/test/main.cpp", &SANITIZED),
    ("c/test/json.cpp", &SANITIZED),
    ("c/test/names.cpp", &SANITIZED),
    ("c/test/http.cpp", &SANITIZED),
];

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let sdk = Sdk::new(setting.root)?;
    let names = sdk.write_names()?;
    let mut compilers: Vec<Command> = OBJECTS.iter().map(|(file, how)| sdk.object(file, "", how)).collect();
    compilers.push(sdk.object("cpp/test/calls.cpp", "with-json-", &[]));
    compilers.push(sdk.program("fake", &sdk.sdks.join("cpp/test/fake.cpp"), &[PLAIN]));
    let mut check_names = sdk.compiler(&["-fsyntax-only"]);
    check_names.arg(names);
    compilers.push(check_names);
    run_all("compile the tests in C++", compilers)?;
    let driver = sdk.link("driver", &["main", "calls", "life", "vectors", "json", "names", "http"])?;
    let compat = sdk.link("compat", &["main", "compat", "with-json-calls"])?;
    step::run_quietly("tests in C++", &mut Command::new(&driver))?;
    step::run_quietly("tests in C++ of the vendor's names", &mut Command::new(compat))?;
    step::run_quietly("C++ with another library", &mut Command::new(sdk.folder.join("fake")))?;
    let mut vectors = Command::new(driver);
    vectors.arg("--vectors").arg(sdk.sdks.join("conformance")).arg(setting.transcripts);
    let vectors = setting.vectors("C++", &mut vectors)?;
    let installed = sdk.install()?;
    sdk.run_readme(&installed)?;
    let examples = sdk.build_examples(&installed)?;
    let program = |name| Command::new(examples.join(name));
    Ok(Ran { vectors, page: program("page"), flush: program("flush"), login: program("login") })
}

/// Measures what a call costs over the border, and writes.
pub(crate) fn bench(root: &Path) -> Result<()> {
    let build = ["build", "--release", "--package", "headwater-c"];
    step::run("the C library (release)", step::cargo().args(build).current_dir(root))?;
    let mut sdk = Sdk::new(root)?;
    sdk.library = build::target(root).join("release");
    let mut compile = sdk.program("border", &sdk.sdks.join("cpp/bench/border.cpp"), &["-O2"]);
    sdk.linked(&mut compile);
    step::run_quietly("compile the measurement", &mut compile)?;
    step::run("measure", &mut Command::new(sdk.folder.join("border")))
}

/// Runs programs, some at once, as one step.
fn run_all(what: &str, commands: Vec<Command>) -> Result<()> {
    step::say(what);
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let commands: Vec<_> = commands.into_iter().map(std::sync::Mutex::new).collect();
    let run_some = || -> Result<()> {
        while let Some(command) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut command = command.lock().ok().context("another compiler failed")?;
            let output = command.stdin(Stdio::null()).output().context("cannot run g++")?;
            ensure!(output.status.success(), "{what}: {command:?}\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..COMPILERS).map(|_| scope.spawn(run_some)).collect();
        running.into_iter().try_for_each(|it| it.join().ok().context("a thread panicked")?)
    })?;
    eprintln!("    {what}: done in {:.1} s", began.elapsed().as_secs_f32());
    Ok(())
}

/// A row of `sdks/cpp/names.json`, with code that is compiled to see whether the names are there.
#[derive(Deserialize)]
struct Named {
    does: String,
    ours: Option<String>,
    compat: Option<String>,
    ours_code: Option<String>,
    compat_code: Option<String>,
}

/// Where it is, and where programs that use it are put.
struct Sdk {
    sdks: PathBuf,
    library: PathBuf,
    folder: PathBuf,
}

impl Sdk {
    fn new(root: &Path) -> Result<Self> {
        let folder = build::target(root).join("cpp");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { sdks: root.join("sdks"), library: build::folder(root), folder })
    }

    fn compiler(&self, how: &[&str]) -> Command {
        let mut compiler = Command::new("g++");
        compiler.args(FLAGS).args(how);
        compiler.arg("-I").arg(self.sdks.join("c/include")).arg("-I").arg(self.sdks.join("cpp/include"));
        compiler
    }

    fn object(&self, file: &str, prefix: &str, how: &[&str]) -> Command {
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        let mut compiler = self.compiler(how);
        compiler.arg("-c").arg(self.sdks.join(file)).arg("-o").arg(self.folder.join(format!("{prefix}{name}.o")));
        compiler
    }

    fn program(&self, name: &str, source: &Path, how: &[&str]) -> Command {
        let mut compiler = self.compiler(how);
        compiler.arg(source).arg("-o").arg(self.folder.join(name));
        compiler
    }

    fn linked(&self, compiler: &mut Command) {
        compiler.arg("-L").arg(&self.library).arg("-lheadwater");
        compiler.arg(format!("-Wl,-rpath,{}", self.library.display())).arg("-pthread");
    }

    fn link(&self, name: &str, objects: &[&str]) -> Result<PathBuf> {
        let program = self.folder.join(name);
        let mut linker = Command::new("g++");
        linker.args(SANITIZED).args(objects.iter().map(|it| self.folder.join(format!("{it}.o"))));
        linker.arg("-o").arg(&program);
        self.linked(&mut linker);
        step::run_quietly(&format!("link {name}"), &mut linker)?;
        Ok(program)
    }

    /// A source that has the code of every name that the table says.
    fn write_names(&self) -> Result<PathBuf> {
        let path = self.sdks.join("cpp/names.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let rows: Vec<Named> = serde_json::from_str(&text).context("sdks/cpp/names.json is not as it should be")?;
        let (mut ours, mut the_vendors) = (String::new(), String::new());
        for Named { does, ours: name, compat, ours_code, compat_code } in &rows {
            for (name, code, list) in [(name, ours_code, &mut ours), (compat, compat_code, &mut the_vendors)] {
                let (Some(name), Some(code)) = (name, code) else {
                    ensure!(name.is_none() && code.is_none(), "a name of \"{does}\" has no code, or code has no name");
                    continue;
                };
                let last = name.rsplit("::").next().unwrap_or(name);
                ensure!(code.contains(&format!("{last}(")), "`{code}` does not call {name}");
                list.push_str(&format!("  // {does}\n  (void)({code});\n"));
            }
        }
        let source = self.folder.join("table.cpp");
        let code = format!(
            "#include <headwater/compat.hpp>\n\nnamespace ours {{\nusing namespace headwater;\n\
             void calls(Headwater headwater, Store store, Collection collection, Find find, Sync sync, Subscription \
             subscription,\n           Observer observer, Written written, Executed executed, MutableField field, \
             Transaction transaction) {{\n{ours}}}\n}}\n\nnamespace the_vendors {{\nusing namespace ditto;\n\
             void calls(ditto::Ditto ditto, Store store, Collection collection, PendingCursorOperation find, QueryResult \
             query_result,\n           StoreObserver &store_observer, SyncSubscription &sync_subscription, \
             MutableDocumentPath path) {{\n{the_vendors}}}\n}}\n"
        );
        fs::write(&source, code).with_context(|| format!("cannot write {}", source.display()))?;
        Ok(source)
    }

    /// Installs it as its README says: the folder that others find it in.
    fn install(&self) -> Result<PathBuf> {
        let (made, installed) = (self.folder.join("package"), self.folder.join("installed"));
        let _ = fs::remove_dir_all(&installed); // of the last time
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(self.sdks.join("cpp")).arg("-B").arg(&made);
        let library = self.library.join("libheadwater.so");
        configure.arg(format!("-DHEADWATER_LIBRARY={}", library.display()));
        step::run_quietly("make the package for C++", &mut configure)?;
        let mut install = Command::new("cmake");
        install.arg("--install").arg(&made).arg("--prefix").arg(&installed);
        step::run_quietly("install the package for C++", &mut install)?;
        Ok(installed)
    }

    /// The examples as a project outside, which finds the package: the folder of the programs.
    fn build_examples(&self, installed: &Path) -> Result<PathBuf> {
        let made = self.folder.join("examples");
        let _ = fs::remove_dir_all(&made); // of the last time
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(self.sdks.join("cpp/examples")).arg("-B").arg(&made);
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", installed.display()));
        step::run_quietly("a project that finds the package by CMake", &mut configure)?;
        let mut build = Command::new("cmake");
        build.arg("--build").arg(&made).args(["--parallel", "2"]);
        step::run_quietly("the examples in C++", &mut build)?;
        Ok(made)
    }

    /// The program of the README, which finds the package by pkg-config.
    fn run_readme(&self, installed: &Path) -> Result<()> {
        let readme = fs::read_to_string(self.sdks.join("cpp/README.md")).context("cannot read sdks/cpp/README.md")?;
        let part = |mark: &str| readme.split(mark).nth(1).and_then(|rest| rest.split("```").next());
        let source = self.folder.join("readme.cpp");
        fs::write(&source, part("```cpp\n").context("sdks/cpp/README.md has no program")?)?;
        let mut find = Command::new("pkg-config");
        find.args(["--cflags", "--libs", "headwater"]).env("PKG_CONFIG_PATH", installed.join("lib/pkgconfig"));
        let found = find.output().context("cannot run pkg-config")?;
        ensure!(found.status.success(), "pkg-config: {}", String::from_utf8_lossy(&found.stderr));
        let program = self.folder.join("readme");
        let mut compiler = Command::new("g++");
        compiler.args(FLAGS).arg(&source).arg("-o").arg(&program);
        compiler.args(String::from_utf8_lossy(&found.stdout).split_whitespace());
        step::run_quietly("compile the program of the README in C++", &mut compiler)?;
        let folder = self.folder.join("till-7");
        let _ = fs::remove_dir_all(&folder); // of the last time
        let mut run = Command::new(program);
        run.current_dir(&self.folder).env("LD_LIBRARY_PATH", installed.join("lib")).stdin(Stdio::null());
        let ran = run.output()?;
        let said = String::from_utf8_lossy(&ran.stdout);
        let expected = part("```text\n").context("sdks/cpp/README.md does not say what its program prints")?;
        ensure!(ran.status.success() && said == expected, "the program of sdks/cpp/README.md says {said:?}");
        Ok(())
    }
}
