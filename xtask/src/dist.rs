//! `cargo xtask dist`: what is handed to people who do not build: an archive, a Debian package, what a
//! container is made of, and their checksums, in `target/dist`.
//!
//! Invariants: the same source and the same binary give the same bytes, whenever and wherever; what was
//! made is unpacked and tried before it is called done.
//! Not here: the files that packages are made of (`packaging/`), and publishing.

mod archive;
mod binary;
mod check;
mod deb;
mod entry;
#[cfg(test)]
mod packaging;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use self::{binary::Binary, entry::Entry};
use crate::{build, step};

/// Makes everything of `binary`, or of a release build, below `into`.
pub(crate) fn run(root: &Path, binary: Option<PathBuf>, into: Option<PathBuf>) -> Result<()> {
    let path = match binary {
        Some(path) => path,
        None => build(root)?,
    };
    let into = into.unwrap_or_else(|| root.join("target/dist"));
    step::say(&format!("dist: {} of {}", into.display(), path.display()));
    let binary = Binary::read(&path)?;
    let modified = modified(root);
    let made = make(root, &binary, modified)?;
    write(root, &into, &binary, &made)?;
    check::run(root, &into, &binary, &made)?;
    for (name, bytes) in &made {
        eprintln!("    {:>9} bytes  {name}", bytes.len());
    }
    Ok(())
}

/// The quick form, for `cargo xtask test`: of the binary that the tests have built, without what only debuggers
/// read.
pub(crate) fn try_out(root: &Path) -> Result<()> {
    let built = build::folder(root).join("headwater");
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let stripped = folder.path().join("headwater");
    step::run_quietly("strip", Command::new("strip").arg("-o").arg(&stripped).arg(&built))?;
    run(root, Some(stripped), Some(folder.path().join("dist")))
}

/// Name and bytes of the archive and of the package.
type Made = Vec<(String, Vec<u8>)>;

fn make(root: &Path, binary: &Binary, modified: u64) -> Result<Made> {
    let archive = archive::gzipped_tar(&archive_entries(root, binary)?, modified)?;
    let deb = deb::package(root, binary, modified)?;
    let name = format!("headwater-{}-{}", binary.version, binary.target);
    let package = format!("headwater_{}_{}.deb", binary.version, binary.debian_architecture()?);
    Ok(vec![(format!("{name}.tar.gz"), archive), (package, deb)])
}

/// What the archive has, all below one folder.
fn archive_entries(root: &Path, binary: &Binary) -> Result<Vec<Entry>> {
    let top = format!("headwater-{}-{}", binary.version, binary.target);
    let mut entries = vec![Entry::program("headwater", binary.bytes.clone())];
    entries.extend(binary.completions.iter().map(|(shell, text)| {
        let name = match shell.as_str() {
            "zsh" => "completions/_headwater".to_owned(),
            shell => format!("completions/headwater.{shell}"),
        };
        Entry::file(&name, text.clone())
    }));
    let pages = binary.manual_pages.iter();
    entries.extend(pages.map(|(name, text)| Entry::file(&format!("man/man1/{name}"), text.clone())));
    for name in ["README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"] {
        entries.push(Entry::read(root, name, name)?);
    }
    for name in ["headwater.service", "headwater.toml", "kubernetes.yaml"] {
        entries.push(Entry::read(root, &format!("packaging/{name}"), name)?);
    }
    entries.extend(Entry::read_folder(root, "docs")?);
    entries.iter_mut().for_each(|entry| entry.path = format!("{top}/{}", entry.path));
    Ok(entries)
}

/// The made files, what `docker build` takes beside them, and the checksums of all.
fn write(root: &Path, into: &Path, binary: &Binary, made: &Made) -> Result<()> {
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("cannot empty {}", into.display()))?;
    }
    fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
    let mut files = made.clone();
    files.push(("headwater".to_owned(), binary.bytes.clone()));
    for name in ["Dockerfile", "kubernetes.yaml"] {
        files.push((name.to_owned(), Entry::read(root, &format!("packaging/{name}"), name)?.bytes));
    }
    files.sort();
    let sums: String = files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    files.push(("SHA256SUMS".to_owned(), sums.into_bytes()));
    for (name, bytes) in files {
        let path = into.join(&name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    entry::make_executable(&into.join("headwater"))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn build(root: &Path) -> Result<PathBuf> {
    let mut build = step::cargo();
    build.args(["build", "--release", "--locked", "-p", "server"]).current_dir(root);
    step::run("release build", &mut build)?;
    Ok(build::target(root).join("release/headwater"))
}

/// The time that every file in the packages has, in seconds since the epoch: `SOURCE_DATE_EPOCH`, else that of the
/// commit.
fn modified(root: &Path) -> u64 {
    let said = std::env::var("SOURCE_DATE_EPOCH").ok();
    let committed = || {
        let root = root.to_str()?;
        step::answer("git", &["-C", root, "log", "-1", "--format=%ct"])
    };
    said.or_else(committed).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
