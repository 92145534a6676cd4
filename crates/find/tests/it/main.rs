//! What a query finds, by whatever plan.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod bounds;
mod granted;
mod law;
mod rules;
mod support;
