//! What is said to a person who types: help, versions, mistakes. No server runs here.

use std::path::Path;

use expect_test::expect_file;

use crate::support::{Finished, command, finish, only_line, run};

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn fails(finished: &Finished, code: i32, says: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    let line = only_line(&finished.stderr);
    assert!(line.starts_with("headwater: "), "{line}");
    for words in says {
        assert!(line.contains(words), "{words:?} is not in: {line}");
    }
    assert_eq!(finished.stdout, "");
}

#[test]
fn help_is_as_it_was_agreed() {
    let directory = here();
    let help = |arguments: &[&str]| run(directory.path(), arguments).stdout;
    expect_file!["golden/help.txt"].assert_eq(&help(&["--help"]));
    expect_file!["golden/help-demo.txt"].assert_eq(&help(&["demo", "--help"]));
    expect_file!["golden/help-serve.txt"].assert_eq(&help(&["serve", "--help"]));
    let create = help(&["live-query", "create", "--help"]);
    expect_file!["golden/help-live-query-create.txt"].assert_eq(&create);
    expect_file!["golden/help-import.txt"].assert_eq(&help(&["import", "--help"]));
    expect_file!["golden/help-key-create.txt"].assert_eq(&help(&["key", "create", "--help"]));
}

#[test]
fn the_version_says_what_was_built() {
    let version = run(here().path(), &["--version"]).stdout;
    assert!(version.starts_with(concat!("headwater ", env!("CARGO_PKG_VERSION"), "\ncommit ")), "{version}");
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let finished = run(here().path(), &["completions", shell]);
        assert!(finished.status.success() && finished.stdout.contains("kafka-advertise"), "{shell}");
        assert!(finished.stdout.contains("skip-bad") && finished.stdout.contains("collection"), "{shell}");
    }
}

#[test]
fn bad_usage_is_status_2() {
    let directory = here();
    for arguments in [
        &["srve"][..],
        &["serve", "--no-such-option"],
        &["serve", "--http-listen", "nowhere"],
        &["serve", "--segment-bytes", "big"],
        &["serve", "--retention-ms", "64KiB"],
        &["key", "create", "k", "--grant", "shop=fly"],
        &["find", "people", "--arg", "age"],
        &["find", "people", "--sort", "age:down"],
        &["get", "people", "{"],
        &["import", "people", "x", "--batch", "1001"],
    ] {
        let finished = run(directory.path(), arguments);
        assert_eq!(finished.code(), Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.stderr.starts_with("error: "), "{finished:?}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "bad usage leaves nothing behind");
}

#[test]
fn what_cannot_be_is_refused() {
    let directory = here();
    fails(&run(directory.path(), &["serve", "--segment-bytes", "1KiB"]), 2, &["--segment-bytes must be from 65536"]);
    fails(&run(directory.path(), &["serve", "--app", "My App"]), 2, &["--app", "an app's name is"]);
    fails(&run(directory.path(), &["serve", "--log", "loud=="]), 2, &["--log: "]);
}

#[test]
fn a_time_is_no_size() {
    let directory = here();
    let says = "a time is milliseconds, or a number with ms, s, m, h or d, such as 7d, not \"64KiB\"";
    for option in ["retention-ms", "tombstone-retention-ms", "request-timeout-ms"] {
        let flag = run(directory.path(), &["serve", &format!("--{option}"), "64KiB"]);
        assert!(flag.code() == Some(2) && flag.stderr.contains(says), "{flag:?}");
        let mut by_variable = command(directory.path(), &["serve"]);
        by_variable.env(format!("HEADWATER_{}", option.to_uppercase().replace('-', "_")), "64KiB");
        let variable = finish(by_variable);
        assert!(variable.code() == Some(2) && variable.stderr.contains(says), "{variable:?}");
        fails(&with_file(directory.path(), &format!("{option} = '64KiB'"), &["serve"]), 2, &[option, says]);
    }
}

fn with_file(directory: &Path, text: &str, arguments: &[&str]) -> Finished {
    std::fs::write(directory.join("headwater.toml"), text).unwrap();
    run(directory, &[&["--config", "headwater.toml"], arguments].concat())
}

#[test]
fn a_mistake_in_the_file_is_named() {
    let directory = here();
    let serve = |text: &str| with_file(directory.path(), text, &["serve"]);
    fails(
        &serve("log = 'info'\nkafka-listn = 'x'"),
        2,
        &["headwater.toml, line 2", "\"kafka-listn\"", "\"kafka-listen\""],
    );
    fails(&serve("\n\nsegment-bytes = []"), 2, &["headwater.toml, line 3, segment-bytes", "invalid type"]);
    fails(&serve("app = "), 2, &["headwater.toml, line 1"]);
    fails(
        &run(directory.path(), &["serve", "--config", "absent.toml"]),
        1,
        &["cannot read absent.toml", "No such file"],
    );
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
    let directory = here();
    let asked = |variable: Option<&str>, flag: &[&str]| {
        std::fs::write(directory.path().join("c.toml"), "data-dir = 'of-file'").unwrap();
        let mut command = command(directory.path(), &[&["app", "list", "--config", "c.toml"], flag].concat());
        command.envs(variable.map(|value| ("HEADWATER_DATA_DIR", value)));
        finish(command)
    };
    fails(&asked(None, &[]), 1, &["no server runs on of-file;"]);
    fails(&asked(Some("of-variable"), &[]), 1, &["no server runs on of-variable;"]);
    fails(&asked(Some("of-variable"), &["--data-dir", "of-flag"]), 1, &["no server runs on of-flag;"]);
}

#[test]
fn without_a_server_a_command_says_how_to_start_one() {
    let directory = here();
    for arguments in [
        &["app", "list"][..],
        &["key", "create", "k"],
        &["key", "revoke", "k"],
        &["credentials", "list"],
        &["find", "people"],
        &["import", "people"],
        &["collection", "list"],
    ] {
        let says = ["no server runs on headwater-data", "headwater serve --data-dir headwater-data"];
        fails(&run(directory.path(), arguments), 1, &says);
    }
}
