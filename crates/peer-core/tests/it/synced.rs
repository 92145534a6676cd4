//! The way of a write to the server and back, and what each message changes.
