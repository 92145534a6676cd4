//! `sdks/python` as programs have it: its wheel in an environment of its own, its tests, the conformance vectors, its
//! types.
//!
//! Invariant: nothing is built or kept in the sources.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::languages::{Ran, Setting};
use crate::{build, step, tools};

const SOURCE: &str = "sdks/python";
const PACKAGES: &str = include_str!("../../tools/python-sdk.txt");

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let source = setting.root.join(SOURCE);
    let python = Python::install(setting.root, setting.tools, "debug")?;
    let mut tests = python.command(&["-m", "unittest"]);
    step::run_quietly("tests in Python", tests.current_dir(source.join("tests")))?;
    let mut types = python.command(&["-m", "mypy", "--strict", "-p", "headwater", "--cache-dir"]);
    step::run_quietly("types of Python", types.arg(python.folder.join("mypy")))?;
    let program = |path: &str| {
        let mut command = python.command(&[]);
        command.arg(source.join(path));
        command
    };
    Ok(Ran {
        vectors: setting.vectors("Python", &mut program("tests/conformance.py"))?,
        page: program("examples/page.py"),
        flush: program("examples/flush.py"),
        login: program("examples/login.py"),
    })
}

/// Measures what a call costs over the border, and writes.
pub(crate) fn bench(root: &Path) -> Result<()> {
    let build = ["build", "--release", "--package", "headwater-c"];
    step::run("the C library (release)", step::cargo().args(build).current_dir(root))?;
    let python = Python::install(root, &tools::directory(root), "release")?;
    step::run("measure", python.command(&[]).arg(root.join(SOURCE).join("bench/border.py")))
}

/// An environment that has the wheel.
struct Python {
    program: PathBuf,
    /// Where it is built.
    folder: PathBuf,
}

impl Python {
    fn install(root: &Path, tools: &Path, profile: &str) -> Result<Self> {
        let home = tools.join("python-sdk");
        tools::once(&home, PACKAGES, |home| {
            step::run_quietly("make a Python environment", Command::new("python3").args(["-m", "venv"]).arg(home))?;
            let packages = home.join("requirements.txt");
            fs::write(&packages, PACKAGES)?;
            let mut pip = pip(home);
            pip.args(["install", "--only-binary", ":all:", "-r"]).arg(packages);
            step::run_quietly("fetch setuptools and mypy with pip", &mut pip)
        })?;
        let python = Self { program: home.join("bin/python"), folder: build::target(root).join("python") };
        let wheels = python.make_wheel(root, &home, profile)?;
        let mut install = pip(&home);
        install.args(["install", "--no-index", "--no-deps", "--force-reinstall", "--find-links"]).arg(wheels);
        step::run_quietly("install the wheel", install.arg("headwater"))?;
        Ok(python)
    }

    /// Makes the wheel of a copy of the sources, with the library without what only debuggers read: the folder it is
    /// in.
    fn make_wheel(&self, root: &Path, home: &Path, profile: &str) -> Result<PathBuf> {
        let (source, wheels) = (self.folder.join("source"), self.folder.join("wheels"));
        let _ = fs::remove_dir_all(&self.folder); // of the last time
        fs::create_dir_all(&source).with_context(|| format!("cannot make {}", source.display()))?;
        let mut copy = Command::new("cp");
        copy.arg("-r").args(["src", "pyproject.toml", "setup.py", "README.md"]).arg(&source);
        step::run_quietly("copy the package", copy.current_dir(root.join(SOURCE)))?;
        let library = self.folder.join("libheadwater.so");
        let mut strip = Command::new("strip");
        strip
            .arg("--strip-debug")
            .arg("-o")
            .arg(&library)
            .arg(build::target(root).join(profile).join("libheadwater.so"));
        step::run_quietly("strip the library", &mut strip)?;
        let mut wheel = pip(home);
        wheel.args(["wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w"]).arg(&wheels).arg(&source);
        step::run_quietly("make the wheel", wheel.env("HEADWATER_LIBRARY", &library))?;
        Ok(wheels)
    }

    /// Python that takes a warning as a fault, and writes nothing beside the sources.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut python = Command::new(&self.program);
        python.args(["-W", "error"]).args(arguments);
        python.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("HEADWATER_LIBRARY").env_remove("PYTHONPATH");
        python
    }
}

fn pip(home: &Path) -> Command {
    let mut pip = Command::new(home.join("bin/python"));
    pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    pip
}
