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
fn help_is_a_word_too() {
    let directory = here();
    let by_word = run(directory.path(), &["help", "app", "delete"]);
    let by_flag = run(directory.path(), &["app", "delete", "--help"]);
    assert!(by_word.code() == Some(0) && by_word.stdout == by_flag.stdout, "{by_word:?}");
    assert!(run(directory.path(), &["help"]).stdout.contains("app delete") || by_word.stdout.contains("--yes"));
}

#[test]
fn an_unknown_variable_is_warned_about_once_and_refused_never() {
    let directory = here();
    let mut check = command(directory.path(), &["serve", "--check"]);
    check.envs([
        ("HEADWATER_HTP_LISTEN", "x"),
        ("HEADWATER_URL", "x"),
        ("HEADWATER_TOOLS", "x"),
        ("HEADWATER_BIN", "x"),
    ]);
    let checked = finish(check);
    assert_eq!(checked.code(), Some(0), "{checked:?}");
    let warnings: Vec<&str> = checked.stderr.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{checked:?}");
    let says =
        "HEADWATER_HTP_LISTEN is no option of this program and does nothing; the nearest one is HEADWATER_HTTP_LISTEN";
    assert!(warnings[0].ends_with(says), "{checked:?}");
}

#[test]
fn a_check_prints_what_would_be_served_and_starts_nothing() {
    let directory = here();
    std::fs::write(directory.path().join("c.toml"), "retention-ms = '7d'\napp = 'shop'").unwrap();
    let arguments = ["serve", "--check", "--config", "c.toml", "--http-listen", "0.0.0.0:80"];
    let mut check = command(directory.path(), &arguments);
    check.env("HEADWATER_SEGMENT_BYTES", "1MiB").env("HEADWATER_APP", "till");
    let checked = finish(check);
    assert_eq!(checked.code(), Some(0), "{checked:?}");
    assert_eq!(only_line(&checked.stderr), "headwater: the configuration is good; nothing was started");
    let sources: Vec<(&str, &str)> =
        checked.stdout.lines().filter_map(|line| line.split_once("  # ")).map(|(a, b)| (a.trim(), b)).collect();
    for expected in [
        (r#"http-listen = "0.0.0.0:80""#, "--http-listen"),
        (r#"segment-bytes = "1MiB""#, "HEADWATER_SEGMENT_BYTES"),
        (r#"app = "till""#, "HEADWATER_APP"),
        (r#"retention-ms = "7d""#, "c.toml"),
        (r#"kafka-listen = "127.0.0.1:9093""#, "default"),
    ] {
        assert!(sources.contains(&expected), "{expected:?} is not in {sources:?}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "it leaves nothing behind");
    // What it prints is a file that says the same.
    let again = with_file(directory.path(), &checked.stdout, &["serve", "--check"]);
    assert!(again.code() == Some(0) && again.stdout.contains(r#"app = "till""#), "{again:?}");
    fails(&run(directory.path(), &["serve", "--check", "--segment-bytes", "1KiB"]), 2, &["--segment-bytes must be"]);
    std::fs::write(directory.path().join("k.pem"), "none").unwrap();
    let files = ["--https-listen", "127.0.0.1:0", "--https-cert", "k.pem", "--https-key", "k.pem"];
    fails(&run(directory.path(), &[&["serve", "--check"], &files[..]].concat()), 1, &["k.pem cannot be used"]);
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
        &["groups", "reset", "g"],
        &["groups", "reset", "g", "--to-earliest", "--to-latest"],
        &["events", "--from-time", "soon"],
        &["demo", "--once", "--tasks"],
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
        &["status"],
        &["app", "delete", "shop", "--yes"],
        &["groups", "delete", "g", "--yes"],
        &["events"],
        &["portal", "--open"],
    ] {
        let says = ["no server runs on headwater-data", "headwater serve --data-dir headwater-data"];
        fails(&run(directory.path(), arguments), 1, &says);
    }
}
