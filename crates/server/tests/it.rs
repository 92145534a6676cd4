//! The real binary, run as a person runs it.

mod support;

mod command_line;
mod lifecycle;
mod real_clients;
