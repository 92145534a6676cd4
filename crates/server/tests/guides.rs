//! The guides in `docs/guides`, done word for word: their commands run one after another in one shell, and what they say comes out does.
//!
//! A guide's `sh` blocks are its commands, its `json` and `text` blocks lines that must be among the output of those before.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::support::PATIENCE;

#[test]
fn falling_behind() {
    follow("falling-behind.md");
}

fn follow(guide: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(guide);
    let text = std::fs::read_to_string(&path).unwrap();
    let commands = blocks(&text, "sh").join("\n");
    assert!(!commands.is_empty());
    let binary = Path::new(env!("CARGO_BIN_EXE_headwater"));
    let folder = tempfile::tempdir().unwrap();
    let search = format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let script = format!("trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{commands}");
    let mut shell = Command::new("timeout");
    shell.arg((3 * PATIENCE.as_secs()).to_string()).args(["bash", "-euo", "pipefail", "-c", &script]);
    shell.env("PATH", search).env("TMPDIR", folder.path()).current_dir(folder.path()).stdin(Stdio::null());
    let output = shell.output().unwrap();
    let (printed, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{guide} ends with {}:\n{printed}\n{complained}", output.status);
    let promised = [blocks(&text, "json"), blocks(&text, "text")].concat();
    for expected in promised.iter().flat_map(|block| block.lines()) {
        assert!(
            printed.lines().any(|line| line == expected),
            "{guide} promises\n{expected}\nbut this came:\n{printed}"
        );
    }
}

/// The contents of the guide's fenced blocks of that language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(opened)) => open = Some((opened == language, String::new())),
            (None, None) => {}
            (Some(_), Some(_)) => found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block)),
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    found
}
