//! Configuration of other programs that documents show: YAML, properties, nginx, Caddy.
//!
//! Where nginx or Caddy is on the machine, it is asked itself; else the shape of the text is looked at.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::block::Block;

/// Each document of it is YAML.
pub(super) fn check_yaml(block: &Block) {
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(&block.text);
    let documents = documents.unwrap_or_else(|error| panic!("{}: {error}", block.place));
    assert!(!documents.is_empty(), "{}: nothing stands there", block.place);
}

/// Each line is a comment, or a name and its value.
pub(super) fn check_properties(block: &Block) {
    let is_property = |line: &str| {
        let name = line.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let strange = block.text.lines().find(|line| !(line.is_empty() || line.starts_with('#') || is_property(line)));
    assert_eq!(strange, None, "{}", block.place);
}

/// What stands in `http { … }`, or a `stream { … }` beside it.
pub(super) fn check_nginx(block: &Block) {
    check_braces(block);
    for line in block.text.lines() {
        let code = line.split(" #").next().unwrap_or_default().trim();
        let ends_well = code.is_empty() || code.starts_with('#') || code.ends_with(['{', '}', ';']);
        assert!(ends_well, "{}: no end of a directive: {line}", block.place);
    }
    // A module of its own, which may be missing where nginx is there.
    if block.text.contains("stream {") || !is_there("nginx", "-v") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    make_certificate(directory.path());
    let text = block.text.replace("/etc/nginx/db.example.com", &format!("{here}/own"));
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {here}/{name};"))
        .concat();
    let whole =
        format!("pid {here}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off; {temporary}\n{text}}}\n");
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, whole).unwrap();
    succeeds(block, Command::new("nginx").args(["-t", "-e", "stderr", "-c"]).arg(file));
}

/// A Caddyfile.
pub(super) fn check_caddy(block: &Block) {
    check_braces(block);
    if is_there("caddy", "version") {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("Caddyfile");
        std::fs::write(&file, &block.text).unwrap();
        succeeds(block, Command::new("caddy").args(["adapt", "--adapter", "caddyfile", "--config"]).arg(file));
    }
}

/// Every brace that is opened is closed.
fn check_braces(block: &Block) {
    let mut open = 0_i32;
    for line in block.text.lines() {
        let code = line.split(" #").next().unwrap_or_default();
        for character in code.chars() {
            open += i32::from(character == '{') - i32::from(character == '}');
            assert!(open >= 0, "{}: a brace too many: {line}", block.place);
        }
    }
    assert_eq!(open, 0, "{}: a brace is not closed", block.place);
}

fn make_certificate(directory: &Path) {
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db.example.com", "-days", "2"];
    let mut openssl = Command::new("openssl");
    openssl.args(arguments).current_dir(directory).args(["-keyout", "own.key", "-out", "own.pem"]);
    assert!(openssl.stderr(Stdio::null()).status().unwrap().success());
}

fn is_there(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

fn succeeds(block: &Block, command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
}

#[test]
#[should_panic(expected = "a brace is not closed")]
fn an_open_brace_is_seen() {
    let text = "```nginx\nserver {\n```\n";
    check_nginx(&Block::all_of("d.md", text)[0]);
}

#[test]
#[should_panic(expected = "no end of a directive")]
fn a_directive_without_its_end_is_seen() {
    let text = "```nginx\nserver {\n    listen 80\n}\n```\n";
    check_nginx(&Block::all_of("d.md", text)[0]);
}
