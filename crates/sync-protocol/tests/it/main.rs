//! The protocol from outside: bytes, laws of the codec, both machines, and both against each other.

mod golden;
mod laws;
mod machines;
mod mutations;
mod random;
mod samples;
mod session;
