//! The pages, one file each: what a page reads, and the template that shows it.

pub(crate) mod apps;
pub(crate) mod home;
pub(crate) mod indexes;
pub(crate) mod problem;
pub(crate) mod sign_in;
pub(crate) mod sink;
pub(crate) mod sinks;

pub(crate) mod live_query_settings;
pub(crate) mod overview;
pub(crate) mod overview_charts;
pub(crate) mod settings_received;
pub(crate) mod warning_strip;

pub(crate) mod live_queries;
pub(crate) mod live_query;

pub(crate) mod attachment;
pub(crate) mod audit_log;
pub(crate) mod certificates;
pub(crate) mod keys;
pub(crate) mod tokens;

mod api_call;
pub(crate) mod api_docs;

pub(crate) mod collection_drop;
pub(crate) mod consumer_group;
pub(crate) mod consumers;
pub(crate) mod document;
pub(crate) mod document_edit;
pub(crate) mod document_new;
pub(crate) mod documents;
pub(crate) mod event_stream;
pub(crate) mod events;
pub(crate) mod peers;
pub(crate) mod record;
pub(crate) mod reset;
