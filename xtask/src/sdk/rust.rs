//! `sdks/rust` among the other languages. Its tests run with those of the workspace.

use std::process::Command;

use anyhow::Result;

use super::languages::{Ran, Setting};
use crate::{build, step};

pub(super) fn test(setting: &Setting<'_>) -> Result<Ran> {
    let root = setting.root;
    if !build::is_everything_there() {
        let examples = ["build", "--package", "headwater", "--examples"];
        step::run("the examples in Rust", step::cargo().args(examples).current_dir(root))?;
    }
    let folder = build::folder(root);
    let mut driver = Command::new(folder.join("conformance"));
    Ok(Ran {
        vectors: setting.vectors("Rust", driver.arg("check").current_dir(root))?,
        page: Command::new(folder.join("examples/page")),
        flush: Command::new(folder.join("examples/flush")),
        login: Command::new(folder.join("examples/login")),
    })
}
