//! `cargo xtask sdk languages`: each SDK in its language: its own tests, the conformance vectors, and the page's
//! snippet in all of them at once.
//!
//! Invariant: what README.md says of a language is what came of a run of it (`sdks/runs.json`).
//! Not here: how a language is compiled and tested, a file each.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{login, page, runs::Runs, transcripts::Transcripts, vectors::Vectors};
use crate::{build, step};

/// What the test of a language has at hand.
pub(super) struct Setting<'a> {
    pub(super) root: &'a Path,
    /// The folder of tools; what a language needs beside them goes into a folder of its own there.
    pub(super) tools: &'a Path,
    /// Where the server of transcripts is.
    pub(super) transcripts: &'a str,
}

/// What a test of a language leaves behind.
pub(super) struct Ran {
    pub(super) vectors: Vectors,
    /// The example `page`: it is given a folder and a server, writes what the page writes, prints the id, and goes
    /// on until its input ends or it is killed.
    pub(super) page: Command,
    /// The example `flush`: it is given a folder and a server, ends when the server has everything, and prints the
    /// last transaction.
    pub(super) flush: Command,
    /// The example `login`: it is given a folder, a server, a provider and tokens. It logs in with each token and prints
    /// what came of it, prints the id of what it writes, and logs in with the last token again whenever it is asked to.
    pub(super) login: Command,
}

/// A language of `sdks/table.json`.
pub(super) struct Language {
    /// As the table names it.
    pub(super) name: &'static str,
    test: fn(&Setting<'_>) -> Result<Ran>,
}

/// All that run here.
const LANGUAGES: &[Language] = &[
    Language { name: "Rust", test: super::rust::test },
    Language { name: "JavaScript in Node.js", test: super::js::test_vectors },
    Language { name: "Go", test: super::go::test },
    Language { name: "Python", test: super::python::test },
    Language { name: "Java", test: super::jvm::test },
    Language { name: "C#", test: super::dotnet::test },
    Language { name: "C++", test: super::cpp::test },
    Language { name: "Kotlin", test: super::kotlin::test },
];

/// Tests all languages, or some; what fails in one keeps no other from being tested. Checks that `sdks/runs.json`
/// says what came of it, or, with `record`, writes that.
pub(crate) fn run(root: &Path, tools: &Path, only: &[String], record: bool) -> Result<()> {
    let chosen: Vec<_> =
        LANGUAGES.iter().filter(|it| only.is_empty() || only.iter().any(|name| name == it.name)).collect();
    if chosen.is_empty() || chosen.len() < only.len() {
        let names: Vec<_> = LANGUAGES.iter().map(|it| it.name).collect();
        bail!("no such language; there are: {}", names.join(", "));
    }
    if only.is_empty() {
        build::everything(root)?;
    }
    build::package(root, "the C library", "headwater-c")?;
    let transcripts = Transcripts::start(root)?;
    let setting = Setting { root, tools, transcripts: &transcripts.url };
    let mut failed = Vec::new();
    let mut ran = Vec::new();
    for language in chosen {
        match (language.test)(&setting) {
            Ok(it) => ran.push((language.name, it)),
            Err(error) => failed.push(format!("{}: {error:#}", language.name)),
        }
    }
    for test in [page::test(root, tools, &mut ran), login::test(root, &mut ran)] {
        failed.extend(test.err().map(|error| format!("{error:#}")));
    }
    if !failed.is_empty() {
        bail!("not every language does what it should:\n  {}", failed.join("\n  "));
    }
    let came: BTreeMap<_, _> = ran.iter().map(|(name, ran)| ((*name).to_owned(), ran.vectors)).collect();
    if record { Runs::record(root, came) } else { Runs::read(root)?.check(&came) }
}

impl Setting<'_> {
    /// Runs a driver of the vectors, which knows where they and the server of transcripts are by its words or by
    /// `HEADWATER_VECTORS_SERVER`, and reads what it printed.
    pub(super) fn vectors(&self, language: &str, driver: &mut Command) -> Result<Vectors> {
        let what = format!("vectors in {language}");
        step::say(&what);
        let began = std::time::Instant::now();
        driver.env("HEADWATER_VECTORS_SERVER", self.transcripts).env("HEADWATER_TOOLS", self.tools);
        driver.stdin(std::process::Stdio::null());
        let output = driver.output().with_context(|| format!("cannot run the {what}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let vectors = Vectors::of(&said).filter(|it| output.status.success() && it.failed == 0);
        let Some(vectors) = vectors else {
            bail!("{what} failed ({}):\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
        };
        let seconds = began.elapsed().as_secs_f32();
        eprintln!("    {what}: {} passed, {} not run, in {seconds:.1} s", vectors.passed, vectors.not_run);
        Ok(vectors)
    }
}
