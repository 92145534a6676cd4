//! Programs in Node.js that use the package `headwater`, as `cargo xtask sdk js` builds it.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The package, built for Node.js.
pub(crate) fn package() -> PathBuf {
    let package = root().join("sdks/js");
    let library = package.join("native/headwater.node");
    assert!(library.exists(), "cargo xtask sdk js builds {}", library.display());
    package
}

/// The package, if it was built for browsers too: that needs a compiler that not every machine can have.
pub(crate) fn package_for_browsers() -> Option<PathBuf> {
    let package = package();
    let is_built = package.join("dist/headwater.wasm").exists();
    if !is_built {
        eprintln!("not tried: {} is not built for browsers; cargo xtask sdk js says why", package.display());
    }
    is_built.then_some(package)
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
