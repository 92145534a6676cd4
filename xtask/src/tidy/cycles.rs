//! Files of one crate that hold each other: following `use`, no file may lead back to itself.
//!
//! What a file names through another's `pub use` counts as named where it stands. A file that only
//! lists its modules holds none of them. Code of tests does not count.
//! Not here: arrows between crates (`tidy`).

use std::collections::{BTreeMap, BTreeSet};

/// A module's path below `crate`; the crate's root is empty.
type Module = Vec<String>;

/// The files of a crate, by module.
pub(super) struct Files(BTreeMap<Module, Uses>);

/// What one file names of its crate: each absolute path below `crate`, and whether the file passes
/// it on.
type Uses = Vec<(Vec<String>, bool)>;

impl Files {
    /// Of paths below the crate's `src`, such as `engine/handle.rs`, and their texts.
    pub(super) fn of<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let texts: BTreeMap<Module, &str> = files.map(|(path, text)| (module_of(path), text)).collect();
        let is_module = |path: &[String]| texts.contains_key(path);
        Self(texts.iter().map(|(module, text)| (module.clone(), uses_of(module, text, &is_module))).collect())
    }

    /// Every set of files that hold each other, by their names.
    pub(super) fn cycles(&self) -> Vec<Vec<String>> {
        let arrows: BTreeMap<&Module, BTreeSet<&Module>> =
            self.0.iter().map(|(module, uses)| (module, self.targets(module, uses))).collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            arrows.keys().map(|module| (*module, reachable(&arrows, module))).collect();
        let mut cycles = BTreeSet::new();
        for (module, reaches) in reached.iter().filter(|(module, reaches)| reaches.contains(**module)) {
            let others = reaches.iter().filter(|other| reached[**other].contains(*module));
            cycles.insert(others.map(|other| other.join("::")).collect::<Vec<_>>());
        }
        cycles.into_iter().collect()
    }

    fn targets(&self, module: &Module, uses: &Uses) -> BTreeSet<&Module> {
        if module.is_empty() {
            return BTreeSet::new();
        }
        let found = uses.iter().filter_map(|(path, _)| self.resolve(path, 0));
        found.filter(|target| *target != module && !target.is_empty()).collect()
    }

    /// The file in which a path ends, through what others pass on.
    fn resolve(&self, path: &[String], depth: usize) -> Option<&Module> {
        let (module, uses) = (0..=path.len()).rev().find_map(|n| self.0.get_key_value(&path[..n]))?;
        if let Some(name) = path.get(module.len()).filter(|_| depth < 8) {
            let passed_on = uses.iter().find(|(path, is_public)| *is_public && path.last() == Some(name));
            if let Some((target, _)) = passed_on.filter(|(target, _)| target != path) {
                return self.resolve(target, depth + 1);
            }
        }
        Some(module)
    }
}

fn reachable<'a>(arrows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>, from: &'a Module) -> BTreeSet<&'a Module> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(module) = left.pop() {
        for next in &arrows[module] {
            if seen.insert(*next) {
                left.push(next);
            }
        }
    }
    seen
}

fn module_of(path: &str) -> Module {
    match path.trim_end_matches(".rs") {
        "lib" | "main" => Vec::new(),
        other => other.split('/').map(str::to_owned).collect(),
    }
}

/// The `use` items of a text, and other paths that begin with `crate::`.
fn uses_of(module: &Module, text: &str, is_module: &dyn Fn(&[String]) -> bool) -> Uses {
    let code = code_of(text);
    let mut uses = Vec::new();
    let mut rest = &*code;
    while let Some(at) = rest.find("use ") {
        let (before, item) = rest.split_at(at);
        rest = &item[4..];
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let begins = line.is_empty() || line.starts_with("pub");
        let Some(end) = rest.find(';').filter(|_| begins) else { continue };
        for path in expanded(&rest[..end]) {
            uses.extend(absolute(module, &path, is_module).map(|path| (path, line.starts_with("pub"))));
        }
        rest = &rest[end..];
    }
    for (at, _) in code.match_indices("crate::") {
        let is_of_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let path: String = code[at..].chars().take_while(|c| is_of_path(*c)).collect();
        let path: Vec<String> = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        uses.extend(absolute(module, &path, is_module).map(|path| (path, false)));
    }
    uses
}

/// Without comments, and without the module of tests at the end.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .fold(String::new(), |all, line| all + line + "\n")
}

/// `a::{b, c::{d, e}}` as single paths.
fn expanded(item: &str) -> Vec<Vec<String>> {
    let item = item.trim();
    let Some((prefix, group)) = item.split_once('{') else {
        let path = item.split(" as ").next().unwrap_or_default();
        let parts: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
        return if path.trim().is_empty() { Vec::new() } else { vec![parts] };
    };
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    let prefix: Vec<String> =
        prefix.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    parts.into_iter().flat_map(expanded).map(|path| [prefix.clone(), path].concat()).collect()
}

/// Below `crate`; `None` for a path of another crate.
fn absolute(module: &Module, path: &[String], is_module: &dyn Fn(&[String]) -> bool) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    match &**first {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module, rest].concat()),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            let base = &module[..module.len().saturating_sub(ups)];
            Some([base, &path[ups..]].concat())
        }
        // A module of this one, or another crate.
        _ => Some([module, path].concat()).filter(|path| is_module(&path[..=module.len()])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&[&str]]) {
        assert_eq!(Files::of(files.iter().copied()).cycles(), expected);
    }

    #[test]
    fn files_that_hold_each_other_are_found() {
        check(&[("lib.rs", "mod a;"), ("a.rs", "use crate::b::X;"), ("b.rs", "use std::x;")], &[]);
        check(&[("a.rs", "use crate::b::X;"), ("b.rs", "fn f() { crate::a::g() }")], &[&["a", "b"]]);
        check(
            &[
                ("a.rs", "use crate::{c, b::{self, X}};"),
                ("b.rs", "use super::c::Y;"),
                ("c.rs", "pub use crate::a::Z;"),
            ],
            &[&["a", "b", "c"]],
        );
    }

    #[test]
    fn what_is_passed_on_counts_where_it_stands() {
        let facade = ("e.rs", "mod x;\nmod y;\npub(crate) use x::X;\npub(crate) use self::y::Y;");
        check(&[facade, ("e/x.rs", "use super::y::Y;"), ("e/y.rs", "fn f() {}")], &[]);
        check(&[("lib.rs", "pub use a::A;"), ("a.rs", "use crate::b::B;"), ("b.rs", "use crate::A;")], &[&["a", "b"]]);
    }

    #[test]
    fn comments_and_tests_do_not_count() {
        let tests = "//! See [`crate::a`].\n#[cfg(test)]\nmod tests {\n    use crate::a::X;\n}\n";
        check(&[("a.rs", "use crate::b::X;"), ("b.rs", tests)], &[]);
    }
}
