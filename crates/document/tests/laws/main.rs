//! What stays true of every document, changeset and value, whatever proptest draws.

mod generators;
mod merge;
mod model;
mod stored;
mod values;

/// So many cases, or as many as `PROPTEST_CASES` says: 100,000 is what a release should hold.
fn cases(cases: u32) -> proptest::test_runner::Config {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    proptest::test_runner::Config::with_cases(asked.unwrap_or(cases))
}
