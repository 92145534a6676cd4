//! `cargo xtask screenshots`: every page of the portal and the example's as it looks, and the
//! pictures of the README anew.
//!
//! Not here: looking at them, which nobody can do for you.

use std::path::Path;

use anyhow::Result;

use crate::{step, tools};

/// The tests that look at the pages write the pictures.
const TESTS: [&str; 2] = ["portal::pages", "tasks::serving::the_page_is_well"];

pub(crate) fn run(root: &Path) -> Result<()> {
    let tools = tools::install(root)?;
    let mut test = step::cargo();
    test.args(["test", "-p", "server", "--test", "it", "--"]).args(TESTS).current_dir(root);
    test.env("HEADWATER_TOOLS", tools).env("HEADWATER_SCREENSHOTS", "1");
    step::run("pictures in target/*-screenshots and docs", &mut test)
}
