//! The example `examples/tasks`: one list, shared by terminals and a web page, as `headwater demo --tasks` serves it.
//!
//! Not here: what JavaScript's calls do (`sdks/js/test`).

mod converge;
mod demo;
mod page;
mod serving;
mod terminal;
