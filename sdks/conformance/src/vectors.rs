//! The files of vectors: read, checked, and what is missing in them written.
//!
//! ```text
//! {"about": "…", "kind": "documents", "cases": [{"name": "…", …in, …out}]}
//! ```
//!
//! Invariants: a file is written only to add what a case does not say yet.
//! Not here: what the cases of each kind mean (a file each).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::notation::Json;
use crate::peers::Peer;
use crate::report::Report;
use crate::server::Server;
use crate::{documents, frames, merge, messages, queries, script, transcripts};

/// Where the vectors lie: in the package that cargo runs if it has them, else where this was built.
pub fn folder() -> PathBuf {
    let of = |package: OsString| Path::new(&package).join("vectors");
    let running = std::env::var_os("CARGO_MANIFEST_DIR").map(of).filter(|it| it.is_dir());
    running.unwrap_or_else(|| of(env!("CARGO_MANIFEST_DIR").into()))
}

/// Checks every case whose place and name have `only` in them.
///
/// # Errors
/// A file is none of vectors.
pub fn check(folder: &Path, only: &str) -> Result<Report> {
    let (mut report, server) = (Report::default(), Server::start(0)?);
    for file in files(folder)? {
        let peer = file.peer()?;
        for case in &file.cases {
            let place = format!("{}/{}: {}", file.group, file.name, name_of(case));
            if !place.contains(only) {
                continue;
            }
            let group = report.groups.entry(file.group.clone()).or_default();
            match faults(case, outputs(&server, &file, peer.as_ref(), case)) {
                None => group.passed += 1,
                Some(why) => group.failed.push((place, why)),
            }
        }
    }
    Ok(report)
}

/// Adds to every case what it does not say yet, and breaks lines. Gives the files that were written.
///
/// # Errors
/// A case says something else than it should, or is none: nothing of its file is written.
pub fn write(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut written, server) = (Vec::new(), Server::start(0)?);
    for mut file in files(folder)? {
        let (peer, mut cases) = (file.peer()?, Vec::new());
        for case in &file.cases {
            let at = || format!("{}/{}: {}", file.group, file.name, name_of(case));
            let outputs = outputs(&server, &file, peer.as_ref(), case).with_context(at)?;
            let mut whole = case.clone();
            for (name, value) in &outputs {
                match case.field(name) {
                    Some(old) if old != value && *name != STEPS => bail!("{}: {}", at(), differs(name, old, value)),
                    _ => whole.put(name, value.clone()),
                }
            }
            cases.push(whole);
        }
        file.body.put("cases", Json::List(cases));
        let text = file.body.to_text();
        if fs::read_to_string(&file.path)? != text {
            fs::write(&file.path, text).with_context(|| format!("cannot write {}", file.path.display()))?;
            written.push(file.path);
        }
    }
    Ok(written)
}

/// A file of vectors.
pub(crate) struct File {
    path: PathBuf,
    group: String,
    pub(crate) name: String,
    kind: String,
    body: Json,
    pub(crate) cases: Vec<Json>,
}

/// One file by its group and name.
///
/// # Errors
/// There is none.
pub(crate) fn file(group: &str, name: &str) -> Result<File> {
    File::read(folder().join(group).join(format!("{name}.json")))
}

fn files(folder: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for group in entries(folder)? {
        for path in entries(&group)? {
            files.push(File::read(path.clone()).with_context(|| format!("{}", path.display()))?);
        }
    }
    ensure!(!files.is_empty(), "there are no vectors in {}", folder.display());
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

impl File {
    fn read(path: PathBuf) -> Result<Self> {
        let body = Json::parse(&fs::read_to_string(&path)?)?;
        let of = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let (group, name) = (of(path.parent().and_then(Path::file_name)), of(path.file_stem()));
        let kind = body.text_of("kind")?.to_owned();
        body.text_of("about")?;
        let cases = body.field("cases").map_or(&[][..], Json::elements).to_vec();
        ensure!(!cases.is_empty(), "it has no cases");
        Ok(Self { path, group, name, kind, body, cases })
    }

    /// A case by its place.
    pub(crate) fn case(&self, place: &str) -> Result<&Json> {
        self.cases.get(place.parse::<usize>()?).with_context(|| format!("{} has no case {place}", self.name))
    }

    /// What its cases ask, if they all ask one.
    fn peer(&self) -> Result<Option<Peer>> {
        let needs = WITH_PEER.contains(&&*self.kind);
        needs.then(|| queries::peer(&self.body)).transpose().with_context(|| format!("{}", self.path.display()))
    }
}

/// What a step says already was compared when it was done; the others are added.
const STEPS: &str = "steps";

/// The kinds of which all cases of a file ask one peer.
const WITH_PEER: [&str; 2] = ["messages", "queries"];

fn name_of(case: &Json) -> &str {
    case.field("name").and_then(Json::as_text).unwrap_or("a case without a name")
}

type Outputs = Result<Vec<(&'static str, Json)>>;

fn outputs(server: &Server, file: &File, peer: Option<&Peer>, case: &Json) -> Outputs {
    case.text_of("name")?;
    match &*file.kind {
        "messages" => messages::outputs(peer.context("it has a peer")?, case),
        "queries" => queries::outputs(peer.context("it has a peer")?, case),
        "script" => script::outputs(case),
        "documents" => documents::outputs(case),
        "frames" => frames::outputs(case),
        "merge" => {
            let outputs = merge::outputs(case)?;
            if case.field("deltas").is_some() {
                transcripts::check_merge(server, file, case)?;
            }
            Ok(outputs)
        }
        "transcripts" => transcripts::outputs(server, file, case),
        other => bail!("there are no vectors of the kind `{other}`"),
    }
}

/// What does not hold of a case.
fn faults(case: &Json, outputs: Outputs) -> Option<String> {
    let outputs = match outputs {
        Ok(outputs) => outputs,
        Err(error) => return Some(format!("{error:#}")),
    };
    let fault = |(name, value): &(&str, Json)| match case.field(name) {
        None => Some(format!("it does not say `{name}`: {}", value.to_line())),
        Some(expected) if expected == value => None,
        Some(expected) => Some(differs(name, expected, value)),
    };
    outputs.iter().find_map(fault)
}

fn differs(name: &str, expected: &Json, value: &Json) -> String {
    format!("`{name}` is {}, not {}", value.to_line(), expected.to_line())
}
