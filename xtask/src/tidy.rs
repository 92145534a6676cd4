//! `cargo xtask tidy`, and the same as a test: what the compiler does not see of the structure.
//!
//! 1. The crates' arrows are those that ARCHITECTURE.md's table draws, and the table names every
//!    crate and no other.
//! 2. Every Rust file opens with a header (`//!`): what it is, what stays true, what is elsewhere.
//! 3. No file of `store`, `rules`, `operations` or an edge leads back to itself.
//! 4. Crates that run inside small peers name no file, socket, thread or clock.
//! 5. Code cites documents that are there, and no contract.
//! 6. Nothing is left unfinished, and no path of one machine stands in a file.
//! 7. What is made of `sdks/calls.json` is as it would be made (`cargo xtask sdk generate`).
//! 4. What is promised stands in `docs/reference`: nothing cites the contract that it came from,
//!    and every document that is
//!    cited is there.
//!
//! Dev-dependencies are no arrows: a test may use what its crate may not.

mod cycles;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use self::cycles::Files;
use crate::{sdk, step};

/// Crates whose files may not hold each other.
const WITHOUT_CYCLES: [&str; 6] = ["store", "rules", "operations", "http-api", "kafka-endpoint", "portal"];

/// Crates that will run inside small peers too, and what they may not name: a file, a socket, a
/// thread, a clock, chance.
const PURE: [&str; 7] = ["document", "query", "wire", "kafka-wire", "rules", "sync-protocol", "peer-core"];
const IMPURE: [&str; 7] =
    ["std::fs", "std::net", "std::thread", "std::time", "std::process", "use rand", "std::sync::atomic"];

/// Which crates each crate may use.
type Arrows = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn run(root: &Path) -> Result<()> {
    step::say(
        "tidy: arrows of crates and files, module headers, citations, unfinished code, paths of one machine, cited documents, generated files",
    );
    let faults = faults(root)?;
    if !faults.is_empty() {
        bail!("not tidy:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

fn faults(root: &Path) -> Result<Vec<String>> {
    let architecture = read(&root.join("ARCHITECTURE.md"))?;
    let mut faults = arrow_faults(&drawn_arrows(&architecture), &real_arrows(root)?);
    for file in text_files(root)? {
        let text = read(&file)?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        faults.extend(text_faults(&shown, &text, root));
    }
    for name in WITHOUT_CYCLES {
        faults.extend(cycle_faults(root, name)?);
    }
    faults.extend(sdk::check(root).err().map(|error| format!("{error:#}")));
    Ok(faults)
}

fn cycle_faults(root: &Path, name: &str) -> Result<Vec<String>> {
    let source = root.join("crates").join(name).join("src");
    let mut files = Vec::new();
    for path in text_files(&source)? {
        let below = path.strip_prefix(&source).unwrap_or(&path).display().to_string();
        files.push((below, read(&path)?));
    }
    let cycles = Files::of(files.iter().map(|(path, text)| (&**path, &**text))).cycles();
    Ok(cycles.iter().map(|files| format!("files of {name} hold each other: {}", files.join(", "))).collect())
}

/// The table under "Crates": first column the crate, second those it may use, by commas.
fn drawn_arrows(architecture: &str) -> Arrows {
    architecture
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let (name, may_use) = (cells.next()?, cells.next()?);
            let is_name = !name.is_empty() && name != "crate" && !name.starts_with('-') && !name.contains(' ');
            let uses = may_use.split(',').map(|it| it.trim().trim_matches('`').to_owned());
            is_name.then(|| (name.trim_matches('`').to_owned(), uses.filter(|it| !it.is_empty()).collect()))
        })
        .collect()
}

/// Every package of the workspace, with those packages of the workspace that its code (not its
/// tests) depends on.
fn real_arrows(root: &Path) -> Result<Arrows> {
    let mut uses = BTreeMap::new();
    for manifest in manifests(root)? {
        let table: toml::Table =
            read(&manifest)?.parse().with_context(|| format!("cannot parse {}", manifest.display()))?;
        let name = table.get("package").and_then(|it| it.get("name")).and_then(toml::Value::as_str);
        let name = name.with_context(|| format!("{} names no package", manifest.display()))?.to_owned();
        uses.insert(name, dependencies(&table));
    }
    let members: BTreeSet<String> = uses.keys().cloned().collect();
    Ok(uses.into_iter().map(|(name, uses)| (name, &uses & &members)).collect())
}

/// The names below `dependencies`, `build-dependencies` and both of these under `target.…`; a
/// renamed one by its real name.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets = targets.into_iter().flat_map(|it| it.values()).filter_map(toml::Value::as_table);
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|key| table.get(key)))
        .filter_map(|section| section.and_then(toml::Value::as_table))
        .flatten()
        .map(|(name, how)| how.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned())
        .collect()
}

fn manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let workspace: toml::Table = read(&root.join("Cargo.toml"))?.parse().context("cannot parse Cargo.toml")?;
    let members = workspace.get("workspace").and_then(|it| it.get("members")).and_then(toml::Value::as_array);
    let mut manifests = Vec::new();
    for member in members.into_iter().flatten().filter_map(toml::Value::as_str) {
        match member.strip_suffix("/*") {
            Some(folder) => manifests.extend(entries(&root.join(folder))?.into_iter().map(|it| it.join("Cargo.toml"))),
            None => manifests.push(root.join(member).join("Cargo.toml")),
        }
    }
    manifests.retain(|it| it.exists());
    Ok(manifests)
}

fn arrow_faults(drawn: &Arrows, real: &Arrows) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, uses) in real {
        let Some(allowed) = drawn.get(name) else {
            faults.push(format!("ARCHITECTURE.md's table has no row for the crate {name}"));
            continue;
        };
        let undrawn = uses.difference(allowed);
        faults.extend(undrawn.map(|it| format!("{name} uses {it}: ARCHITECTURE.md draws no such arrow")));
    }
    let gone = drawn.keys().filter(|it| !real.contains_key(*it));
    faults.extend(gone.map(|it| format!("ARCHITECTURE.md's table has a row for {it}, but there is no such crate")));
    faults
}

fn text_faults(shown: &str, text: &str, root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    if shown.ends_with(".rs") {
        if !text.starts_with("//!") {
            faults.push(format!("{shown} opens with no header (//!): what it is, what stays true, what is elsewhere"));
        }
        let unfinished = unfinished_marks();
        faults.extend(places(shown, text, &unfinished).map(|(at, mark)| format!("{at} is unfinished: {mark}…)")));
    }
    if PURE.iter().any(|name| shown.starts_with(&format!("crates/{name}/src/"))) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let impure = IMPURE.map(str::to_owned);
        faults.extend(places(shown, code, &impure).map(|(at, what)| format!("{at} names {what} in a pure crate")));
    }
    let paths = machine_paths(root);
    faults.extend(places(shown, text, &paths).map(|(at, path)| format!("{at} has a path of one machine: {path}")));
    let contract = [contract()];
    let cited = places(shown, text, &contract);
    faults.extend(cited.map(|(at, _)| format!("{at} cites the contract: cite a document of docs/reference")));
    let missing = cited_documents(text).filter(|(_, document)| !root.join(document).is_file());
    faults.extend(missing.map(|(n, document)| format!("{shown}:{n} cites {document}, which is not there")));
    faults
}

/// Every document below `docs` that a text names by its path from the root, with the line.
fn cited_documents(text: &str) -> impl Iterator<Item = (usize, &str)> {
    const FOLDER: &str = "docs/";
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    text.lines().enumerate().flat_map(move |(n, line)| {
        line.match_indices(FOLDER).filter_map(move |(at, _)| {
            // Otherwise it is the end of another path, as in a link from where the text stands.
            let begins = !line[..at].ends_with(is_of_path);
            let rest = &line[at..];
            let path = &rest[..rest.find(|c| !is_of_path(c)).unwrap_or(rest.len())];
            let end = path.rfind(".md")? + ".md".len();
            begins.then(|| (n + 1, &path[..end]))
        })
    })
}

/// Where any of the needles stands, as `file:line`, with the needle.
fn places<'a>(
    shown: &'a str,
    text: &'a str,
    needles: &'a [String],
) -> impl Iterator<Item = (String, &'a String)> + use<'a> {
    text.lines().enumerate().flat_map(move |(n, line)| {
        let found = needles.iter().filter(move |it| line.contains(it.as_str()));
        found.map(move |it| (format!("{shown}:{}", n + 1), it))
    })
}

// Put together at run time, so that this file does not report itself.
fn unfinished_marks() -> Vec<String> {
    ["todo", "unimplemented"].map(|it| format!("{it}!(")).to_vec()
}

fn contract() -> String {
    ["CON", "TRACT"].concat()
}

/// This checkout's own path, this user's home, and the places where homes and shared folders
/// usually are.
fn machine_paths(root: &Path) -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let own = [root.display().to_string(), home].map(|it| format!("{}/", it.trim_end_matches('/')));
    let usual = ["home", "Users", "root", "work/shared", "work/main"].map(|it| format!("/{it}/"));
    own.into_iter().filter(|it| it.matches('/').count() > 1).chain(usual).collect()
}

/// Every text file that is part of the source: below `.ci`, `.cargo`, `bench`, `crates`, `docs`,
/// `xtask`, and beside them.
fn text_files(root: &Path) -> Result<Vec<PathBuf>> {
    const SUFFIXES: [&str; 12] =
        ["rs", "toml", "md", "json", "js", "py", "sh", "xml", "txt", "sql", "properties", "yaml"];
    let skipped = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        matches!(&*name, "target" | ".git" | "node_modules" | "headwater-data")
    };
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_symlink() || skipped(&path) {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| SUFFIXES.iter().any(|suffix| it == *suffix))
                || path.ends_with(".ci/run")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        if let Err(error) = run(&crate::workspace_root()) {
            panic!("{error}");
        }
    }

    const TABLE: &str = "| crate | may use | what it is |\n|---|---|---|\n| low | | values |\n| high | low | edges |\n";

    fn check_arrows(crates: &[(&str, &str)], expected: &[&str]) {
        let real = crates.iter().map(|(name, manifest)| {
            (name.to_string(), dependencies(&manifest.parse().expect("a manifest of the test")))
        });
        assert_eq!(arrow_faults(&drawn_arrows(TABLE), &real.collect()), expected);
    }

    #[test]
    fn arrows_that_are_drawn_pass() {
        check_arrows(&[("low", ""), ("high", "[dependencies]\nlow.workspace = true")], &[]);
        check_arrows(&[("low", "[dev-dependencies]\nhigh.path = '.'"), ("high", "")], &[]);
    }

    #[test]
    fn an_arrow_that_is_not_drawn_fails() {
        let fault = "low uses high: ARCHITECTURE.md draws no such arrow";
        check_arrows(&[("low", "[dependencies]\nhigh.workspace = true"), ("high", "")], &[fault]);
        check_arrows(&[("low", "[build-dependencies]\nx = { package = 'high', path = '.' }"), ("high", "")], &[fault]);
        check_arrows(&[("low", "[target.'cfg(unix)'.dependencies]\nhigh.path = '.'"), ("high", "")], &[fault]);
    }

    #[test]
    fn the_table_has_every_crate_and_no_other() {
        check_arrows(
            &[("low", ""), ("new", "")],
            &[
                "ARCHITECTURE.md's table has no row for the crate new",
                "ARCHITECTURE.md's table has a row for high, but there is no such crate",
            ],
        );
    }

    fn check_text(name: &str, text: &str, expected: usize) {
        assert_eq!(text_faults(name, text, Path::new("/checkout/here")).len(), expected, "{text}");
    }

    #[test]
    fn headers_marks_and_paths_are_seen() {
        check_text("a.rs", "//! A file.\nfn main() {}\n", 0);
        check_text("a.rs", "fn main() {}\n", 1);
        check_text("a.rs", &format!("//! A file.\nfn main() {{ {}\"later\") }}\n", unfinished_marks()[0]), 1);
        check_text("a.md", "see /checkout/here/file\n", 1);
        check_text("a.md", "KAFKA=/path/to/kafka\n", 0);
    }

    #[test]
    fn a_pure_crate_names_no_clock() {
        let text = "//! A file.\nuse std::time::Instant;\n";
        check_text("crates/rules/src/a.rs", text, 1);
        check_text("crates/store/src/a.rs", text, 0);
        check_text("crates/rules/src/a.rs", "//! A file.\n#[cfg(test)]\nmod tests { use std::time::Instant; }\n", 0);
    }

    #[test]
    fn the_contract_and_missing_documents_are_seen() {
        let cited = format!("//! A file ({} section 1).\n", contract());
        check_text("crates/wire/src/a.rs", &cited, 1);
        check_text("a.md", "a contract of ours\n", 0);
        let folder = "docs";
        let text = format!("//! {folder}/a-b/c.md. See `{folder}/d.md#e`, ../{folder}/f.md and {folder}/g.png.\n");
        let found: Vec<_> = cited_documents(&text).map(|(n, document)| (n, document.to_owned())).collect();
        assert_eq!(found, ["a-b/c.md", "d.md"].map(|name| (1, format!("{folder}/{name}"))));
        check_text("a.rs", &text, 2);
    }
}
