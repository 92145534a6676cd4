//! `sdks/go`: its tests, the conformance vectors and its format, by the machine's Go.
//!
//! Invariant: Go fetches nothing for it, and keeps its caches below the folder of tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::languages::{Ran, Setting};
use crate::{build, step, tools};

const SOURCE: &str = "sdks/go";

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let go = Go::new(setting.root, setting.tools, "debug")?;
    go.check_sources()?;
    step::run_quietly("tests in Go", &mut go.command(&["test", "./..."]))?;
    let page = go.compile("page", "./examples/page", &[])?;
    // One example has the library in it, so that both ways to link are tried.
    let flush = go.compile("flush", "./examples/flush", &["-tags", "headwater_static"])?;
    let login = go.compile("login", "./examples/login", &[])?;
    let driver = go.compile_driver()?;
    Ok(Ran {
        vectors: setting.vectors("Go", go.with_library(&driver).arg("vectors"))?,
        page: go.with_library(&page),
        flush: go.with_library(&flush),
        login: go.with_library(&login),
    })
}

/// Measures what a call costs over the border, and writes.
pub(crate) fn bench(root: &Path) -> Result<()> {
    let build = ["build", "--release", "--package", "headwater-c"];
    step::run("the C library (release)", step::cargo().args(build).current_dir(root))?;
    let go = Go::new(root, &tools::directory(root), "release")?;
    let driver = go.compile_driver()?;
    step::run("measure", go.with_library(&driver).arg("measure"))
}

/// The machine's Go, with caches of its own.
struct Go {
    source: PathBuf,
    caches: PathBuf,
    /// Where programs are put.
    programs: PathBuf,
    /// Where the library is, shared and static.
    libraries: PathBuf,
}

impl Go {
    fn new(root: &Path, tools: &Path, profile: &str) -> Result<Self> {
        let target = build::target(root);
        let go = Self {
            source: root.join(SOURCE),
            caches: fs::canonicalize(tools).unwrap_or_else(|_| tools.to_owned()).join("go"),
            programs: target.join("go"),
            libraries: target.join(profile),
        };
        fs::create_dir_all(&go.programs).with_context(|| format!("cannot make {}", go.programs.display()))?;
        Ok(go)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut go = self.with_library(Path::new("go"));
        go.args(words);
        go
    }

    /// A program that has the library, in the folder of the sources.
    fn with_library(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "1");
        command.env("GOPATH", self.caches.join("path")).env("GOCACHE", self.caches.join("cache"));
        command.env("HEADWATER_LIBRARY", self.libraries.join("libheadwater.so"));
        // The same for all, so that Go compiles once.
        command.env("CGO_LDFLAGS", format!("-L{}", self.libraries.display())).current_dir(&self.source);
        command
    }

    fn compile(&self, name: &str, package: &str, how: &[&str]) -> Result<PathBuf> {
        let program = self.programs.join(name);
        let mut compile = self.command(&["build"]);
        compile.args(how).arg("-o").arg(&program).arg(package);
        step::run_quietly(&format!("compile {name}"), &mut compile)?;
        Ok(program)
    }

    /// The program of the tests, which is the driver of the vectors and measures if it is told to.
    fn compile_driver(&self) -> Result<PathBuf> {
        let driver = self.programs.join("driver");
        let mut compile = self.command(&["test", "-c", "-o"]);
        step::run_quietly("compile the driver of the vectors", compile.arg(&driver).arg("."))?;
        Ok(driver)
    }

    /// What Go's own tools say of the sources.
    fn check_sources(&self) -> Result<()> {
        let output = self.command(&["vet", "./..."]).output().context("cannot run go vet")?;
        ensure!(output.status.success(), "go vet says: {}", String::from_utf8_lossy(&output.stderr));
        let gofmt = Command::new("gofmt").args(["-l", "."]).current_dir(&self.source).output();
        let said = gofmt.context("cannot run gofmt")?.stdout;
        ensure!(said.is_empty(), "not as gofmt writes them: {}", String::from_utf8_lossy(&said));
        Ok(())
    }
}
