//! What pages show: fetched, counted and sampled, within bounds, and said as values.
//!
//! Not here: how it is shown (`page`, and what pages are made of), finding documents (`scan`).

pub(crate) mod age;
pub(crate) mod catch;
pub(crate) mod description;
pub(crate) mod event_search;
pub(crate) mod feed;
pub(crate) mod history;
pub(crate) mod kept;
pub(crate) mod positions;
pub(crate) mod process_memory;
pub(crate) mod sampler;
pub(crate) mod samples;
pub(crate) mod timeline;
pub(crate) mod timeline_file;
pub(crate) mod traffic;
pub(crate) mod trial;
