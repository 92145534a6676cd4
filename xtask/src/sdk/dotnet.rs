//! `sdks/dotnet`, compiled and run by Mono: its tests, the vectors, other libraries under it, its examples, the
//! program of its README.
//!
//! Invariant: nothing is written into `sdks/dotnet`.
//! Not here: .NET and NuGet (`sdks/dotnet/Headwater.csproj` is for those who have them).

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::languages::{Ran, Setting};
use crate::{build, step};

/// The compiler, as strict as it can be.
const COMPILER: [&str; 4] = ["-langversion:7.2", "-warnaserror", "-debug", "-r:System.Core"];

/// What is compiled, and where to.
struct Built {
    source: PathBuf,
    folder: PathBuf,
    /// Where `libheadwater.so` is.
    library: PathBuf,
}

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let built = Built::new(setting.root, "debug")?;
    built.compile_sdk()?;
    let tests = built.compile("Headwater.Tests", &[built.source.join("test/*.cs")], &["-unsafe"])?;
    let [page, flush, login] = ["Page", "Flush", "Login"].map(|name| {
        let program = built.compile(name, &[built.source.join(format!("examples/{name}.cs"))], &[])?;
        Ok::<_, anyhow::Error>(built.mono(&program))
    });
    step::run_quietly("tests in C#", built.mono(&tests).arg("tests").arg(setting.root.join("sdks/dotnet/names.json")))?;
    built.check_other_libraries(&tests)?;
    built.run_example()?;
    let mut driver = built.mono(&tests);
    driver.arg("vectors").arg(setting.root.join("sdks/conformance/vectors")).arg(setting.transcripts);
    Ok(Ran { vectors: setting.vectors("C#", &mut driver)?, page: page?, flush: flush?, login: login? })
}

/// Measures what a call costs over the border from C++ and from C#, in turns.
pub(crate) fn bench(root: &Path) -> Result<()> {
    const TURNS: usize = 3;
    let build = ["build", "--release", "--package", "headwater-c"];
    step::run("the C library (release)", step::cargo().args(build).current_dir(root))?;
    let border = super::c::border(root)?;
    let built = Built::new(root, "release")?;
    built.compile_sdk()?;
    let bench = built.compile("Headwater.Bench", &[built.source.join("bench/Bench.cs")], &["-unsafe"])?;
    for _ in 0..TURNS {
        step::run("measure in C++ (nanoseconds a call)", &mut Command::new(&border))?;
        step::run(
            "measure in C# (nanoseconds a call)",
            Command::new("mono").arg(&bench).env("LD_LIBRARY_PATH", &built.library),
        )?;
    }
    Ok(())
}

impl Built {
    fn new(root: &Path, profile: &str) -> Result<Self> {
        let target = build::target(root);
        let folder = target.join("dotnet");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { source: root.join("sdks/dotnet"), folder, library: target.join(profile) })
    }

    fn compile_sdk(&self) -> Result<()> {
        let mut compiler = Command::new("mcs");
        compiler.args(COMPILER).args(["-unsafe", "-target:library"]);
        compiler.arg(format!("-out:{}", self.folder.join("Headwater.dll").display()));
        compiler.arg(format!("-doc:{}", self.folder.join("Headwater.xml").display()));
        compiler.arg(format!("-recurse:{}", self.source.join("src/*.cs").display()));
        step::run_quietly("compile Headwater.dll", &mut compiler)
    }

    /// A program that uses it.
    fn compile(&self, name: &str, sources: &[PathBuf], how: &[&str]) -> Result<PathBuf> {
        let program = self.folder.join(format!("{name}.exe"));
        let mut compiler = Command::new("mcs");
        compiler.args(COMPILER).args(how).arg(format!("-out:{}", program.display()));
        compiler.arg(format!("-r:{}", self.folder.join("Headwater.dll").display())).args(sources);
        step::run_quietly(&format!("compile {name}.exe"), &mut compiler)?;
        Ok(program)
    }

    fn mono(&self, program: &Path) -> Command {
        self.mono_with(program, &self.library)
    }

    fn mono_with(&self, program: &Path, library: &Path) -> Command {
        let mut mono = Command::new("mono");
        mono.arg("--debug").arg(program).env("LD_LIBRARY_PATH", library).current_dir(&self.folder);
        mono
    }

    /// A library that is older, or newer, or not there, is a defined error.
    fn check_other_libraries(&self, tests: &Path) -> Result<()> {
        let cases = [
            ("newer", Some("-DNEWER"), "knows list 1"),
            ("older", Some("-DWITHOUT_SUBSCRIBE"), "headwater_subscribe"),
            ("none", None, "libheadwater.so"),
        ];
        for (name, define, message) in cases {
            let folder = self.folder.join(name);
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            if let Some(define) = define {
                let mut compiler = Command::new("gcc");
                compiler.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", define]);
                compiler.arg(self.source.join("test/fake.c")).arg("-o").arg(folder.join("libheadwater.so"));
                ensure!(compiler.status()?.success(), "test/fake.c cannot be compiled");
            }
            let mut mono = self.mono_with(tests, &folder);
            mono.args(["library", "unsupported", message]);
            step::run_quietly(&format!("the SDK for C# over a library that is {name}"), &mut mono)?;
        }
        Ok(())
    }

    /// The program of the README.
    fn run_example(&self) -> Result<()> {
        let readme = fs::read_to_string(self.source.join("README.md")).context("cannot read sdks/dotnet/README.md")?;
        let block = |kind: &str| {
            let block = readme.split(&format!("```{kind}\n")).nth(1).and_then(|rest| rest.split("```").next());
            block.with_context(|| format!("sdks/dotnet/README.md has no block of {kind}"))
        };
        let source = self.folder.join("Till.cs");
        fs::write(&source, block("csharp")?).with_context(|| format!("cannot write {}", source.display()))?;
        let program = self.compile("Till", &[source], &[])?;
        let _ = fs::remove_dir_all(self.folder.join("till-7")); // of the last time
        let ran = self.mono(&program).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&ran.stdout);
        let errors = String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success() && said == block("text")?, "the program of its README says {said:?} {errors}");
        Ok(())
    }
}
