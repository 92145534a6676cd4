//! Programs in Node.js that use the package `headwater`, as `cargo xtask sdk js` builds it.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The built package.
pub(crate) fn package() -> PathBuf {
    let package = root().join("target/sdk/js");
    assert!(package.join("package.json").exists(), "cargo xtask sdk js builds {}", package.display());
    package
}

/// The package, if its browser part was built too: that needs what compiles Rust to WASM.
pub(crate) fn package_for_browsers() -> Option<PathBuf> {
    let package = package();
    let is_whole = package.join("src/browser/index.js").exists();
    if !is_whole {
        eprintln!("not tried: {} has no browser part; cargo xtask sdk js says why", package.display());
    }
    is_whole.then_some(package)
}

/// Lets programs in a folder import the package, as `npm install` does.
pub(crate) fn install_package(folder: &Path) {
    let modules = folder.join("node_modules");
    std::fs::create_dir(&modules).unwrap();
    symlink(package(), modules.join("headwater")).unwrap();
}

/// A folder with programs of the repository that can import the package.
pub(crate) struct Programs {
    folder: TempDir,
}

impl Programs {
    /// Those of a folder of the repository.
    pub(crate) fn of(folder: &str) -> Self {
        let programs = Self { folder: tempfile::tempdir().unwrap() };
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), programs.folder.path().join(entry.file_name())).unwrap();
            }
        }
        install_package(programs.folder.path());
        std::fs::write(programs.folder.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
        programs
    }

    /// Runs one of them, without any `HEADWATER_…` of the tester.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("node");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HEADWATER_") {
                command.env_remove(name);
            }
        }
        command.arg(self.folder.path().join(program)).current_dir(self.folder.path());
        command
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
