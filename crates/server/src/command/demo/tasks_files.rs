//! The files of the page with the list of tasks: the page's own are in the binary, the package's are read at the start.
//!
//! Invariants: only what is in the table is served, by its exact path; nothing outside the
//! package's folder is read, also where a link leads there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::failure::UsageError;

/// Where the page is. It names its files relative to this.
pub(super) const BASE: &str = "/tasks/";

/// Where the page's import map says that the package is.
const PACKAGE: &str = "/tasks/headwater/";

/// What is built of the package for browsers.
const LIBRARY: &str = "dist/headwater.wasm";

/// Folders of the package that browsers load from.
const FOLDERS: [&str; 2] = ["src", "dist"];

/// A folder in there that is for Node.js.
const NOT_FOR_BROWSERS: &str = "node";

/// Folders within folders, and files: a package has far fewer. A folder that is none by mistake is not read whole.
const DEPTH_MAX: usize = 6;
const FILES_MAX: usize = 500;
const BYTES_MAX: u64 = 16 << 20;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const WASM: &str = "application/wasm";

const INDEX: &str = include_str!("../../../../../examples/tasks/index.html");

/// The page's own files.
const PAGE: [(&str, &str, &str); 6] = [
    ("", HTML, INDEX),
    ("style.css", CSS, include_str!("../../../../../examples/tasks/style.css")),
    ("page.js", JS, include_str!("../../../../../examples/tasks/page.js")),
    ("tasks.js", JS, include_str!("../../../../../examples/tasks/tasks.js")),
    ("worker.js", JS, include_str!("../../../../../examples/tasks/worker.js")),
    ("icon.svg", SVG, include_str!("../../../../../examples/tasks/icon.svg")),
];

/// A file as it is served.
#[derive(Debug)]
pub(super) struct File {
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Every file, by its path.
#[derive(Debug)]
pub(super) struct Files(BTreeMap<String, File>);

impl Files {
    /// The page's files, and those of the package in `package`.
    pub(super) fn read(package: &Path) -> anyhow::Result<Self> {
        let shown = package.display();
        if !package.join(LIBRARY).is_file() {
            let told = format!(
                "the JavaScript package is not built for browsers in {shown}: `cargo xtask sdk js` builds it in a \
                 checkout; --tasks-package says another folder"
            );
            return Err(UsageError(told).into());
        }
        let mut files = Self(BTreeMap::new());
        for (name, content_type, text) in PAGE {
            files.0.insert(format!("{BASE}{name}"), File { content_type, bytes: text.into() });
        }
        for folder in FOLDERS {
            let read = files.read_folder(&package.join(folder), &format!("{PACKAGE}{folder}/"), 0);
            read.with_context(|| format!("cannot read the package in {shown}"))?;
        }
        Ok(files)
    }

    /// The file of a request's path, as it was sent.
    pub(super) fn find(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// What the page may do: run its own scripts and WASM, the import map, and talk to its own server.
    pub(super) fn policy(&self) -> HeaderValue {
        let hash = STANDARD.encode(Sha256::digest(import_map()));
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'sha256-{hash}'; style-src 'self'; \
             img-src 'self'; connect-src 'self'; worker-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
        );
        HeaderValue::try_from(policy).expect("base64 is a header's value")
    }

    fn read_folder(&mut self, folder: &Path, below: &str, depth: usize) -> anyhow::Result<()> {
        anyhow::ensure!(depth < DEPTH_MAX, "it has folders in folders, more than {DEPTH_MAX}");
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?; // of a link itself: none is followed
            if kind.is_dir() && name != NOT_FOR_BROWSERS {
                self.read_folder(&entry.path(), &format!("{below}{name}/"), depth + 1)?;
            } else if let Some(content_type) = content_type(&entry.path()).filter(|_| kind.is_file()) {
                self.read_file(entry.path(), format!("{below}{name}"), content_type)?;
            }
        }
        Ok(())
    }

    fn read_file(&mut self, from: PathBuf, path: String, content_type: &'static str) -> anyhow::Result<()> {
        anyhow::ensure!(self.0.len() < FILES_MAX, "it has more than {FILES_MAX} files");
        anyhow::ensure!(fs::metadata(&from)?.len() <= BYTES_MAX, "{} has more than {BYTES_MAX} bytes", from.display());
        self.0.insert(path, File { content_type, bytes: fs::read(from)? });
        Ok(())
    }
}

fn content_type(file: &Path) -> Option<&'static str> {
    match file.extension()?.to_str()? {
        "js" | "mjs" => Some(JS),
        "wasm" => Some(WASM),
        _ => None,
    }
}

/// The one script that stands in the page itself: no browser takes an import map from a file.
fn import_map() -> &'static str {
    let (_, rest) = INDEX.split_once("<script type=\"importmap\">").expect("the page has an import map");
    rest.split_once("</script>").expect("the import map ends").0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("src/browser/index.js", "export {};"),
            ("src/node/port.js", "for Node"),
            (LIBRARY, "\0asm"),
            ("package.json", "{}"),
            ("test/some.test.js", "for tests"),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn scripts_and_wasm_of_the_package_are_there_and_nothing_else() {
        let folder = package();
        let files = Files::read(folder.path()).unwrap();
        let paths: Vec<&str> = files.0.keys().filter_map(|path| path.strip_prefix(PACKAGE)).collect();
        assert_eq!(paths, [LIBRARY, "src/browser/index.js"]);
        assert_eq!(files.find("/tasks/headwater/dist/headwater.wasm").unwrap().content_type, WASM);
        assert!(files.find("/tasks/").is_some());
        assert!(files.find("/tasks/headwater/../page.js").is_none());
    }

    #[test]
    fn links_are_not_followed() {
        let (folder, elsewhere) = (package(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("secret.js"), "secret").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("src/out")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("secret.js"), folder.path().join("src/secret.js")).unwrap();
        let files = Files::read(folder.path()).unwrap();
        assert!(files.0.values().all(|file| file.bytes != b"secret"));
    }

    #[test]
    fn a_folder_without_the_package_names_the_command_that_builds_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = Files::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("cargo xtask sdk js"), "{error}");
    }
}
