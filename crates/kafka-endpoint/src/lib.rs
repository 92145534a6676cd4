//! to come
mod coordinator; mod groups; mod topics; pub mod limits;
