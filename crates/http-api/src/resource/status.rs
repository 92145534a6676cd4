//! `/admin/v1/status`: how the server does, at a glance.
//!
//! Not here: what is looked at (`operations`); whether it takes writes, for who has no key
//! (`health`).

use axum::{extract::State, http::StatusCode, response::Response};
use operations::{AppStatus, GroupStatus, Status};
use wire::admin::{AppStatusReply, CertificatesReply, DiskReply, GroupStatusReply, StatusReply};

use crate::{call::AdminCall, failure::Failure, reply, state::Shared};

pub(crate) async fn show(State(state): State<Shared>, _: AdminCall) -> Result<Response, Failure> {
    let status = tokio::task::spawn_blocking(move || state.operations.status()).await?;
    Ok(reply::json_of(StatusCode::OK, &shown(status)))
}

fn shown(status: Status) -> StatusReply {
    let (users, first_user_ends_ms) = status.user_certificates;
    let certificates = CertificatesReply {
        authority_ends_ms: status.authority_ends_ms,
        server_ends_ms: status.server_certificate_ends_ms,
        users,
        first_user_ends_ms,
    };
    StatusReply {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now_ms: status.now_ms,
        keys_needed: status.keys_needed,
        apps: status.apps.into_iter().map(app).collect(),
        groups: status.groups.into_iter().map(group).collect(),
        disk: status.disk.map(|(free_bytes, total_bytes)| DiskReply { free_bytes, total_bytes }),
        certificates,
        warnings: status.warnings,
    }
}

fn app(app: AppStatus) -> AppStatusReply {
    let (next_offset, stats) = app.open.unzip();
    let stats = stats.as_ref();
    AppStatusReply {
        name: app.name,
        open: next_offset.is_some(),
        damaged: app.damaged,
        txn_id: app.newest_txn.map(|txn| txn.0),
        next_offset,
        log_start: stats.map(|stats| stats.log_start),
        documents: stats.map(|stats| stats.documents),
        journal_bytes: stats.map(|stats| stats.journal_bytes),
        documents_bytes: stats.map(|stats| stats.documents_bytes),
    }
}

fn group(group: GroupStatus) -> GroupStatusReply {
    GroupStatusReply {
        app: group.app,
        group: group.name,
        state: group.state,
        members: group.members,
        lag: group.lag,
        lag_seconds: group.lag_ms.map(|ms| ms as f64 / 1000.0),
        gap_ahead: group.gap_ahead,
    }
}
