//! Every vector holds, and the Rust driver ends as every driver does.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test")]

#[test]
fn every_vector_holds() {
    let report = conformance::check(&conformance::folder(), "").unwrap();
    let (passed, failed) = report.totals();
    assert!(failed == 0 && passed > 0, "{report}");
    assert!(report.to_string().ends_with(&format!("{passed} passed, 0 failed\n")));
}
