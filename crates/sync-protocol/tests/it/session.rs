//! both
