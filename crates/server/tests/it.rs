//! The real binary, run as a person runs it.

mod support;

mod administration;
mod command_line;
mod lifecycle;
