//! `sdks/swift`, which no compiler here can read: what can be said of its text.
//!
//! Invariant: its README says in its first lines that it is not compiled or run.

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use serde_json::Value;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdks/swift")
    }

    fn read(path: &str) -> String {
        fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// All sources in some folders, each with its path.
    fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
        let entries = folders.iter().flat_map(|it| fs::read_dir(folder().join(it)).unwrap());
        let paths = entries.map(|it| it.unwrap().path()).filter(|it| it.extension().is_some_and(|it| it == "swift"));
        paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
    }

    #[test]
    fn its_readme_says_first_that_it_is_not_run() {
        let beginning: Vec<_> = read("README.md").lines().take(4).map(str::to_owned).collect();
        assert!(beginning.concat().contains("not compiled or run by this project's tests"), "{beginning:?}");
    }

    #[test]
    fn what_the_package_names_is_there() {
        let package = read("Package.swift");
        for target in ["CHeadwater", "Headwater", "DittoCompat", "HeadwaterTests"] {
            assert!(package.contains(&format!("name: \"{target}\"")), "{target}");
        }
        for path in ["Sources/CHeadwater/module.modulemap", "Sources/CHeadwater/shim.h", "Examples/page/main.swift"] {
            assert!(!read(path).is_empty(), "{path}");
        }
    }

    #[test]
    fn brackets_of_its_sources_are_closed() {
        let folders =
            ["Sources/Headwater", "Sources/DittoCompat", "Examples/page", "Examples/flush", "Tests/HeadwaterTests"];
        for (path, text) in sources(&folders) {
            let count = |bracket: char| text.matches(bracket).count();
            assert_eq!((count('{'), count('(')), (count('}'), count(')')), "{}", path.display());
        }
    }

    #[test]
    fn every_name_of_its_table_is_declared() {
        let (ours, compat) = (sources(&["Sources/Headwater"]), sources(&["Sources/DittoCompat"]));
        let rows: Vec<Value> = serde_json::from_str(&read("names.json")).unwrap();
        for (column, sources) in [("ours", ours), ("compat", compat)] {
            for name in rows.iter().filter_map(|row| row[column].as_str()) {
                let (class, member) = name.split_once('.').unwrap();
                let declares = |text: &str, name: &str| {
                    let kinds = ["func ", "var ", "let ", "class ", "struct ", "enum ", "case "];
                    kinds.iter().any(|kind| text.contains(&format!("public {kind}{name}")))
                        || text.contains(&format!("public static func {name}"))
                        || text.contains(&format!("public final class {name}"))
                        || (name == "init" && text.contains("public init("))
                };
                let found = sources.iter().any(|(_, text)| declares(text, class) && declares(text, member));
                assert!(found, "{name} is declared nowhere");
            }
        }
    }
}
