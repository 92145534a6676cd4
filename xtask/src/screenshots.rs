//! `cargo xtask screenshots`: every page of the portal as it looks, and the pictures of the README anew.
//!
//! Not here: looking at them, which nobody can do for you.

use std::path::Path;

use anyhow::Result;

use crate::{step, tools};

/// The test that looks at every page writes the pictures.
const TEST: &str = "portal::pages";

pub(crate) fn run(root: &Path) -> Result<()> {
    let tools = tools::install(root)?;
    let mut test = step::cargo();
    test.args(["test", "-p", "server", "--test", "it", TEST]).current_dir(root);
    test.env("HEADWATER_TOOLS", tools).env("HEADWATER_SCREENSHOTS", "1");
    step::run("pictures in target/portal-screenshots and docs/portal", &mut test)
}
