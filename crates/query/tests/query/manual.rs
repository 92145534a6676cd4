//! The manual's examples are what it says they are.

use query::Query;

const MANUAL: &str = include_str!("../../../../docs/reference/query-language.md");

#[test]
fn the_examples_are_queries() {
    let table = MANUAL.split("| to find | write |").nth(1).unwrap().split("\n\n").next().unwrap();
    let examples: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    assert!(examples.len() > 15);
    for example in examples {
        Query::parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn the_errors_are_those_shown() {
    let errors = MANUAL.split("## Errors and limits").nth(1).unwrap().split("```").nth(1).unwrap();
    let lines: Vec<_> = errors.lines().filter_map(|line| line.split_once("   ")).collect();
    assert_eq!(lines.len(), 3);
    for (text, message) in lines {
        assert_eq!(Query::parse(text).unwrap_err().to_string(), message.trim());
    }
}
