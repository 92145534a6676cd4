//! `sdks/jvm` as programs in Java have it: the jar with the native library in it; and its tests, the conformance
//! vectors and the program of its README.
//!
//! Invariant: nothing but a JDK is needed for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};

use super::languages::{Ran, Setting};
use crate::{build, step};

const PACKAGE: &str = "sdks/jvm";

/// The oldest Java that the jar is for.
const RELEASE: &str = "11";

/// What makes a short program quick to start: no second compiler, no threads to collect.
const QUICK: [&str; 2] = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

const TESTS: [&str; 5] = [
    "com.headwater.internal.CodecTest",
    "com.headwater.internal.ApiTest",
    "com.headwater.internal.CompatTest",
    "com.headwater.internal.LifeTest",
    "com.headwater.internal.NamesTest",
];

/// What this process has built: it is there for the languages that come after Java.
static BUILT: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// What is built: below `target/jvm`.
pub(super) struct Jvm {
    source: PathBuf,
    built: PathBuf,
}

impl Jvm {
    /// Builds the native library and the jar.
    pub(super) fn build(root: &Path, is_release: bool) -> Result<Self> {
        if is_release {
            let build = ["build", "--release", "--package", "headwater-jni"];
            step::run("the library for the JVM (release)", step::cargo().args(build).current_dir(root))?;
        } else {
            build::package(root, "the library for the JVM", "headwater-jni")?;
        }
        let jvm = Self { source: root.join(PACKAGE), built: build::target(root).join("jvm") };
        if is_built_else_note("headwater.jar") {
            return Ok(jvm);
        }
        let classes = jvm.empty("classes")?;
        step::run_quietly("compile Java", jvm.javac(&classes, None).args(sources(&jvm.source.join("src"))?))?;
        let native = classes.join(format!("native/{}-{}", std::env::consts::OS, std::env::consts::ARCH));
        fs::create_dir_all(&native).with_context(|| format!("cannot make {}", native.display()))?;
        let library = format!("{}headwater_jni{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        let built = build::target(root).join(if is_release { "release" } else { "debug" }).join(&library);
        // Without what only debuggers read: it is copied whenever a program starts.
        let mut strip = Command::new("strip");
        strip.arg("--strip-debug").arg("-o").arg(native.join(&library)).arg(&built);
        step::run_quietly("strip the library for the JVM", &mut strip)?;
        jvm.archive("headwater.jar", &classes)?;
        Ok(jvm)
    }

    /// A jar of these classes.
    pub(super) fn archive(&self, name: &str, classes: &Path) -> Result<PathBuf> {
        let file = self.built.join(name);
        let mut jar = Command::new("jar");
        jar.args(QUICK.map(|it| format!("-J{it}")));
        jar.arg("--create").arg("--no-compress").arg("--file").arg(&file).arg("-C").arg(classes).arg(".");
        step::run_quietly(name, &mut jar)?;
        Ok(file)
    }

    pub(super) fn jar(&self) -> PathBuf {
        self.built.join("headwater.jar")
    }

    /// A folder of what is built, with nothing in it.
    pub(super) fn empty(&self, name: &str) -> Result<PathBuf> {
        let folder = self.built.join(name);
        let _ = fs::remove_dir_all(&folder); // of the last time
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    fn javac(&self, into: &Path, with: Option<&Path>) -> Command {
        let mut javac = Command::new("javac");
        javac
            .args(QUICK.map(|it| format!("-J{it}")))
            .args(["--release", RELEASE, "-Xlint:all", "-Werror", "-d"])
            .arg(into);
        if let Some(with) = with {
            javac.arg("-cp").arg(with);
        }
        javac
    }

    /// Compiles the tests, the examples, the measurement and the program of the README: where they are.
    pub(super) fn compile_programs(&self) -> Result<PathBuf> {
        if is_built_else_note("test-classes") {
            return Ok(self.built.join("test-classes"));
        }
        let classes = self.empty("test-classes")?;
        let readme = fs::read_to_string(self.source.join("README.md")).context("cannot read sdks/jvm/README.md")?;
        let program = self.built.join("Till.java");
        fs::write(&program, section(&readme, "java")?).context("cannot write Till.java")?;
        let mut javac = self.javac(&classes, Some(&self.jar()));
        for folder in ["test", "examples", "bench"] {
            javac.args(sources(&self.source.join(folder))?);
        }
        step::run_quietly("compile the tests in Java", javac.arg(&program))?;
        Ok(classes)
    }

    /// A JVM for short programs.
    pub(super) fn bare_java(&self) -> Command {
        let mut java = Command::new("java");
        java.args(QUICK);
        java
    }

    /// The same with the jar and these classes.
    fn java(&self, classes: &Path) -> Command {
        let mut java = self.bare_java();
        java.arg("-cp").arg(format!("{}:{}", self.jar().display(), classes.display()));
        java
    }

    fn run_example(&self, classes: &Path) -> Result<()> {
        let folder = self.empty("example")?;
        let ran = self.java(classes).arg("Till").current_dir(&folder).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let readme = fs::read_to_string(self.source.join("README.md")).context("cannot read sdks/jvm/README.md")?;
        let complaint = String::from_utf8_lossy(&ran.stderr).into_owned();
        ensure!(said == section(&readme, "text")?, "the program of sdks/jvm/README.md says {said:?} {complaint}");
        Ok(())
    }
}

/// Builds the jar as programs are to have it.
pub(super) fn build(root: &Path) -> Result<()> {
    let jvm = Jvm::build(root, true)?;
    step::say(&format!("{}: written", jvm.jar().display()));
    Ok(())
}

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let jvm = Jvm::build(setting.root, false)?;
    let classes = jvm.compile_programs()?;
    let mut tests = jvm.java(&classes);
    tests.arg("com.headwater.internal.Tests").args(TESTS).current_dir(setting.root);
    step::run_quietly("tests in Java", &mut tests)?;
    jvm.run_example(&classes)?;
    let mut vectors = jvm.java(&classes);
    vectors.arg("com.headwater.internal.Vectors").arg(setting.root.join("sdks/conformance/vectors"));
    let program = |name: &str| {
        let mut java = jvm.java(&classes);
        java.arg(name);
        java
    };
    Ok(Ran {
        vectors: setting.vectors("Java", vectors.arg(setting.transcripts))?,
        page: program("Page"),
        flush: program("Flush"),
        login: program("Login"),
    })
}

/// Measures what a call costs over the border, and writes, with a library built for it.
pub(crate) fn bench(root: &Path) -> Result<()> {
    let jvm = Jvm::build(root, true)?;
    let classes = jvm.compile_programs()?;
    let mut java = Command::new("java");
    java.arg("-cp").arg(format!("{}:{}", jvm.jar().display(), classes.display()));
    step::run("measure", java.arg("com.headwater.internal.Border").arg(jvm.empty("bench")?))
}

/// The code of a README that is of this language.
pub(super) fn section<'a>(readme: &'a str, language: &str) -> Result<&'a str> {
    let code = readme.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next());
    code.with_context(|| format!("the README has no code in {language}"))
}

/// Whether this process has built it; from now on it has.
fn is_built_else_note(what: &'static str) -> bool {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_built = built.contains(&what);
    if !is_built {
        built.push(what);
    }
    is_built
}

/// Every source below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|it| it == "java") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
