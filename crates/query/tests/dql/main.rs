//! DQL, as statements are written and documents are asked.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bounds;
mod comparisons;
mod demands;
mod expressions;
mod functions;
mod insert;
mod logic;
mod model;
mod parse;
mod reference;
mod rows;
mod statements;
mod steps;
mod support;
mod update;
