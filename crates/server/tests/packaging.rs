//! The files in `packaging/`, held against the binary: what they set, and how they ask whether it lives.
//!
//! Not here: their form, and the packages that are made of them (`cargo xtask dist`).

use std::{path::Path, process::Command};

use crate::support::{TestServer, command, finish, run};

const DOCKERFILE: &str = include_str!("../../../packaging/Dockerfile");
const MANIFEST: &str = include_str!("../../../packaging/kubernetes.yaml");
const UNIT: &str = include_str!("../../../packaging/headwater.service");
const CONFIGURATION: &str = include_str!("../../../packaging/headwater.toml");
const OPTIONS: &str = include_str!("../../../docs/operating/running.md");

#[test]
fn the_containers_health_check_tells_a_server_that_lives_from_one_that_does_not() {
    let server = TestServer::start();
    let words = DOCKERFILE.split("CMD [\"bash\", ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let words: Vec<String> = serde_json::from_str(&format!("[{words}")).unwrap();
    let port = server.run["http"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let check = words[1].replace("/8080", &format!("/{port}"));
    let lives = || Command::new("bash").args(["-c", &check]).output().unwrap().status.success();
    assert!(lives());
    assert_eq!(server.terminate().code(), Some(0));
    assert!(!lives());
}

#[test]
fn every_variable_that_is_set_is_an_option() {
    let words = |text: &'static str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let variables: Vec<&str> =
        words(DOCKERFILE).chain(words(MANIFEST)).filter(|word| word.starts_with("HEADWATER_")).collect();
    assert!(variables.len() > 6);
    for variable in variables {
        let is_common = ["HEADWATER_LOG", "HEADWATER_LOG_FORMAT", "HEADWATER_DATA_DIR"].contains(&variable);
        assert!(is_common || OPTIONS.contains(&format!("| `{variable}` |")), "{variable} is no option");
    }
}

#[test]
fn what_the_container_sets_is_what_a_server_takes() {
    let directory = tempfile::tempdir().unwrap();
    let mut serve = command(directory.path(), &["app", "list"]);
    for line in DOCKERFILE.lines().filter(|line| line.contains("HEADWATER_") && !line.starts_with('#')) {
        let set = line.trim_start_matches("ENV").trim().trim_end_matches('\\').trim();
        let (name, value) = set.split_once('=').unwrap();
        serve.env(name, value);
    }
    let finished = finish(serve);
    assert!(finished.stderr.contains("no server runs on /var/lib/headwater"), "{finished:?}");
}

#[test]
fn the_configuration_of_the_package_is_taken_with_and_without_its_examples() {
    let uncommented: String = CONFIGURATION
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.contains(" = ")).unwrap_or(line).to_owned() + "\n")
        .collect();
    for text in [CONFIGURATION, &uncommented] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("c.toml"), text).unwrap();
        let finished = run(directory.path(), &["app", "list", "--config", "c.toml"]);
        assert!(finished.stderr.contains("no server runs on /var/lib/headwater"), "{finished:?}");
    }
}

#[test]
fn the_unit_starts_a_server_with_options_that_there_are() {
    let start = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let mut words = start.split(' ');
    assert_eq!((words.next(), words.next()), (Some("/usr/bin/headwater"), Some("serve")));
    let help = run(Path::new("."), &["serve", "--help"]).stdout;
    for option in words.filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{option} ")), "{option}");
    }
    assert!(CONFIGURATION.contains("data-dir = \"/var/lib/headwater\"") && UNIT.contains("StateDirectory=headwater\n"));
}

#[test]
fn there_is_a_manual_page_of_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let finished = run(directory.path(), &["manual-pages", "pages"]);
    assert_eq!((finished.code(), finished.stdout.as_str()), (Some(0), "pages\n"), "{finished:?}");
    let help = run(directory.path(), &["--help"]).stdout;
    let lines = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    // What is said of a command may go on in a line of its own, further in.
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| *name != "help") {
        let page = std::fs::read_to_string(directory.path().join(format!("pages/headwater-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains("\\-\\-data\\-dir"), "{name}");
    }
    let whole = std::fs::read_to_string(directory.path().join("pages/headwater.1")).unwrap();
    assert!(whole.contains("kafka topic") || whole.contains("Kafka topic"), "{whole}");
}
