//! `headwater import`: each line is written once, whatever is killed meanwhile.

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    documents::{count, done, events_after_stop, lines},
    support::{Finished, TestServer, only_line, wait_until},
};

/// Documents of a line each without `_id`, some larger than others, so that batches are of all sizes.
fn lines_without_ids(n: usize) -> String {
    let text = |nr: usize| "y".repeat(if nr.is_multiple_of(97) { 20_000 } else { 200 });
    (1..=n).map(|nr| format!("{{\"nr\":{nr},\"text\":\"{}\"}}\n", text(nr))).collect()
}

/// The beginning of the text with this many lines.
fn first_lines(text: &str, n: usize) -> &str {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    &text[..ends.take(n).last().unwrap_or(0)]
}

#[track_caller]
fn fails(finished: &Finished, says: &[&str]) {
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let line = only_line(&finished.stderr);
    for words in says {
        assert!(line.contains(words), "{words:?} is not in {line}");
    }
}

/// Nothing is left to be resumed.
fn is_finished(server: &TestServer) -> bool {
    std::fs::read_dir(server.data_dir().join("imports")).unwrap().count() == 0
}

#[test]
fn an_import_that_is_killed_goes_on_and_writes_each_line_once() {
    const LINES: usize = 12_345;
    let server = TestServer::start();
    let input = lines_without_ids(LINES);
    // Its input comes no further than this, so that it is killed in the middle for sure.
    for fed in [1_500, 1_600, 4_000, 9_999] {
        let before = count(&server, "readings");
        let mut import = server.start_command(&["import", "readings"]);
        import.write_input(first_lines(&input, fed).as_bytes());
        let least = (fed as u64).saturating_sub(1_000).max(before);
        wait_until("what came is written", || count(&server, "readings") >= least);
        import.kill();
    }
    let finished = server.run_with_input(&["import", "readings"], input.as_bytes());
    assert!(done(&finished).contains(&format!("{LINES} documents read, {LINES} written")), "{finished:?}");
    assert!(finished.stdout.contains(&format!(", {} bytes, ", input.len())), "{finished:?}");
    assert_eq!(count(&server, "readings"), LINES as u64);
    assert!(is_finished(&server));
    assert_eq!(events_after_stop(server), LINES as u64, "no line was written twice");
}

#[test]
fn an_import_of_a_file_is_killed_wherever_it_is() {
    const LINES: usize = 30_000;
    let server = TestServer::start();
    std::fs::write(server.directory().path().join("in.json"), array_of(&lines_without_ids(LINES))).unwrap();
    for least in [1, 5_000, 15_000] {
        let import = server.start_command(&["import", "readings", "in.json", "--batch", "300"]);
        wait_until("some is written", || count(&server, "readings") >= least);
        import.kill();
    }
    let other = server.run(&["import", "readings", "in.json"]);
    if !is_finished(&server) {
        fails(&other, &["was interrupted that had --batch 300", "--restart"]);
    }
    done(&server.run(&["import", "readings", "in.json", "--batch", "300"]));
    assert_eq!(count(&server, "readings"), LINES as u64);
    assert_eq!(events_after_stop(server), LINES as u64, "no document was written twice");
}

fn array_of(lines: &str) -> String {
    format!("[{}]\n", lines.trim_end().replace('\n', ",\n"))
}

#[test]
fn a_server_that_is_killed_and_comes_back_elsewhere_gets_the_rest() {
    const LINES: usize = 6_000;
    let server = TestServer::start();
    let input = lines(LINES);
    let mut import = server.start_command(&["import", "people", "--progress", "never"]);
    import.write_input(first_lines(&input, 2_500).as_bytes());
    wait_until("some is written", || count(&server, "people") >= 2_000);
    let directory = server.directory();
    server.end_by(Signal::KILL);
    let (_, rest) = input.split_at(first_lines(&input, 2_500).len());
    import.write_input(first_lines(rest, 1_500).as_bytes());
    wait_until("it says that it tries again", || import.stderr().contains("trying again"));
    let server = TestServer::start_in(directory, &[]);
    import.write_input(&rest.as_bytes()[first_lines(rest, 1_500).len()..]);
    let finished = import.finish();
    assert!(done(&finished).contains("6000 written"), "{finished:?}");
    assert_eq!(events_after_stop(server), LINES as u64);
}

#[test]
fn an_import_that_gives_up_says_how_to_go_on() {
    let server = TestServer::start();
    let input = lines(3_000);
    let arguments = ["import", "people", "--retry-for", "200ms", "--progress", "never"];
    let mut import = server.start_command(&arguments);
    import.write_input(first_lines(&input, 2_500).as_bytes());
    wait_until("some is written", || count(&server, "people") >= 2_000);
    let directory = server.directory();
    server.end_by(Signal::KILL);
    import.write_input(&input.as_bytes()[first_lines(&input, 2_500).len()..]);
    let gave_up = import.finish();
    assert_eq!(gave_up.code(), Some(1), "{gave_up:?}");
    // What it was not told of in time it does not count, and sends again under the same request id.
    let says =
        |n: u32| format!("written: {n} documents, up to line {n}; to go on from there, run the same command again");
    let told = [1000, 2000].into_iter().find(|n| gave_up.stderr.contains(&says(*n)));
    let told = told.unwrap_or_else(|| panic!("{gave_up:?}"));
    let server = TestServer::start_in(directory, &[]);
    let finished = server.run_with_input(&arguments, input.as_bytes());
    assert!(done(&finished).contains(&format!("3000 written ({told} of them before)")), "{finished:?}");
    assert_eq!(events_after_stop(server), 3_000);
}

#[test]
fn a_bad_line_is_told_with_its_place_and_nothing_of_its_batch_is_written() {
    let server = TestServer::start();
    let good = lines(1_500);
    let input = format!("{good}\n  {{\"_id\":\"x\",\"a\":[1,2}}\n{{\"_id\":\"y\"}}\nnull\n");
    let import = |more: &[&str]| server.run_with_input(&[&["import", "people"], more].concat(), input.as_bytes());
    let says = [
        "line 1502, column 22 of stdin: expected `,` or `]`",
        "written: 1000 documents, up to line 1000",
        "--skip-bad",
    ];
    fails(&import(&[]), &says);
    assert_eq!(count(&server, "people"), 1_000);
    let skipped = import(&["--skip-bad"]);
    let says = "1503 documents read, 1501 written (1000 of them before), 2 skipped";
    assert!(done(&skipped).contains(says), "{skipped:?}");
    assert!(skipped.stderr.contains("skipped line 1504, column 1 of stdin: invalid type: null"), "{skipped:?}");
    assert_eq!(count(&server, "people"), 1_501);
    assert_eq!(events_after_stop(server), 1_501);
}

#[test]
fn a_document_that_the_server_does_not_take_is_told_with_its_place() {
    let server = TestServer::start();
    let import =
        |more: &[&str], input: &str| server.run_with_input(&[&["import", "people"], more].concat(), input.as_bytes());
    let input = "[{\"_id\":1},\n  {\"_id\":2,\n   \"n\": 1e999},\n{\"_id\":3}, {\"_id\":[4]}]";
    fails(&import(&[], input), &["line 3, column 13 of stdin: n: cannot be read as JSON: number out of range"]);
    assert_eq!(count(&server, "people"), 0);
    let skipped = import(&["--skip-bad"], input);
    assert!(done(&skipped).contains("4 documents read, 2 written, 2 skipped"), "{skipped:?}");
    assert!(skipped.stderr.contains("line 4, column 12 of stdin"), "{skipped:?}");

    fails(&import(&[], "{\"a\":1}\n\u{1}"), &["line 2, column 1 of stdin: expected value"]);
    fails(&import(&["--format", "json-array"], "{}"), &["line 1, column 1", "'[', with which an array begins"]);
    fails(&import(&[], "[{}"), &["line 1, column 4", "the input ends in the document that begins in line 1"]);
    fails(&import(&["--id-field", "nr"], "{\"a\":1}"), &["the document has no field \"nr\""]);
    let nameless = server.run_with_input(&["import", "", "--skip-bad"], b"{}");
    fails(&nameless, &["commands[0].collection: "]);
    let system = server.run_with_input(&["import", "__system"], b"{}");
    fails(&system, &["__system", "cannot be written"]);
    assert_eq!(count(&server, "people"), 2);
}

#[test]
fn a_line_may_be_as_long_as_a_document() {
    let server = TestServer::start();
    let input = format!("{{\"_id\":1}}\n{{\"_id\":2,\"t\":\"{}\"}}\n", "x".repeat(5_000_000));
    let says = ["line 2, column 1 of stdin: ", "--max-request-bytes", "written: 1 document, up to line 1"];
    fails(&server.run_with_input(&["import", "large"], input.as_bytes()), &says);
    let directory = server.directory();
    server.terminate();
    let server = TestServer::start_in(directory, &["--max-request-bytes", "8MiB"]);
    let finished = server.run_with_input(&["import", "large"], input.as_bytes());
    assert!(done(&finished).contains("2 written (1 of them before)"), "{finished:?}");
    assert_eq!(done(&server.run(&["export", "large"])), input);
}

#[test]
fn ids_come_from_the_document_from_a_field_or_from_the_line() {
    let server = TestServer::start();
    let import = |collection: &str, more: &[&str], input: &str| {
        done(&server.run_with_input(&[&["import", collection], more].concat(), input.as_bytes())).to_owned()
    };
    let documents = |collection: &str| -> Vec<Value> {
        let found = server.run(&["find", collection]);
        done(&found).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    import("by_field", &["--id-field", "nr"], "{\"nr\":7,\"a\":1}\n{\"nr\":8,\"a\":1}\n");
    assert_eq!(documents("by_field")[0], serde_json::json!({"_id": 7, "a": 1, "nr": 7}));

    let twice = "{\"a\":1}\n{\"a\":1}\n";
    import("made", &[], twice);
    let first = documents("made");
    assert_eq!(first.len(), 2, "two lines are two documents");
    import("made", &[], twice);
    assert_eq!(documents("made"), first, "the same input gives the same documents");
    import("made", &[], "{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n");
    assert_eq!(documents("made").len(), 5, "another input is another one");
}

#[test]
fn an_input_that_was_changed_is_not_gone_on_with() {
    let server = TestServer::start();
    let input = lines(2_500);
    let import =
        |input: &str, more: &[&str]| server.run_with_input(&[&["import", "people"], more].concat(), input.as_bytes());
    fails(&import(&format!("{input}x\n"), &[]), &["line 2501, column 1", "written: 2000 documents"]);
    let changed = input.replacen("\"nr\":900,", "\"nr\":901,", 1);
    fails(&import(&changed, &[]), &["stdin is not what the interrupted import read", "--restart begins anew"]);
    assert!(done(&import(&changed, &["--restart"])).contains("2500 written, 0 skipped"));
    assert!(is_finished(&server));
    assert_eq!(count(&server, "people"), 2_500);
}

#[test]
fn a_dropped_collection_is_imported_again() {
    let server = TestServer::start();
    let input = lines(10);
    for _ in 0..2 {
        done(&server.run_with_input(&["import", "people"], input.as_bytes()));
        assert_eq!(count(&server, "people"), 10);
        done(&server.run(&["collection", "drop", "people", "--yes"]));
    }
}
