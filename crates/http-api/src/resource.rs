//! One file per resource: takes a call, answers it or says how it failed.

pub(crate) mod app_transfers;
pub(crate) mod apps;
pub(crate) mod authority;
pub(crate) mod backups;
pub(crate) mod clock;
pub(crate) mod collections;
pub(crate) mod count;
pub(crate) mod execute;
pub(crate) mod find;
pub(crate) mod find_by_id;
pub(crate) mod groups;
pub(crate) mod health;
pub(crate) mod indexes;
pub(crate) mod keys;
pub(crate) mod live_queries;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod peers;
pub(crate) mod requery;
pub(crate) mod scrubs;
pub(crate) mod sign_in_links;
pub(crate) mod sinks;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod users;
pub(crate) mod write;
